"""The file that records are appended to.

- One process appends at a time, under a lock beside the file; the lock is not held while work is
  done, so jobs do not wait for each other.
- A record counts when it is on the disk. Nothing that is there is ever written again: the file may
  have the append-only attribute.
- What a killed process left behind without its line feed is ended, and named in the next record.
"""

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from signer.audit.chain import Chain, read_chain
from signer.audit.record import FIRST, TORN, line_hash, read_record, seal
from signer.dialect.canonical import Json
from signer.errors import SignerError, UsageError

_LOCK_SECONDS: Final = 30
_MODE: Final = 0o600
_SPAN: Final = 65536
"""Bytes of the end that are read first; a record is much shorter."""


class AuditFileError(SignerError):
    """The record cannot be written."""

    default_code = "audit-not-writable"


@dataclass(frozen=True)
class _End:
    """How a file ends: hash of its last good line, hashes of torn ones, whether a line is open."""

    previous: str
    torn: tuple[str, ...]
    is_open: bool


class AuditLog:
    """A record's file.

    Args:
        path: the file; made when it is first written to, its directory is not.
        lock_seconds: how long to wait for other processes.
    """

    def __init__(self, path: Path, *, lock_seconds: float = _LOCK_SECONDS) -> None:
        self.path = path
        self._lock_seconds = lock_seconds

    def check(self) -> None:
        """Open and lock the file, so that what cannot be recorded is not done.

        Raises:
            AuditFileError: it cannot be opened, locked or read.
        """
        with self._opened() as file:
            self._end(file)

    def append(self, contents: Sequence[Json]) -> list[bytes]:
        """Append records, all of them or none, and return their lines when they are on the disk.

        Args:
            contents: of ``content_of``, oldest first.

        Raises:
            AuditFileError: they are not there.
        """
        with self._opened() as file:
            end = self._end(file)
            previous, torn = end.previous, end.torn
            lines: list[bytes] = []
            if torn:
                notice = {**contents[0], "status": TORN, "what": {"action": TORN}}
                notice.pop("why", None)
                notice.pop("error", None)
                lines.append(seal(notice, previous=previous, torn=torn))
            for content in contents:
                if lines:
                    previous = line_hash(lines[-1])
                lines.append(seal(content, previous=previous))
            start = b"\n" if end.is_open else b""
            self._write(file, start + b"".join(line + b"\n" for line in lines))
            return lines

    def read(self) -> Chain:
        """Read and check the file; where it can be locked, no half-written line is seen.

        Raises:
            UsageError: it is not there, or cannot be read.
        """
        try:
            with self.path.open("rb") as file, self._locked_for_reading():
                return read_chain(file)
        except OSError as error:
            raise UsageError(
                f"Cannot read the audit record {self.path}: {error.strerror or error}.",
                code="audit-not-readable",
            ) from error

    @contextmanager
    def _opened(self) -> Iterator[int]:
        with self._locked():
            try:
                is_new = not self.path.exists()
                flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
                file = os.open(self.path, flags, _MODE)
            except OSError as error:
                raise self._unwritable(error.strerror or str(error)) from error
            try:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    raise self._unwritable("it is no regular file")
                if os.pread(file, 1, 0) not in {b"", b"{"}:
                    raise self._unwritable("it is a file of another kind")
                if is_new:
                    _sync_directory(self.path.parent)
                yield file
            except OSError as error:
                raise self._unwritable(error.strerror or str(error)) from error
            finally:
                os.close(file)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        if not self.path.parent.is_dir():  # which the lock would make
            raise self._unwritable("its directory does not exist")
        lock = FileLock(self._lock_path, timeout=self._lock_seconds, mode=_MODE)
        try:
            lock.acquire()
        except OSError as error:  # filelock's Timeout is one, too
            is_held = isinstance(error, Timeout)
            reason = "another process holds its lock" if is_held else error.strerror or str(error)
            raise self._unwritable(reason) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _locked_for_reading(self) -> Iterator[None]:
        """Whoever may only read the record cannot lock it, and reads what is there."""
        try:
            with self._locked():
                yield
        except AuditFileError:
            yield

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def _end(self, file: int) -> _End:
        size = os.lseek(file, 0, os.SEEK_END)
        span = _SPAN
        while True:
            start = max(0, size - span)
            lines = os.pread(file, size - start, start).split(b"\n")
            found = _end_of(lines if start == 0 else lines[1:], is_all=start == 0)
            if found is not None:
                return found
            span *= 4

    def _write(self, file: int, content: bytes) -> None:
        size = os.lseek(file, 0, os.SEEK_END)
        try:
            written = 0
            while written < len(content):
                written += os.write(file, content[written:])
            os.fsync(file)
        except OSError:
            with contextlib.suppress(OSError):  # else the rest is a torn line, which is dealt with
                os.ftruncate(file, size)
            raise

    def _unwritable(self, reason: str) -> AuditFileError:
        return AuditFileError(
            f"Cannot write the audit record {self.path}: {reason}.",
            hint="It is the file of [audit] in signer.toml. Check the directory, permissions and "
            "free space.",
        )


def _end_of(lines: list[bytes], *, is_all: bool) -> _End | None:
    """Look at the last lines, split at line feeds; None where more of them are needed."""
    *whole, last = lines if lines else [b""]
    if not last:
        if whole:
            return _End(line_hash(whole[-1]), (), is_open=False)
        return _End(FIRST, (), is_open=False) if is_all else None
    torn: list[str] = []
    for line in [last, *reversed(whole)]:
        if _is_record(line):
            return _End(line_hash(line), tuple(reversed(torn)), is_open=True)
        torn.append(line_hash(line))
    return _End(FIRST, tuple(reversed(torn)), is_open=True) if is_all else None


def _is_record(line: bytes) -> bool:
    try:
        read_record(line, number=0)
    except ValueError:
        return False
    return True


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # not every file system can
            os.fsync(handle)
    finally:
        os.close(handle)
