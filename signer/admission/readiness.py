"""Whether the webhook can decide: servers answer, or what is known of them is fresh enough."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from signer.admission.lanes import Lanes
from signer.errors import SignerError
from signer.names import Gun

if TYPE_CHECKING:
    from signer.admission.collections import KeptCollections
    from signer.policy.model import Policy
    from signer.signing.session import Session

PROBE_SECONDS: Final = 5.0
"""How long a server's answer counts."""

WAIT_SECONDS: Final = 2.0
"""How long a question for readiness waits for servers."""

_MAX_BYTES: Final = 64 * 1024
_STATE: Final = "state"
_NOBODYS: Final = Gun("readiness.invalid/probe")
"""A collection that there is not: asking for its state says whether states can be asked for."""

REACHABLE: Final = "reachable"
FRESH: Final = "fresh"
UNREACHABLE: Final = "unreachable"


@dataclass
class _Probe:
    at: float
    done: threading.Event
    reachable: bool | None = None


class Readiness:
    """Asks the servers that a policy names; safe for several threads.

    Args:
        session: connections.
        kept: when collections were last confirmed.
        monotonic: seconds that never go back.
    """

    def __init__(
        self,
        session: "Session",
        kept: "KeptCollections",
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._kept = kept
        self._monotonic = monotonic
        self._lanes = Lanes()
        self._lock = threading.Lock()
        self._probes: dict[str, _Probe] = {}

    def close(self) -> None:
        """Ask no more."""
        self._lanes.close()

    def servers(self, policy: "Policy") -> dict[str, str]:
        """Return, by URL, ``reachable``, ``fresh`` or ``unreachable``; waits for a moment."""
        graces = self._graces(policy)
        ends = self._monotonic() + WAIT_SECONDS
        probes = {url: self._probe(url, partial(self._ask, url)) for url in graces}
        found = {}
        for url, probe in probes.items():
            if self._answered(probe, ends):
                found[url] = REACHABLE
            else:
                found[url] = FRESH if self._is_fresh(url, graces[url]) else UNREACHABLE
        return found

    def state(self) -> str:
        """Return whether the trust state is ``reachable`` or not; waits for a moment."""
        probe = self._probe(_STATE, self._look)
        answered = self._answered(probe, self._monotonic() + WAIT_SECONDS)
        return REACHABLE if answered else UNREACHABLE

    def _answered(self, probe: _Probe, ends: float) -> bool:
        if probe.reachable is None:
            probe.done.wait(max(0.0, ends - self._monotonic()))
        return bool(probe.reachable)

    def _graces(self, policy: "Policy") -> dict[str, timedelta]:
        """Return the servers that rules name without a wildcard, and their grace periods."""
        graces: dict[str, timedelta] = {}
        for rule in policy.rules:
            host = rule.pattern.host
            if rule.approve is not None or ("*" in host and not self._has_server(rule.server)):
                continue
            url = rule.server or self._session.server_url(Gun(f"{host}/{rule.pattern.path}"))
            grace = rule.requirement.freshness.grace
            graces[url] = max(graces.get(url, timedelta()), grace)
        return graces

    def _has_server(self, server: str) -> bool:
        return bool(server or self._session.settings.server)

    def _is_fresh(self, url: str, grace: timedelta) -> bool:
        now = self._session.clock()
        return any(
            server == url and timedelta() <= now - contacted <= grace
            for server, contacted in self._kept.contacts()
        )

    def _probe(self, name: str, ask: Callable[[], object]) -> _Probe:
        with self._lock:
            probe = self._probes.get(name)
            now = self._monotonic()
            if probe is None or (probe.reachable is not None and now - probe.at >= PROBE_SECONDS):
                probe = self._probes[name] = _Probe(now, threading.Event())
                self._lanes.of(name).requests.submit(self._run, ask, probe)
            return probe

    def _run(self, ask: Callable[[], object], probe: _Probe) -> None:
        found = False
        try:
            ask()
            found = True
        except SignerError:
            found = False
        finally:
            probe.reachable, probe.at = found, self._monotonic()
            probe.done.set()

    def _ask(self, url: str) -> None:
        """Any answer will do: a server that wants a token is there."""
        self._session.pool.request("GET", f"{url.rstrip('/')}/v2/", max_bytes=_MAX_BYTES)

    def _look(self) -> None:
        self._session.states.load(_NOBODYS)
