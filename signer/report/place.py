"""Where a report points to: files as relative URIs, and what tells one finding from another."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from signer.report.outcome import Outcome

STANDARD_INPUT: Final = "-"
_SEPARATOR: Final = "\0"


def relative_path(file: str, *, base: Path | None) -> str:
    """Return a file below ``base`` as CI systems name it: relative, with ``/``, without ``./``.

    A file elsewhere keeps its path; standard input, and no file at all, become an empty string.
    """
    if not file or file == STANDARD_INPUT:
        return ""
    path = Path(file)
    if base and path.is_absolute() and path.is_relative_to(base):
        path = path.relative_to(base)
    return str(PurePosixPath(path))


def relative_uri(file: str, *, base: Path) -> str:
    """Return `relative_path` as a URI; of a file that is not below ``base``, the absolute one."""
    path = relative_path(file, base=base)
    return Path(path).as_uri() if path.startswith("/") else quote(path)


def fingerprints(outcomes: Sequence[Outcome], *, base: Path) -> list[str]:
    """Return 64 hex digits for each outcome, by which a later report finds the same one again.

    They stand for the reason, the file, the place in its structure and the image; not for the
    line, which moves. Equal ones are told apart by their order.
    """
    seen: Counter[str] = Counter()
    found = []
    for outcome in outcomes:
        code = outcome.error.code if outcome.error else outcome.status
        file = relative_path(outcome.file, base=base)
        identity = _SEPARATOR.join((code, file, outcome.path, outcome.image))
        seen[identity] += 1
        numbered = f"{identity}{_SEPARATOR}{seen[identity]}"
        found.append(hashlib.sha256(numbered.encode("utf-8", "surrogateescape")).hexdigest())
    return found
