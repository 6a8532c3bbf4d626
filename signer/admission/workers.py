"""The webhook's processes: one, or several that share an address."""

import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

from signer.admission.certificate import Certificate
from signer.admission.policy_file import read_policy
from signer.errors import SignerError

if TYPE_CHECKING:
    from signer.audit.log import AuditLog
    from signer.serving.listen import Listen
    from signer.signing.session import Session

_STOP_SECONDS: Final = 9
_RESTART_SECONDS: Final = 1.0
_METRICS_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"


@dataclass(frozen=True)
class Webhook:
    """What to serve.

    Attributes:
        policy: the policy file.
        listen: the address.
        certificate: PEM; None for plain HTTP, on loopback alone.
        key: of the certificate.
        workers: processes.
        session: opens connections and stores, for each process.
        audit: the audit record, or None.
    """

    policy: Path
    listen: "Listen"
    certificate: Path | None
    key: Path | None
    session: "Callable[[], Session]"
    workers: int = 1
    audit: "AuditLog | None" = None

    @property
    def is_encrypted(self) -> bool:
        """Whether connections are encrypted."""
        return self.certificate is not None


def serve(webhook: Webhook, *, on_ready: Callable[[str], None]) -> int:
    """Serve until SIGTERM or SIGINT, and return the exit code.

    Args:
        webhook: what to serve.
        on_ready: is told the URL once reviews are accepted.

    Raises:
        UsageError: policy, certificate or address are wrong.
        SignerError: the audit record cannot be written.
    """
    read_policy(webhook.policy)
    if webhook.certificate is not None and webhook.key is not None:
        Certificate(webhook.certificate, webhook.key)
    if webhook.audit is not None:
        webhook.audit.check()
    _check_settings(webhook)
    sockets = webhook.listen.bind()
    url = webhook.listen.url(sockets[0].getsockname()[1], encrypted=webhook.is_encrypted)
    if webhook.workers == 1:
        from signer.admission.server import run_process

        run_process(webhook, sockets, on_ready=lambda: on_ready(url))
        return 0
    directory = tempfile.mkdtemp(prefix="signer-metrics-")
    os.environ[_METRICS_DIRECTORY] = directory
    try:
        return _Processes(webhook, sockets).run(lambda: on_ready(url))
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _check_settings(webhook: Webhook) -> None:
    """Find what would otherwise make every review fail: a state or an authority that is wrong."""
    from signer.transport.tls import TlsSettings

    with webhook.session() as session:
        _ = session.states
        settings = session.settings
        TlsSettings(settings.ca_files, settings.docker_config).ssl_context("localhost")


class _Processes:
    """Starts processes, starts those anew that end, and ends them all."""

    def __init__(self, webhook: Webhook, sockets: list[socket.socket]) -> None:
        self._webhook = webhook
        self._sockets = sockets
        self._children: set[int] = set()
        self._stopping = False

    def run(self, on_ready: Callable[[], None]) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        signal.signal(signal.SIGALRM, self._kill)
        reader, writer = os.pipe()
        for _ in range(self._webhook.workers):
            self._fork(writer)
        os.close(writer)
        ready = self._wait_until_ready(reader)
        os.close(reader)
        failed = not ready and not self._stopping
        if ready:
            on_ready()
        elif failed:
            self._stop()
        return self._watch(failed=failed)

    def _wait_until_ready(self, reader: int) -> bool:
        """Tell whether every process has said that it is ready; one that ended never will."""
        return all(os.read(reader, 1) for _ in range(self._webhook.workers))

    def _watch(self, *, failed: bool) -> int:
        while self._children:
            pid, _ = os.wait()
            if pid not in self._children:
                continue
            self._children.discard(pid)
            _forget_metrics(pid)
            if not self._stopping:
                time.sleep(_RESTART_SECONDS)  # not as fast as it fails
            if not self._stopping:
                self._fork(None)
        return 1 if failed else 0

    def _fork(self, writer: int | None) -> None:
        pid = os.fork()
        if pid:
            self._children.add(pid)
            return
        code = 1
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM):
                signal.signal(number, signal.SIG_DFL)
            self._children = set()
            self._serve(writer)
            code = 0
        except SignerError as error:
            sys.stderr.write(f"error: {error}\n")
        finally:
            with suppress(OSError, ValueError):
                sys.stderr.flush()
            os._exit(code)

    def _serve(self, writer: int | None) -> None:
        from signer.admission.server import run_process

        def ready() -> None:
            if writer is not None:
                os.write(writer, b".")
                os.close(writer)

        run_process(self._webhook, self._sockets, on_ready=ready)

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True
        signal.alarm(_STOP_SECONDS)
        self._signal(signal.SIGTERM)

    def _kill(self, _number: int, _frame: FrameType | None) -> None:
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        for pid in self._children:
            with suppress(ProcessLookupError):
                os.kill(pid, number)


def _forget_metrics(pid: int) -> None:
    """Take a process' momentary figures out of the metrics; its counts remain."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(pid)  # type: ignore[no-untyped-call] # it has none
