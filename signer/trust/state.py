"""What is remembered about a collection: its root and the highest versions seen.

Kept apart from the metadata cache, so that deleting the cache forgets neither. A mark only ever
rises: processes that finish in any order leave the maximum.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from signer.errors import SignerError, TrustDataError
from signer.files import (
    UnwritableDirectoryError,
    make_private_directory,
    remove_file,
    write_atomically,
)
from signer.names import Gun

_FILE = "_state.json"  # no component of a repository's name begins with '_'
_LOCK_SECONDS = 30
_DAMAGE = (OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
           ValueError)  # fmt: skip
"""What a file that is not as it was written can raise while it is read."""


class StateError(SignerError):
    """The remembered state of a collection cannot be read."""

    default_code = "trust-state-unreadable"


class StateConflictError(TrustDataError):
    """Two runs at the same time trusted different roots."""

    default_code = "trust-state-conflict"


@dataclass(frozen=True)
class TrustState:
    """The remembered state of one collection.

    Attributes:
        root: wire form of the newest trusted root.
        versions: highest version seen, by role.
        pins: fingerprints of sets of pins that the root's chain satisfied.
    """

    root: bytes
    versions: Mapping[str, int] = field(default_factory=dict)
    pins: frozenset[str] = frozenset()


class StateStore:
    """Remembered states in files, one per collection, below a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def path(self, gun: Gun) -> Path:
        """Return where the state of ``gun`` lies."""
        return self.directory / gun / _FILE

    def load(self, gun: Gun) -> TrustState | None:
        """Read a collection's state; None where nothing is remembered.

        Raises:
            StateError: the file is there but damaged: nothing is assumed in its place.
        """
        path = self.path(gun)
        try:
            content = json.loads(path.read_bytes())
            if content["gun"] != gun:
                raise ValueError("the state of another collection")
            return TrustState(
                root=base64.b64decode(content["root"], validate=True),
                versions={str(role): int(top) for role, top in content["versions"].items()},
                pins=frozenset(str(pin) for pin in content["pins"]),
            )
        except FileNotFoundError:
            return None
        except _DAMAGE as error:
            raise self.unreadable(gun) from error

    def unreadable(self, gun: Gun) -> StateError:
        """Return the error for a state whose file, or whose content, is damaged."""
        return StateError(
            f"The remembered trust state of {gun} cannot be read: {self.path(gun)}.",
            hint="It guards against rollback. Restore it, or remove it and pin the root again.",
        )

    def forget(self, gun: Gun) -> None:
        """Forget a collection that is made anew; nothing guards its versions afterwards.

        Raises:
            UnwritableDirectoryError: it is still remembered.
        """
        remove_file(self.path(gun))

    def save(self, gun: Gun, state: TrustState) -> None:
        """Remember ``state``, keeping the higher of each version; unchanged states are not written.

        Raises:
            StateConflictError: another root of the same version was trusted meanwhile.
            UnwritableDirectoryError: nothing was changed.
        """
        path = self.path(gun)
        known = self.load(gun)
        if _merge(known, state) == known:
            return
        make_private_directory(path.parent)
        with _locked(path.parent / "_lock"):
            known = self.load(gun)
            if known is not None and _contradict(known, state):
                raise StateConflictError(
                    f"Another run has meanwhile trusted another root version "
                    f"{state.versions['root']} of {gun}: {path}.",
                    hint="At most one is right. Pin the root, and remove what is remembered.",
                )
            merged = _merge(known, state)
            content = {
                "gun": gun,
                "pins": sorted(merged.pins),
                "root": base64.b64encode(merged.root).decode("ascii"),
                "versions": dict(sorted(merged.versions.items())),
            }
            write_atomically(path, json.dumps(content, indent=1).encode("ascii") + b"\n")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = FileLock(path, timeout=_LOCK_SECONDS, mode=0o600)
    try:
        lock.acquire()
    except OSError as error:  # filelock's Timeout is one, too
        reason = "another process holds it" if isinstance(error, Timeout) else error.strerror
        raise UnwritableDirectoryError(
            f"Cannot lock {path}: {reason or type(error).__name__}.",
            hint="Check permissions and free space, or choose another directory with --trust-dir.",
        ) from error
    try:
        yield
    finally:
        lock.release()


def _merge(known: TrustState | None, new: TrustState) -> TrustState:
    if known is None:
        return new
    newer = new.versions.get("root", 0) >= known.versions.get("root", 0)
    kept = new if newer else known
    # What a pin said about a root that is not kept says nothing about the one that is.
    pins = known.pins | new.pins if known.root == new.root else kept.pins
    return TrustState(kept.root, _maxima([known.versions, new.versions]), pins)


def _contradict(known: TrustState, new: TrustState) -> bool:
    same_version = known.versions.get("root", 0) == new.versions.get("root", 0)
    return same_version and known.root != new.root


def _maxima(marks: Iterable[Mapping[str, int]]) -> dict[str, int]:
    result: dict[str, int] = {}
    for mark in marks:
        for role, version in mark.items():
            result[role] = max(version, result.get(role, 0))
    return result
