"""``.env`` files, with values written by hand."""

from pathlib import Path

import pytest

from signer.errors import UsageError
from signer.workloads.dotenv import parse_dotenv, read_dotenv
from signer.workloads.source import Source

FILE = r"""# a comment
A=1

B = two words   # said beside it
export C=c
D: yaml
E='single $A \n # no comment'
F="double ${A} \"q\" \$A\tz"
G=${A}-${MISSING:-d}
H=
I="several
lines"
INHERITED
ABSENT
URL=http://host:5000/a#b
A2=${OUTER}
OUTER=file
J=${OUTER}
"""


def test_every_form_of_line_is_read() -> None:
    environment = {"INHERITED": "from outside", "OUTER": "outer"}
    assert parse_dotenv(Source(".env", FILE), environment) == {
        "A": "1",
        "B": "two words",
        "C": "c",
        "D": "yaml",
        "E": r"single $A \n # no comment",
        "F": 'double 1 "q" $A\tz',
        "G": "1-d",
        "H": "",
        "I": "several\nlines",
        "INHERITED": "from outside",
        "URL": "http://host:5000/a#b",
        "A2": "outer",
        "OUTER": "file",
        "J": "outer",
    }


def test_windows_line_ends_and_a_byte_order_mark_change_nothing() -> None:
    text = "\ufeffA=1\r\nNONE\r\nB='x'\r\n"
    assert parse_dotenv(Source(".env", text), {}) == {"A": "1", "B": "x"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A=1\n=b\n", ".env:2: this is no NAME=VALUE"),
        ("A=1\n\nB='x\n", ".env:3: the quoted value has no end"),
        ("A=${B:?no}\n", ".env:1: the variable B is not set"),
        ("A B=1\n", ".env:1: this is no NAME=VALUE"),
    ],
)
def test_a_line_that_is_none_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_dotenv(Source(".env", text), {})
    assert said in error.value.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(UsageError, match="no text in UTF-8"):
        read_dotenv(tmp_path / ".env", {})
