"""Certificates around keys: a collection's self-signed root, and the certificates of signers.

Rules (all are Go's, some are stricter):

- a root certificate's common name is the GUN, or a prefix of it and ``*``; nobody else vouches for
  the name;
- a certificate is refused when it has expired, is not valid for another day or more, is signed
  with SHA-1 or MD5, or is over RSA of less than 2048 bits;
- only the first certificate of a file counts for a signer, as docker does it.
"""

from __future__ import annotations

import logging
import secrets
import threading
import warnings
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signer.constants import ROOT_CERTIFICATE_DAYS
from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, TrustDataError
from signer.keys.pem import CERTIFICATE, PUBLIC_KEY, format_block, parse_blocks
from signer.keys.signers import FileSigner, NotarySigner
from signer.keys.x509_rules import (
    check_certificate,
    check_strength,
    common_names,
    is_ca,
    near_expiry,
)
from signer.names import printable

if TYPE_CHECKING:
    from datetime import datetime

    from signer.keys.pem import KeyBlock
    from signer.keys.pkcs8 import PrivateKey

__all__ = [
    "check_certificate",
    "check_root_certificate",
    "common_names",
    "load_signer_certificate",
    "name_fits",
    "near_expiry",
    "self_signed_root",
    "subject_of",
]

_SERIAL_BITS: Final = 128
_CERTIFICATE_HASHES: Final[dict[str, type[SHA256 | SHA384 | SHA512]]] = {
    "secp384r1": SHA384,
    "secp521r1": SHA512,
}

_logger = logging.getLogger(__name__)


def self_signed_root(
    signer: NotarySigner | PrivateKey, gun: str, *, now: datetime, serial: int | None = None
) -> bytes:
    """Make the certificate that stands for a root key in a collection's root role.

    Subject and issuer are ``CN=GUN`` and nothing else, whatever the GUN's length (X.509's limit of
    64 characters is not kept by Go either); valid for ten years; key usage digital signature and
    key encipherment (critical), extended key usage code signing, no CA (critical).

    Args:
        signer: the root key, in memory.
        gun: the collection's name.
        now: the beginning of its validity, with a time zone; fractions of seconds are cut.
        serial: a positive number; random with 128 bits unless given.

    Returns:
        The certificate's PEM with its trailing newline: the public value of the root key.

    Raises:
        KeyUnusableError: the key is in an HSM or KMS, or is an Ed25519 key, for which Notary has
            no certificate form.

    Source: NP 4.1 step 2, notary tuf/utils/x509.go.
    """
    private_key = _key_in_memory(signer)
    public_key = private_key.public_key()
    if not isinstance(public_key, EllipticCurvePublicKey | RSAPublicKey):
        raise KeyUnusableError(
            f"An Ed25519 key cannot be a root key of {printable(gun)}: Notary wants a certificate.",
            hint="Use an ECDSA P-256 key.",
            code="key-kind",
        )
    curve = public_key.curve.name if isinstance(public_key, EllipticCurvePublicKey) else ""
    name = _common_name(gun)
    not_before = now.replace(microsecond=0)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public_key)
        .serial_number(serial or secrets.randbits(_SERIAL_BITS - 1) + 1)
        .not_valid_before(not_before)
        .not_valid_after(not_before + timedelta(days=ROOT_CERTIFICATE_DAYS))
        .add_extension(_ROOT_KEY_USAGE, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    )
    certificate = builder.sign(private_key, _CERTIFICATE_HASHES.get(curve, SHA256)())
    return certificate.public_bytes(Encoding.PEM)


def load_signer_certificate(pem: bytes, *, now: datetime, origin: str) -> NotaryKey:
    """Read what ``--signer NAME=FILE`` gives: a signer's certificate or bare public key.

    Args:
        pem: the file's bytes. The first certificate or public key in it counts; it is written
            anew, so that line endings and text around it do not change its key id.
        now: the time to judge validity by, with a time zone.
        origin: the file's name, for messages.

    Returns:
        The key as delegations list it: ``ecdsa-x509``, ``rsa-x509``, or a bare form. A certificate
        that expires within six months is logged as a warning.

    Raises:
        KeyUnusableError: a private key, no key at all, a weak key or signature, a kind that Notary
            does not know.
        ExpiredError: the certificate has expired, or is not valid yet.

    Source: NP 2.5, docker-trust A.5; notary tuf/utils/x509.go.
    """
    key = read_public_key(pem, origin=origin)
    certificate = key.certificate()
    if certificate is not None:
        check_certificate(certificate, now=now, origin=printable(origin))
        if warning := near_expiry(certificate, now=now):
            _logger.warning("%s: %s", printable(origin), warning)
    else:
        check_strength(key.crypto(), printable(origin))
    return key


