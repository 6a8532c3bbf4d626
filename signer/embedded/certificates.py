"""The embedded DTR's own authority: its CA, the server's certificate, the key that signs tokens.

Rules:

- all keys are ECDSA on P-256, made at the first start, and never leave the data directory (0600);
- the CA stays for ten years, as clients have it installed; what it issues is renewed at a start
  when it nears its expiry or when the server's names have changed;
- a certificate is on disk together with its key, in one file, so the two always belong together.

Source: RFC 5280, section 4.2; Go and Python want subject alternative names and key identifiers.
"""

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from signer.errors import KeyUnusableError
from signer.files import write_atomically

CA_FILE: Final = "ca.pem"
CA_DAYS: Final = 3650
ISSUED_DAYS: Final = 365
RENEW_WITHIN_DAYS: Final = 60
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")
_BACKDATED: Final = timedelta(hours=1)
"""Certificates begin in the past, for clients whose clocks are a little behind."""

Clock = Callable[[], datetime]


def utc_clock() -> datetime:
    """Return this moment."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its private key.

    Attributes:
        certificate: the certificate.
        key: ECDSA on P-256.
        file: both as PEM, the key first; mode 0600.
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    file: Path

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(Encoding.PEM)


@dataclass(frozen=True)
class Certificates:
    """What the server shows and signs with.

    Attributes:
        ca: the authority; its certificate alone is also in ``ca_file``.
        ca_file: what clients install.
        server: the server's, for TLS.
        token: the one that signs tokens; servers that take ``ca_file`` as ``rootcertbundle``
            accept them.
    """

    ca: KeyPair
    ca_file: Path
    server: KeyPair
    token: KeyPair


def load_certificates(
    directory: Path, *, hosts: Iterable[str], clock: Clock = utc_clock
) -> Certificates:
    """Read the certificates of a data directory; make what is missing, renew what is due.

    Args:
        directory: files ``ca.pem``, ``ca-key.pem``, ``server.pem`` and ``token.pem``.
        hosts: names and addresses that the server is reached by, beside those of loopback.
        clock: for validity.

    Raises:
        KeyUnusableError: a file is there and cannot be read: it is never replaced.
        UnwritableDirectoryError: a file cannot be written.
    """
    now = clock()
    ca = _load(directory / "ca-key.pem") or _make_ca(directory / "ca-key.pem", now)
    ca_file = directory / CA_FILE
    if not ca_file.exists() or ca_file.read_bytes() != ca.pem:
        write_atomically(ca_file, ca.pem, mode=0o644)
    names = tuple(dict.fromkeys((*LOOPBACK_NAMES, *hosts)))
    server = _load(directory / "server.pem")
    if server is None or not _holds(server, names, now):
        server = _issue(ca, directory / "server.pem", "signer serve", names=names, now=now)
    token = _load(directory / "token.pem")
    if token is None or not _holds(token, (), now):
        token = _issue(ca, directory / "token.pem", "signer serve tokens", names=(), now=now)
    return Certificates(ca, ca_file, server, token)


def _load(file: Path) -> KeyPair | None:
    if not file.exists():
        return None
    try:
        content = file.read_bytes()
        key = load_pem_private_key(content, None)
        certificate = x509.load_pem_x509_certificate(content)
    except (OSError, ValueError, TypeError) as error:
        raise KeyUnusableError(
            f"{file} cannot be read as a key with its certificate.",
            hint="Restore it, or remove it to have a new one made (clients must trust a new CA).",
        ) from error
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyUnusableError(f"{file} has a key of another kind than ECDSA.")
    return KeyPair(certificate, key, file)


def _holds(pair: KeyPair, names: tuple[str, ...], now: datetime) -> bool:
    """Tell whether a certificate is good for a while, for these names."""
    if pair.certificate.not_valid_after_utc - now < timedelta(days=RENEW_WITHIN_DAYS):
        return False
    if not names:
        return True
    found = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return set(found.value) == set(_general_names(names))


def _make_ca(file: Path, now: datetime) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("signer serve CA")
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(key.public_key(), name, issuer=name, now=now, days=CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, SHA256())
    )
    return _write(file, key, certificate)


def _issue(
    ca: KeyPair, file: Path, common_name: str, *, names: tuple[str, ...], now: datetime
) -> KeyPair:
    key = ec.generate_private_key(ec.SECP256R1())
    builder = (
        _builder(
            key.public_key(),
            _name(common_name),
            issuer=ca.certificate.subject,
            now=now,
            days=ISSUED_DAYS,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca.key.public_key()), critical=False
        )
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName(_general_names(names)), critical=False
        ).add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return _write(file, key, builder.sign(ca.key, SHA256()))


def _builder(
    key: ec.EllipticCurvePublicKey, name: x509.Name, *, issuer: x509.Name, now: datetime, days: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_names(names: Iterable[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name.strip("[]"))))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _write(file: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> KeyPair:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_atomically(file, private + certificate.public_bytes(Encoding.PEM), mode=0o600)
    return KeyPair(certificate, key, file)
