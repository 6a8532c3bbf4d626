"""One certificate authority per run, made by trustme; its certificates are written as PEM files."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import trustme

SERVER_NAMES: Final = ("localhost", "127.0.0.1", "dtr.test")


@dataclass(frozen=True)
class CertificateFiles:
    """A certificate (its whole chain) and its private key, as PEM files."""

    certificate: Path
    key: Path


class Authority:
    """A worthless certificate authority for servers and clients on loopback.

    Attributes:
        directory: where the files are written.
        ca_file: the authority's certificate (PEM).
        server: certificate of every server of this run: `SERVER_NAMES`.
        client: certificate of a client, for mutual TLS.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._ca = trustme.CA(organization_name="worthless example authority")
        self.ca_file = directory / "ca.pem"
        self._ca.cert_pem.write_to_path(self.ca_file)
        self.server = self.issue("server", *SERVER_NAMES)
        self.client = self.issue("client", "client@dtr.test")

    def issue(self, file_name: str, *identities: str) -> CertificateFiles:
        """Write ``FILE_NAME.pem`` and ``FILE_NAME-key.pem`` for hosts, addresses or e-mails."""
        issued = self._ca.issue_cert(*identities)
        certificate = self.directory / f"{file_name}.pem"
        key = self.directory / f"{file_name}-key.pem"
        key.touch(mode=0o600)
        issued.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return CertificateFiles(certificate, key)

    def client_context(self, files: CertificateFiles | None = None) -> ssl.SSLContext:
        """Return a context that trusts this authority alone, with a client certificate if given."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        return context
