"""A table of images with the verdicts that a policy should give.

::

    policy: policy.yaml
    cases:
      - image: dtr.example.com/admin/flask:1.0
        expect: accept
        digest: sha256:...
      - image: docker.io/library/busybox
        expect: reject
        code: no-rule
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from signer.errors import ExitCode, SignerError, UsageError
from signer.files import read_named_file
from signer.names import ImageReference, printable
from signer.policy.document import Document
from signer.policy.verdict import Verdict

MAX_TABLE_SIZE: Final = 4 * 1024 * 1024
_DECIDED: Final = {ExitCode.NOT_SIGNED, ExitCode.TRUST_DATA, ExitCode.EXPIRED}


class _Case(msgspec.Struct, forbid_unknown_fields=True):
    image: str
    expect: Literal["accept", "warn", "reject"]
    code: str | None = None
    digest: str | None = None
    rule: str | None = None
    at: Any = None  # a text, or what YAML itself takes for a time


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    cases: list[_Case]
    policy: str = ""


@dataclass(frozen=True)
class Case:
    """One line of the table.

    Attributes:
        reference: the image.
        expect: the verdict: ``accept``, ``warn`` or ``reject``.
        code: the reason's code, or ``""`` for no reason at all; None for any.
        digest: ``sha256:HEX``; None for any.
        rule: name of the rule that decides, or ``""`` for none; None for any.
        at: the moment as of which to decide, in UTC; None for now.
        line: in the file, from 1.
    """

    reference: ImageReference
    expect: str
    code: str | None = None
    digest: str | None = None
    rule: str | None = None
    at: datetime | None = None
    line: int = 0


@dataclass(frozen=True)
class Table:
    """A table of expected verdicts.

    Attributes:
        policy: the policy's file; None where the table names none.
        cases: at least one.
        origin: the table's file.
    """

    policy: Path | None
    cases: tuple[Case, ...]
    origin: Path


@dataclass(frozen=True)
class Difference:
    """What was expected of a case, and what came instead."""

    name: str
    expected: str
    found: str


@dataclass(frozen=True)
class CaseResult:
    """What became of a case.

    Attributes:
        case: as in the table.
        verdict: that the policy gave.
        differences: empty where all is as expected.
    """

    case: Case
    verdict: Verdict
    differences: tuple[Difference, ...]


def load_table(path: Path) -> Table:
    """Read a table.

    Raises:
        UsageError: it is none; the line is named.
    """
    content = read_named_file(path)
    if len(content) > MAX_TABLE_SIZE:
        raise UsageError(f"{path}: a table of more than {MAX_TABLE_SIZE} bytes.")
    document = Document.parse(content, path)
    table = document.convert(_Table)
    if not table.cases:
        raise document.error("$.cases", "there is no case")
    policy = path.parent / table.policy if table.policy else None
    return Table(policy, tuple(_cases(document, table.cases)), path)


def compare(cases: Iterable[Case], verdicts: Sequence[Verdict]) -> list[CaseResult]:
    """Compare what was expected with the verdicts, which are in the same order."""
    return [
        CaseResult(case, verdict, tuple(_differences(case, verdict)))
        for case, verdict in zip(cases, verdicts, strict=True)
    ]


def _cases(document: Document, cases: list[_Case]) -> Iterable[Case]:
    for number, case in enumerate(cases):
        where = f"$.cases[{number}]"
        try:
            reference = ImageReference.parse(case.image)
        except SignerError as error:
            raise document.error(f"{where}.image", error.message, hint=error.hint) from error
        yield Case(
            reference,
            case.expect,
            code=case.code,
            digest=case.digest,
            rule=case.rule,
            at=_moment(document, f"{where}.at", case.at),
            line=document.line(where),
        )


def _moment(document: Document, where: str, given: Any) -> datetime | None:  # noqa: ANN401 - any YAML
    if given is None:
        return None
    try:
        moment = datetime.fromisoformat(given) if isinstance(given, str) else given
        if isinstance(moment, date) and not isinstance(moment, datetime):
            moment = datetime.combine(moment, time())
        plain = datetime.fromisoformat(datetime.isoformat(moment))
        return plain.replace(tzinfo=plain.tzinfo or UTC).astimezone(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        why = f"{printable(str(given))!r} is no time"
        raise document.error(where, why, hint="Write 2026-11-22T12:00:00Z.") from error


def _undecided(verdict: Verdict) -> bool:
    """Tell whether nothing could be decided: a server that is down refuses whatever is asked."""
    reason = verdict.reason
    return reason is not None and not verdict.digest and reason.exit_code not in _DECIDED


def _differences(case: Case, verdict: Verdict) -> Iterable[Difference]:
    if case.expect != verdict.verdict:
        yield Difference("verdict", case.expect, verdict.verdict)
    elif case.code is None and _undecided(verdict):
        yield Difference("verdict", case.expect, "no decision")
    code = verdict.reason.code if verdict.reason else ""
    if case.code is not None and case.code != code:
        yield Difference("code", case.code or "none", code or "none")
    if case.digest is not None and case.digest != verdict.digest:
        yield Difference("digest", case.digest or "none", verdict.digest or "none")
    if case.rule is not None and case.rule != verdict.rule:
        yield Difference("rule", case.rule or "none", verdict.rule or "none")
