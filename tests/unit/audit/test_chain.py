from collections.abc import Callable
from pathlib import Path

import pytest

from signer.audit.chain import Chain, read_chain
from signer.audit.record import FIRST, line_hash, read_record, seal
from tests.unit.audit.written import write


@pytest.fixture
def lines(tmp_path: Path) -> list[bytes]:
    path = tmp_path / "audit.jsonl"
    write(path, "1", "2", "3", "4", "5")
    return path.read_bytes().splitlines(keepends=True)


def _found(chain: Chain) -> list[tuple[int, str]]:
    return [(problem.line, problem.code) for problem in chain.problems]


def test_what_was_written_is_intact(lines: list[bytes]) -> None:
    chain = read_chain(lines)
    assert (len(chain.records), chain.lines, chain.problems, chain.torn) == (5, 5, (), ())
    assert chain.head == line_hash(lines[-1][:-1])


def test_an_empty_file_is_intact() -> None:
    assert read_chain([]) == Chain((), 0, FIRST, (), ())


@pytest.mark.parametrize("number", [1, 2, 3, 4, 5])
def test_an_altered_line_is_named(lines: list[bytes], number: int) -> None:
    lines[number - 1] = lines[number - 1].replace(b'"ci"', b'"cj"')
    assert _found(read_chain(lines)) == [(number, "altered")]
    assert f"line {number} was altered" in read_chain(lines).problems[0].message


def _resealed(line: bytes) -> bytes:
    record = read_record(line[:-1], number=1)
    unbound = {
        name: value
        for name, value in record.content.items()
        if name not in {"version", "previous", "sha256"}
    }
    unbound["what"] = {**unbound["what"], "tag": "evil"}
    return seal(unbound, previous=record.previous) + b"\n"


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda lines: lines.pop(0), [(1, "missing")]),
        (lambda lines: lines.pop(2), [(3, "missing")]),
        (lambda lines: lines.__delitem__(slice(1, 4)), [(2, "missing")]),
        (
            lambda lines: lines.insert(2, lines.pop(3)),
            [(3, "reordered"), (4, "reordered"), (5, "reordered")],
        ),
        (lambda lines: lines.insert(3, lines[1]), [(4, "reordered"), (5, "reordered")]),
        (lambda lines: lines.insert(0, lines.pop(4)), [(1, "reordered"), (2, "reordered")]),
        (lambda lines: lines.__setitem__(2, lines[2][:40] + b"\n"), [(3, "altered")]),
        (lambda lines: lines.__setitem__(2, lines[2][:-1]), [(3, "altered")]),
        (lambda lines: lines.__setitem__(4, lines[4][:40]), [(5, "torn")]),
        (lambda lines: lines.insert(2, b"\n"), [(3, "altered")]),
        (lambda lines: lines.__setitem__(2, _resealed(lines[2])), [(4, "missing")]),
    ],
    ids=[
        "first removed",
        "one removed",
        "three removed",
        "two swapped",
        "one repeated",
        "last put first",
        "cut in the middle",
        "two joined",
        "cut at the end",
        "empty line",
        "sealed anew",
    ],
)
def test_what_was_done_to_the_file_is_named(
    lines: list[bytes], change: Callable[[list[bytes]], object], found: list[tuple[int, str]]
) -> None:
    change(lines)
    whole = b"".join(lines).splitlines(keepends=True)
    assert _found(read_chain(whole)) == found


def test_a_line_that_was_altered_hides_no_other(lines: list[bytes]) -> None:
    lines[1] = lines[1].replace(b'"ci"', b'"cj"')
    del lines[3]
    assert _found(read_chain(lines)) == [(2, "altered"), (4, "missing")]


def test_only_the_line_before_may_be_called_torn(lines: list[bytes]) -> None:
    record = read_record(lines[4][:-1], number=5)
    unbound = {
        name: value
        for name, value in record.content.items()
        if name not in {"version", "previous", "sha256"}
    }
    previous = line_hash(lines[3][:-1])
    lines[4] = seal(unbound, previous=previous, torn=[line_hash(lines[3][:-1])]) + b"\n"
    assert read_chain(lines).torn == ()
    assert not read_chain(lines).problems
    lines[4] = seal(unbound, previous=previous, torn=["ab" * 32]) + b"\n"
    lines[2] = b"garbage\n"
    assert _found(read_chain(lines)) == [(3, "altered")]
