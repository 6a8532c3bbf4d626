"""One report on all images of a run, in the form that was asked for.

Text and JSON are the command's own; these are for other programs, and for people's browsers.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

from signer.errors import UsageError
from signer.names import printable
from signer.report.outcome import Outcome

FORMATS: Final = ("sarif", "junit", "github", "codequality", "html")
"""What `render` knows."""


def render(
    outcomes: Sequence[Outcome],
    format: str,
    *,
    command: str,
    now: datetime,
    base: Path | None = None,
) -> str:
    """Return the report; it is empty, or ends with a line's end.

    Args:
        outcomes: in the order of the command's results.
        format: one of `FORMATS`.
        command: the command's name, for example ``verify``.
        now: when the report is made, aware.
        base: the directory below which files are named relative to it; the working directory
            unless given.

    Raises:
        UsageError: the format is not known.
    """
    base = base or Path.cwd()
    match format:
        case "sarif":
            from signer.report.sarif import sarif

            return sarif(outcomes, command=command, now=now, base=base)
        case "junit":
            from signer.report.junit import junit

            return junit(outcomes, command=command)
        case "github":
            from signer.report.github import annotations

            return annotations(outcomes, command=command, base=base)
        case "codequality":
            from signer.report.codequality import codequality

            return codequality(outcomes, base=base)
        case "html":
            from signer.report.html import verdicts_page

            return verdicts_page(outcomes, command=command, now=now)
    raise UsageError(
        f"{printable(format)!r} is no format of a report.", hint=f"There are {', '.join(FORMATS)}."
    )