def read_public_key(pem: bytes, *, origin: str) -> NotaryKey:
    """Read the first certificate or bare public key of a file, in date or not.

    Args:
        pem: the file's bytes.
        origin: the file's name, for messages.

    Raises:
        KeyUnusableError: a private key, no key at all, a kind that Notary does not know.
    """
    block = _public_block(pem, origin)
    try:
        if block.label == CERTIFICATE:
            key = NotaryKey.from_certificate(format_block(CERTIFICATE, {}, block.der))
        else:
            key = NotaryKey.from_public_key(load_der_public_key(block.der))  # type: ignore[arg-type] # refused inside
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyUnusableError(
            f"{block.description}: no key that Notary has a form for: {error}.",
            hint="Use an ECDSA P-256 or an RSA 2048 key.",
            code="key-kind",
        ) from error
    return key


def check_root_certificate(certificate: x509.Certificate, gun: str, *, now: datetime) -> None:
    """Check that a certificate may stand for a root key of a collection.

    1. Exactly one common name, equal to the GUN or a prefix of it followed by ``*``.
    2. It is no CA.
    3. It is valid now (a day early is tolerated), not signed with SHA-1 or MD5, and not over RSA of
       less than 2048 bits.

    Unlike Go, a common name of ``*`` alone, which would fit every collection, is refused.

    Args:
        certificate: the leaf.
        gun: the collection's name.
        now: the time to judge validity by, with a time zone.

    Raises:
        TrustDataError: the certificate is not this collection's, is a CA, or key or signature are
            too weak.
        ExpiredError: it has expired, or is not valid yet.

    Source: NP 6 step 7, notary trustpinning/certs.go.
    """
    names = common_names(certificate)
    if len(names) != 1 or not name_fits(names[0], gun):
        shown = ", ".join(printable(name) for name in names) or "no name"
        raise TrustDataError(
            f"The root certificate of {printable(gun)} is for {shown}.",
            hint="Its common name must be the collection's name, or a prefix of it and '*'.",
            code="root-certificate-name",
        )
    if is_ca(certificate):
        raise TrustDataError(
            f"The root certificate of {printable(gun)} is a CA certificate.",
            hint="The first certificate must be the one of the root key itself, not its issuer's.",
            code="root-certificate-ca",
        )
    try:
        check_certificate(certificate, now=now, origin=f"of the root of {printable(gun)}")
    except KeyUnusableError as error:
        raise TrustDataError(error.message, hint=error.hint, code=error.code) from error


_ROOT_KEY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    key_encipherment=True,
    content_commitment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


_quiet: Final = threading.Lock()
"""Warning filters belong to the whole process: two threads must not put them back crosswise."""


def _common_name(gun: str) -> x509.Name:
    """Make the name without X.509's limit of 64 characters, and without a warning about it."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, gun, _validate=False)])


def subject_of(certificate: x509.Certificate) -> str:
    """Return the subject in RFC 4514's form, fit for a message, whatever its names' lengths."""
    with _quiet, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return printable(certificate.subject.rfc4514_string())


def _key_in_memory(signer: NotarySigner | PrivateKey) -> PrivateKey:
    if isinstance(signer, FileSigner):
        return signer.private_key
    if isinstance(signer, NotarySigner):
        raise KeyUnusableError(
            "A root certificate cannot be made here for a key in an HSM or KMS.",
            hint="Make it with the device's own tools (CN = the repository's name) and give it "
            "with --root-cert.",
            code="root-certificate-missing",
        )
    return signer


def _public_block(pem: bytes, origin: str) -> KeyBlock:
    blocks = parse_blocks(pem, origin=origin)
    first = next((block for block in blocks if block.label in {CERTIFICATE, PUBLIC_KEY}), None)
    if any(block.private for block in blocks):
        raise KeyUnusableError(
            f"{printable(origin)}: this is a private key, give the certificate or public key.",
            hint="A signer is added by its cert.pem or .pub file; the private key stays with it.",
            code="private-key-given",
        )
    if first is None:
        raise KeyUnusableError(
            f"{printable(origin)}: no certificate and no public key in PEM form.",
            hint="Give a file that begins with -----BEGIN CERTIFICATE----- or "
            "-----BEGIN PUBLIC KEY-----.",
            code="no-public-key",
        )
    return first


def name_fits(name: str, gun: str) -> bool:
    """Tell whether a common name is a collection's: equal, or a prefix of it followed by ``*``.

    ``*`` alone, which would fit every collection, fits none.
    """
    if not name.endswith("*"):
        return name == gun
    prefix = name.rstrip("*")
    return bool(prefix) and gun.startswith(prefix)
