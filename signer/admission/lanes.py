"""Threads for servers: each server's own, so that one that hangs delays no other.

A thread that updates a collection waits for threads that make requests, so these are two sorts.
"""

import threading
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

MAX_LANES: Final = 64
"""Servers with threads of their own; a pattern such as ``*/app`` lets users name any number."""

CONNECTIONS: Final = 240
"""To one server: so many that 48 repositories whose requests hang leave one for the next."""

_UPDATES: Final = 48
_REQUESTS: Final = CONNECTIONS
_SHARED: Final = ""


@dataclass(frozen=True)
class Lane:
    """The threads for one server.

    Attributes:
        updates: read collections.
        requests: make requests for ``updates``.
    """

    updates: Executor
    requests: Executor


class Lanes:
    """The threads for every server, made when they are first needed; safe for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pools: list[ThreadPoolExecutor] = []
        self._lanes: dict[str, Lane] = {}

    def of(self, server: str) -> Lane:
        """Return a server's threads; beyond ``MAX_LANES`` servers, those that the rest share."""
        with self._lock:
            name = server if server in self._lanes or len(self._lanes) < MAX_LANES else _SHARED
            if name not in self._lanes:
                self._lanes[name] = Lane(self._pool(_UPDATES), self._pool(_REQUESTS))
            return self._lanes[name]

    def _pool(self, threads: int) -> ThreadPoolExecutor:
        pool = ThreadPoolExecutor(threads, thread_name_prefix="admission")
        self._pools.append(pool)
        return pool

    def close(self) -> None:
        """Begin nothing any more; what is under way is abandoned."""
        with self._lock:
            for pool in self._pools:
                pool.shutdown(wait=False, cancel_futures=True)
