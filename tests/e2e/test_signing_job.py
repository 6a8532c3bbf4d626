"""``signer reconcile`` and ``sign --event`` as a signing job runs them, with reports and record."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.components.embedded import EmbeddedDtr
from tests.e2e.dtr_job import Job


@pytest.fixture
def job(tmp_path: Path, embedded: EmbeddedDtr, fresh_repository: str) -> Job:
    return Job(tmp_path / "job", embedded, fresh_repository)


def test_what_no_webhook_told_is_signed_and_reported_to_ci(job: Job) -> None:
    reports = ("--junit", "reconcile.xml", "--dotenv", "reconcile.env")
    done = job.signer("reconcile", job.api.target, *reports)
    assert f"{job.api.target}: 0 signed, 3 to sign, 0 not promoted" in done.stdout
    assert done.stderr == ""
    lines = (job.signer.home / "reconcile.env").read_text().splitlines()
    variables = dict(line.split("=", 1) for line in lines)
    assert (variables["SIGNER_COUNT"], variables["SIGNER_STATUS"]) == ("3", "signed")
    suites = ET.fromstring((job.signer.home / "reconcile.xml").read_text())  # noqa: S314 - our own
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
    assert {suite.get("name") for suite in suites} >= set(job.digests)
    verified = job.signer.json("verify", *job.digests, "--signer", "gitlab")["images"]
    assert {found["image"]: found["digest"] for found in verified} == job.digests

    again = job.signer("reconcile", job.api.target, *reports)
    assert "3 signed, 0 to sign" in again.stdout
    assert "SIGNER_COUNT=0" in (job.signer.home / "reconcile.env").read_text()


@pytest.mark.parametrize(
    ("since", "said"), [("7d", "3 to sign"), ("2999-01-01", "0 to sign, 0 not promoted, 3 older")]
)
def test_tags_that_have_not_changed_for_long_may_be_left_out(
    job: Job, since: str, said: str
) -> None:
    assert said in job.signer("reconcile", job.api.target, "--since", since, "--dry-run").stdout


def test_a_refused_tag_is_a_failure_in_the_report(job: Job) -> None:
    job.api("POST", "/embedded/v0/scans", _scan(job.api.source, "2", critical=1))
    done = job.signer("reconcile", job.api.target, "--junit", "reconcile.xml", expect=10)
    assert "refused" in done.stderr
    suites = ET.fromstring((job.signer.home / "reconcile.xml").read_text())  # noqa: S314 - our own
    failed = [
        case.get("name") for case in suites.iter("testcase") if case.find("failure") is not None
    ]
    assert "max-critical" in failed


def test_a_person_at_a_terminal_sees_how_far_it_is(job: Job) -> None:
    said, shown = job.at_a_terminal("--dry-run")
    assert "Asking DTR about promoted tags" in shown
    assert "3/3" in shown
    assert "would be signed" in said
    assert "Asking" not in said


@pytest.mark.parametrize("option", ["--json", "-q"])
def test_nobody_is_shown_a_bar_who_asked_for_json_or_silence(job: Job, option: str) -> None:
    assert job.at_a_terminal("--dry-run", option)[1] == ""


def test_what_events_led_to_is_recorded_with_its_reasons(job: Job) -> None:
    (image, digest), *_ = job.digests.items()
    forged = job.event("1", "sha256:" + "0" * 64)
    both = ("--event", job.event("1", digest), "--event", forged)
    job.signer("sign", *both, expect=10)
    signed, refused = job.records()
    assert (signed["status"], refused["status"]) == ("signed", "refused")
    for record in (signed, refused):
        assert f"{record['what']['gun']}:{record['what']['tag']}" == image
    assert signed["what"]["digest"] == digest
    for record in (signed, refused):
        assert record["why"]["event"]["type"] == "PROMOTION"
        assert record["why"]["promotion"]["from"] == f"{job.api.source}:1"
        assert record["why"]["promotion"]["policy"] == job.api.policy
    results = {condition["code"]: condition["status"] for condition in signed["why"]["gate"]}
    assert set(results.values()) <= {"pass", "skip"}
    assert results["promotion-record"] == results["scan-complete"] == "pass"
    failed = {one["code"] for one in refused["why"]["gate"] if one["status"] == "fail"}
    assert "target-digest" in failed

    job.signer("sign", "--event", job.event("1", digest))
    job.signer("reconcile", job.api.target)
    assert [record["status"] for record in job.records()[2:]] == ["up-to-date", "signed", "signed"]
    assert "promotion" in job.records()[-1]["why"]
    assert "event" not in job.records()[-1]["why"]
    job.signer("audit", "verify")


def _scan(repository: str, tag: str, *, critical: int) -> dict[str, object]:
    return {"repository": repository, "tag": tag, "critical": critical, "major": 0, "minor": 0}
