"""Public keys and their signatures, as Notary's metadata holds them.

- A key's id is the SHA-256 of canonical JSON that contains a literal ``"private":null``.
- A key in certificate form has two ids: its own (over the certificate) and its canonical id (over
  the bare public key), by which private key files are named.
- An ECDSA signature is r and s, each big-endian in the fixed width of the curve, over SHA-256
  whatever the curve; never DER.
- An RSA-PSS signature has a salt of exactly 32 bytes; moduli under 2048 bits are refused.
"""

import base64
import binascii
import hashlib
from functools import cached_property
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP224R1,
    SECP256R1,
    SECP384R1,
    SECP521R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Key, Signature

from signer.constants import MIN_RSA_BITS
from signer.dialect.canonical import canonical_json
from signer.names import CanonicalKeyId, KeyId, printable

PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey

_GO_CURVES: Final = (SECP224R1, SECP256R1, SECP384R1, SECP521R1)
"""All that Go's standard library has; a key on another curve verifies nothing there."""

X509_SUFFIX: Final = "-x509"
_METHODS: Final = {
    "ecdsa": "ecdsa",
    "ecdsa-x509": "ecdsa",
    "rsa": "rsapss",
    "rsa-x509": "rsapss",
    "ed25519": "eddsa",
}
_FAMILIES: Final = {"ecdsa": EllipticCurvePublicKey, "rsa": RSAPublicKey}
_RSA_PADDING: Final = {
    "rsapss": PSS(MGF1(SHA256()), 32),
    "rsapkcs1v15": PKCS1v15(),
}


