"""Remembered states in files, one per collection, below a directory: atomic and locked."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from signer.errors import SignerError
from signer.files import (
    UnwritableDirectoryError,
    make_private_directory,
    remove_file,
    write_atomically,
)
from signer.names import Gun, parse_gun
from signer.trust.state import (
    DAMAGE,
    StateError,
    TrustState,
    checked_merge,
    merge,
    read_content,
    state_content,
    unreadable_state,
)

_FILE: Final = "_state.json"  # no component of a repository's name begins with '_'
_LOCK_SECONDS: Final = 30


class FileStates:
    """States below ``directory``, in ``GUN/_state.json``; a ``StateStore``."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @property
    def description(self) -> str:
        """The directory."""
        return str(self.directory)

    def path(self, gun: Gun) -> Path:
        """Return where the state of ``gun`` lies."""
        return self.directory / gun / _FILE

    def location(self, gun: Gun) -> str:
        """Return where the state of ``gun`` lies, for people."""
        return str(self.path(gun))

    def load(self, gun: Gun) -> TrustState | None:
        """Read a collection's state; None where nothing is remembered.

        Raises:
            StateError: the file is there but damaged: nothing is assumed in its place.
        """
        try:
            return read_content(json.loads(self.path(gun).read_bytes()), gun)
        except FileNotFoundError:
            return None
        except (OSError, *DAMAGE) as error:
            raise self.unreadable(gun) from error

    def unreadable(self, gun: Gun) -> StateError:
        """Return the error for a state whose file, or whose content, is damaged."""
        return unreadable_state(gun, location=self.location(gun))

    def forget(self, gun: Gun) -> None:
        """Forget a collection that is made anew; nothing guards its versions afterwards.

        Raises:
            UnwritableDirectoryError: it is still remembered.
        """
        remove_file(self.path(gun))

    def save(self, gun: Gun, state: TrustState) -> None:
        """Remember ``state`` merged with what is known; unchanged states are not written.

        Raises:
            StateConflictError: another root of the same version was trusted meanwhile.
            StateError: what is known is damaged.
            UnwritableDirectoryError: nothing was changed.
        """
        self.save_all({gun: state})

    def save_all(self, states: Mapping[Gun, TrustState]) -> None:
        """Remember several states, or none where one of them conflicts.

        Raises:
            StateConflictError, StateError: nothing was changed.
            UnwritableDirectoryError: those before the one that is named were written.
        """
        changed: dict[Gun, TrustState] = {}
        for gun, state in states.items():
            known = self.load(gun)
            if merge(known, state) != known:
                changed[gun] = state
        with ExitStack() as locks:
            for gun in sorted(changed):  # in one order, so that no two runs wait for each other
                directory = self.path(gun).parent
                make_private_directory(directory)
                locks.enter_context(_locked(directory / "_lock"))
            merged = {
                gun: checked_merge(gun, self.load(gun), state, location=self.location(gun))
                for gun, state in changed.items()
            }
            for gun, state in merged.items():
                text = json.dumps(state_content(gun, state), indent=1)
                write_atomically(self.path(gun), text.encode("ascii") + b"\n")

    def guns(self) -> list[Gun]:
        """Return the collections that are remembered, sorted."""
        found = []
        for path in self.directory.rglob(_FILE):
            try:
                found.append(parse_gun(path.parent.relative_to(self.directory).as_posix()))
            except SignerError:
                continue  # no name of a collection, so nothing that was written here
        return sorted(found)

    def changed(self, gun: Gun) -> datetime | None:
        """Return when a collection's file was last written, in UTC."""
        try:
            return datetime.fromtimestamp(self.path(gun).stat().st_mtime, tz=UTC)
        except OSError:
            return None

    def close(self) -> None:
        """Do nothing: no file is kept open."""


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
