"""A DTR's CA certificate: fetched once, compared with a fingerprint, kept in docker's directory.

Rules:

- THIS IS THE ONLY PLACE WHERE TLS IS NOT VERIFIED: the CA that would verify it is what is fetched.
  Nothing secret is sent, and nothing that comes back is believed until its fingerprint is;
- what is stored is rebuilt from the parsed certificates, and only those that were confirmed.

Source: dtr-ucp-ci B.1 (``/ca``); docker-trust A.3 (docker's ``tls`` directory).
"""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signer.constants import DEFAULT_TIMEOUT_SECONDS
from signer.errors import NetworkError, TrustDataError, UsageError
from signer.files import write_atomically
from signer.names import printable
from signer.transport.answers import Response, status_error
from signer.transport.origin import Origin

if TYPE_CHECKING:
    import ssl

    from cryptography import x509

    from signer.transport._httpx import httpx

MAX_CA_SIZE: Final = 256 * 2**10
MAX_CERTIFICATES: Final = 16
_FINGERPRINT = re.compile(r"[0-9A-F]{64}")


@dataclass(frozen=True)
class CaCertificate:
    """One certificate of the answer."""

    pem: bytes
    """Its PEM form, rebuilt."""

    sha256_fingerprint: str
    """SHA-256 of its DER form: upper-case hex with colons, as openssl prints it."""

    subject: str
    """Its subject (RFC 4514), printable."""

    not_before: datetime
    """UTC."""

    not_after: datetime
    """UTC."""

    is_ca: bool
    """Whether it says that it may issue certificates."""


@dataclass(frozen=True)
class FetchedCa:
    """What a host gave as its CA: nobody has confirmed it yet."""

    host: str
    certificates: tuple[CaCertificate, ...]

    @property
    def pem(self) -> bytes:
        """All certificates."""
        return b"".join(certificate.pem for certificate in self.certificates)

    @property
    def sha256_fingerprint(self) -> str:
        """The first certificate's fingerprint."""
        return self.certificates[0].sha256_fingerprint

    @property
    def subject(self) -> str:
        """The first certificate's subject."""
        return self.certificates[0].subject

    @property
    def not_after(self) -> datetime:
        """When the first of the certificates expires (UTC)."""
        return min(certificate.not_after for certificate in self.certificates)

    def confirmed(self, fingerprints: Iterable[str]) -> "FetchedCa":
        """Return the certificates that have one of ``fingerprints``, and no others.

        Each fingerprint must belong to a certificate of the answer. A fingerprint is 64 hex digits
        in either case, with or without colons, spaces and a leading ``sha256:``.

        Raises:
            UsageError: a fingerprint is malformed, or there is none (``bad-fingerprint``).
            TrustDataError: a fingerprint fits no certificate (``fingerprint-mismatch``).
        """
        wanted = [parse_fingerprint(text) for text in fingerprints]
        if not wanted:
            raise UsageError("No fingerprint was given.", code="bad-fingerprint")
        kept = []
        for fingerprint in wanted:
            match = [
                certificate
                for certificate in self.certificates
                if hmac.compare_digest(certificate.sha256_fingerprint, fingerprint)
            ]
            if not match:
                raise TrustDataError(
                    f"The CA that {self.host} gave is not the one with the fingerprint "
                    f"{fingerprint}; it has "
                    f"{', '.join(item.sha256_fingerprint for item in self.certificates)}.",
                    hint="Ask the DTR's admin for the fingerprint. If it is right, somebody stands "
                    "between here and the server. Nothing was stored.",
                    code="fingerprint-mismatch",
                )
            kept += [certificate for certificate in match if certificate not in kept]
        return FetchedCa(self.host, tuple(kept))


def parse_fingerprint(text: str) -> str:
    """Bring a SHA-256 fingerprint into the form ``AB:CD:...``.

    Raises:
        UsageError: it is not 64 hex digits (``bad-fingerprint``).
    """
    plain = re.sub(r"^sha-?256(?: fingerprint)?[:=]", "", text.strip(), flags=re.IGNORECASE)
    plain = re.sub(r"[:\s]", "", plain).upper()
    if not _FINGERPRINT.fullmatch(plain):
        raise UsageError(
            f"{printable(text)!r} is no SHA-256 fingerprint: 64 hex digits.",
            hint="Print it with: openssl x509 -noout -fingerprint -sha256 -in ca.crt",
            code="bad-fingerprint",
        )
    return ":".join(plain[start : start + 2] for start in range(0, len(plain), 2))


class _UnverifiedTls:
    """TLS WITHOUT VERIFICATION, for ``fetch_ca`` alone. Use it for nothing else."""

    def ssl_context(self, host: str) -> "ssl.SSLContext":
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    def searched(self, host: str) -> tuple[()]:
        return ()


def fetch_ca(
    host: str,
    *,
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    transport: "httpx.BaseTransport | None" = None,
) -> FetchedCa:
    """Fetch ``https://HOST[:PORT]/ca`` without verification; the caller has the result confirmed.

    Raises:
        NetworkError: no answer, or no PEM certificates (``not-a-ca``).
        NotFoundError: the host has no ``/ca``.
        TrustDataError: the answer is larger than 256 KiB.

    Source: dtr-ucp-ci B.1.
    """
    from signer.transport.http import HttpPool

    origin = Origin.of_host(host)
    pool = HttpPool(tls=_UnverifiedTls(), timeout_seconds=timeout_seconds, transport=transport)
    with pool:
        answer = pool.request("GET", f"{origin}/ca", max_bytes=MAX_CA_SIZE, follow_redirects=False)
    if answer.status != 200:
        raise status_error(answer, what="the CA", hint="Is this a DTR? It serves its CA at /ca.")
    return FetchedCa(origin.authority, _certificates(answer, origin.authority))


def _certificates(answer: Response, host: str) -> tuple[CaCertificate, ...]:
    from cryptography import x509

    try:
        found = x509.load_pem_x509_certificates(answer.content)
        if len(found) > MAX_CERTIFICATES:
            raise ValueError("more certificates than anybody would compare")
        return tuple(_describe(certificate) for certificate in found)
    except ValueError as error:
        raise NetworkError(
            f"{host} gave no usable PEM certificates at /ca.",
            hint="Is this a DTR? Otherwise ask its admin for the CA and use --ca FILE.",
            code="not-a-ca",
        ) from error


def _describe(certificate: "x509.Certificate") -> CaCertificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
        is_ca = constraints.value.ca
    except x509.ExtensionNotFound:
        is_ca = False
    return CaCertificate(
        pem=certificate.public_bytes(Encoding.PEM),
        sha256_fingerprint=certificate.fingerprint(SHA256()).hex(":").upper(),
        subject=printable(certificate.subject.rfc4514_string()),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        is_ca=is_ca,
    )


def store_ca(docker_config: Path, host: str, pem: bytes) -> Path:
    """Write ``DOCKER_CONFIG/tls/HOST[:PORT]/ca.crt`` in one step, and return its path.

    ``pem`` is what ``FetchedCa.confirmed`` returned. The file is readable by all (0644);
    directories that are made are the user's own (0700).

    Raises:
        UsageError: the host is malformed (``bad-url``).
        SignerError: the file cannot be written (``not-writable``); nothing was changed.
    """
    host_directory = docker_config / "tls" / Origin.of_host(host).authority
    path = host_directory / "ca.crt"
    write_atomically(path, pem, mode=0o644)
    return path
