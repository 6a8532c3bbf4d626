"""The text of key files: blocks, headers, damage."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import KeyUnusableError
from signer.keys.pem import format_block, parse_blocks
from tests.unit.keys.material import VECTORS, vectors

SIMPLE = b"-----BEGIN EXAMPLE-----\nAQIDBA==\n-----END EXAMPLE-----\n"


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: str(vector["file"]))
def test_headers_of_notary_s_files_are_read_and_written_alike(vector: dict[str, str]) -> None:
    data = (VECTORS / vector["file"]).read_bytes()
    (block,) = parse_blocks(data, origin=vector["file"])
    assert (block.role, block.gun, block.path) == (vector["role"], vector.get("gun", ""), "")
    assert block.encrypted
    assert format_block(block.label, block.headers, block.der) == data


@pytest.mark.parametrize(
    "data",
    [
        b"Bag Attributes: text\n" + SIMPLE + b"and after",
        SIMPLE.replace(b"\n", b"\r\n"),
        b"\xef\xbb\xbf" + SIMPLE,
        SIMPLE.decode().encode("utf-16"),
        SIMPLE.replace(b"\n", b" "),
        SIMPLE.replace(b"AQID", b"  AQ\n  ID"),
        b"-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + SIMPLE,
        SIMPLE.rstrip(),
    ],
    ids=["text", "crlf", "bom", "utf-16", "one line", "indented", "parameters", "no newline"],
)
def test_a_block_is_found_however_it_was_copied(data: bytes) -> None:
    (block,) = parse_blocks(data, origin="copy")
    assert (block.label, block.headers, block.der) == ("EXAMPLE", {}, b"\x01\x02\x03\x04")


def test_several_blocks_keep_their_order_and_headers() -> None:
    data = format_block("A", {"role": "root", "path": "p"}, b"a") + format_block("B", {}, b"b")
    first, second = parse_blocks(data, origin="export")
    assert (first.label, first.role, first.path, first.der) == ("A", "root", "p", b"a")
    assert (second.label, second.headers, second.der) == ("B", {}, b"b")


def test_rfc_1421_headers_are_folded_and_tell_encryption() -> None:
    data = (
        b"-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,\n ENCRYPTED\nDEK-Info: AES-128-CBC,00\n"
        b"\nAQID\n-----END RSA PRIVATE KEY-----\n"
    )
    (block,) = parse_blocks(data, origin="folded")
    assert block.headers == {"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}
    assert block.encrypted
    assert block.private


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (SIMPLE[:-10], "no END line"),
        (SIMPLE.replace(b"END EXAMPLE", b"END OTHER"), "no END line"),
        (SIMPLE[:40] + SIMPLE, "no END line"),
        (SIMPLE.replace(b"AQID", b"A*ID"), "bad base64"),
        (SIMPLE.replace(b"AQIDBA==", b"AQIDBA="), "bad base64"),
        (SIMPLE.replace(b"AQIDBA==", "AQIDBÄ==".encode()), "bad base64"),
    ],
    ids=["cut short", "other end", "begun twice", "bad character", "bad padding", "not ASCII"],
)
def test_a_damaged_block_is_an_error_that_names_file_and_block(data: bytes, words: str) -> None:
    with pytest.raises(KeyUnusableError, match=words) as caught:
        parse_blocks(data, origin="dir/key.pem")
    assert "dir/key.pem" in caught.value.message
    assert "EXAMPLE" in caught.value.message
    assert caught.value.exit_code == 8


def test_text_without_blocks_is_an_empty_list() -> None:
    assert parse_blocks(b"nothing -----BEGIN here\n-----", origin="text") == []


def test_many_unfinished_begin_lines_take_no_quadratic_time() -> None:
    for bomb in (b"-----BEGIN " * 300_000, b"-----BEGIN x" * 300_000, b"-----BEGIN \n" * 300_000):
        with pytest.raises(KeyUnusableError):
            parse_blocks(bomb + SIMPLE[:-5], origin="bomb")


@pytest.mark.parametrize("value", ["a\nrole: root", "a\rb", "\x00", "\x7f"])
def test_a_header_cannot_forge_another_line(value: str) -> None:
    with pytest.raises(KeyUnusableError, match="control characters"):
        format_block("PRIVATE KEY", {"gun": value}, b"")


def test_data_is_not_shown_in_a_repr() -> None:
    (block,) = parse_blocks(SIMPLE, origin="o")
    assert "AQID" not in repr(block)
    assert "\\x02" not in repr(block)


@given(
    st.binary(max_size=200),
    st.dictionaries(
        st.sampled_from(["gun", "role", "path"]),
        st.text(st.characters(codec="ascii", categories=("L", "N")), min_size=1),
    ),
)
def test_what_is_written_is_read_again(der: bytes, headers: dict[str, str]) -> None:
    (block,) = parse_blocks(format_block("PRIVATE KEY", headers, der), origin="o")
    assert (block.der, dict(block.headers)) == (der, headers)


def test_columns_are_64_wide_as_go_writes_them() -> None:
    lines = format_block("X", {}, bytes(100)).decode().splitlines()
    assert [len(line) for line in lines[1:-1]] == [64, 64, 8]
    assert base64.b64decode("".join(lines[1:-1])) == bytes(100)
