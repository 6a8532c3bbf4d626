"""The text of a workload file: read within limits, with lines, and errors that name them."""

import re
import sys
from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from signer.errors import UsageError
from signer.names import printable

STDIN: Final = "-"
MAX_FILE_BYTES: Final = 8 * 1024 * 1024

FileName = Path | str

_BOM: Final = "\ufeff"
_LINE_END: Final = re.compile(r"\r\n|\n|\r")


class WorkloadFileError(UsageError):
    """A workload file cannot be read, or names an image in a way that cannot be decided about."""

    default_code = "bad-workload-file"


class Source:
    """A file's text without its byte order mark; positions are counted in characters of it.

    Attributes:
        name: the file as the user named it, or as another file refers to it; ``-`` is standard
            input.
        text: the text.
        bom: whether a byte order mark stood before it.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.bom = text.startswith(_BOM)
        self.text = text[1:] if self.bom else text

    @classmethod
    def of_bytes(cls, name: str, content: bytes) -> "Source":
        """Decode a file.

        Raises:
            WorkloadFileError: it is too large, or no text in UTF-8.
        """
        if len(content) > MAX_FILE_BYTES:
            raise WorkloadFileError(
                f"{name} is larger than {MAX_FILE_BYTES // 1024**2} MB.",
                hint="Give the manifests in several files.",
            )
        try:
            return cls(name, content.decode())
        except UnicodeDecodeError as error:
            raise WorkloadFileError(f"{name} is no text in UTF-8.") from error

    @property
    def content(self) -> bytes:
        """The file's bytes."""
        return (_BOM + self.text if self.bom else self.text).encode()

    def with_text(self, text: str) -> "Source":
        """Return the file with another text."""
        return Source(self.name, _BOM + text if self.bom else text)

    @cached_property
    def _starts(self) -> Sequence[int]:
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def line(self, index: int) -> int:
        """Return the line, from 1, of a position."""
        return bisect_right(self._starts, index)

    def error(self, index: int, what: str, *, hint: str = "") -> WorkloadFileError:
        """Return an error that names the file and the line of a position."""
        return WorkloadFileError(f"{self.name}:{self.line(index)}: {what}", hint=hint)


def read_source(file: FileName) -> Source:
    """Read a file, or standard input for the text ``-``; a path of that name is a file.

    Raises:
        WorkloadFileError: it is too large, or no text in UTF-8.
        UsageError: it cannot be read.
    """
    # One byte more than allowed tells a file that is too large from one that just fits.
    if file == STDIN:
        return Source.of_bytes(STDIN, sys.stdin.buffer.read(MAX_FILE_BYTES + 1))
    path = Path(file)
    try:
        with path.open("rb") as opened:
            return Source.of_bytes(str(path), opened.read(MAX_FILE_BYTES + 1))
    except (OSError, ValueError) as error:  # no name of a file, such as one with a NUL in it
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError | ValueError) -> UsageError:
    """Return the error for a file that cannot be read."""
    reason = isinstance(error, OSError) and error.strerror
    return UsageError(f"Cannot read {printable(str(path))}: {reason or error}.")
