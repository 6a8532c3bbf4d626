"""A metadata file: decoded content, the payload that signatures cover, and the signatures.

The content is kept as received. Nothing is decoded to classes and encoded again in order to
verify, hash or countersign: an expiry's nanoseconds would be lost, and every signature with them.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from securesystemslib.signer import Signature, Signer

from signer.dialect.canonical import (
    Json,
    canonical_json,
    canonical_json_of_strict,
    go_json,
    strict_json,
)
from signer.dialect.codec import Signed, SignedT, decode, decode_as, encode
from signer.dialect.errors import MalformedError
from signer.names import printable


class Envelope:
    """One role's metadata file.

    Attributes:
        content: the decoded ``signed`` object, not to be changed.
        signatures: by key id, in the file's order; the method is in ``unrecognized_fields``.
    """

    def __init__(self, content: Mapping[str, Json], signatures: Iterable[Signature] = ()) -> None:
        self.content = dict(content)
        self.signatures: dict[str, Signature] = {}
        for signature in signatures:
            if signature.keyid in self.signatures:
                raise MalformedError(
                    f"Two signatures by one key, {printable(signature.keyid[:64])!r}."
                )
            self.signatures[signature.keyid] = signature

    @classmethod
    def from_bytes(cls, wire: bytes) -> "Envelope":
        """Parse a file as it was received.

        Raises:
            MalformedError: no JSON, or not the shape of a metadata file.

        Source: NP 1.1.
        """
        try:
            document = strict_json(wire)
            if not isinstance(document, dict) or not isinstance(document.get("signed"), dict):
                raise ValueError("there is no 'signed' object")
            listed = document.get("signatures")
            if listed is None:
                listed = []
            if not isinstance(listed, list):
                raise ValueError("'signatures' is no list")
            envelope = cls(document["signed"], [_signature(item) for item in listed])
            envelope.payload = canonical_json_of_strict(envelope.content)
        except ValueError as error:
            raise MalformedError(f"The file is no metadata: {printable(str(error))}.") from error
        return envelope

    @classmethod
    def from_signed(cls, signed: Signed) -> "Envelope":
        """Start an unsigned file from a payload class.

        Raises:
            UnwritableError: it has fields that a Notary server would drop.
        """
        return cls(encode(signed))

    @cached_property
    def payload(self) -> bytes:
        """Canonical JSON of the content: what signatures cover."""
        return canonical_json(self.content)

    @cached_property
    def signed(self) -> Signed:
        """The content as a payload class; edit a copy (``copy.deepcopy``), never this.

        Raises:
            MalformedError: with the field at fault.
        """
        return decode(self.content)

    def signed_as(self, cls: type[SignedT]) -> SignedT:
        """Return the content as one class.

        Raises:
            MalformedError: it is of another type, or malformed.
        """
        signed = self.__dict__.get("signed")
        if signed is None:
            signed = self.__dict__["signed"] = decode_as(cls, self.content)
        if not isinstance(signed, cls):
            raise MalformedError(f"The metadata is no {cls.__name__}.")
        return signed

    def sign(self, signer: Signer) -> None:
        """Add a signature over the payload; a former one by the same key is replaced."""
        signature = signer.sign(self.payload)
        self.signatures[signature.keyid] = signature

    def to_bytes(self) -> bytes:
        """Write the wire form, as Go's ``json.Marshal`` would; for a received file its own bytes.

        Source: NP 1.1; python-tuf-fit, section 8.2.
        """
        signatures = [_signature_dict(signature) for signature in self.signatures.values()]
        text = f'{{"signed":{go_json(self.content)},"signatures":{go_json(signatures)}}}'
        return text.encode("utf-8")


def file_hashes(wire: bytes) -> dict[str, str]:
    """Return the hashes that meta entries carry, as hex, over the file's own bytes."""
    return {"sha256": hashlib.sha256(wire).hexdigest(), "sha512": hashlib.sha512(wire).hexdigest()}


def _signature(item: Any) -> Signature:  # noqa: ANN401 - decoded JSON
    if not isinstance(item, dict):
        raise ValueError("a signature is no object")
    keyid, method, sig = (item.get(name) for name in ("keyid", "method", "sig"))
    if not (isinstance(keyid, str) and isinstance(method, str) and isinstance(sig, str)):
        raise ValueError("a signature lacks keyid, method or sig")
    try:
        raw = base64.b64decode(sig, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the signature by {keyid[:64]!r} is no base64") from error
    return Signature(keyid, raw.hex(), {"method": method})


def _signature_dict(signature: Signature) -> dict[str, str]:
    return {
        "keyid": signature.keyid,
        "method": signature.unrecognized_fields["method"],
        "sig": base64.b64encode(bytes.fromhex(signature.signature)).decode("ascii"),
    }
