"""Reading collections as a policy's rules want them read: by their pins, from their servers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from signer.constants import TIMESTAMP
from signer.errors import NetworkError
from signer.names import Gun
from signer.policy.duration import format_duration
from signer.policy.model import Rule
from signer.trust.collection import TrustedCollection
from signer.trust.state import StateUnavailableError

if TYPE_CHECKING:
    from signer.signing.session import Session


@dataclass(frozen=True)
class Reading:
    """A verified collection, and how it was come by.

    Attributes:
        collection: verified, steps 1 to 9.
        contacted: when the server last confirmed it.
        unreachable: why the server could not be asked, where stored data stand in; None where it
            was asked.
    """

    collection: TrustedCollection
    contacted: datetime
    unreachable: NetworkError | None = None


class CollectionReader(Protocol):
    """Where verified collections come from."""

    def read(self, gun: Gun, *, rule: Rule) -> Reading:
        """Read a collection by a rule's pins, from its server.

        While the server does not answer, stored data stand in for as long as
        ``rule.requirement.freshness.grace`` says.

        Raises:
            SignerError: it cannot be read, or is not valid.
        """
        ...


class SessionReader:
    """Reads collections over a session's connections; for one run."""

    def __init__(self, session: "Session") -> None:
        self._session = session

    def read(self, gun: Gun, *, rule: Rule) -> Reading:
        """Read a collection: ``CollectionReader``."""
        session = self._session
        try:
            collection = session.client(gun, pins=rule.pins or None, server=rule.server).update()
        except StateUnavailableError:
            raise  # the server may well answer; without the marks nothing may stand in for it
        except NetworkError as error:
            return read_stored(session, gun, rule=rule, error=error)
        return Reading(collection, session.clock())


def read_stored(session: "Session", gun: Gun, *, rule: Rule, error: NetworkError) -> Reading:
    """Read what is stored of a collection while its server does not answer.

    The server must have confirmed it within the rule's grace period. Only the timestamp, which
    the server would have renewed, may have expired in that time.

    Args:
        session: its trust directory, and its clock.
        gun: the collection.
        rule: its grace period and its pins.
        error: why the server could not be asked.

    Raises:
        NetworkError: ``error``, where the rule has no grace period, or it is over.
        SignerError: what is stored is not valid.
    """
    grace = rule.requirement.freshness.grace
    confirmed = session.cache(gun).confirmed()
    now = session.clock()
    if not grace or not session.live or confirmed is None or not timedelta() <= now - confirmed:
        raise error
    past = format_duration(now - confirmed)
    if now - confirmed > grace:
        raise NetworkError(
            f"{error.message} It last answered {past} ago, and the policy's grace period of "
            f"{format_duration(grace)} is over.",
            hint=error.hint,
            code=error.code,
        ) from error
    collection = session.stored_client(gun, pins=rule.pins or None).update(allow_expired=True)
    for role, expired in collection.expired.items():
        if role != TIMESTAMP:
            raise expired
    unreachable = NetworkError(
        f"{gun}: the server does not answer; what it confirmed {past} ago stands in, for "
        f"{format_duration(grace)} at most.",
        hint=error.message,
        code="server-unreachable",
    )
    return Reading(collection, confirmed, unreachable)
