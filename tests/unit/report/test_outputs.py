"""What CI systems are shown: well-formed, escaped, and without anything secret."""

import xml.etree.ElementTree as ET

from signer.errors import GateError
from signer.report.github import annotations
from signer.report.gitlab import dotenv
from signer.report.host import CiHost, debug_warning, detect_host
from signer.report.junit import junit
from signer.report.outcome import of_error, of_result
from signer.signing.sign import SignResult

DIGEST = "sha256:" + "ab" * 32
SIGNED = SignResult("localhost:5000/a/b:1", "signed", digest=DIGEST, roles=("targets/releases",))
HOSTILE = GateError('refused: 50% <b>&"\n::stop-commands::x', hint="line one\r\nline two")


def test_junit_is_well_formed_whatever_a_message_says() -> None:
    document = ET.fromstring(junit([of_result(SIGNED), of_error(HOSTILE)], command="sign"))  # noqa: S314 - our own
    failures = [*document.iter("failure"), *document.iter("error")]
    assert len(failures) == 1


def test_an_annotation_is_one_line_that_starts_no_other_command() -> None:
    text = annotations([of_error(HOSTILE)], command="sign")
    lines = [line for line in text.splitlines() if line.startswith("::")]
    assert len(lines) == 1
    assert lines[0].startswith("::error")
    assert "%25" in lines[0]
    assert "%0A" in lines[0]


def test_dotenv_has_no_empty_lines_and_no_blanks_in_values() -> None:
    lines = dotenv([of_result(SIGNED)]).splitlines()
    assert lines
    assert all("=" in line and " " not in line for line in lines)
    assert any(DIGEST in line for line in lines)


def test_the_host_is_told_by_its_variables() -> None:
    assert detect_host({"GITLAB_CI": "true"}) is CiHost.GITLAB
    assert detect_host({"GITHUB_ACTIONS": "true"}) is CiHost.GITHUB
    assert detect_host({"JENKINS_URL": "https://jenkins.example.com"}) is CiHost.JENKINS
    assert detect_host({}) not in {CiHost.GITLAB, CiHost.GITHUB, CiHost.JENKINS}


def test_gitlabs_debug_trace_is_warned_of() -> None:
    assert "CI_DEBUG_TRACE" in debug_warning({"GITLAB_CI": "true", "CI_DEBUG_TRACE": "true"})
    assert debug_warning({"GITLAB_CI": "true"}) == ""
