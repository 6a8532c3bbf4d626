"""GitLab's code quality report: refusals and warnings beside the lines of a merge request.

Source: GitLab's documentation, "Code Quality", implement a custom tool.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from signer.errors import ExitCode
from signer.names import printable
from signer.report.outcome import Kind, Outcome
from signer.report.place import fingerprints, relative_path

_SEVERITIES: Final = {ExitCode.TRUST_DATA: "blocker"}


def codequality(outcomes: Sequence[Outcome], *, base: Path) -> str:
    """Return the report as JSON: an array, which is empty where nothing is to be mended.

    GitLab wants a path and a line of everything. An image that no file names has its own name as
    path, and line 1.

    Args:
        outcomes: in the order of the command's results.
        base: the project's directory.
    """
    marks = fingerprints(outcomes, base=base)
    issues = [
        _issue(outcome, mark, base=base)
        for outcome, mark in zip(outcomes, marks, strict=True)
        if outcome.message
    ]
    return f"{json.dumps(issues, indent=2)}\n"


def _issue(outcome: Outcome, fingerprint: str, *, base: Path) -> dict[str, Any]:
    description = f"{outcome.status} {printable(outcome.title)}: {outcome.message}"
    if outcome.hint:
        description += f" {outcome.hint}"
    return {
        "description": description,
        "check_name": outcome.error.code if outcome.error else outcome.status,
        "fingerprint": fingerprint,
        "severity": _severity(outcome),
        "location": {
            "path": relative_path(outcome.file, base=base) or printable(outcome.title),
            "lines": {"begin": outcome.line or 1},
        },
    }


def _severity(outcome: Outcome) -> str:
    if outcome.kind is Kind.GOOD:
        return "minor"
    if outcome.kind is Kind.SKIPPED:
        return "info"
    code = outcome.error.exit_code if outcome.error else ExitCode.NOT_SIGNED
    return _SEVERITIES.get(code, "critical" if outcome.kind is Kind.REFUSED else "major")
