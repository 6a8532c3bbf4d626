"""Reading the body of an upload."""

import pytest

from signer.embedded.notary.errors import NotaryError
from signer.embedded.notary.upload import MAX_PARTS, read_upload

FORM = "multipart/form-data; boundary=b"


def _part(name: str, wire: bytes) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode() + wire + b"\r\n"


def _code(content_type: str, body: bytes) -> str:
    with pytest.raises(NotaryError) as refused:
        read_upload(content_type, body)
    return refused.value.code


def test_every_byte_of_a_part_is_kept() -> None:
    wire = b' {"signed":{"version":7},"x":"\xff"} \x00\r\n--\r\n-b\r--b\n\r\n \r'
    uploads = read_upload(FORM, _part("targets/a", wire) + b"--b--\r\n")
    ((role, upload),) = uploads.items()
    assert (role, upload.version, upload.wire) == ("targets/a", 7, wire)


def test_text_around_the_parts_is_ignored() -> None:
    body = b"preamble\r\n" + _part("root.json", b"{}") + b"--b--\r\nepilogue\r\n--b"
    assert list(read_upload(FORM, body)) == ["root"]


def test_a_boundary_may_be_quoted_and_followed_by_blanks() -> None:
    body = _part("root", b"{}").replace(b"--b\r\n", b"--b \t\r\n") + b"--b--"
    assert list(read_upload('multipart/form-data; charset=utf-8; boundary="b"', body)) == ["root"]


def test_a_line_that_only_begins_as_the_boundary_is_no_part() -> None:
    assert _code(FORM, _part("root", b"{}\r\n--bb\r\n") + b"--b--") == "MALFORMED_UPLOAD"


def test_of_two_parts_for_a_role_the_later_counts() -> None:
    body = _part("root", b"{}") + _part("root.json", b'{"signed":{"version":2}}') + b"--b--"
    assert read_upload(FORM, body)["root"].version == 2  # type: ignore[index] # a plain text


@pytest.mark.parametrize("name", ["root", "targets", "snapshot", "timestamp", "targets/a-1/b_2"])
def test_every_role_can_be_uploaded(name: str) -> None:
    assert list(read_upload(FORM, _part(name, b"{}") + b"--b--")) == [name]


def test_deeply_nested_json_is_malformed_and_harms_nothing() -> None:
    body = _part("root", b'{"signed":' + b"[" * 200_000) + b"--b--"
    assert _code(FORM, body) == "MALFORMED_JSON"


def test_a_number_of_many_digits_is_malformed() -> None:
    body = _part("root", b'{"signed":{"version":' + b"9" * 10_000 + b"}}") + b"--b--"
    assert _code(FORM, body) == "MALFORMED_JSON"


@pytest.mark.parametrize("constant", [b"NaN", b"Infinity", b"-Infinity"])
def test_what_only_python_takes_for_json_is_malformed(constant: bytes) -> None:
    body = _part("root", b'{"signed":{"version":1},"x":' + constant + b"}") + b"--b--"
    assert _code(FORM, body) == "MALFORMED_JSON"


def test_more_parts_than_there_can_be_roles_are_refused() -> None:
    assert _code(FORM, b"--b\r\n" * (MAX_PARTS + 2) + b"--b--") == "MALFORMED_UPLOAD"
