"""Files that are written whole or not at all.

A file appears under its name only after its bytes are on disk, so a killed process or a full disk
leaves the former file as it was.
"""

import errno
import os
import tempfile
from pathlib import Path
from typing import Final

from signer.errors import SignerError, UsageError

MAX_NAMED_FILE: Final = 32 * 2**20
"""What no policy, certificate or key is longer than, in bytes; ``/dev/zero`` has no end at all."""


class UnwritableDirectoryError(SignerError):
    """A directory or file cannot be written: permissions, a full disk, a file in the way."""

    default_code = "not-writable"


def read_named_file(path: Path, *, max_bytes: int = MAX_NAMED_FILE) -> bytes:
    """Read a file that the user named on the command line or in the configuration file.

    Raises:
        UsageError: it cannot be read, or has more than ``max_bytes``.
    """
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from error
    except ValueError as error:  # no name of a file, such as one with a NUL in it
        raise UsageError(f"Cannot read {str(path)!r}: {error}.") from error
    if len(content) > max_bytes:
        raise UsageError(f"{path} has more than {max_bytes} bytes.")
    return content


def make_private_directory(directory: Path) -> None:
    """Create ``directory`` and its missing parents with mode 0700.

    Raises:
        UnwritableDirectoryError: it cannot be made.
    """
    try:
        for missing in reversed([directory, *directory.parents]):
            if not missing.exists():
                missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unwritable(directory, error) from error


def write_atomically(
    path: Path, content: bytes, *, mode: int = 0o600, durable: bool = True
) -> None:
    """Replace ``path`` by ``content`` in one step, on disk before it returns.

    Args:
        path: the file; missing directories above it are made.
        content: all of it.
        mode: its permissions.
        durable: False leaves the time of writing to the system: for files that may be lost.

    Raises:
        UnwritableDirectoryError: nothing was changed.
    """
    make_private_directory(path.parent)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), mode)
            file.write(content)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        Path(temporary).replace(path)
        temporary = None
        if durable:
            _sync_directory(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def write_named_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file that the user named: in one step, but neither in place of a link nor a device.

    What a symbolic link leads to is replaced, not the link; ``/dev/stdout``, ``/dev/null`` and
    pipes are written into.

    Raises:
        UnwritableDirectoryError: nothing was changed, unless it is a device or pipe.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
    except OSError as error:
        raise _unwritable(path, error) from error
    write_atomically(Path(os.path.realpath(path)), content, mode=mode)


def remove_file(path: Path) -> None:
    """Remove a file durably; a missing one is no error.

    Raises:
        UnwritableDirectoryError: it is still there.
    """
    try:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_directory(path.parent)
    except OSError as error:
        raise _unwritable(path, error) from error


def _sync_directory(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # not every file system can
            raise
    finally:
        os.close(handle)


def _unwritable(path: Path, error: OSError) -> UnwritableDirectoryError:
    reason = error.strerror or type(error).__name__
    return UnwritableDirectoryError(
        f"Cannot write {path}: {reason}.",
        hint="Check permissions and free space, or choose another directory with --trust-dir.",
    )
