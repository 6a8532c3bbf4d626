"""SARIF 2.1.0, which code scanners' pages and editors read.

One result for each image. What is refused, or could not be decided, is an ``error``; what is let
through with a warning a ``warning``; what is accepted is a result of kind ``pass`` and no level,
which pages for findings do not show.

Source: SARIF 2.1.0, sections 3.13 (log file) to 3.58 (notifications).
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from signer import __version__
from signer.errors import ExitCode, worst_exit_code
from signer.names import printable
from signer.report.outcome import Kind, Outcome
from signer.report.place import fingerprints, relative_uri
from signer.report.sarif_rules import RuleText, descriptor, rule_text

_SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
_BASE: Final = "%SRCROOT%"
_ACCEPTED: Final = RuleText("accepted", "The image is accepted", "Nothing is to be done.", "")


def sarif(outcomes: Sequence[Outcome], *, command: str, now: datetime, base: Path) -> str:
    """Return the log file as JSON.

    Args:
        outcomes: in the order of the command's results.
        command: the command's name, for example ``verify``.
        now: when the run ended, aware.
        base: the directory below which files are named relative to it.
    """
    rules: dict[str, dict[str, Any]] = {}
    marks = fingerprints(outcomes, base=base)
    results = [
        _result(outcome, mark, rules=rules, base=base)
        for outcome, mark in zip(outcomes, marks, strict=True)
        if outcome.image
    ]
    run = {
        "tool": {
            "driver": {
                "name": "signer",
                "version": __version__,
                "semanticVersion": __version__,
                "rules": list(rules.values()),
            }
        },
        "automationDetails": {"id": f"signer/{command}/"},
        "invocations": [_invocation(outcomes, now=now)],
        "originalUriBaseIds": {
            _BASE: {"description": {"text": "The directory in which the command ran."}}
        },
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    log = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return f"{json.dumps(log, indent=2)}\n"


def _result(
    outcome: Outcome, mark: str, *, rules: dict[str, dict[str, Any]], base: Path
) -> dict[str, Any]:
    kind, level = _kind_and_level(outcome)
    rule = _rule(outcome)
    rules.setdefault(rule.code, descriptor(rule, level="error" if level == "none" else level))
    text = outcome.message or rule.title
    if outcome.hint:
        text += f" {outcome.hint}"
    return {
        "ruleId": rule.code,
        "ruleIndex": list(rules).index(rule.code),
        "kind": kind,
        "level": level,
        "message": {"text": f"{printable(outcome.title)}: {text}"},
        "locations": [_location(outcome, base=base)],
        "fingerprints": {"image/v1": mark},
        "partialFingerprints": {"primaryLocationLineHash": f"{mark[:16]}:1"},
        "properties": _properties(outcome),
    }


def _kind_and_level(outcome: Outcome) -> tuple[str, str]:
    if outcome.kind in {Kind.REFUSED, Kind.FAILED}:
        return "fail", "error"
    if outcome.kind is Kind.SKIPPED:
        return "notApplicable", "none"
    return ("fail", "warning") if outcome.error or outcome.notes else ("pass", "none")


def _rule(outcome: Outcome) -> RuleText:
    if outcome.error:
        return rule_text(outcome.error.code, outcome.error.exit_code)
    if outcome.kind is Kind.GOOD and not outcome.notes:
        return _ACCEPTED
    return RuleText(outcome.status, f"The image's outcome is {outcome.status}", "Read why.", "")


def _location(outcome: Outcome, *, base: Path) -> dict[str, Any]:
    name = printable(outcome.image)
    logical = [{"name": name, "fullyQualifiedName": name, "kind": "resource"}]
    if outcome.path:
        path = printable(outcome.path)
        logical.append({"name": path, "fullyQualifiedName": path, "kind": "member"})
    location: dict[str, Any] = {"logicalLocations": logical}
    uri = relative_uri(outcome.file, base=base)
    if uri:
        artifact = {"uri": uri}
        if not uri.startswith("file:"):
            artifact["uriBaseId"] = _BASE
        physical: dict[str, Any] = {"artifactLocation": artifact}
        if outcome.line:
            physical["region"] = {"startLine": outcome.line}
        location = {"physicalLocation": physical, **location}
    return location


def _properties(outcome: Outcome) -> dict[str, Any]:
    content: dict[str, Any] = {
        "verdict": outcome.status,
        "digest": outcome.digest,
        "policyRule": outcome.rule,
        "signers": list(outcome.signers),
        "role": outcome.role,
    }
    kept = {name: value for name, value in content.items() if value}
    kept["checks"] = [
        {
            "step": found.number,
            "code": found.name,
            "status": found.status,
            "detail": found.detail,
        }
        for found in outcome.findings
    ]
    return kept


def _invocation(outcomes: Sequence[Outcome], *, now: datetime) -> dict[str, Any]:
    """Describe the run; without its command line, in which anything might stand."""
    failed = [
        outcome
        for outcome in outcomes
        if outcome.kind is Kind.FAILED or (outcome.kind is Kind.REFUSED and not outcome.image)
    ]
    codes = [int(_exit_code(outcome)) for outcome in outcomes]
    content: dict[str, Any] = {
        "executionSuccessful": not failed,
        "exitCode": int(worst_exit_code(codes)),
        "endTimeUtc": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    }
    if failed:
        content["toolExecutionNotifications"] = [
            {
                "level": "error",
                "message": {"text": f"{outcome.title}: {outcome.message or outcome.status}"},
                "descriptor": {"id": outcome.error.code if outcome.error else outcome.status},
            }
            for outcome in failed
        ]
    return content


def _exit_code(outcome: Outcome) -> ExitCode:
    if outcome.kind not in {Kind.REFUSED, Kind.FAILED}:
        return ExitCode.OK
    return outcome.error.exit_code if outcome.error else ExitCode.NOT_SIGNED
