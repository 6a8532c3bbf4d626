"""Step 13: trust data are recent enough, and stay valid long enough.

A Notary server signs a timestamp for 14 days, and again only when it has expired or something is
published; so its age is what is left of these days. The timestamp does not count for the remaining
validity: the server renews it by itself.

Source: NP section 5 (lifetimes); verification requirements, row 19.
"""

from datetime import datetime, timedelta

from signer.constants import LIFETIME_DAYS, TIMESTAMP
from signer.errors import NotSignedError
from signer.names import Gun, RoleName
from signer.policy.duration import format_duration
from signer.policy.requirement import Freshness
from signer.trust.collection import TrustedCollection


def check_freshness(
    collection: TrustedCollection, roles: set[RoleName], *, freshness: Freshness, now: datetime
) -> str:
    """Check age and remaining validity; return what was found.

    Args:
        collection: verified.
        roles: the roles that say something about the image.
        freshness: what is required.
        now: the time to judge by, in UTC.

    Raises:
        NotSignedError: too old (``timestamp-too-old``), or about to expire (``expires-soon``).
    """
    said = []
    if freshness.max_timestamp_age is not None:
        said.append(_check_age(collection, freshness.max_timestamp_age, now=now))
    if freshness.min_remaining:
        said.append(_check_remaining(collection, roles, freshness.min_remaining, now=now))
    return "; ".join(said)


def timestamp_age(collection: TrustedCollection, *, now: datetime) -> timedelta:
    """Return how long ago the timestamp was signed."""
    expires = collection.roles[RoleName(TIMESTAMP)].expires
    return now - (expires - timedelta(days=LIFETIME_DAYS[TIMESTAMP]))


def _check_age(collection: TrustedCollection, limit: timedelta, *, now: datetime) -> str:
    age = timestamp_age(collection, now=now)
    if age > limit:
        raise NotSignedError(
            f"{collection.gun}: the timestamp is {format_duration(age)} old, and the policy "
            f"allows {format_duration(limit)}.",
            hint="The server signs a new one when something is published, or when it has expired. "
            "If it should be newer, an old state may be served.",
            code="timestamp-too-old",
        )
    return f"timestamp {format_duration(age)} old (at most {format_duration(limit)})"


def _check_remaining(
    collection: TrustedCollection, roles: set[RoleName], limit: timedelta, *, now: datetime
) -> str:
    first = min(roles, key=lambda name: (collection.roles[name].expires, name))
    left = collection.roles[first].expires - now
    if left < limit:
        raise NotSignedError(
            f"{_of(collection.gun, first)} expires in {format_duration(left)}, and the policy "
            f"wants {format_duration(limit)}.",
            hint="Whoever holds the role's key must publish it anew.",
            code="expires-soon",
        )
    return f"{first} valid for {format_duration(left)} (at least {format_duration(limit)})"


def _of(gun: Gun, role: RoleName) -> str:
    return f"{gun}: role {role}"
