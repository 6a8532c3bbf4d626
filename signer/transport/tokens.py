"""Registry tokens, kept for as long as they are good and shared between threads.

Rules:

- a token belongs to (realm, service, scope, identity); it is dropped when it expires or is refused;
- of several threads that need the same token one fetches it and the others wait, but not for long:
  where the token server hangs, each goes on within its own deadline.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from signer.transport.challenge import Challenge
from signer.transport.origin import Origin

MIN_LIFETIME_SECONDS: Final = 60.0
"""A shorter ``expires_in``, or none, counts as this (docker-trust A.4)."""

_MARGIN_SECONDS: Final = 5.0
"""A token this close to its end might expire on the way."""

_SHARE_WAIT_SECONDS: Final = 5.0


@dataclass(frozen=True)
class TokenKey:
    """What a token is good for: the token server, the service, the rights, and whose they are."""

    realm: str
    service: str
    scope: str
    identity: str


@dataclass(frozen=True)
class _Kept:
    token: str = field(repr=False)
    expires: float


class TokenCache:
    """Tokens by key, and the challenge that each origin made last.

    ``clock`` returns seconds and never goes back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._kept: dict[TokenKey, _Kept] = {}
        self._challenges: dict[Origin, Challenge] = {}
        self._fetching: dict[TokenKey, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: TokenKey) -> str:
        """Return the token for ``key``, or an empty string where there is none that is fresh."""
        with self._lock:
            kept = self._kept.get(key)
        if kept is None or self._clock() >= kept.expires - _MARGIN_SECONDS:
            return ""
        return kept.token

    def put(self, key: TokenKey, token: str, *, lifetime_seconds: float) -> None:
        """Keep ``token``; a lifetime under a minute counts as a minute."""
        expires = self._clock() + max(lifetime_seconds, MIN_LIFETIME_SECONDS)
        with self._lock:
            self._kept[key] = _Kept(token, expires)

    @contextmanager
    def fetching(self, key: TokenKey) -> Iterator[None]:
        """Let one thread fetch the token for ``key`` while the others wait a few seconds for it."""
        with self._lock:
            lock = self._fetching.setdefault(key, threading.Lock())
        locked = lock.acquire(timeout=_SHARE_WAIT_SECONDS)
        try:
            yield
        finally:
            if locked:
                lock.release()

    def challenge(self, origin: Origin) -> Challenge | None:
        """Return what ``origin`` asked for last, so that the next request need not be refused."""
        with self._lock:
            return self._challenges.get(origin)

    def remember(self, origin: Origin, challenge: Challenge) -> None:
        """Note what ``origin`` asks for."""
        with self._lock:
            self._challenges[origin] = challenge
