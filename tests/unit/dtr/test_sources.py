"""Where events come from."""

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.dtr.events import Event
from signer.dtr.sources import MAX_EVENT_SIZE, read_events
from signer.errors import SignerError, UsageError
from tests.unit.dtr.bodies import PROMOTION, TAG_PUSH, promotion, text

PROPERTY = settings(deadline=None, database=None, derandomize=True)


def read(source: str | None, *, variable: str | None = None, stdin: bytes = b"") -> list[Event]:
    environment = {} if variable is None else {"TRIGGER_PAYLOAD": variable}
    return read_events(source, environment=environment, stdin=io.BytesIO(stdin))


def fault(source: str | None, *, variable: str | None = None, stdin: bytes = b"") -> UsageError:
    with pytest.raises(UsageError) as caught:
        read(source, variable=variable, stdin=stdin)
    return caught.value


def types(events: list[Event]) -> list[str]:
    return [event.type for event in events]


def test_a_file(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text(json.dumps(PROMOTION, indent=2))
    (event,) = read(str(file))
    assert (event.type, event.source) == ("PROMOTION", str(file))


def test_a_file_with_a_byte_order_mark_and_dos_lines(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(
        b"\xef\xbb\xbf" + json.dumps(PROMOTION, indent=2).replace("\n", "\r\n").encode()
    )
    assert types(read(str(file))) == ["PROMOTION"]


def test_standard_input() -> None:
    (event,) = read("-", stdin=text(PROMOTION))
    assert event.source == "standard input"


def test_json_text_and_lines_of_it() -> None:
    assert types(read(f"\n {json.dumps(PROMOTION)}")) == ["PROMOTION"]
    lines = b"\n".join([text(PROMOTION), b"", text(TAG_PUSH), b""])
    events = read("-", stdin=lines)
    assert types(events) == ["PROMOTION", "TAG_PUSH"]
    assert [event.source for event in events] == ["standard input line 1", "standard input line 3"]


def test_a_wrong_line_is_named() -> None:
    error = fault("-", stdin=text(PROMOTION) + b"\n" + text(promotion(digest=5)) + b"\n")
    assert error.message.startswith("standard input line 2 ")
    assert "contents.digest" in error.message
    assert fault("-", stdin=text(PROMOTION) + b"\nrubbish").message.startswith(
        "standard input line 2 "
    )


def test_a_directory_in_the_order_of_its_names(tmp_path: Path) -> None:
    (tmp_path / "b").write_bytes(text(TAG_PUSH))
    (tmp_path / "a.jsonl").write_bytes(text(PROMOTION) + b"\n" + text(promotion(targetTag="67")))
    (tmp_path / ".hidden").write_text("no event")
    (tmp_path / "sub").mkdir()
    events = read(str(tmp_path))
    assert types(events) == ["PROMOTION", "PROMOTION", "TAG_PUSH"]
    assert events[1].source == f"{tmp_path}/a.jsonl line 2"
    (tmp_path / "c").write_text("no event")
    assert fault(f"{tmp_path}/").message.startswith(f"{tmp_path}/c ")


def test_an_empty_directory_is_an_error(tmp_path: Path) -> None:
    assert fault(str(tmp_path)).code == "no-event"


def test_a_pipe_as_the_shell_makes_it_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, text(PROMOTION))
    os.close(writing)
    try:
        assert types(read(f"/dev/fd/{reading}")) == ["PROMOTION"]
    finally:
        os.close(reading)


def test_the_variable_holds_a_path_or_text(tmp_path: Path) -> None:
    file = tmp_path / "TRIGGER_PAYLOAD"
    file.write_bytes(text({**PROMOTION, "id": "1", "ref": "main", "variables": {}}))
    (event,) = read(None, variable=str(file))
    assert event.source == f"TRIGGER_PAYLOAD ({file})"
    (event,) = read(None, variable=json.dumps(PROMOTION))
    assert event.source == "TRIGGER_PAYLOAD"


def test_the_variable_never_means_standard_input() -> None:
    assert fault(None, variable="-", stdin=text(PROMOTION)).code == "no-event"


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_unset_variable_is_an_error_with_its_name(value: str | None) -> None:
    error = fault(None, variable=value)
    assert error.code == "no-event"
    assert "TRIGGER_PAYLOAD" in error.message


@pytest.mark.parametrize("source", ["", " ", "no-such-file", "a\0b", "x" * 5000])
def test_a_source_that_is_not_there_is_an_error(source: str) -> None:
    assert fault(source).code == "no-event"


@pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
def test_an_empty_source_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "event").write_bytes(content)
    assert fault(str(tmp_path / "event")).code == "no-event"
    assert fault("-", stdin=content).code == "no-event"


def test_an_array_is_no_event() -> None:
    assert fault(json.dumps([PROMOTION])).code == "bad-event"


def test_twenty_megabytes_are_too_much_and_less_is_not(tmp_path: Path) -> None:
    file = tmp_path / "event"
    body = text(PROMOTION)
    file.write_bytes(body + b" " * (MAX_EVENT_SIZE - len(body)))
    assert fault(str(file)).code == "event-too-large"
    file.write_bytes(body + b" " * (MAX_EVENT_SIZE - len(body) - 1))
    assert types(read(str(file))) == ["PROMOTION"]


def test_a_file_without_end_is_not_read_to_its_end() -> None:
    assert fault("/dev/zero").code == "event-too-large"


def test_an_unreadable_file_is_an_error_that_says_why(tmp_path: Path) -> None:
    error = fault(str(tmp_path / "none" / "event"))
    assert "No such file" in error.message


@PROPERTY
@given(st.binary(max_size=200))
def test_whatever_standard_input_has_only_our_errors_come_out(content: bytes) -> None:
    with pytest.raises(SignerError):
        read("-", stdin=content)


@PROPERTY
@given(st.text(alphabet=st.characters(codec=None), max_size=50))
def test_whatever_the_value_only_our_errors_come_out(value: str) -> None:
    if value.strip() in {".", "..", "/"} or value == "-":
        return
    with pytest.raises(SignerError):
        read("{" + value)
    with pytest.raises(SignerError):
        read(None, variable="no-such-directory/" + value)
