"""Verified collections, kept by servers: nothing is verified twice, nothing is kept too long.

- One update per collection and set of pins at a time, however many wait for it.
- What the server confirmed a moment ago is used as it is. Then the timestamp and the next root are
  asked for: where the timestamp is the same to the byte and there is no newer root, the verified
  collection is the server's present one, because every other file is named by its hash.
- After ``SOON_SECONDS`` that happens in the background, after ``HOLD_SECONDS`` readers wait for it.
  So a publish or a revocation shows after ``HOLD_SECONDS`` at the latest.
- Nothing is used after it has expired, or when the trust state knows of newer versions, which
  another replica may have seen. All is verified anew from time to time.
- Errors are kept, too: those that may pass for a second, definite ones for a little longer. One
  that may pass, met in the background, does no harm before ``HOLD_SECONDS`` are over.
"""

import copy
import random
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from signer.admission.entry import HOLD_SECONDS, SPREAD_SECONDS, Entry, KeptReading, timed_out
from signer.admission.lanes import Lanes
from signer.constants import ROOT, TIMESTAMP
from signer.errors import NetworkError, NotFoundError, SignerError
from signer.names import Gun, RoleName
from signer.policy.model import Rule
from signer.policy.reading import Reading, read_stored
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import Downloads, start_first_round

if TYPE_CHECKING:
    from signer.signing.session import Session
    from signer.trust.pinning import Pins

WHOLE_SECONDS: Final = 600.0
"""After this time everything is verified anew, whatever the timestamp says."""

MAX_KEPT: Final = 4096

Observer = Callable[[str, Gun, TrustedCollection | None], None]
"""Is told what a reading was, ``kept``, ``confirmed``, ``verified``, ``stored`` or ``failed``, of
which collection; with the collection where it was verified."""

_Key = tuple[Gun, "Pins", str, timedelta]
"""Collection, pins, server, and grace period: whatever a rule says about reading."""


