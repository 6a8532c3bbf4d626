"""What does not refuse an image, but somebody should know of.

Source: verification requirements, rows 9 and 12.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final

from signer.constants import ROOT
from signer.names import RoleName, printable
from signer.policy.duration import format_duration
from signer.trust.collection import TrustedCollection

EXPIRES_SOON: Final = timedelta(days=30)


def warnings_about(
    collection: TrustedCollection, roles: Iterable[RoleName], *, now: datetime
) -> tuple[str, ...]:
    """Return a sentence for each: what expires soon, and signatures that count for nothing.

    Args:
        collection: verified.
        roles: those that say something about the image, without the timestamp, which the server
            renews.
        now: the time to judge by.
    """
    ordered = [role for role in collection.roles if role in set(roles)]
    return (*_expiring(collection, ordered, now=now), *_stray(collection, ordered))


def _expiring(
    collection: TrustedCollection, roles: Iterable[RoleName], *, now: datetime
) -> Iterator[str]:
    for name in roles:
        left = collection.roles[name].expires - now
        if left < EXPIRES_SOON:
            yield (
                f"Role {name} of {collection.gun} expires in {format_duration(left)}; whoever "
                "holds its key must publish it anew."
            )


def _stray(collection: TrustedCollection, roles: Iterable[RoleName]) -> Iterator[str]:
    for name in roles:
        # A root is signed by its predecessor's keys as well, which it need not list.
        stray = collection.roles[name].stray if name != ROOT else ()
        if stray:
            shown = ", ".join(printable(keyid[:12]) for keyid in stray[:3])
            yield (
                f"Role {name} of {collection.gun} also carries signatures that count for nothing, "
                f"by key {shown}."
            )
