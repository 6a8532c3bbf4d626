"""Tables of images with expected verdicts."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from signer.errors import NetworkError, NotSignedError, UsageError
from signer.names import ImageReference
from signer.policy.table import Case, Difference, compare, load_table
from signer.policy.verdict import Verdict
from tests.attacks.simulator import DIGEST, OTHER


def _write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "table.yaml"
    path.write_text(text)
    return path


def test_a_table_is_read_with_its_lines(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        "policy: sub/policy.yaml\n"
        "cases:\n"
        "  - image: busybox\n"
        "    expect: reject\n"
        "    code: no-rule\n"
        "  - {image: a.b/c:1, expect: accept, digest: 'sha256:x', rule: a.b/*, at: 2026-11-22}\n",
    )
    table = load_table(path)
    assert table.policy == tmp_path / "sub/policy.yaml"
    first, second = table.cases
    assert (str(first.reference), first.expect, first.code) == (
        *("docker.io/library/busybox", "reject", "no-rule"),
    )
    assert (first.line, second.line) == (3, 6)
    assert (second.digest, second.rule, second.code) == ("sha256:x", "a.b/*", None)


@pytest.mark.parametrize(
    "written",
    [
        "2026-11-22T12:00:00Z",
        "'2026-11-22T12:00:00Z'",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22 12:00",
    ],
)
def test_a_moment_is_read_quoted_or_not(tmp_path: Path, written: str) -> None:
    path = _write(tmp_path, f"cases:\n- image: a.b/c\n  expect: warn\n  at: {written}\n")
    assert load_table(path).cases[0].at == datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        ("cases: []\n", "no case"),
        ("case: []\n", "did you mean 'cases'"),
        ("cases:\n- image: a.b/c\n", "expect"),
        ("cases:\n- image: a.b/c\n  expect: acept\n", "did you mean 'accept'"),
        ("cases:\n- image: a b\n  expect: accept\n", ":2:.*a b"),
        ("cases:\n- image: a.b/c\n  expect: accept\n  at: soon\n", ":4:.*soon.*no time"),
        ("cases:\n- image: a.b/c\n  expect: accept\n  at: 7\n", ":4:.*no time"),
        ("cases:\n- image: a.b/c\n  expect: accept\n  codes: x\n", "did you mean 'code'"),
    ],
)
def test_a_wrong_table_is_a_usage_error(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        load_table(_write(tmp_path, text))


def test_what_differs_is_named() -> None:
    reference = ImageReference.parse("a.b/c:1")
    accepted = Verdict("a.b/c:1", "accept", DIGEST, rule="a.b/*")
    refused = Verdict(
        "a.b/c:1", "reject", rule="a.b/*", reason=NotSignedError("no", code="no-rule")
    )
    cases = [
        (Case(reference, "accept"), accepted, ()),
        (Case(reference, "accept", code="", digest=DIGEST, rule="a.b/*"), accepted, ()),
        (Case(reference, "reject", code="no-rule"), refused, ()),
        (Case(reference, "reject"), accepted, (Difference("verdict", "reject", "accept"),)),
        (Case(reference, "warn"), accepted, (Difference("verdict", "warn", "accept"),)),
        (Case(reference, "accept", digest=OTHER), accepted, (Difference("digest", OTHER, DIGEST),)),
        (
            Case(reference, "reject", code="digest-differs", rule=""),
            refused,
            (Difference("code", "digest-differs", "no-rule"), Difference("rule", "none", "a.b/*")),
        ),
        (Case(reference, "reject", code=""), refused, (Difference("code", "none", "no-rule"),)),
    ]
    results = compare([case for case, _, _ in cases], [verdict for _, verdict, _ in cases])
    assert [result.differences for result in results] == [expected for _, _, expected in cases]


@pytest.mark.parametrize("verdict", ["reject", "warn"])
def test_a_server_that_is_down_proves_no_refusal_unless_its_code_is_expected(verdict: str) -> None:
    """A rule that only warns lets through what could not be decided, too."""
    reference = ImageReference.parse("a.b/c:1")
    down = NetworkError("down", code="connection-refused")
    undecided = Verdict("a.b/c:1", verdict, reason=down)
    cases = [Case(reference, verdict), Case(reference, verdict, code="connection-refused")]
    first, second = compare(cases, [undecided, undecided])
    assert first.differences == (Difference("verdict", verdict, "no decision"),)
    assert second.differences == ()


def test_stored_data_that_stand_in_for_a_server_are_a_decision() -> None:
    reference = ImageReference.parse("a.b/c:1")
    stale = Verdict("a.b/c:1", "warn", DIGEST, reason=NetworkError("down"))
    (result,) = compare([Case(reference, "warn")], [stale])
    assert result.differences == ()
