"""GitHub Actions: step outputs, the job's summary, and annotations.

Source: dtr-ucp-ci reference, D.4.
"""

import json
import re
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from signer.names import printable
from signer.report.outcome import Kind, Outcome, worst
from signer.report.place import relative_path
from signer.report.visible import visible

_MAX_SUMMARY_BYTES: Final = 1_000_000
"""GitHub takes 1 MiB per step; a larger file is refused as a whole."""

_ACTIVE: Final = re.compile(r"[\\`*_{}\[\]<>()#+!|~@&:]")
_COMMANDS: Final = {Kind.REFUSED: "error", Kind.FAILED: "error", Kind.SKIPPED: "notice"}


def _random_delimiter() -> str:
    return f"signer_{secrets.token_hex(16)}"


def step_outputs(
    outcomes: Sequence[Outcome], *, delimiter: Callable[[], str] = _random_delimiter
) -> str:
    """Return what is appended to ``$GITHUB_OUTPUT``.

    ``status`` of the worst outcome, ``results`` as JSON, and for a single image that is signed or
    accepted ``image``, ``digest`` and ``reference``. No value can end its own block: the delimiter
    is random and in none of them.
    """
    lead = worst(outcomes)
    results = [
        {
            "image": outcome.image,
            "status": outcome.status,
            "digest": outcome.digest,
            "reference": outcome.reference,
            "reason": outcome.error.code if outcome.error else "",
        }
        for outcome in outcomes
    ]
    values = {
        "status": lead.status if lead else "none",
        "results": json.dumps(results, separators=(",", ":")),
    }
    if len(outcomes) == 1 and lead and lead.digest:
        values |= {"image": lead.image, "digest": lead.digest, "reference": lead.reference}
    return "".join(_block(name, value, delimiter=delimiter) for name, value in values.items())


def summary(outcomes: Sequence[Outcome], *, command: str) -> str:
    """Return what is appended to ``$GITHUB_STEP_SUMMARY``: Markdown in which nothing is active."""
    text = f"### signer {command}\n\n| outcome | image | digest | why |\n|---|---|---|---|\n"
    for number, outcome in enumerate(outcomes):
        cells = (outcome.status, outcome.title, outcome.digest, outcome.message)
        row = f"| {' | '.join(map(_inert, cells))} |\n"
        if len((text + row).encode()) > _MAX_SUMMARY_BYTES:
            return f"{text}\n{len(outcomes) - number} more are not shown.\n"
        text += row
    failed = [
        f"- {_inert(outcome.title)}: {_inert(finding.name)}: {_inert(finding.detail)}\n"
        for outcome in outcomes
        for finding in outcome.findings
        if finding.status == "fail"
    ]
    if failed and len((text + "".join(failed)).encode()) < _MAX_SUMMARY_BYTES:
        text += f"\nChecks that failed:\n\n{''.join(failed)}"
    return f"{text}\n"


def annotations(outcomes: Sequence[Outcome], *, command: str, base: Path | None = None) -> str:
    """Return the workflow commands that annotate a run: errors, warnings, notices.

    Args:
        outcomes: in the order of the command's results.
        command: the command's name, for example ``verify``.
        base: the directory below which files are named relative to it, as GitHub wants them.
    """
    lines = []
    for outcome in outcomes:
        kind = _COMMANDS.get(outcome.kind, "warning")
        if not outcome.message:
            continue
        title = _property(printable(f"signer {command}: {outcome.status}"))
        lines.append(
            f"::{kind} {_place(outcome, base=base)}title={title}"
            f"::{_data(f'{outcome.title}: {outcome.message}')}\n"
        )
    return "".join(lines)


def _place(outcome: Outcome, *, base: Path | None) -> str:
    """Return the properties by which GitHub shows an annotation beside the line of a file."""
    path = relative_path(outcome.file, base=base)
    if not path:
        return ""
    file = f"file={_property(printable(path))},"
    return f"{file}line={outcome.line}," if outcome.line else file


def warning(text: str) -> str:
    """Return the workflow command of one warning."""
    return f"::warning title=signer::{_data(text)}\n"


def _block(name: str, value: str, *, delimiter: Callable[[], str]) -> str:
    mark = delimiter()
    while mark in value:
        mark = delimiter()
    return f"{name}<<{mark}\n{value}\n{mark}\n"


def _data(text: str) -> str:
    """Escape the text of a workflow command."""
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Escape a property of a workflow command."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _inert(text: str) -> str:
    """Escape what Markdown or HTML would act on, in one line."""
    return _ACTIVE.sub(lambda found: f"&#{ord(found[0])};", " ".join(text.split()))
