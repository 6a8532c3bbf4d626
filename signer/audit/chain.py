"""Checking the chain: is every line as it was written, and does it follow the one before?

1. Each line is a record, unchanged by its own hash.
2. ``previous`` of each record is the hash of the line before; of the first it is 64 zeros.
3. A line that is no record is torn only if the next record names its hash.
4. The last line is complete.

What cannot be seen from the file alone: that records were cut off at its end, or that somebody
wrote the whole file anew. For that, note the head's hash elsewhere, or ask the changefeed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from signer.audit.record import FIRST, Record, line_hash, read_record


@dataclass(frozen=True)
class Problem:
    """What is wrong at a line.

    Attributes:
        line: its number, from 1.
        code: ``altered``, ``missing``, ``reordered`` or ``torn``.
        message: one sentence, without the file's name.
    """

    line: int
    code: str
    message: str


@dataclass(frozen=True)
class Chain:
    """A file that was read.

    Attributes:
        records: the valid ones, in the file's order.
        lines: how many lines there are.
        head: hash of the last line; 64 zeros where there is none.
        problems: by line; empty where the chain holds.
        torn: numbers of torn lines that a later record names.
    """

    records: tuple[Record, ...]
    lines: int
    head: str
    problems: tuple[Problem, ...]
    torn: tuple[int, ...]


def read_chain(lines: Iterable[bytes]) -> Chain:
    """Read lines with their line feeds, and check them."""
    hashes: list[str] = []
    reasons: dict[int, str] = {}
    records: list[Record] = []
    complete = True
    for number, raw in enumerate(lines, 1):
        line = raw.removesuffix(b"\n")
        complete = line != raw
        hashes.append(line_hash(line))
        try:
            records.append(read_record(line, number=number))
        except ValueError as error:
            reasons[number] = str(error)
    torn = _named_as_torn(records, hashes, reasons)
    problems = _broken_links(records, hashes, reasons, torn=torn)
    last = len(hashes)
    for number, reason in reasons.items():
        if number in torn:
            continue
        if number == last and not complete:
            problems.append(
                Problem(
                    number,
                    "torn",
                    f"line {number}, the last, is incomplete: its writing was interrupted, or the "
                    "file was cut off",
                )
            )
        else:
            problems.append(Problem(number, "altered", f"line {number} was altered: {reason}"))
    return Chain(
        tuple(records),
        last,
        hashes[-1] if hashes else FIRST,
        tuple(sorted(problems, key=lambda problem: problem.line)),
        tuple(sorted(torn)),
    )


def _named_as_torn(records: list[Record], hashes: list[str], reasons: dict[int, str]) -> set[int]:
    """Return the numbers of the lines that the record after them names as torn."""
    torn: set[int] = set()
    for record in records:
        before = range(record.line - len(record.torn), record.line)
        named = [hashes[number - 1] for number in before if number > 0]
        if record.torn and named == record.torn and all(number in reasons for number in before):
            torn.update(before)
    return torn


def _broken_links(
    records: list[Record], hashes: list[str], reasons: dict[int, str], *, torn: set[int]
) -> list[Problem]:
    place = {value: number for number, value in enumerate(hashes, 1)}
    problems: list[Problem] = []
    for record in records:
        before = record.line - 1
        while before in torn:
            before -= 1
        wanted = hashes[before - 1] if before else FIRST
        number = record.line
        if record.previous == wanted:
            continue
        origin = 0 if record.previous == FIRST else place.get(record.previous, number)
        if origin < number and all(line in reasons for line in range(origin + 1, number)):
            continue  # what stands between is no record, which is a problem of its own
        if record.previous in place or record.previous == FIRST:
            text = f"line {number} is out of order: {_belongs(record.previous, place)}"
            problems.append(Problem(number, "reordered", text))
        elif before not in reasons:  # an altered line has another hash than it had
            text = (
                f"line {number} does not follow line {before}: lines between them are missing, or "
                f"line {before} was replaced"
                if before
                else f"line {number} is not the first that was written: lines before it are missing"
            )
            problems.append(Problem(number, "missing", text))
    return problems


def _belongs(previous: str, place: dict[str, int]) -> str:
    return (
        "it was the first" if previous == FIRST else f"it was written after line {place[previous]}"
    )
