"""TLS settings: which roots and client certificates apply to a host.

Rules:

- certificates are always verified, on localhost too;
- the roots are the system's, plus ``--ca`` files, plus docker's ``tls/HOST[:PORT]/*.crt`` and the
  engine's ``/etc/docker/certs.d/HOST[:PORT]/*.crt``;
- client certificates are ``X.cert`` with ``X.key`` in these two directories, as docker has them;
- the engine's directory belongs to root: what cannot be read there is left out, anything else that
  cannot be used is an error that names the file.
"""

import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signer.errors import UsageError

ENGINE_CERTIFICATES: Final = Path("/etc/docker/certs.d")
_HTTPS_PORT: Final = ":443"


@dataclass(frozen=True)
class TlsSettings:
    """What the user configured for TLS."""

    ca_files: tuple[Path, ...] = ()
    """PEM files with CA certificates, added to the system's roots for every host."""

    docker_config: Path | None = None
    """Docker's configuration directory (``$DOCKER_CONFIG`` or ``~/.docker``), or None."""

    engine_certificates: Path | None = ENGINE_CERTIFICATES
    """The engine's directory of certificates by host, or None."""

    def searched(self, host: str) -> tuple[Path, ...]:
        """Return the directories that hold certificates for ``host`` (``HOST[:PORT]``)."""
        names = [host]
        if host.endswith(_HTTPS_PORT):
            names.append(host.removesuffix(_HTTPS_PORT))
        elif ":" not in host.rpartition("]")[2]:
            names.append(host + _HTTPS_PORT)
        parents = [self.docker_config / "tls"] if self.docker_config else []
        parents += [self.engine_certificates] if self.engine_certificates else []
        return tuple(parent / name for parent in parents for name in names)

    def ssl_context(self, host: str) -> ssl.SSLContext:
        """Build the context for ``host`` (``HOST[:PORT]``): TLS 1.2 or later, always verified.

        Raises:
            UsageError: a CA file is missing or no PEM certificate (code ``bad-ca``), or a client
                certificate lacks its other half or does not load (code ``bad-client-certificate``).

        Source: docker's rules for the directory, docker-trust A.3.
        """
        # Not create_default_context: it would write the session keys to $SSLKEYLOGFILE.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.hostname_checks_common_name = False
        # Any certificate that the user adds is an anchor, as it is for Go's programs; and private
        # CAs that predate RFC 5280's finer points work on every Python alike (3.13 is stricter).
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        context.load_default_certs()
        for path in self.ca_files:
            _add_ca(context, path)
        for directory in self.searched(host):
            optional = directory.parent == self.engine_certificates
            _add_directory(context, directory, optional=optional)
        return context


def _add_directory(context: ssl.SSLContext, directory: Path, *, optional: bool) -> None:
    try:
        names = sorted(path.name for path in directory.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        if optional:
            return
        raise UsageError(
            f"The certificates in {directory} cannot be read: {error.strerror}.", code="bad-ca"
        ) from error
    for name in names:
        if name.endswith(".crt") and _usable(directory / name, optional=optional):
            _add_ca(context, directory / name)
    for certificate, key in _client_pairs(directory, names):
        if _usable(certificate, optional=optional) and _usable(key, optional=optional):
            _add_client_certificate(context, certificate, key)


def _client_pairs(directory: Path, names: list[str]) -> Iterator[tuple[Path, Path]]:
    for name in names:
        stem, _, suffix = name.rpartition(".")
        if suffix == "cert" and f"{stem}.key" not in names:
            raise UsageError(
                f"The client certificate {directory / name} has no key {stem}.key beside it.",
                hint="CA certificates have the ending .crt; a client certificate X.cert needs "
                "X.key.",
                code="bad-client-certificate",
            )
        if suffix == "key" and f"{stem}.cert" not in names:
            raise UsageError(
                f"The client key {directory / name} has no certificate {stem}.cert beside it.",
                hint="A client key X.key needs X.cert.",
                code="bad-client-certificate",
            )
        if suffix == "cert":
            yield directory / name, directory / f"{stem}.key"


def _usable(path: Path, *, optional: bool) -> bool:
    if not optional:
        return True
    try:
        path.open("rb").close()
    except OSError:
        return False
    return True


def _add_ca(context: ssl.SSLContext, path: Path) -> None:
    try:
        text = path.read_bytes().decode("ascii", errors="ignore")
    except OSError as error:
        raise UsageError(
            f"The CA file {path} cannot be read: {error.strerror}.",
            hint="Name a PEM file with the CA's certificate.",
            code="bad-ca",
        ) from error
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError) as error:
        raise UsageError(
            f"The CA file {path} is no PEM certificate.",
            hint="It must hold '-----BEGIN CERTIFICATE-----' blocks; convert DER with "
            "'openssl x509 -inform DER'.",
            code="bad-ca",
        ) from error


def _add_client_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        # A password callback, or OpenSSL would ask on the terminal for an encrypted key's.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError, OSError) as error:
        raise UsageError(
            f"The client certificate {certificate} and its key {key.name} cannot be used.",
            hint="Both must be PEM, belong together, and the key must not be encrypted.",
            code="bad-client-certificate",
        ) from error
