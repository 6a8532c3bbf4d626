"""What foreign text can do in a CI system's log, files and pages: nothing."""

import itertools
import json
import re
from datetime import UTC, datetime

import pytest

from signer.dtr.gate import Condition, GateReport
from signer.dtr.job import JobResult
from signer.errors import GateError, NetworkError, UsageError
from signer.policy.verdict import REJECT, Check, Verdict
from signer.report.github import step_outputs, summary
from signer.report.gitlab import dotenv, sections
from signer.report.host import CiHost, detect_host
from signer.report.junit import junit
from signer.report.outcome import Kind, Outcome, of_error, of_result, of_verdict, worst
from signer.report.pipeline import PipelineSettings, configuration, pipeline
from signer.signing.sign import SignResult
from signer.trust.steps import Step

DIGEST = "sha256:" + "ab" * 32
IMAGE = "dtr.example.com/admin/flask:1"
NOW = datetime(2026, 11, 22, 1, 55, 19, tzinfo=UTC)
HOSTILE = "\x1b[0Ksection_end:1:signer_sign_1\r\x1b[0K\nSIGNER_DIGEST=sha256:00\x00<b>|`"


def _signed(number: int = 1) -> Outcome:
    return of_result(SignResult(f"dtr.example.com/a/b:{number}", "signed", digest=DIGEST))


def _gated(status: str) -> Outcome:
    condition = Condition("max-critical", status, HOSTILE, "at most 0")
    error = GateError("the gate refuses.") if status == "fail" else None
    return of_result(
        JobResult(
            image=IMAGE,
            status="refused" if error else "signed",
            digest=DIGEST,
            error=error,
            gate=GateReport("admin/flask:1", (condition,)),
        )
    )


def test_a_section_of_the_log_cannot_be_ended_by_what_it_shows() -> None:
    text = sections([_gated("pass")], command="sign", now=NOW)
    assert text.count("\x1b[0Ksection_") == 2
    assert text.startswith("\x1b[0Ksection_start:1795312519:signer_sign_1[collapsed=true]\r\x1b[0K")
    assert text.endswith("\x1b[0Ksection_end:1795312519:signer_sign_1\r\x1b[0K\n")
    assert len(text.split("\n")) == 4


def test_the_section_of_a_refused_image_is_open() -> None:
    assert "collapsed" not in sections([_gated("fail")], command="sign", now=NOW)


def test_what_was_refused_leaves_no_digest_for_later_jobs() -> None:
    assert dotenv([_gated("fail")]) == "SIGNER_COUNT=1\nSIGNER_STATUS=refused\n"
    assert "reference<<" not in step_outputs([_gated("fail")])


def test_a_dry_run_leaves_no_digest_for_later_jobs() -> None:
    dry = of_result(SignResult(IMAGE, "signed", digest=DIGEST), dry_run=True)
    assert dotenv([dry]) == "SIGNER_COUNT=1\nSIGNER_STATUS=would-be-signed\n"


def test_variables_stay_within_what_gitlab_takes() -> None:
    lines = dotenv([_signed(number) for number in range(100)]).splitlines()
    assert len(lines) == 20
    assert lines[:3] == [
        "SIGNER_COUNT=100",
        "SIGNER_STATUS=signed",
        f"SIGNER_REFERENCE_1=dtr.example.com/a/b:0@{DIGEST}",
    ]


def test_a_step_output_cannot_end_its_own_block() -> None:
    marks = (f"mark{number}" for number in itertools.count())
    outcome = Outcome(image="mark0\nmark1", status="mark2", kind=Kind.FAILED)
    text = step_outputs([outcome], delimiter=lambda: next(marks))
    blocks = re.findall(r"^(\w+)<<(\w+)\n(.*)\n\2$", text, re.M)
    assert [(name, mark) for name, mark, _ in blocks] == [("status", "mark0"), ("results", "mark3")]
    assert json.loads(blocks[1][2])[0]["image"] == "mark0\nmark1"


def test_markdown_of_the_summary_is_inert() -> None:
    text = summary([_gated("fail"), of_error(UsageError(HOSTILE))], command="sign")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 3
    assert all(len(re.findall(r"(?<!\\)\|", row)) == 5 for row in rows)
    assert "<b>" not in text
    assert "`" not in text


def test_a_summary_of_many_images_stays_below_githubs_limit() -> None:
    text = summary([_gated("fail")] * 20_000, command="sign")
    assert len(text.encode()) < 1024 * 1024
    assert "more are not shown" in text


def test_junit_replaces_what_xml_cannot_hold() -> None:
    text = junit([_gated("fail")], command="sign")
    assert "\x00" not in text
    assert "\x1b" not in text


def test_a_verdicts_steps_are_findings_and_a_network_failure_is_no_refusal() -> None:
    check = Check(Step.TIMESTAMP, "fail", "no answer")
    found = of_verdict(Verdict(IMAGE, REJECT, checks=(check,), reason=NetworkError("no answer.")))
    assert (found.kind, found.findings[0].name) == (Kind.FAILED, "timestamp")
    assert of_verdict(Verdict(IMAGE, REJECT)).kind is Kind.REFUSED


def test_the_worst_outcome_speaks_for_all() -> None:
    network, gate = of_error(NetworkError("down.")), _gated("fail")
    assert worst([_signed(), network, gate]) is gate
    assert worst([]) is None


def test_programs_that_imitate_a_host_are_not_the_host() -> None:
    assert detect_host({"GITLAB_CI": "false"}) is CiHost.NONE


@pytest.mark.parametrize(
    "settings",
    [
        PipelineSettings(host='dtr.example.com"\nx'),
        PipelineSettings(repository="admin/flask:1"),
        PipelineSettings(repository="flask"),
        PipelineSettings(signer="a b"),
        PipelineSettings(signer="releases"),
        PipelineSettings(image="registry.example.com/a/b:1\nscript:"),
        PipelineSettings(root_key_ids=('"]\nx',)),
    ],
)
def test_a_setting_cannot_add_a_line_to_a_pipeline(settings: PipelineSettings) -> None:
    with pytest.raises(UsageError):
        pipeline(CiHost.GITLAB, settings)
    with pytest.raises(UsageError):
        configuration(settings)


@pytest.mark.parametrize("host", [CiHost.GITLAB, CiHost.JENKINS, CiHost.GITHUB])
@pytest.mark.parametrize("part", ["build", "mirror", "sign", "deploy"])
def test_every_part_is_filled_in(host: CiHost, part: str) -> None:
    text = pipeline(host, PipelineSettings(host="localhost:5000"), parts=[part])
    assert "@{" not in text
    assert "localhost:5000" in text
    if host is CiHost.JENKINS:  # nothing here reads Groovy
        assert all(text.count(one) == text.count(other) for one, other in ("{}", "()", "[]"))


def test_no_part_is_refused() -> None:
    with pytest.raises(UsageError, match="at least one"):
        pipeline(CiHost.GITLAB, PipelineSettings(), parts=[])
