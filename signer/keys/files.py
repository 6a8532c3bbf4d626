"""Reading key files: nothing is followed, shared or read without end by accident."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signer.errors import KeyUnusableError
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAX_KEY_FILE_SIZE: Final = 4 * 2**20
"""An export of a whole trust directory fits; a disk image given by mistake does not."""

_SHARED: Final = 0o077


@dataclass(frozen=True)
class KeyFile:
    """What was read from a key file.

    Attributes:
        data: the content.
        mode: the permission bits of the file that was read.
    """

    data: bytes = field(repr=False)
    mode: int

    @property
    def shared(self) -> bool:
        """Whether anybody but the owner may read or write the file."""
        return bool(self.mode & _SHARED)


def read_key_file(path: Path, *, follow: bool = True, limit: int = MAX_KEY_FILE_SIZE) -> KeyFile:
    """Read a file, or a pipe such as ``/dev/fd/63``.

    Args:
        path: the file.
        follow: whether a symbolic link is followed; otherwise links, pipes and devices are refused.
        limit: the largest size, in bytes.

    Raises:
        KeyUnusableError: it cannot be read, is no file, or is too large.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC
    if not follow:
        flags |= os.O_NOFOLLOW | os.O_NONBLOCK
    with translated(path, "read"):
        with open(os.open(path, flags), "rb") as file:  # noqa: PTH123 - an open descriptor
            mode = os.fstat(file.fileno()).st_mode
            if not (stat.S_ISREG(mode) or (follow and stat.S_ISFIFO(mode))):
                raise KeyUnusableError(f"{printable(str(path))} is not a file.", code="no-file")
            data = file.read(limit + 1)
        if len(data) > limit:
            raise KeyUnusableError(
                f"{printable(str(path))} is larger than {limit} bytes; that is no key file.",
                code="key-file-size",
            )
    return KeyFile(data, stat.S_IMODE(mode))


def refuse_shared(path: Path, mode: int) -> None:
    """Refuse a private key file that others may read or write, as docker does.

    Raises:
        KeyUnusableError: with the command that mends it.
    """
    if mode & _SHARED:
        name = printable(str(path))
        raise KeyUnusableError(
            f"The private key file {name} may be read or written by others (mode {mode:04o}).",
            hint=f"Run: chmod 600 {name}",
            code="key-file-shared",
        )


@contextmanager
def translated(path: Path, deed: str) -> Iterator[None]:
    """Turn errors of the operating system into ours, naming the path."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        hints = {
            errno.EROFS: "The file system is read-only: choose another directory (--trust-dir).",
            errno.EACCES: "Check owner and permissions, or choose another directory.",
            errno.EPERM: "Check owner and permissions, or choose another directory.",
            errno.ELOOP: "Symbolic links are not followed here.",
        }
        raise KeyUnusableError(
            f"{printable(str(path))} cannot be {deed}: {reason}.",
            hint=hints.get(error.errno or 0, ""),
            code="key-file",
        ) from error
    except ValueError as error:
        raise KeyUnusableError(f"{printable(str(path))!r} is no path.", code="key-file") from error
