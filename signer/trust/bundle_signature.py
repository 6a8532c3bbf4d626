"""The signature of a bundle: its maker vouches for the roots in it.

Every signature carries the canonical id of its key, whatever form the maker's or the reader's key
has. It is no signature of any role: a bundle's content is no metadata, and metadata no bundle.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError

from signer.dialect.envelope import Envelope
from signer.dialect.keys import NotaryKey
from signer.dialect.time import format_time
from signer.errors import KeyUnusableError, TrustDataError, UsageError
from signer.keys.example import refuse_example_key
from signer.keys.signers import NotarySigner
from signer.names import Gun, printable
from signer.trust.bundle import MAX_BUNDLE_SIZE, SCHEMA, Bundle, BundledCollection, parse_bundle

_SHOWN_ID: Final = 12


class BundleSignatureError(TrustDataError):
    """A bundle is not signed by the key that was asked for."""

    default_code = "bundle-signature"


def check_bundle_signature(bundle: Bundle, keys: Sequence[NotaryKey], *, origin: str) -> NotaryKey:
    """Return the first of ``keys`` that validly signed a bundle.

    Raises:
        BundleSignatureError: none did: nobody signed (``bundle-unsigned``), others did
            (``bundle-other-key``), or the signature under a key's id is wrong
            (``bundle-signature``).
        KeyUnusableError: it was a worthless example key, and a collection's host is not loopback.
    """
    signatures = bundle.envelope.signatures
    wrong: Exception | None = None
    for key in keys:
        bare = NotaryKey.from_public_key(key.crypto())
        if (signature := signatures.get(bare.keyid)) is None:
            continue
        try:
            bare.verify_signature(signature, bundle.envelope.payload)
        except (UnverifiedSignatureError, VerificationError) as error:
            wrong = error
            continue
        _refuse_example(bare, bundle.collections)
        return key
    if wrong is not None:
        raise BundleSignatureError(
            f"{printable(origin)}: its signature is wrong.",
            hint="It was altered after it was signed, or the key's id was forged.",
        ) from wrong
    wanted = ", ".join(key.canonical_id[:_SHOWN_ID] for key in keys)
    if not signatures:
        raise BundleSignatureError(f"{printable(origin)} is not signed.", code="bundle-unsigned")
    others = ", ".join(printable(keyid[:_SHOWN_ID]) for keyid in signatures)
    raise BundleSignatureError(
        f"{printable(origin)} is signed by {others}, not by {wanted}.",
        hint="These are canonical key ids. Ask whoever made the bundle for the certificate.",
        code="bundle-other-key",
    )


def seal_bundle(bundle: Bundle, signers: Iterable[NotarySigner], *, origin: str) -> bytes:
    """Sign a bundle's content, and return the file, which has been read back and verified.

    Every signature carries the canonical key id, whatever form the signer's key has.

    Raises:
        KeyUnusableError: a key cannot sign, or is a worthless example and a collection's host is
            not loopback.
        UsageError: it needs more than a bundle can hold.
    """
    content = {
        "schema": SCHEMA,
        "created": format_time(bundle.created),
        "collections": [_content(item) for item in bundle.collections.values()],
    }
    if bundle.policy:
        content["policy"] = bundle.policy
    envelope = Envelope(content)
    keys = []
    for signer in signers:
        bare = NotaryKey.from_public_key(signer.public_key.crypto())
        _refuse_example(bare, bundle.collections)
        envelope.sign(signer.for_key(bare))
        keys.append(bare)
    wire = envelope.to_bytes()
    if len(wire) > MAX_BUNDLE_SIZE:
        raise UsageError(
            f"These collections need {len(wire) >> 20} MiB; a bundle has at most "
            f"{MAX_BUNDLE_SIZE >> 20}.",
            hint="Make several bundles.",
            code="bundle-size",
        )
    for bare in keys:
        try:
            check_bundle_signature(parse_bundle(wire, origin=origin), [bare], origin=origin)
        except BundleSignatureError as error:
            raise KeyUnusableError(
                f"The key {bare.keyid[:_SHOWN_ID]} made a signature that does not verify.",
                code="key-mismatch",
            ) from error
    return wire


def _content(collection: BundledCollection) -> dict[str, object]:
    encoded: dict[str, object] = msgspec.to_builtins(
        {
            "gun": collection.gun,
            "files": dict(collection.files),
            "roots": list(collection.roots),
            "pins": list(collection.pins),
        }
    )
    return encoded


def _refuse_example(key: NotaryKey, guns: Iterable[Gun]) -> None:
    for gun in guns:
        refuse_example_key(key.keyid, gun.partition("/")[0])
