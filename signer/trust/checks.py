"""The arithmetic of verification: signatures, hashes, versions, expiry, root certificates.

Each function raises, naming collection and role; none returns a verdict that could be ignored.
"""

from collections.abc import Iterable
from datetime import datetime

from securesystemslib.exceptions import UnverifiedSignatureError
from tuf.api.exceptions import LengthOrHashMismatchError, RepositoryError
from tuf.api.metadata import MetaFile, Root, Targets

from signer.constants import ROOT, SNAPSHOT, TIMESTAMP
from signer.dialect.envelope import Envelope
from signer.dialect.errors import (
    ExpiredRoleError,
    HashMismatchError,
    MalformedError,
    RollbackError,
    ThresholdError,
)
from signer.dialect.keys import NotaryKey
from signer.dialect.time import parse_time
from signer.errors import SignerError
from signer.keys.certificates import check_root_certificate
from signer.names import Gun


def signed_keys(delegator: Root | Targets, role: str, envelope: Envelope) -> dict[str, NotaryKey]:
    """Return the keys of ``role``, by key id, that validly signed ``envelope``.

    A signature by a key that the role does not list counts for nothing and harms nothing.

    Raises:
        ValueError: ``delegator`` does not delegate to ``role``.
    """
    result = delegator.get_verification_result(role, envelope.payload, envelope.signatures)
    return {keyid: key for keyid, key in result.signed.items() if isinstance(key, NotaryKey)}


def check_signatures(
    delegator: Root | Targets, role: str, envelope: Envelope, *, gun: Gun
) -> dict[str, NotaryKey]:
    """Check the threshold of valid signatures by distinct keys, and return these keys.

    One public key counts once, in however many forms it is listed: bare, in certificates, in other
    encodings of the same numbers.

    Raises:
        ThresholdError: too few.

    Source: NP 1.7, notary tuf/signed/verify.go.
    """
    try:
        threshold = delegator.get_delegated_role(role).threshold
        signed = signed_keys(delegator, role, envelope)
        distinct = {public_key_id(key) for key in signed.values()}
    except (ValueError, RepositoryError, UnverifiedSignatureError) as error:
        raise ThresholdError(f"{gun}: role {role} cannot be verified: {error}.") from error
    if threshold < 1 or len(distinct) < threshold:
        listed = delegator.get_delegated_role(role).keyids
        raise ThresholdError(
            f"{gun}: role {role} has {len(distinct)} valid signatures by keys that "
            f"{_describe(delegator)} lists for it; {threshold} required.",
            hint=f"Signed by {_short(envelope.signatures)}; listed are {_short(listed)}.",
        )
    return signed


def public_key_id(key: NotaryKey) -> str:
    """Return the id of the public key itself, the same for every form and encoding of it.

    Raises:
        ValueError: the key cannot be decoded.
    """
    return NotaryKey.from_public_key(key.crypto()).keyid


def check_hashes(name: str, wire: bytes, meta: MetaFile, *, gun: Gun) -> None:
    """Check a file's length, SHA-256 and, where given, SHA-512 against its parent's entry.

    Raises:
        HashMismatchError: it is another file.

    Source: NP section 6, item 5.
    """
    known = {a: h for a, h in (meta.hashes or {}).items() if a in {"sha256", "sha512"}}
    try:
        MetaFile(1, meta.length, known).verify_length_and_hashes(wire)
    except (LengthOrHashMismatchError, ValueError) as error:
        parent = TIMESTAMP if name == SNAPSHOT else SNAPSHOT
        raise HashMismatchError(
            f"{gun}: the file of role {name} is not the one that the {parent} names.",
            hint="Files of different publishes are mixed, or a file was altered.",
        ) from error


def check_version(name: str, version: int, seen: int, *, gun: Gun) -> None:
    """Check that a role's version is not lower than the highest one seen.

    Raises:
        RollbackError: it is.
    """
    if version < seen:
        raise RollbackError(
            f"{gun}: role {name} has version {version}, but version {seen} was seen before.",
            hint="An old state of the collection is being served. If the collection was made "
            "anew on purpose, remove its remembered state and pin the new root.",
        )


def check_expiry(name: str, envelope: Envelope, *, gun: Gun, now: datetime) -> None:
    """Check that a file has not expired.

    Raises:
        ExpiredRoleError: it has.
    """
    expires = parse_time(envelope.content["expires"])
    if now >= expires:
        raise ExpiredRoleError(
            f"{gun}: role {name} expired at {expires:%Y-%m-%d %H:%M:%S} UTC.",
            hint="The server re-signs the timestamp when it is asked for: is its clock right?"
            if name == TIMESTAMP
            else "Whoever holds the role's key must publish it anew.",
        )


def check_root_certificates(root: Root, envelope: Envelope, *, gun: Gun, now: datetime) -> None:
    """Check that the root's threshold is met by keys whose certificates are good.

    Bare keys have no certificate to check. A bad certificate beside enough good ones does no harm.

    Raises:
        ExpiredError: certificates have expired.
        TrustDataError: certificates are for another GUN, weak, or malformed.

    Source: NP section 6, item 7.
    """
    good: set[str] = set()
    problem: SignerError | None = None
    for key in signed_keys(root, ROOT, envelope).values():
        try:
            if (certificate := key.certificate()) is not None:
                check_root_certificate(certificate, gun, now=now)
            good.add(public_key_id(key))
        except ValueError as error:
            problem = problem or MalformedError(f"{gun}: root: {error}.")
        except SignerError as error:
            problem = problem or error
    if problem is not None and len(good) < root.roles[ROOT].threshold:
        raise problem


def _describe(delegator: Root | Targets) -> str:
    kind = "root" if isinstance(delegator, Root) else "the parent"
    return f"{kind} version {delegator.version}"


def _short(keyids: Iterable[str]) -> str:
    return ", ".join(sorted(keyid[:12] for keyid in keyids)) or "nobody"
