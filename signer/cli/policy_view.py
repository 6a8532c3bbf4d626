"""What ``signer policy`` shows: texts in 80 columns, and the parts of its JSON."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signer.cli.output import error_content, wrapped
from signer.errors import NotSignedError, SignerError
from signer.report.outcome import Kind, Outcome

if TYPE_CHECKING:
    from signer.policy.explain import Explanation
    from signer.policy.importing.draft import Imported
    from signer.policy.lint import LintResult
    from signer.policy.table import CaseResult
    from signer.policy.ucp import UcpAnswer

_UCP = "UCP, with 'Run only signed images',"


def findings_text(file: Path, result: "LintResult", *, quiet: bool) -> str:
    """Return findings, a line each with its remedy below; only warnings where ``quiet``."""
    lines = []
    for found in result.findings:
        if quiet and found.severity != "warning":
            continue
        about = f"{found.rule}: " if found.rule else ""
        said = f"{file}:{found.line}: {found.severity}: {about}{found.message} ({found.code})"
        lines.append(wrapped(said))
        if found.hint:
            lines.append(wrapped(found.hint, indent="  "))
    if not quiet:
        severities = [found.severity for found in result.findings]
        counts = [
            _counted(severities.count("warning"), "warning"),
            _counted(severities.count("note"), "note"),
        ]
        lines.append(f"{file}: {_counted(len(result.policy.rules), 'rule')}, {', '.join(counts)}")
    return "\n".join(lines)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def explanation_text(
    explanation: "Explanation",
    answer: "UcpAnswer | None",
    unknown: SignerError | None,
    *,
    policy: Path,
) -> str:
    """Return an explanation for people."""
    lines = [str(explanation.reference), "", wrapped(f"Rules of {policy}:")]
    for number, considered in enumerate(explanation.considered):
        rule = considered.rule
        mark = "decides" if considered.matches and number == 0 else "matches"
        mark = mark if considered.matches else "no match"
        why = f" ({considered.why})" if considered.why else ""
        lines.append(
            wrapped(f"  {mark:8}  line {rule.line}  {rule.name}{why}", subsequent=" " * 12)
        )
    lines += ["", wrapped(explanation.outcome)]
    lines += [
        wrapped(f"  {int(condition.step):2}  {condition.text}", subsequent=" " * 6)
        for condition in explanation.conditions
    ]
    lines += ["", *_ucp_lines(explanation, answer, unknown)]
    return "\n".join(lines)


def _ucp_lines(
    explanation: "Explanation", answer: "UcpAnswer | None", unknown: SignerError | None
) -> Iterator[str]:
    if answer is None:
        if unknown is None:
            why = "this rule looks at none" if explanation.rule else "no rule says whose"
            yield wrapped(f"{_UCP} goes by keys; {why}.")
        else:
            yield wrapped(f"{_UCP} goes by who has signed, which is not known here:")
            yield wrapped(f"{unknown.message} ({unknown.code})", indent="  ")
        return
    if not answer.digest:
        yield wrapped(f"{_UCP} would refuse it: its tag is not in targets/releases or targets.")
        return
    if not answer.signatures:
        yield wrapped(
            f"{_UCP} would refuse it: it is not signed in any delegation directly below targets "
            "but targets/releases."
        )
        return
    if answer.accepts:
        yield wrapped(f"{_UCP} would run it if it knows one of these keys as a user's:")
    else:
        missing = ", ".join(answer.missing)
        yield wrapped(f"{_UCP} would refuse it: nobody of {missing} has signed. Keys that have:")
    for signature in answer.signatures:
        who = ", ".join(signature.signers) or "nobody whom the policy declares"
        teams = f" of {', '.join(signature.teams)}" if signature.teams else ""
        yield wrapped(f"  {signature.key_id} in {signature.role}: {who}{teams}", subsequent="    ")


def explanation_content(explanation: "Explanation", answer: "UcpAnswer | None") -> dict[str, Any]:
    """Return an explanation as JSON."""
    rule, runner_up = explanation.rule, explanation.runner_up
    return {
        "image": str(explanation.reference),
        "rule": rule.name if rule else "",
        "line": rule.line if rule else 0,
        "runner_up": runner_up.name if runner_up else "",
        "mode": rule.mode if rule else "enforce",
        "approve": rule.approve if rule else False,
        "considered": [
            {
                "rule": one.rule.name,
                "line": one.rule.line,
                "matches": one.matches,
                "why": one.why,
            }
            for one in explanation.considered
        ],
        "outcome": explanation.outcome,
        "required": [
            {"step": int(one.step), "code": one.step.code, "text": one.text}
            for one in explanation.conditions
        ],
        "ucp": _ucp_content(answer) if answer else None,
    }


def _ucp_content(answer: "UcpAnswer") -> dict[str, Any]:
    return {
        "accepts": answer.accepts,
        "digest": answer.digest,
        "missing_teams": list(answer.missing),
        "signatures": [
            {
                "role": one.role,
                "key_id": one.key_id,
                "signers": list(one.signers),
                "teams": list(one.teams),
            }
            for one in answer.signatures
        ],
    }


def results_text(table: Path, results: "Sequence[CaseResult]", *, quiet: bool) -> str:
    """Return the results of a table; only what differs where ``quiet``."""
    lines = []
    for result in results:
        case, verdict = result.case, result.verdict
        if not result.differences:
            if not quiet:
                lines.append(f"pass  {verdict.image}: {verdict.verdict}")
            continue
        lines.append(f"FAIL  {verdict.image} ({table}:{case.line})")
        lines += [
            wrapped(
                f"  {one.name:8} expected {one.expected}, found {one.found}", subsequent=" " * 11
            )
            for one in result.differences
        ]
        if verdict.reason:
            said = f"  reason   {verdict.reason.message} ({verdict.reason.code})"
            lines.append(wrapped(said, subsequent=" " * 11))
    failed = sum(bool(result.differences) for result in results)
    if failed or not quiet:
        lines.append(f"{_counted(len(results), 'case')}, {len(results) - failed} as expected")
    return "\n".join(lines)


def results_content(results: "Sequence[CaseResult]") -> dict[str, Any]:
    """Return the results of a table as JSON."""
    failed = sum(bool(result.differences) for result in results)
    return {
        "passed": len(results) - failed,
        "failed": failed,
        "cases": [
            {
                "image": result.verdict.image,
                "line": result.case.line,
                "expected": result.case.expect,
                "verdict": result.verdict.verdict,
                "digest": result.verdict.digest,
                "rule": result.verdict.rule,
                "passed": not result.differences,
                "differences": [
                    {"name": one.name, "expected": one.expected, "found": one.found}
                    for one in result.differences
                ],
                "reason": error_content(result.verdict.reason) if result.verdict.reason else None,
            }
            for result in results
        ],
    }


def outcome_of(table: Path, result: "CaseResult") -> Outcome:
    """Return a case's outcome for reports: good where the verdict is as expected."""
    said = "; ".join(
        f"{one.name}: expected {one.expected}, found {one.found}" for one in result.differences
    )
    error = NotSignedError(f"{said}.", code="not-as-expected") if said else None
    return Outcome(
        image=result.verdict.image,
        status="fail" if error else "pass",
        kind=Kind.REFUSED if error else Kind.GOOD,
        error=error,
        file=str(table),
        line=result.case.line,
        rule=result.verdict.rule,
    )


def import_warnings(imported: "Imported", output: Path | None) -> str:
    """Return what somebody who imports a policy should know."""
    written = f" to {output}" if output else ""
    head = f"{_counted(imported.rules, 'rule')} imported from {imported.kind}{written}"
    if imported.denied:
        head += f", of which {imported.denied} refuse because they could not be carried over"
    lines = [wrapped(f"{head}.")]
    lines += [wrapped(f"warning: {said}") for said in imported.warnings]
    return "\n".join(lines)
