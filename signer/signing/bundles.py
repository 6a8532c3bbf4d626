"""Making bundles of collections, bringing them up to date, and checking what is in one."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from signer.errors import SignerError, worst_exit_code
from signer.names import Gun
from signer.signing.session import Session
from signer.trust.bundle import Bundle, BundledCollection
from signer.trust.bundle_making import bundle_collection
from signer.trust.bundle_source import bundle_pins, check_not_older
from signer.trust.collection import TrustedCollection
from signer.trust.pinning import Pins

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Wanted:
    """A collection that is to be in a bundle.

    Attributes:
        gun: its name.
        pins: how its root may be trusted; the session's where None.
        server: URL of its Notary server; the session's where empty.
        former: what the bundle has of it already.
    """

    gun: Gun
    pins: Pins | None = None
    server: str = ""
    former: BundledCollection | None = None


@dataclass(frozen=True)
class Member:
    """A collection that was read from its server, verified.

    Attributes:
        collection: as verified.
        bundled: what goes into the bundle.
    """

    collection: TrustedCollection
    bundled: BundledCollection


def collect(session: Session, wanted: Iterable[Wanted]) -> dict[Gun, Member]:
    """Read collections from their servers, in parallel; all or none.

    Raises:
        SignerError: one cannot be read, is invalid or has expired, or is older than what the
            bundle has; of several errors the gravest.
    """
    jobs = {item.gun: session.collections.submit(_collect, session, item) for item in wanted}
    results = _settled(jobs)
    raise_gravest([found for found in results.values() if isinstance(found, SignerError)])
    return {gun: found for gun, found in results.items() if isinstance(found, Member)}


def _collect(session: Session, wanted: Wanted) -> Member:
    client = session.client(wanted.gun, pins=wanted.pins, server=wanted.server)
    collection = client.update()
    if wanted.former is not None:
        check_not_older(wanted.former, collection)
    bundled = bundle_collection(client, collection)
    return Member(collection, bundled)


def wanted_again(session: Session, bundle: Bundle) -> list[Wanted]:
    """Return what a bundle, whose signature was checked, has to be brought up to date with.

    The roots in it are trusted, unless the session pins others.
    """
    pinned = bundle_pins(bundle)
    return [
        Wanted(gun, None if session.pins.explicit else pinned(gun), former=former)
        for gun, former in bundle.collections.items()
    ]


def read_bundled(session: Session, bundle: Bundle) -> Mapping[Gun, TrustedCollection | SignerError]:
    """Verify every collection in a bundle, over a session that reads from it.

    Returns:
        The collection, or why it is refused, by name.
    """
    jobs = {
        gun: session.collections.submit(partial(_read, session, gun)) for gun in bundle.collections
    }
    return _settled(jobs)


def _read(session: Session, gun: Gun) -> TrustedCollection:
    return session.client(gun).update()


def _settled(jobs: Mapping[Gun, Future[_Found]]) -> dict[Gun, _Found | SignerError]:
    results: dict[Gun, _Found | SignerError] = {}
    for gun, job in jobs.items():
        try:
            results[gun] = job.result()
        except SignerError as error:
            results[gun] = error
    return results


def raise_gravest(errors: Sequence[SignerError]) -> None:
    """Raise the error whose exit code stands for all, if there is any.

    Raises:
        SignerError: that one.
    """
    if not errors:
        return
    code = worst_exit_code([int(error.exit_code) for error in errors])
    raise next((error for error in errors if error.exit_code == code), errors[0])
