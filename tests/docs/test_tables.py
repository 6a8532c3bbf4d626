"""Tables of steps, codes and exit codes say what the code says."""

import re
from typing import Final

import pytest

from signer.errors import SEVERITY, ExitCode
from signer.trust.steps import Step
from tests.docs.conftest import ROOT

_VERIFICATION: Final = (ROOT / "docs/verification.md").read_text("utf-8")
_README: Final = (ROOT / "README.md").read_text("utf-8")
_SOURCES: Final = "\n".join(path.read_text("utf-8") for path in (ROOT / "signer").rglob("*.py"))
_ROWS: Final = re.findall(
    r"^\| (\d+) \| `([a-z-]+)` \| ([^|]+) \| ([^|]+) \|$", _VERIFICATION, re.M
)


def test_the_steps_of_verification_are_those_of_the_code() -> None:
    assert [(int(number), name) for number, name, _, _ in _ROWS] == [
        (int(step), step.code) for step in Step
    ]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row[1])
def test_the_refusals_of_a_step_are_codes_that_there_are(row: tuple[str, ...]) -> None:
    codes = re.findall(r"`([a-z-]+)`", row[3])
    assert codes or row[3].startswith("as ")
    for code in codes:
        assert f'"{code}"' in _SOURCES


def test_the_exit_codes_are_those_of_the_code() -> None:
    section = _README.partition("## Exit codes")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| (yes|no|) ?\|$", section, re.M)
    assert [int(number) for number, _ in rows] == [int(code) for code in ExitCode]
    retried = {ExitCode(int(number)) for number, retry in rows if retry == "yes"}
    assert retried == {ExitCode.NETWORK, ExitCode.CONFLICT}
    order = re.search(r"the first of ([\d, ]+) that", section.replace("\n", " "))
    assert order is not None
    assert [int(code) for code in order[1].split(", ")] == [int(code) for code in SEVERITY]
