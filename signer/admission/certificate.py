"""The server's TLS certificate: its files are read again, and the last good pair stays."""

import hashlib
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Final

from signer.errors import SignerError, UsageError
from signer.files import read_named_file

_NO_PASSPHRASE: Final = ""


class Certificate:
    """Certificate and key, for connections as they are made.

    Args:
        certificate: PEM, the server's certificate first, then those in between.
        key: PEM without passphrase.
        on_reload: is told of each change after the first reading: None, or what is wrong.

    Raises:
        UsageError: the first reading found the files missing, wrong, or of two pairs.
    """

    def __init__(
        self,
        certificate: Path,
        key: Path,
        *,
        on_reload: Callable[[SignerError | None], None] = lambda _error: None,
    ) -> None:
        self.certificate = certificate
        self.key = key
        self.on_reload = on_reload
        self._seen = self._digest()
        self._current = self._load()
        # A connection's context can be exchanged when its handshake begins, so certificate and
        # key change in one step, and connections that are open stay as they are.
        self.context = self._load()
        self.context.sni_callback = self._choose

    def refresh(self) -> None:
        """Read the files again where they have changed; never raises."""
        try:
            seen = self._digest()
            if seen == self._seen:
                return
            loaded = self._load()
        except SignerError as error:
            failed = f"{error}"
            if failed != self._seen:
                self._seen = failed
                self.on_reload(error)
            return
        self._seen, self._current = seen, loaded
        self.on_reload(None)

    def _choose(
        self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext
    ) -> None:
        connection.context = self._current

    def _digest(self) -> str:
        files = read_named_file(self.certificate) + b"\0" + read_named_file(self.key)
        return hashlib.sha256(files).hexdigest()

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key, password=lambda: _NO_PASSPHRASE)
        except (OSError, ValueError) as error:  # SSLError is an OSError
            raise UsageError(
                f"{self.certificate} and {self.key} are no certificate with its key.",
                hint="Both are PEM, the key is the certificate's and has no passphrase.",
                code="bad-certificate",
            ) from error
        return context