class KeptCollections:
    """Reads collections for servers; a ``CollectionReader`` that is safe for several threads.

    Args:
        session: connections, cache and trust state.
        hold_seconds: after which readers wait for the server, errors included.
        monotonic: seconds that never go back.
        observer: is told of every reading.
        chance: returns numbers from 0 to 1.
    """

    def __init__(
        self,
        session: "Session",
        *,
        hold_seconds: float = HOLD_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        observer: Observer = lambda _how, _gun, _collection: None,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._session = session
        self._chance = chance
        self._hold = hold_seconds
        self._monotonic = monotonic
        self._observe = observer
        self._lanes = Lanes()
        self._lock = threading.Lock()
        self._entries: OrderedDict[_Key, Entry] = OrderedDict()

    def read(self, gun: Gun, *, rule: Rule, timeout: float | None = None) -> KeptReading:
        """Read a collection: ``CollectionReader``.

        Args:
            gun: the collection.
            rule: its pins, its server and its grace period.
            timeout: seconds to wait at most; None for as long as it takes.

        Raises:
            NetworkError: the time is over (``timeout``), or the server does not answer.
            SignerError: it cannot be read, or is not valid.
        """
        flight = self.start(gun, rule=rule)
        try:
            error = flight.exception(timeout)
        except FutureTimeoutError as late:
            raise timed_out(gun) from late
        if error is not None:
            raise copy.copy(error)  # it is raised for many, each with a traceback of its own
        return flight.result()

    def start(self, gun: Gun, *, rule: Rule) -> "Future[KeptReading]":
        """Begin to read a collection, unless somebody has; what is kept is there at once."""
        key = (gun, rule.pins, rule.server, rule.requirement.freshness.grace)
        with self._lock:
            entry = self._entries.setdefault(key, Entry())
            self._entries.move_to_end(key)
            now = self._monotonic()
            ready = entry.usable(now, now=self._session.clock(), hold=self._hold)
            if entry.flight is None and (ready is None or entry.is_due(now)):
                entry.flight = self._submit(key, entry, rule)
            flight = entry.flight
            self._forget_old_ones()
        if ready is not None:
            if entry.reading is not None:
                self._observe("kept", gun, None)
            return ready
        if flight is None:  # a usable one was there, or a flight was begun
            raise RuntimeError("nothing to wait for")
        return flight

    def contacts(self) -> list[tuple[str, datetime]]:
        """Return server and time of the last confirmation of each kept collection."""
        with self._lock:
            return [
                (server or self._session.server_url(gun), entry.reading.contacted)
                for (gun, _, server, _), entry in self._entries.items()
                if entry.reading is not None
            ]

    def close(self) -> None:
        """Begin nothing any more."""
        self._lanes.close()

    def _forget_old_ones(self) -> None:
        """Forget what was not asked for in the longest time; users may name any repository."""
        while len(self._entries) > MAX_KEPT:
            self._entries.popitem(last=False)

    def _submit(self, key: _Key, entry: Entry, rule: Rule) -> "Future[KeptReading]":
        gun = key[0]
        lane = self._lanes.of(rule.server or self._session.server_url(gun))
        flight: Future[KeptReading] = Future()
        flight.set_running_or_notify_cancel()  # those who wait may give up, the work goes on

        def run() -> None:
            try:
                source = self._session.server(gun, url=rule.server)
                reading = self._work(entry, gun, rule, Downloads(source, lane.requests))
            except BaseException as error:  # noqa: BLE001 - whoever waits gets it
                with self._lock:
                    entry.fail(error, self._monotonic(), hold=self._hold)
                flight.set_exception(error)
            else:
                spread = self._chance() * SPREAD_SECONDS
                with self._lock:
                    entry.land(reading, self._monotonic(), spread=spread)
                flight.set_result(reading)

        try:
            lane.updates.submit(run)
        except RuntimeError:  # closed
            flight.set_exception(NetworkError(f"{gun}: the server is shutting down."))
        return flight

    # An update, in a thread

    def _work(self, entry: Entry, gun: Gun, rule: Rule, downloads: Downloads) -> KeptReading:
        try:
            reading = self._confirmed(entry, gun, downloads)
            if reading is None:
                reading = self._verified(gun, rule, downloads)
                entry.verified, entry.verified_at = reading, self._monotonic()
                self._observe("verified", gun, reading.collection)
            else:
                self._observe("confirmed", gun, None)
        except NetworkError as error:
            try:
                stored = read_stored(self._session, gun, rule=rule, error=error)
            except SignerError:
                self._observe("failed", gun, None)
                raise
            self._observe("stored", gun, None)
            return KeptReading.of(stored)
        except SignerError:
            self._observe("failed", gun, None)
            raise
        return reading

    def _confirmed(self, entry: Entry, gun: Gun, downloads: Downloads) -> KeptReading | None:
        """Ask whether the kept collection is the present one; None where that is not so.

        What was downloaded is there for the whole update that follows.
        """
        session = self._session
        start_first_round(downloads, gun, states=session.states, cache=session.cache(gun))
        known = entry.verified
        if known is None or self._monotonic() - entry.verified_at >= WHOLE_SECONDS:
            return None
        collection = known.collection
        expired = session.clock() >= collection.valid_until
        if expired or not self._agrees(gun, collection) or not _is_present(collection, downloads):
            return None
        now = session.clock()
        session.cache(gun).confirm(now)
        return KeptReading(collection, now, content=known.content)

    def _agrees(self, gun: Gun, collection: TrustedCollection) -> bool:
        """Tell whether the trust state knows of nothing that the collection does not."""
        state = self._session.states.load(gun)
        if state is None or state.root != collection.root.wire:
            return False
        versions = collection.versions
        return all(top <= versions.get(role, 0) for role, top in state.versions.items())

    def _verified(self, gun: Gun, rule: Rule, downloads: Downloads) -> KeptReading:
        session = self._session
        client = TrustClient(
            gun,
            downloads,
            cache=session.cache(gun),
            states=session.states,
            pins=rule.pins or session.pins,
            clock=session.clock,
        )
        return KeptReading.of(Reading(client.update(), session.clock()))


def _is_present(collection: TrustedCollection, downloads: Downloads) -> bool:
    """Tell whether the server has the same timestamp, and no newer root."""
    try:
        downloads.get(ROOT, version=collection.root.version + 1)
        return False
    except NotFoundError:
        pass
    try:
        return downloads.get(TIMESTAMP) == collection.roles[RoleName(TIMESTAMP)].wire
    except NotFoundError:
        return False
