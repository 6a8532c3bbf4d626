"""Keys of the simulated collections: made once per run, by name; they protect nothing."""

import base64
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from securesystemslib.signer import Signature, Signer

from signer.dialect.keys import NotaryKey, key_id

GUN = "registry.example.com/shop/web"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
_WIDTH = 32
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@cache
def private_key(name: str) -> ec.EllipticCurvePrivateKey:
    """Return the run's P-256 key of a name."""
    return ec.generate_private_key(ec.SECP256R1())


@cache
def small_rsa_key() -> rsa.RSAPrivateKey:
    """Return an RSA key of 1024 bits."""
    return rsa.generate_private_key(65537, 1024)  # noqa: S505 - to be refused


@dataclass(frozen=True)
class SimulatedKey(Signer):
    """A private key, and its public half in the form that a role lists."""

    private: ec.EllipticCurvePrivateKey
    notary: NotaryKey

    @property
    def public_key(self) -> NotaryKey:
        """The public half."""
        return self.notary

    @property
    def keyid(self) -> str:
        """Its TUF id."""
        return self.notary.keyid

    @classmethod
    def from_priv_key_uri(cls, *_: object) -> "SimulatedKey":
        """Not offered."""
        raise NotImplementedError

    def sign(self, payload: bytes) -> Signature:
        """Sign a payload as NP 1.6 has it: r and s in fixed width."""
        r, s = decode_dss_signature(self.private.sign(payload, ec.ECDSA(SHA256())))
        raw = r.to_bytes(_WIDTH, "big") + s.to_bytes(_WIDTH, "big")
        return Signature(self.keyid, raw.hex(), {"method": "ecdsa"})


@cache
def bare(name: str) -> SimulatedKey:
    """Return the key of a name, listed as a bare public key."""
    return SimulatedKey(private_key(name), notary_key("ecdsa", spki(private_key(name))))


@cache
def certified(name: str, common_name: str = GUN) -> SimulatedKey:
    """Return the key of a name, listed with a self-signed certificate in the manner of roots."""
    return with_pem(name, certificate(name, common_name))


def with_pem(name: str, *certificates: x509.Certificate) -> SimulatedKey:
    """Return the key of a name, listed with these certificates, leaf first."""
    pem = b"".join(item.public_bytes(Encoding.PEM) for item in certificates)
    return SimulatedKey(private_key(name), notary_key("ecdsa-x509", pem))


def notary_key(keytype: str, raw: bytes) -> NotaryKey:
    """Read a key as a root's table would hold it."""
    public = base64.b64encode(raw).decode("ascii")
    fields = {"keytype": keytype, "keyval": {"private": None, "public": public}}
    return NotaryKey.from_dict(key_id(keytype, public), fields)


def spki(key: PrivateKey) -> bytes:
    """Return the public half as DER SubjectPublicKeyInfo."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem_of(key: PrivateKey) -> bytes:
    """Return the public half in PEM form."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def certificate(
    name: str | rsa.RSAPrivateKey,
    common_name: str = GUN,
    *,
    issuer: tuple[str, x509.Certificate] | None = None,
    ca: bool | None = False,
    begins: datetime = NOW - timedelta(days=30),
    days: int = 3650,
    extensions: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    """Make a certificate over the key of a name; self-signed without ``issuer``."""
    subject = private_key(name) if isinstance(name, str) else name
    signing: Any = private_key(issuer[0]) if issuer else subject
    with warnings.catch_warnings():  # a GUN may be longer than X.509 has it
        warnings.simplefilter("ignore", UserWarning)
        own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name, _validate=False)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer[1].subject if issuer else own)
        .public_key(subject.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
    )
    if ca is not None:
        constraints = x509.BasicConstraints(ca=ca, path_length=None)
        builder = builder.add_extension(constraints, critical=True)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    # The verifier wants to find an issuer by its key's identifier, as RFC 5280 has it.
    builder = builder.add_extension(
        x509.SubjectKeyIdentifier.from_public_key(subject.public_key()), critical=False
    ).add_extension(
        x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False
    )
    return builder.sign(signing, SHA256())


def with_bytes(name: str, der: bytes, *more: x509.Certificate) -> SimulatedKey:
    """Return the key of a name, listed with whatever is said to be its certificate."""
    text = base64.encodebytes(der).decode("ascii")
    pem = f"-----BEGIN CERTIFICATE-----\n{text}-----END CERTIFICATE-----\n".encode("ascii")
    pem += b"".join(item.public_bytes(Encoding.PEM) for item in more)
    return SimulatedKey(private_key(name), notary_key("ecdsa-x509", pem))


def claim_sha1(genuine: x509.Certificate) -> x509.Certificate:
    """Return the certificate with its signature algorithm written as ecdsa-with-SHA1.

    No library signs with SHA-1 any more; for a self-signed certificate only the claim counts.
    """
    with_sha256, with_sha1 = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("2a8648ce3d0401")
    der = genuine.public_bytes(Encoding.DER)
    assert der.count(b"\x06\x08" + with_sha256) == 2
    assert SHA1.name == "sha1"
    return x509.load_der_x509_certificate(_replace_oid(der, with_sha256, with_sha1))


def _replace_oid(der: bytes, old: bytes, new: bytes) -> bytes:
    """Rebuild Certificate ::= SEQUENCE {tbs, algorithm, signature} with a shorter algorithm."""
    body = _content(der)
    tbs, rest = _split(body)
    algorithm, signature = _split(rest)
    inner = _content(tbs).replace(_sequence(_oid(old)), _sequence(_oid(new)), 1)
    assert algorithm == _sequence(_oid(old))
    return _sequence(_sequence(inner) + _sequence(_oid(new)) + signature)


def _oid(raw: bytes) -> bytes:
    return bytes([6, len(raw)]) + raw


def _sequence(content: bytes) -> bytes:
    size = len(content)
    if size < 128:
        return bytes([0x30, size]) + content
    width = (size.bit_length() + 7) // 8
    return bytes([0x30, 0x80 | width]) + size.to_bytes(width, "big") + content


def _header(der: bytes) -> tuple[int, int]:
    if der[1] < 128:
        return 2, der[1]
    width = der[1] & 0x7F
    return 2 + width, int.from_bytes(der[2 : 2 + width], "big")


def _content(der: bytes) -> bytes:
    start, size = _header(der)
    return der[start : start + size]


def _split(der: bytes) -> tuple[bytes, bytes]:
    start, size = _header(der)
    return der[: start + size], der[start + size :]
