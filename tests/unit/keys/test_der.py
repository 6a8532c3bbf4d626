import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.keys import der


@pytest.mark.parametrize(
    ("size", "header"),
    [
        (0, "0400"),
        (127, "047f"),
        (128, "048180"),
        (255, "0481ff"),
        (256, "04820100"),
        (65536, "0483010000"),
    ],
)
def test_lengths_are_written_and_read_in_their_shortest_form(size: int, header: str) -> None:
    encoded = der.encode(der.OCTET_STRING, bytes(size))
    assert encoded == bytes.fromhex(header) + bytes(size)
    assert der.elements(encoded) == [der.Element(der.OCTET_STRING, bytes(size), encoded)]


@pytest.mark.parametrize(
    ("value", "encoded"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (2048, "02020800"), (65535, "020300ffff")],
)
def test_integers_are_minimal_and_not_negative(value: int, encoded: str) -> None:
    assert der.integer(value) == bytes.fromhex(encoded)
    assert der.read_integer(der.elements(bytes.fromhex(encoded))[0]) == value


@pytest.mark.parametrize(
    "encoded",
    [
        "30",
        "3005",
        "30800000",
        "308105" + "0400000000",
        "30820001" + "00",
        "3085000000000100",
        "1f0100",
        "0481",
    ],
)
def test_what_is_not_der_is_refused(encoded: str) -> None:
    with pytest.raises(der.DerError):
        der.elements(bytes.fromhex(encoded))


@pytest.mark.parametrize("encoded", ["0200", "0201ff", "02020001"])
def test_integers_that_are_empty_negative_or_padded_are_refused(encoded: str) -> None:
    with pytest.raises(der.DerError):
        der.read_integer(der.elements(bytes.fromhex(encoded))[0])


@pytest.mark.parametrize("encoded", ["", "0400", "30003000"])
def test_a_sequence_is_one_sequence_and_nothing_more(encoded: str) -> None:
    with pytest.raises(der.DerError):
        der.sequence(bytes.fromhex(encoded))


def test_deep_nesting_does_not_exhaust_the_stack() -> None:
    data = b""
    for _ in range(20_000):
        data = der.encode(der.SEQUENCE, data)
    assert len(der.sequence(data)) == 1


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused_and_never_lost(data: bytes) -> None:
    try:
        found = der.elements(data)
    except der.DerError:
        return
    assert b"".join(element.raw for element in found) == data
