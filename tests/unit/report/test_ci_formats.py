"""Files and lines in the formats of CI systems."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

from signer.errors import UsageError
from signer.report.codequality import codequality
from signer.report.github import annotations
from signer.report.junit import junit
from signer.report.outcome import of_error
from tests.unit.report.material import FLASK, accepted, attacked, refused, undecided, warned

BASE = Path("/srv/project")


def test_code_quality_has_what_gitlab_wants_of_refusals_and_warnings() -> None:
    found = json.loads(codequality([accepted(), refused(), warned(), attacked()], base=BASE))
    assert [(issue["check_name"], issue["severity"]) for issue in found] == [
        ("signer-missing", "critical"),
        ("no-rule", "minor"),
        ("rollback", "blocker"),
    ]
    assert [issue["location"] for issue in found] == [
        {"path": "deploy/a b.yml", "lines": {"begin": 12}},
        {"path": "dtr.example.com/admin/cache:2", "lines": {"begin": 1}},
        {"path": "k8s.yml", "lines": {"begin": 3}},
    ]
    assert found[0]["description"] == (
        "reject dtr.example.com/admin/flask:1: dtr.example.com/admin/flask: signer 'alice' has "
        "not signed '1'. (signer-missing) Let alice sign it."
    )
    assert len({issue["fingerprint"] for issue in found}) == 3


def test_code_quality_of_what_is_accepted_is_an_empty_list() -> None:
    assert codequality([accepted()], base=BASE) == "[]\n"
    assert json.loads(codequality([undecided()], base=BASE))[0]["severity"] == "major"


def test_an_annotation_stands_at_its_line() -> None:
    text = annotations([refused(), attacked(), undecided(), warned()], command="verify")
    assert text.splitlines() == [
        "::error file=deploy/a b.yml,line=12,title=signer verify%3A reject::"
        "dtr.example.com/admin/flask:1: dtr.example.com/admin/flask: signer 'alice' has not "
        "signed '1'. (signer-missing)",
        "::error file=k8s.yml,line=3,title=signer verify%3A reject::"
        "dtr.example.com/admin/db:3: dtr.example.com/admin/db: version 4 after 7. (rollback)",
        "::error title=signer verify%3A reject::"
        "dtr.example.com/admin/web:1: https://dtr.example.com did not answer. (timeout)",
        "::warning title=signer verify%3A warn::"
        "dtr.example.com/admin/cache:2: dtr.example.com/admin/cache: no rule. (no-rule)",
    ]


def test_a_files_name_adds_no_property_to_an_annotation() -> None:
    named = replace(refused(), file="a,line=1::x\n::error::y.yml", line=0)
    (line,) = annotations([named], command="verify").splitlines()
    assert line.startswith("::error file=a%2Cline=1%3A%3Ax\\n%3A%3Aerror%3A%3Ay.yml,title=")


def test_an_annotation_names_files_as_the_repository_does() -> None:
    below = replace(refused(), file="/srv/project/a.yml")
    assert annotations([below], command="verify", base=BASE).startswith("::error file=a.yml,")
    assert annotations([replace(below, file="-")], command="verify").startswith("::error title=")


def test_junit_has_file_and_line_of_every_case() -> None:
    text = junit([refused(), of_error(UsageError("malformed."))], command="verify")
    document = ET.fromstring(text)  # noqa: S314 - our own
    first, second = document
    places = {(case.get("file"), case.get("line")) for case in first.iter("testcase")}
    assert places == {("deploy/a b.yml", "12")}
    assert {case.get("classname") for case in first.iter("testcase")} == {FLASK}
    assert [case.get("file") for case in second.iter("testcase")] == [None]