class NotaryKey(Key):
    """A public key of a role, with Notary's key id and signature methods.

    ``keyval`` is ``{"private": None, "public": BASE64}``: DER SubjectPublicKeyInfo for ``ecdsa``
    and ``rsa``, 32 raw bytes for ``ed25519``, the PEM of the certificate (and of intermediates
    after it) for ``ecdsa-x509`` and ``rsa-x509``.

    Source: NP 1.6.
    """

    def __init__(
        self,
        keyid: str,
        keytype: str,
        keyval: dict[str, Any],
        unrecognized_fields: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(keyid, keytype, "", keyval, unrecognized_fields)

    @classmethod
    def from_dict(cls, keyid: str, key_dict: dict[str, Any]) -> "NotaryKey":
        """Read a key of a root's or a delegation's key table; ``key_dict`` is not changed.

        Raises:
            ValueError: no type, private material, bad base64, or a key id that is not the key's
                digest (Go refuses the whole file for it, and so do we). A type that Notary does
                not know is kept, as Go keeps it: it just verifies nothing.
        """
        fields = dict(key_dict)
        where = f"key {printable(keyid[:64])}"
        keytype = fields.pop("keytype", None)
        keyval = fields.pop("keyval", None)
        if not isinstance(keytype, str):
            raise ValueError(f"{where}: no key type")
        if not isinstance(keyval, dict) or not isinstance(keyval.get("public"), str):
            raise ValueError(f"{where}: no public value")
        if keyval.get("private") is not None:
            raise ValueError(f"{where}: contains private key material")
        if key_id(keytype, keyval["public"]) != keyid:
            raise ValueError(f"{where}: the key id is not the digest of the key")
        _b64decode(keyval["public"], keyid)
        return cls(keyid, keytype, dict(keyval), fields)

    @classmethod
    def from_public_key(cls, public_key: PublicKey) -> "NotaryKey":
        """Make the bare form (``ecdsa``, ``rsa``, ``ed25519``) of a key.

        Raises:
            ValueError: Notary has no type for such a key.
        """
        match public_key:
            case Ed25519PublicKey():
                return cls._from_raw("ed25519", public_key.public_bytes_raw())
            case EllipticCurvePublicKey():
                if not isinstance(public_key.curve, _GO_CURVES):
                    raise ValueError(f"Notary has no key type for curve {public_key.curve.name}")
                keytype = "ecdsa"
            case RSAPublicKey():
                keytype = "rsa"
            case _:
                raise ValueError(f"Notary has no key type for {type(public_key).__name__}")
        der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return cls._from_raw(keytype, der)

    @classmethod
    def from_certificate(cls, pem: bytes) -> "NotaryKey":
        """Make the x509 form of a key; ``pem`` is kept byte for byte, its first block is the leaf.

        Raises:
            ValueError: no certificate, or one over a key that Notary has no x509 type for.
        """
        leaf = x509.load_pem_x509_certificates(pem)[0]
        try:
            bare = cls.from_public_key(leaf.public_key())  # type: ignore[arg-type] # refused inside
        except UnsupportedAlgorithm as error:
            raise ValueError(
                f"Notary has no key type for the certificate's key: {error}"
            ) from error
        if bare.keytype == "ed25519":
            raise ValueError("Notary has no key type for a certificate over an Ed25519 key")
        return cls._from_raw(bare.keytype + X509_SUFFIX, pem)

    @classmethod
    def _from_raw(cls, keytype: str, raw: bytes) -> "NotaryKey":
        public = base64.b64encode(raw).decode("ascii")
        return cls(key_id(keytype, public), keytype, {"private": None, "public": public})

    def to_dict(self) -> dict[str, Any]:
        """Return the wire form's content, without a scheme."""
        return {"keytype": self.keytype, "keyval": self.keyval, **self.unrecognized_fields}

    @cached_property
    def raw(self) -> bytes:
        """The decoded public value."""
        return _b64decode(self.keyval["public"], self.keyid)

    @cached_property
    def certificates(self) -> tuple[x509.Certificate, ...]:
        """The certificates of an x509 key, leaf first; empty for bare keys.

        Raises:
            ValueError: the value is no PEM bundle.
        """
        if not self.keytype.endswith(X509_SUFFIX):
            return ()
        try:
            return tuple(x509.load_pem_x509_certificates(self.raw))
        except x509.InvalidVersion as error:  # which is no ValueError
            raise ValueError(f"key {self.keyid}: {error}") from error

    def certificate(self) -> x509.Certificate | None:
        """Return the leaf certificate of an x509 key, or None for a bare key."""
        return self.certificates[0] if self.certificates else None

    @cached_property
    def _crypto(self) -> PublicKey:
        if self.keytype == "ed25519":
            return Ed25519PublicKey.from_public_bytes(self.raw)
        family = _FAMILIES.get(self.family)
        if family is None:
            raise ValueError(f"key {self.keyid}: unknown key type {self.keytype[:30]!r}")
        try:
            leaf = self.certificate()
            key = leaf.public_key() if leaf else load_der_public_key(self.raw)
        except UnsupportedAlgorithm as error:
            raise ValueError(f"key {self.keyid}: {error}") from error
        if not isinstance(key, EllipticCurvePublicKey | RSAPublicKey) or not isinstance(
            key, family
        ):
            raise ValueError(f"key {self.keyid}: the value is no {self.family} key")
        if isinstance(key, EllipticCurvePublicKey) and not isinstance(key.curve, _GO_CURVES):
            raise ValueError(f"key {self.keyid}: Go has no curve {key.curve.name}")
        return key

    def crypto(self) -> PublicKey:
        """Return the key as a ``cryptography`` object.

        Raises:
            ValueError: the value cannot be decoded, or is of another type than it says.
        """
        return self._crypto

    @property
    def family(self) -> str:
        """The type without its x509 form: ``ecdsa``, ``rsa`` or ``ed25519``."""
        return self.keytype.removesuffix(X509_SUFFIX)

    @property
    def method(self) -> str:
        """The signature method that Notary's own programs use with this key.

        Raises:
            ValueError: the key's type is unknown.
        """
        if self.keytype not in _METHODS:
            raise ValueError(f"key {self.keyid}: unknown key type {self.keytype[:30]!r}")
        return _METHODS[self.keytype]

    @cached_property
    def canonical_id(self) -> CanonicalKeyId:
        """Id of the bare public key; equals ``keyid`` unless the key is in x509 form."""
        if not self.keytype.endswith(X509_SUFFIX):
            return CanonicalKeyId(self.keyid)
        return CanonicalKeyId(NotaryKey.from_public_key(self.crypto()).keyid)

    def verify_signature(self, signature: Signature, data: bytes) -> None:
        """Verify a signature whose method is in ``signature.unrecognized_fields["method"]``.

        Raises:
            UnverifiedSignatureError: checked, and wrong.
            VerificationError: it cannot be checked: the method does not go with the key, the
                length is wrong, the modulus is too short, the key cannot be decoded.

        Source: NP 1.6, notary tuf/signed/verifiers.go.
        """
        try:
            self._verify(signature, data)
        except InvalidSignature as error:
            raise UnverifiedSignatureError(f"wrong signature by key {self.keyid}") from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise VerificationError(f"key {self.keyid} cannot verify: {error}") from error

    def _verify(self, signature: Signature, data: bytes) -> None:
        method = str(signature.unrecognized_fields.get("method", "")).lower()
        raw = bytes.fromhex(signature.signature)
        key = self.crypto()
        if isinstance(key, EllipticCurvePublicKey) and method == "ecdsa":
            half = (key.curve.key_size + 7) // 8
            if len(raw) != 2 * half:
                raise ValueError(f"an r||s signature of {len(raw)} bytes instead of {2 * half}")
            r, s = int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big")
            key.verify(encode_dss_signature(r, s), data, ECDSA(SHA256()))
        elif isinstance(key, RSAPublicKey) and method in _RSA_PADDING:
            if key.key_size < MIN_RSA_BITS:
                raise ValueError(f"an RSA key of {key.key_size} bits; at least {MIN_RSA_BITS}")
            key.verify(raw, data, _RSA_PADDING[method], SHA256())
        elif isinstance(key, Ed25519PublicKey) and method == "eddsa":
            key.verify(raw, data)
        else:
            raise ValueError(f"method {method!r} does not go with a {self.keytype} key")


def key_id(keytype: str, public: str) -> KeyId:
    """Compute a key's id; ``public`` is standard base64.

    Source: NP 1.6, notary tuf/data/keys.go.
    """
    content = {"keytype": keytype, "keyval": {"private": None, "public": public}}
    return KeyId(hashlib.sha256(canonical_json(content)).hexdigest())


def _b64decode(text: str, keyid: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"key {keyid}: the public value is no base64") from error
    if base64.b64encode(raw).decode("ascii") != text:
        # Go computes the id over its own spelling; ours would give one key several ids.
        raise ValueError(f"key {keyid}: the public value is not in base64's one spelling")
    return raw
