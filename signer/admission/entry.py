"""What is kept of one collection, how long it may be used, and when it is looked after."""

import hashlib
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from signer.constants import ROOT, TIMESTAMP
from signer.errors import AuthError, NetworkError, SignerError
from signer.names import Gun, RoleName
from signer.policy.reading import Reading

SOON_SECONDS: Final = 5.0
"""After this time the server is asked in the background."""

SPREAD_SECONDS: Final = 3.0
"""Up to so much later, by chance: else all that were read together would be read together again."""

HOLD_SECONDS: Final = 10.0
"""After this time readers wait for the server."""

PASSING_SECONDS: Final = 1.5
DEFINITE_SECONDS: Final = 5.0
STAND_IN_SECONDS: Final = 10.0
"""How long stored data stand in, once read, while the server is asked in the background."""


@dataclass(frozen=True)
class KeptReading(Reading):
    """A reading that is kept.

    Attributes:
        content: SHA-256 over timestamp and root, as hex; everything else is named by its hash.
    """

    content: str = ""

    @classmethod
    def of(cls, reading: Reading) -> "KeptReading":
        """Return a reading with its content's hash."""
        roles = reading.collection.roles
        wires = roles[RoleName(TIMESTAMP)].wire + roles[RoleName(ROOT)].wire
        content = hashlib.sha256(wires).hexdigest()
        return cls(reading.collection, reading.contacted, reading.unreachable, content)


@dataclass
class Entry:
    """What is known of a collection: a reading, or why there is none, and since when.

    Attributes:
        reading: usable for a while.
        error: why there is none.
        at: seconds of the monotonic clock, when the server confirmed it.
        valid_until: when the first of the reading's files expires, in UTC.
        verified: outlasts errors: it need not be verified again where the server confirms it.
        verified_at: seconds of the monotonic clock.
        flight: the update that is under way.
    """

    reading: KeptReading | None = None
    error: SignerError | None = None
    at: float = 0.0
    valid_until: datetime | None = None
    verified: KeptReading | None = None
    verified_at: float = 0.0
    flight: "Future[KeptReading] | None" = field(default=None, repr=False)
    _spread: float = 0.0
    _retry_at: float = 0.0

    def usable(self, at: float, *, now: datetime, hold: float) -> "Future[KeptReading] | None":
        """Return the reading, or the error, if it can still be used.

        Args:
            at: seconds of the monotonic clock.
            now: the time, with its zone.
            hold: seconds after which the server has to be asked.
        """
        age = at - self.at
        done: Future[KeptReading] = Future()
        if self.error is not None:
            if age >= min(_lifetime(self.error), hold):
                return None
            done.set_exception(self.error)
            return done
        if self.reading is None or age >= (STAND_IN_SECONDS if self._stands_in else hold):
            return None
        if self.valid_until is not None and now >= self.valid_until:
            return None
        done.set_result(self.reading)
        return done

    def is_due(self, at: float) -> bool:
        """Tell whether what is usable is to be looked after in the background."""
        if self.reading is None or at < self._retry_at:
            return False
        soon = PASSING_SECONDS if self._stands_in else SOON_SECONDS + self._spread
        return at - self.at >= soon

    def land(self, reading: KeptReading, at: float, *, spread: float) -> None:
        """Take what an update has read.

        Args:
            reading: verified.
            at: seconds of the monotonic clock.
            spread: seconds by which the next update is later.
        """
        self.flight, self.error = None, None
        self.reading, self.at, self._spread = reading, at, spread
        self.valid_until = None if self._stands_in else reading.collection.valid_until

    def fail(self, error: BaseException, at: float, *, hold: float) -> None:
        """Take the error of an update, unless nobody had to wait for it and it may pass."""
        self.flight = None
        known = self.reading is not None and not self._stands_in and at - self.at < hold
        if known and isinstance(error, SignerError) and is_passing(error):
            self._retry_at = at + PASSING_SECONDS
            return
        self.reading, self.at = None, at
        self.error = error if isinstance(error, SignerError) else None

    @property
    def _stands_in(self) -> bool:
        return self.reading is not None and self.reading.unreachable is not None


def timed_out(gun: Gun) -> NetworkError:
    """Return the error of a reader for whom a collection came too late."""
    return NetworkError(
        f"{gun}: timed out while waiting for the Notary server.",
        hint="The image was not decided upon. Is the server overloaded, or a firewall in between?",
        code="timeout",
    )


def is_passing(error: SignerError) -> bool:
    """Tell an error that may pass by itself from one that says something about the image."""
    return isinstance(error, NetworkError | AuthError)


def _lifetime(error: SignerError) -> float:
    return PASSING_SECONDS if is_passing(error) else DEFINITE_SECONDS
