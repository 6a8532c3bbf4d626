"""Worthless keys and certificates for the stories in this folder."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def ec_key(curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """Make a key, on P-256 unless told otherwise."""
    return ec.generate_private_key(curve or ec.SECP256R1())


def pem_of(key: Key) -> bytes:
    """Return a key as PKCS#8 without a passphrase."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def certificate_of(
    key: Key, *, name: str = "gitlab", begins: datetime | None = None, days: float = 400
) -> bytes:
    """Return a self-signed certificate in PEM; it begins an hour ago unless told otherwise."""
    start = begins or datetime.now(tz=UTC) - timedelta(hours=1)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
    )
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else SHA256()
    return builder.sign(key, digest).public_bytes(Encoding.PEM)


def write_key(path: Path, content: bytes, *, mode: int = 0o600) -> Path:
    """Write a key file that only its owner may read, unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(content)
    path.chmod(mode)
    return path


def write_bundle(directory: Path, *, name: str = "gitlab") -> Path:
    """Make a client bundle: ``key.pem`` and ``cert.pem`` in a directory of its own."""
    key = ec_key()
    write_key(directory / "key.pem", pem_of(key))
    (directory / "cert.pem").write_bytes(certificate_of(key, name=name))
    return directory
