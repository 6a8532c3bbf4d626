"""Keys and signatures as a stranger would make them: by ``cryptography`` alone, after NP 1.6.

All keys are made for one test and protect nothing.
"""

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from securesystemslib.signer import Signature, Signer

from signer.dialect.keys import NotaryKey

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey

_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "p224": ec.SECP224R1(),
    "p256": ec.SECP256R1(),
    "p256-other": ec.SECP256R1(),
    "p384": ec.SECP384R1(),
    "p521": ec.SECP521R1(),
    "k256": ec.SECP256K1(),
}
_BEGIN: Final = datetime(2026, 11, 1, tzinfo=UTC)


@cache
def private_key(kind: str) -> PrivateKey:
    """Return the run's key of a kind: of `_CURVES`, ``ed25519``, or ``rsa2048`` and the like."""
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind in _CURVES:
        return ec.generate_private_key(_CURVES[kind])
    return rsa.generate_private_key(65537, int(kind.removeprefix("rsa")))


def certificate_pem(key: PrivateKey, common_name: str, *, days: int = 3650) -> bytes:
    """Return a self-signed certificate."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_BEGIN)
        .not_valid_after(_BEGIN + timedelta(days=days))
    )
    ed = isinstance(key, ed25519.Ed25519PrivateKey)
    return builder.sign(key, None if ed else SHA256()).public_bytes(Encoding.PEM)


def public_dict(keytype: str, raw: bytes) -> dict[str, object]:
    """Return a key as metadata has it."""
    public = base64.b64encode(raw).decode("ascii")
    return {"keytype": keytype, "keyval": {"private": None, "public": public}}


def plain_key_id(keytype: str, public: str) -> str:
    """Compute a key id from the text of NP 1.6, by string formatting."""
    text = f'{{"keytype":"{keytype}","keyval":{{"private":null,"public":"{public}"}}}}'
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def notary_key(keytype: str, raw: bytes) -> NotaryKey:
    """Read a key as a root's table would hold it."""
    public = base64.b64encode(raw).decode("ascii")
    return NotaryKey.from_dict(plain_key_id(keytype, public), public_dict(keytype, raw))


def spki(key: PrivateKey) -> bytes:
    """Return the public half as DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def sign_raw(key: PrivateKey, payload: bytes, method: str = "") -> bytes:
    """Return the raw signature of a method."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(payload, ec.ECDSA(SHA256())))
        width = -(-key.curve.key_size // 8)
        return r.to_bytes(width, "big") + s.to_bytes(width, "big")
    if isinstance(key, rsa.RSAPrivateKey):
        if method == "rsapkcs1v15":
            return key.sign(payload, padding.PKCS1v15(), SHA256())
        return key.sign(payload, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return key.sign(payload)


@dataclass(frozen=True)
class PlainSigner(Signer):
    """Signs with a key of `private_key`; ``notary`` is its public half in the form used."""

    key: PrivateKey
    notary: NotaryKey
    method: str

    @classmethod
    def bare(cls, kind: str, method: str = "") -> "PlainSigner":
        """Return a signer whose public key is in the bare form."""
        key = private_key(kind)
        if isinstance(key, ed25519.Ed25519PrivateKey):
            public = notary_key("ed25519", key.public_key().public_bytes_raw())
            return cls(key, public, method or "eddsa")
        if isinstance(key, rsa.RSAPrivateKey):
            return cls(key, notary_key("rsa", spki(key)), method or "rsapss")
        return cls(key, notary_key("ecdsa", spki(key)), method or "ecdsa")

    @classmethod
    def x509(cls, kind: str, common_name: str) -> "PlainSigner":
        """Return a signer whose public key is in certificate form."""
        key = private_key(kind)
        keytype, method = ("rsa-x509", "rsapss") if kind[0] == "r" else ("ecdsa-x509", "ecdsa")
        return cls(key, notary_key(keytype, certificate_pem(key, common_name)), method)

    @property
    def public_key(self) -> NotaryKey:
        """The public half."""
        return self.notary

    @classmethod
    def from_priv_key_uri(cls, *_: object) -> "PlainSigner":
        """Not offered."""
        raise NotImplementedError

    def sign(self, payload: bytes) -> Signature:
        """Sign the payload."""
        raw = sign_raw(self.key, payload, self.method)
        return Signature(self.notary.keyid, raw.hex(), {"method": self.method})
