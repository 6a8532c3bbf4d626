"""What is remembered about a collection: its root and the highest versions seen.

Kept apart from the metadata cache, so that deleting the cache forgets neither. A mark only ever
rises, until a newer root gives its role other keys (``signer.trust.marks``): processes and
replicas that finish in any order leave the same.
"""

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol

from signer.constants import DEFAULT_TIMEOUT_SECONDS, ROOT
from signer.errors import NetworkError, SignerError, TrustDataError, UsageError
from signer.names import Gun

DAMAGE: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
                 ValueError)  # fmt: skip
"""What a state that is not as it was written can raise while it is read."""

_REDIS: Final = ("redis", "rediss", "unix")


class StateError(SignerError):
    """The remembered state of a collection cannot be read."""

    default_code = "trust-state-unreadable"


class StateUnavailableError(NetworkError):
    """The server that keeps the trust state cannot be asked; nothing is decided without it."""

    default_code = "trust-state-unavailable"


class StateConflictError(TrustDataError):
    """Two runs at the same time trusted different roots."""

    default_code = "trust-state-conflict"


@dataclass(frozen=True)
class TrustState:
    """The remembered state of one collection.

    Attributes:
        root: wire form of the newest trusted root.
        versions: highest version seen, by role, under that root's keys.
        pins: fingerprints of sets of pins that the root's chain satisfied.
    """

    root: bytes
    versions: Mapping[str, int] = field(default_factory=dict)
    pins: frozenset[str] = frozenset()

    @property
    def root_version(self) -> int:
        """The root's version, or 0 where it is not known."""
        return self.versions.get(ROOT, 0)


class StateStore(Protocol):
    """Remembered states, one per collection; safe for several threads and processes at once."""

    @property
    def description(self) -> str:
        """Where the states lie, for people; without a password."""
        ...

    def location(self, gun: Gun) -> str:
        """Return where the state of ``gun`` lies, for people; without a password."""
        ...

    def load(self, gun: Gun) -> TrustState | None:
        """Read a collection's state; None where nothing is remembered.

        Raises:
            StateError: it is there but damaged: nothing is assumed in its place.
            NetworkError, AuthError: whoever keeps the states cannot be asked.
        """
        ...

    def save(self, gun: Gun, state: TrustState) -> None:
        """Remember ``state`` merged with what is known; unchanged states are not written.

        Raises:
            StateConflictError: another root of the same version was trusted meanwhile.
            StateError: what is known is damaged.
            UnwritableDirectoryError, NetworkError, AuthError: nothing was changed.
        """
        ...

    def save_all(self, states: Mapping[Gun, TrustState]) -> None:
        """Remember several states, or none where one of them conflicts.

        Raises:
            As ``save``.
        """
        ...

    def forget(self, gun: Gun) -> None:
        """Forget a collection that is made anew; nothing guards its versions afterwards.

        Raises:
            UnwritableDirectoryError, NetworkError, AuthError: it is still remembered.
        """
        ...

    def unreadable(self, gun: Gun) -> StateError:
        """Return the error for a state that is damaged."""
        ...

    def guns(self) -> list[Gun]:
        """Return the collections that are remembered, sorted.

        Raises:
            NetworkError, AuthError: whoever keeps the states cannot be asked.
        """
        ...

    def changed(self, gun: Gun) -> datetime | None:
        """Return when a collection's state last changed, in UTC; None where that is not known."""
        ...

    def close(self) -> None:
        """Close connections; calling it twice is harmless."""
        ...


def open_states(
    location: str | Path,
    *,
    password: str = "",
    ca_files: Iterable[Path] = (),
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
) -> StateStore:
    """Open the states in a directory, or in Redis.

    Args:
        location: a directory, or a ``redis://``, ``rediss://`` (TLS) or ``unix://`` URL.
        password: of Redis, where the URL has none.
        ca_files: authorities of Redis' certificate, beside the system's.
        timeout_seconds: how long Redis may take for one answer.

    Raises:
        UsageError: the URL is malformed, or of another kind; or the extra ``redis`` is missing.
    """
    scheme, separator, _ = str(location).partition("://")
    if isinstance(location, Path) or not separator:
        from signer.trust.state_files import FileStates

        return FileStates(Path(location))
    if scheme not in _REDIS:
        raise UsageError(
            "Trust state cannot be kept there: the URL is not of Redis.",
            hint="Give a directory, or redis://, rediss:// (TLS) or unix:// (a socket).",
            code="bad-state-url",
        )
    from signer.trust.redis_state import RedisStates

    return RedisStates(
        str(location), password=password, ca_files=ca_files, timeout_seconds=timeout_seconds
    )


def merge(known: TrustState | None, new: TrustState) -> TrustState:
    """Return what two states of a collection amount to, whichever was saved first.

    The newer root is kept. Of each role it is the higher mark; but one that was set under an older
    root does not count where the newer one has rotated the role's keys.
    """
    if known is None:
        return new
    older, newer = (known, new) if new.root_version >= known.root_version else (new, known)
    versions = dict(_marks_under(newer.root, older))
    for role, version in newer.versions.items():
        versions[role] = max(version, versions.get(role, 0))
    # What a pin said about a root that is not kept says nothing about the one that is.
    pins = known.pins | new.pins if known.root == new.root else newer.pins
    return TrustState(newer.root, versions, pins)


def checked_merge(
    gun: Gun, known: TrustState | None, new: TrustState, *, location: str
) -> TrustState:
    """Return ``merge`` of two states, unless they contradict each other.

    Raises:
        StateConflictError: both have a root of the same version, and not the same.
    """
    if known and known.root_version == new.root_version and known.root != new.root:
        raise StateConflictError(
            f"Another run has meanwhile trusted another root version {new.root_version} of {gun}: "
            f"{location}.",
            hint="At most one is right. Pin the root, and remove what is remembered.",
        )
    return merge(known, new)


def unreadable_state(gun: Gun, *, location: str) -> StateError:
    """Return the error for a state that is damaged."""
    return StateError(
        f"The remembered trust state of {gun} cannot be read: {location}.",
        hint="It guards against rollback. Restore it, or remove it and pin the root again.",
    )


def state_content(gun: Gun, state: TrustState) -> dict[str, Any]:
    """Return a state as it is written, an object of JSON."""
    return {
        "gun": gun,
        "pins": sorted(state.pins),
        "root": base64.b64encode(state.root).decode("ascii"),
        "versions": dict(sorted(state.versions.items())),
    }


def read_content(content: Any, gun: Gun) -> TrustState:  # noqa: ANN401 - whatever JSON there was
    """Return the state that an object of JSON describes.

    Raises:
        One of ``DAMAGE``: it is not as ``state_content`` wrote it, or of another collection.
    """
    if content["gun"] != gun:
        raise ValueError("the state of another collection")
    return TrustState(
        root=base64.b64decode(content["root"], validate=True),
        versions={str(role): int(top) for role, top in content["versions"].items()},
        pins=frozenset(str(pin) for pin in content["pins"]),
    )


def _marks_under(root: bytes, older: TrustState) -> Mapping[str, int]:
    """Return the marks of a state that count under another root, of the same version or newer."""
    if root == older.root:
        return older.versions
    # Roots differ rarely, and only where the library has been loaded to verify them.
    from tuf.api.metadata import Root

    from signer.dialect.envelope import Envelope
    from signer.trust.marks import surviving_marks

    try:
        former, newer = (Envelope.from_bytes(wire).signed_as(Root) for wire in (older.root, root))
    except TrustDataError:
        return older.versions  # of a root that cannot be read nothing is known to be rotated
    return surviving_marks(older.versions, former, newer)
