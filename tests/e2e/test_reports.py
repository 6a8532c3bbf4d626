"""``verify --format``: one report on standard output, whatever CI system runs it."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.components.signer_cli import SignerCli
from tests.e2e.story import Collection


@pytest.fixture
def stack(collection: Collection) -> Path:
    """A stack file with a signed image in its third line, and another in its fifth."""
    collection.prepare(v1=b"one")
    collection.push("v2", b"two")
    file = collection.admin.home / "deploy" / "stack.yml"
    file.parent.mkdir()
    images = (collection.image("v1"), collection.image("v2"))
    file.write_text("services:\n  a:\n    image: {}\n  b:\n    image: {}\n".format(*images))
    return file.relative_to(collection.admin.home)


def _verify(collection: Collection, stack: Path, form: str, **env: str) -> tuple[str, str]:
    """Run ``verify`` and return both outputs; annotations may be wider than people's text."""
    command = ("verify", "-f", stack, "--format", form)
    done = SignerCli.__call__(collection.admin, *command, env=env, expect=3)
    return done.stdout, done.stderr


@pytest.mark.parametrize("host", ["GITLAB_CI", "GITHUB_ACTIONS"])
def test_a_report_is_alone_on_standard_output(
    collection: Collection, stack: Path, host: str
) -> None:
    out, err = _verify(collection, stack, "sarif", **{host: "true"})
    accepted, refused = json.loads(out)["runs"][0]["results"]
    assert (accepted["kind"], refused["ruleId"]) == ("pass", "not-signed")
    location = refused["locations"][0]["physicalLocation"]
    assert location["artifactLocation"]["uri"] == "deploy/stack.yml"
    assert location["region"] == {"startLine": 5}
    assert ("::error file=deploy/stack.yml,line=5," in err) == (host == "GITHUB_ACTIONS")
    (issue,) = json.loads(_verify(collection, stack, "codequality", **{host: "true"})[0])
    assert issue["location"] == {"path": "deploy/stack.yml", "lines": {"begin": 5}}


def test_annotations_are_printed_once(collection: Collection, stack: Path) -> None:
    for env in ({}, {"GITHUB_ACTIONS": "true"}):
        out, err = _verify(collection, stack, "github", **env)
        assert (out + err).count("::error ") == 1
        assert out.startswith("::error file=deploy/stack.yml,line=5,title=")


def test_junit_on_standard_output_names_the_lines(collection: Collection, stack: Path) -> None:
    out, _ = _verify(collection, stack, "junit", GITLAB_CI="true")
    document = ET.fromstring(out)  # noqa: S314 - our own
    assert [suite[0].get("line") for suite in document] == ["3", "5"]


def test_quiet_is_complete_on_refusal_and_silent_on_success(
    collection: Collection, stack: Path
) -> None:
    text = collection.admin("verify", "-q", "-f", stack, expect=3).stdout
    assert collection.image("v1") not in text
    lines = text.splitlines()
    assert lines[:2] == [
        f"reject  {collection.image('v2')}",
        "  file     deploy/stack.yml:5, services.b.image",
    ]
    assert "  10 fail  target" in lines
    assert sum("hint     " in line for line in lines) == 1
    assert collection.admin("verify", "-q", collection.image("v1")).stdout == ""
