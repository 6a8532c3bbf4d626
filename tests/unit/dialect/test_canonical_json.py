"""Canonical JSON, Go's JSON, and the strict reader."""

import time

import pytest

from signer.dialect.canonical import canonical_json, go_json, strict_json


def test_the_payload_is_sorted_and_escapes_only_quotes_and_backslashes() -> None:
    content = {"b": [1, True, None], "a": 'x<&>"\\é\u2028\n', "\U0001f600": 1, "\ufffd": 2}
    expected = '{"a":"x<&>\\"\\\\é\u2028\n","b":[1,true,null],"\ufffd":2,"\U0001f600":1}'
    assert canonical_json(content) == expected.encode()


def test_the_wire_form_writes_five_characters_as_go_does() -> None:
    assert go_json({"b": "<>&\u2028\u2029é", "a": 1}) == (
        '{"a":1,"b":"\\u003c\\u003e\\u0026\\u2028\\u2029é"}'
    )


@pytest.mark.parametrize("content", [1.0, float("nan"), {"a": 1.5}, b"x", {"a": {1}}, object()])
def test_what_has_no_canonical_form_is_a_value_error(content: object) -> None:
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical_json(content)


def test_a_lone_surrogate_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match="surrogates"):
        canonical_json({"a": "\ud800"})


def test_content_too_deep_for_the_interpreter_has_no_canonical_form() -> None:
    content: list[object] = []
    for _ in range(100_000):
        content = [content]
    with pytest.raises(ValueError, match="no canonical JSON"):
        canonical_json(content)
    while content:  # unwound by hand, as the interpreter's own way down is recursive
        content = content.pop()  # type: ignore[assignment] # nested lists


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("7", 7),
        ("1e3", 1000),
        ("3.0", 3),
        ("-5", -5),
        ("1.5e1", 15),
        ("9007199254740992", 2**53),
        ("-9007199254740992", -(2**53)),
    ],
)
def test_whole_numbers_are_read_as_go_reads_them(text: str, value: int) -> None:
    found = strict_json(text.encode())
    assert (type(found), found) == (int, value)


@pytest.mark.parametrize(
    "text",
    [
        "9007199254740993",
        "-9007199254740993",
        "12345678901234567890",
        "1e30",
        "1e400",
        "-1e400",
        "1.5",
        "0.1",
        "NaN",
        "Infinity",
        "-Infinity",
        "01",
        "+1",
        "1_000",
        "0x10",
        "\u0661",  # a digit of another script
        "",
        "{} {}",
        "{'a':1}",
        '{"a":1,}',
        "[1,]",
        '{"a":1,"a":1}',
        '{"a":{"b":1,"b":2}}',
        '"a\nb"',
        "\ufeff{}",
        "// {}\n{}",
    ],
)
def test_what_go_would_change_or_refuse_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        strict_json(text.encode())


@pytest.mark.parametrize(
    "wire",
    [
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        '{"a":1}'.encode("utf-32"),
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xe9"}',
        b'{"a":"\xed\xa0\x80"}',  # a surrogate in UTF-8
        b'{"a":"\xc0\xaf"}',  # an overlong slash
    ],
)
def test_only_utf_8_is_read(wire: bytes) -> None:
    with pytest.raises(ValueError):
        strict_json(wire)


@pytest.mark.parametrize(("levels", "fits"), [(63, True), (200, False), (1_000_000, False)])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_nesting_is_refused(levels: int, fits: bool, opening: str, closing: str) -> None:
    wire = (opening * levels + "1" + closing * levels).encode()
    if fits:
        strict_json(wire)
    else:
        with pytest.raises(ValueError, match="nested too deeply"):
            strict_json(wire)


@pytest.mark.parametrize("number", ["9" * 10_000_000, "-" + "1" * 5000, "1." + "0" * 10_000_000])
def test_a_number_of_millions_of_digits_is_refused_at_once(number: str) -> None:
    wire = b'{"a":' + number.encode() + b"}"
    started = time.process_time()
    with pytest.raises(ValueError, match="too long"):
        strict_json(wire)
    assert time.process_time() - started < 2


def test_a_duplicate_among_many_names_is_found_in_linear_time() -> None:
    names = ",".join(f'"{number}":0' for number in range(40_000))
    wire = f'{{{names},"x":0,"x":0}}'.encode()
    started = time.process_time()
    with pytest.raises(ValueError, match="'x' occurs twice"):
        strict_json(wire)
    assert time.process_time() - started < 2
