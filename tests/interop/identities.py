"""Signers of the tests: a worthless key with its certificate, as files that a CI job would hold."""

import base64
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.unit.dialect.plain_signer import certificate_pem, plain_key_id, private_key, spki


@dataclass(frozen=True)
class Identity:
    """A signer's files and ids.

    Attributes:
        name: of the signer.
        certificate: self-signed (PEM).
        public: the bare public key (PEM).
        key: the private key, PKCS#8 PEM, mode 0600.
        canonical_id: over the bare public key.
        key_id: the TUF id, over the certificate.
    """

    name: str
    certificate: Path
    public: Path
    key: Path
    canonical_id: str
    key_id: str


def make_identity(
    directory: Path, name: str, kind: str = "p256", *, passphrase: str = ""
) -> Identity:
    """Write the files of a signer; ``kind`` is one of `plain_signer.private_key`.

    Signers of one kind have the same key in the whole run, and certificates of their own.
    """
    directory.mkdir(parents=True, exist_ok=True)
    key = private_key(kind)
    encryption: KeySerializationEncryption = NoEncryption()
    if passphrase:
        encryption = BestAvailableEncryption(passphrase.encode())
    key_file = directory / f"{name}-key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    certificate = certificate_pem(key, f"{name}@example.com")
    (directory / f"{name}.pem").write_bytes(certificate)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (directory / f"{name}-public.pem").write_bytes(public)
    keytype = "rsa" if isinstance(key, rsa.RSAPrivateKey) else "ecdsa"
    return Identity(
        name,
        directory / f"{name}.pem",
        directory / f"{name}-public.pem",
        key_file,
        plain_key_id(keytype, _base64(spki(key))),
        plain_key_id(f"{keytype}-x509", _base64(certificate)),
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
