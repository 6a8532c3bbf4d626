"""One process of the webhook: its parts, its start, its end."""

import asyncio
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from signer.admission.app import Parts, create_app
from signer.admission.certificate import Certificate
from signer.admission.collections import KeptCollections
from signer.admission.decision import Decisions
from signer.admission.log import JsonLog
from signer.admission.metrics import Metrics
from signer.admission.policy_file import InForce, PolicyFile
from signer.admission.readiness import Readiness
from signer.admission.record import DecisionRecord
from signer.errors import SignerError
from signer.serving.orderly import OrderlyServer

if TYPE_CHECKING:
    from signer.admission.workers import Webhook

_WATCH_SECONDS: Final = 1.0
_HURRY_SECONDS: Final = 4.0
"""After a signal, reviews that still wait for a server are answered after this time."""

_STOP_SECONDS: Final = 6
_KEEP_ALIVE_SECONDS: Final = 90


def run_process(
    webhook: "Webhook", sockets: list[socket.socket], *, on_ready: Callable[[], None]
) -> None:
    """Serve until SIGTERM or SIGINT; reviews that are under way are answered first.

    Raises:
        UsageError: policy or certificate are wrong at the start.
    """
    metrics = Metrics()
    log = JsonLog(sys.stderr.buffer, on_dropped=metrics.log_line_dropped)
    logging.getLogger().addHandler(_Forward(log))
    policy = PolicyFile(webhook.policy, on_reload=_on_policy(metrics, log))
    certificate = None
    if webhook.certificate is not None and webhook.key is not None:
        certificate = Certificate(
            webhook.certificate, webhook.key, on_reload=_on_certificate(metrics, log)
        )
    metrics.reload("policy", None)
    session = webhook.session()
    kept = KeptCollections(session, observer=metrics.reading)
    decisions = Decisions(kept, clock=session.clock, registry=session.registry)
    record = _record(webhook, metrics, log)
    readiness = Readiness(session, kept)
    parts = Parts(policy, decisions, readiness, metrics, log, record)
    watcher = _Watcher(policy, certificate, log)
    watcher.start()
    try:
        asyncio.run(_Server(parts, certificate, on_ready).serve(sockets=sockets))
    finally:
        watcher.stop()
        if record is not None:
            record.close()
        for part in (decisions, kept, readiness):
            part.close()
        log("info", "stopped")
        log.close()


class _Server(OrderlyServer):
    """Answers reviews."""

    def __init__(
        self, parts: Parts, certificate: Certificate | None, on_ready: Callable[[], None]
    ) -> None:
        super().__init__(
            create_app(parts),
            on_ready,
            stop_seconds=_STOP_SECONDS,
            keep_alive_seconds=_KEEP_ALIVE_SECONDS,
            tls=certificate.context if certificate is not None else None,
            log_level="warning",
        )
        self._decisions = parts.decisions

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way, and do not wait for servers much longer."""
        asyncio.get_running_loop().call_later(_HURRY_SECONDS, self._decisions.hurry)
        await super().shutdown(sockets=sockets)


class _Watcher(threading.Thread):
    """Reads policy and certificate again; ends the process when the one that made it has ended."""

    def __init__(self, policy: PolicyFile, certificate: Certificate | None, log: JsonLog) -> None:
        super().__init__(name="watcher", daemon=True)
        self._log = log
        self._policy = policy
        self._certificate = certificate
        self._stopped = threading.Event()
        self._parent = os.getppid()

    def run(self) -> None:
        while not self._stopped.wait(_WATCH_SECONDS):
            try:
                self._policy.refresh()
                if self._certificate is not None:
                    self._certificate.refresh()
            except Exception as error:  # noqa: BLE001 - what changes next is to be read all the same
                self._log("error", "watcher", {"message": f"{type(error).__name__}: {error}"})
            if os.getppid() != self._parent:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()


class _Forward(logging.Handler):
    """Puts what libraries warn of into the log."""

    def __init__(self, log: JsonLog) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log(record.levelname.lower(), record.name, {"message": record.getMessage()})


def _on_policy(
    metrics: Metrics, log: JsonLog
) -> Callable[[InForce | None, SignerError | None], None]:
    def told(in_force: InForce | None, error: SignerError | None) -> None:
        metrics.reload("policy", error)
        if in_force is not None:
            log("info", "policy-loaded", {"policy": in_force.policy.digest})
        elif error is not None:
            log("error", "policy-not-loaded", {"message": error.message, "code": error.code})

    return told


def _on_certificate(metrics: Metrics, log: JsonLog) -> Callable[[SignerError | None], None]:
    def told(error: SignerError | None) -> None:
        metrics.reload("certificate", error)
        if error is None:
            log("info", "certificate-loaded")
        else:
            log("error", "certificate-not-loaded", {"message": error.message, "code": error.code})

    return told


def _record(webhook: "Webhook", metrics: Metrics, log: JsonLog) -> DecisionRecord | None:
    if webhook.audit is None:
        return None

    def told(error: SignerError | None) -> None:
        if error is None:
            log("info", "audit-written-again")
        else:
            log("error", "audit-not-written", {"message": error.message, "code": error.code})

    return DecisionRecord(webhook.audit, on_error=told, on_waiting=metrics.unrecorded)
