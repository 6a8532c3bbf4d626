"""Custom data: what the real ``notary add --custom`` could publish, and what it could not.

Go signs such data verbatim but verifies it canonicalised, so what matters is how the text is
spelled (NP section 0, item 2). Three questions about each row of `custom_rows`:

- the file, with the text in it verbatim: `prove_wire` must agree with Go;
- the decoded value: some spellings that fail in Go cannot be told from good ones any more. They do
  no harm, since we write the value in its canonical spelling (last column);
- some texts are not even read.
"""

from typing import Any

import pytest

from signer.constants import MAX_INTEGER
from signer.dialect.canonical import go_json, strict_json
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError, UnwritableError
from signer.dialect.lint import check_custom, check_target_name, prove_wire
from tests.unit.dialect import golden as g
from tests.unit.dialect.custom_rows import NULL, ROWS, SPACED, Row


def text_of(row: Row) -> str:
    return ascii(row.text)


def with_custom(text: str) -> bytes:
    """Return targets.json with a text as the custom data of ``v1.1``, verbatim."""
    wire, old = g.golden("targets.json"), b'"custom":{"n":3,"note":"ab"}'
    assert wire.count(old) == 1
    return wire.replace(old, b'"custom":' + text.encode())


def html_escaped(text: str) -> str:
    """Return the text as Go's encoder passes it on."""
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def value_of(text: str) -> Any:  # noqa: ANN401 - decoded JSON
    return strict_json(text.encode())


@pytest.mark.parametrize("row", ROWS, ids=text_of)
def test_the_proof_of_a_file_agrees_with_what_go_could_publish(row: Row) -> None:
    wire = with_custom(html_escaped(row.text))
    if row.published:
        prove_wire(wire, where="targets")
    else:
        with pytest.raises((UnwritableError, MalformedError)):
            prove_wire(wire, where="targets")


@pytest.mark.parametrize("row", [SPACED, NULL], ids=text_of)
def test_what_the_command_changes_before_it_signs_is_refused_in_a_file(row: Row) -> None:
    with pytest.raises(UnwritableError):
        prove_wire(with_custom(row.text), where="targets")


@pytest.mark.parametrize("row", [*ROWS, SPACED, NULL], ids=text_of)
def test_a_value_is_refused_or_written_in_a_spelling_that_go_survives(row: Row) -> None:
    if row.spelling:
        value = value_of(row.text)
        check_custom(value, where="v1.1")
        assert go_json(value) == row.spelling
        prove_wire(with_custom(go_json(value)), where="targets")
    else:
        with pytest.raises((ValueError, UnwritableError)):
            check_custom(value_of(row.text), where="v1.1")


@pytest.mark.parametrize(
    "text", ['{"n":9007199254740993}', '{"n":1e30}', '{"n":1.5}', '{"a":1,"a":2}']
)
def test_what_go_reads_otherwise_is_not_even_read_from_a_file(text: str) -> None:
    with pytest.raises(MalformedError):
        Envelope.from_bytes(with_custom(text))


@pytest.mark.parametrize(
    "text", ['{"n":3,"note":"a\\u0026b"}', '{"note":"ab","n":3}', '"\\u003cx\\u003e"']
)
def test_what_only_another_program_could_write_is_still_read(text: str) -> None:
    _ = Envelope.from_bytes(with_custom(text)).signed


def _nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        None,
        1.0,
        float("nan"),
        float("inf"),
        (1, 2),
        b"bytes",
        {1, 2},
        {1: 2},
        {None: 1},
        {"a": object()},
        MAX_INTEGER + 1,
        -MAX_INTEGER - 1,
        "a\x00",
        "a\x1f",
        "a\x7f",
        "a\tb",
        "\ud800",
        {"\udfff": 1},
        {"a": {"b\n": 1}},
        ["&"],
        _nested(100),
        _nested(100_000),
    ],
    ids=lambda value: ascii(value)[:30] if not isinstance(value, list) else "list",
)
def test_values_that_json_or_go_cannot_hold_are_refused(value: object) -> None:
    with pytest.raises(UnwritableError) as caught:
        check_custom(value, where="target 'v1.1'")
    assert "target 'v1.1'" in caught.value.message
    assert caught.value.message.isprintable()
    assert caught.value.hint


@pytest.mark.parametrize(
    "value",
    [0, False, "", {}, [], True, MAX_INTEGER, -MAX_INTEGER, "é\U0001f600\ufffd", _nested(10)],
)
def test_values_that_go_survives_are_accepted(value: object) -> None:
    check_custom(value, where="v1.1")


def test_the_place_of_a_fault_is_named() -> None:
    with pytest.raises(UnwritableError, match=r"custom\.provenance\.pipeline\.url.*'&'"):
        check_custom({"provenance": {"pipeline": {"url": "https://a/?b&c"}}}, where="v1.1")


@pytest.mark.parametrize(
    "name", ["v1.0", "eu/v2", "x<&>y", "a\u2028b", 'q"b', "a\\b", "é", " ", "."]
)
def test_target_names_that_go_can_write_are_accepted(name: str) -> None:
    check_target_name(name)


@pytest.mark.parametrize("name", ["", "a\n", "\x00", "a\x1fb", "\ud800", "a\udc00"])
def test_target_names_that_go_cannot_write_are_refused(name: str) -> None:
    with pytest.raises(UnwritableError) as caught:
        check_target_name(name)
    assert caught.value.message.isprintable()
