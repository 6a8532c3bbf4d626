"""Replacing several files at once: all of them, or none."""

import os
import stat
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from signer.files import UnwritableDirectoryError


@dataclass(frozen=True)
class NewFile:
    """What a file is to hold.

    Attributes:
        path: the file; a symbolic link stays one, and the file that it names is replaced.
        content: all of it.
        mode: its permissions, where there is no such file yet; otherwise they stay as they are.
    """

    path: Path
    content: bytes = field(repr=False)
    mode: int = 0o644

    @property
    def target(self) -> Path:
        """The file itself, behind symbolic links."""
        return Path(os.path.realpath(self.path))


def replace_files(files: Sequence[NewFile]) -> None:
    """Write files, each in one step, after all their new contents are on disk.

    Raises:
        UnwritableDirectoryError: nothing was changed, and nothing is left behind.
    """
    staged: list[tuple[NewFile, Path]] = []
    replaced: list[tuple[Path, bytes | None]] = []
    current = Path()
    try:
        for file in files:
            current = file.path
            staged.append((file, _staged(file)))
        for file, temporary in staged:
            current = file.path
            former = file.target.read_bytes() if file.target.exists() else None
            temporary.replace(file.target)
            replaced.append((file.target, former))
    except BaseException as error:
        for target, former in reversed(replaced):
            with suppress(OSError):  # the first error is what is to be told
                _restore(target, former)
        if not isinstance(error, OSError):
            raise
        reason = error.strerror or type(error).__name__
        raise UnwritableDirectoryError(
            f"Cannot write {current}: {reason}.",
            hint="Check the permissions of its directory, and free space; no file was changed.",
        ) from error
    finally:
        for _, temporary in staged:
            temporary.unlink(missing_ok=True)


def _staged(file: NewFile) -> Path:
    """Write a file's new content beside it."""
    target = file.target
    if not target.parent.exists():
        target.parent.mkdir()  # the directory that the user named for the files
    former = target.stat() if target.exists() else None
    if former is not None and not stat.S_ISREG(former.st_mode):
        raise OSError(0, "it is no regular file")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as opened:
            if former is not None:
                with suppress(OSError):
                    os.fchown(opened.fileno(), -1, former.st_gid)
                with suppress(OSError):  # the group may be had where the owner may not
                    os.fchown(opened.fileno(), former.st_uid, -1)
            os.fchmod(opened.fileno(), stat.S_IMODE(former.st_mode) if former else file.mode)
            opened.write(file.content)
            opened.flush()
            os.fsync(opened.fileno())
    except BaseException:
        Path(name).unlink()
        raise
    return Path(name)


def _restore(target: Path, former: bytes | None) -> None:
    if former is None:
        target.unlink(missing_ok=True)
    else:
        _staged(NewFile(target, former)).replace(target)
