"""JUnit XML, which GitLab, Jenkins and others show beside a pipeline.

One suite for each image, one case for each check, and a last one for the outcome itself.

Source: dtr-ucp-ci reference, D.2 and D.3.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from signer.report.outcome import Finding, Kind, Outcome

_NO_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENTS: Final = {Kind.REFUSED: "failure", Kind.FAILED: "error", Kind.SKIPPED: "skipped"}


def junit(outcomes: Sequence[Outcome], *, command: str) -> str:
    """Return the report as XML.

    Args:
        outcomes: in the order of the command's results.
        command: the command's name, for example ``sign``.
    """
    suites = ET.Element("testsuites", name=f"signer {command}")
    for outcome in outcomes:
        _add_suite(suites, outcome, command=command)
    for name in ("tests", "failures", "errors", "skipped"):
        suites.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _add_suite(parent: ET.Element, outcome: Outcome, *, command: str) -> None:
    suite = ET.SubElement(parent, "testsuite", name=_text(outcome.title))
    for finding in outcome.findings:
        _add_finding(suite, finding, outcome)
    case = _add_case(suite, command, outcome)
    element = _ELEMENTS.get(outcome.kind)
    if element:
        found = ET.SubElement(case, element, message=_text(outcome.message))
        if outcome.error:
            found.set("type", outcome.error.code)
            found.text = _text(outcome.error.hint)
    elif outcome.message:
        ET.SubElement(case, "system-out").text = _text(outcome.message)
    counted = {"tests": "testcase", "failures": "failure", "errors": "error", "skipped": "skipped"}
    for name, tag in counted.items():
        suite.set(name, str(sum(1 for _ in suite.iter(tag))))


def _add_finding(suite: ET.Element, finding: Finding, outcome: Outcome) -> None:
    case = _add_case(suite, finding.name, outcome)
    if finding.status == "fail":
        ET.SubElement(case, "failure", message=_text(finding.detail), type=finding.name)
    elif finding.status == "skip":
        ET.SubElement(case, "skipped", message=_text(finding.detail))
    elif finding.detail:
        ET.SubElement(case, "system-out").text = _text(finding.detail)


def _add_case(suite: ET.Element, name: str, outcome: Outcome) -> ET.Element:
    case = ET.SubElement(suite, "testcase", classname=_text(outcome.title), name=_text(name))
    if outcome.file:
        case.set("file", _text(outcome.file))
    if outcome.line:
        case.set("line", str(outcome.line))
    return case


def _text(text: str) -> str:
    """Replace what XML cannot hold, even escaped."""
    return _NO_XML.sub("\ufffd", text)
