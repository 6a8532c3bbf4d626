import json

import pytest

from signer.cli.output import (
    error_content,
    error_text,
    print_json,
    report_error,
    short_digest,
    table,
    wrapped,
)
from signer.errors import ConflictError, GateError, SignerError


def test_json_begins_with_its_schema_and_keeps_the_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_json("sign", {"b": 1, "a": "ä"})
    out = capsys.readouterr().out
    assert list(json.loads(out)) == ["schema", "b", "a"]
    assert json.loads(out)["schema"] == "signer.sign/1"
    assert "ä" in out


def test_an_error_is_one_object_on_standard_output_or_text_on_standard_error(
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = GateError("The tag moved.", hint="Sign again.", code="digest-differs")
    assert report_error(error, as_json=True) == 10
    shown = capsys.readouterr()
    assert json.loads(shown.out) == {
        "schema": "signer.error/1",
        "code": "digest-differs",
        "message": "The tag moved.",
        "hint": "Sign again.",
        "exit_code": 10,
    }
    assert shown.err == ""
    assert report_error(error, as_json=False) == 10
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "error: The tag moved.\nhint: Sign again.\n")


def test_a_hint_is_left_out_where_there_is_none() -> None:
    assert error_text(ConflictError("Others were faster.")) == "error: Others were faster."
    assert error_content(SignerError("x.")) == {"code": "failure", "message": "x.", "hint": ""}


def test_text_is_broken_at_80_columns_but_never_inside_a_digest() -> None:
    digest = "sha256:" + "0" * 64
    text = wrapped(f"error: the image host.example.com/some/repository:tag has {digest} now.")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert digest in text
    assert text.splitlines()[1].startswith("  ")
    assert wrapped("x " * 60, indent="    ").splitlines()[1].startswith("      x")
    long = "y" * 200
    assert long in wrapped(f"see {long}")
    assert "a-b" * 40 in wrapped("see " + "a-b" * 40), "names with hyphens stay whole"


def test_a_table_has_columns_and_no_trailing_blanks() -> None:
    shown = table(["NAME", "V", ""], [["a", "10", "x"], ["long-name", "2", ""]])
    assert shown.splitlines() == ["NAME       V", "a          10  x", "long-name  2"]
    assert table(["A"], []) == "A"


def test_a_short_digest_keeps_its_algorithm() -> None:
    assert short_digest("sha256:0123456789abcdef") == "sha256:0123456789ab"
    assert short_digest("") == ""
