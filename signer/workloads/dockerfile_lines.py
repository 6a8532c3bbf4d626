"""The instructions of a Dockerfile: continued lines joined, comments and heredocs left out.

Every character of an instruction knows its position in the file, so that a word can be rewritten
where it stands.

Source: Docker's Dockerfile reference, "Format", "Parser directives", "Here-Documents".
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from signer.workloads.source import Source

_DIRECTIVE: Final = re.compile(r"#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*")
_INSTRUCTION: Final = re.compile(r"\s*([A-Za-z]+)(?:\s+|$)")
_HEREDOC: Final = re.compile(r"[0-9]*<<(-?)([^<\s]+)")
_WITH_HEREDOCS: Final = frozenset({"ADD", "COPY", "RUN", "ONBUILD"})


@dataclass(frozen=True)
class Word:
    """A part of an instruction, as it is written.

    Attributes:
        text: with its quotes and escapes.
        positions: where each of its characters stands in the file.
    """

    text: str
    positions: Sequence[int]

    @property
    def start(self) -> int:
        """Position of its first character."""
        return self.positions[0]

    @property
    def end(self) -> int:
        """Position behind its last character."""
        return self.positions[-1] + 1

    def part(self, start: int, end: int | None = None) -> "Word":
        """Return a slice of it."""
        return Word(self.text[start:end], self.positions[start:end])

    def unquoted(self, escape: str) -> "Word":
        """Return the word without its quotes and escapes; what is left knows its places."""
        kept = []
        quote = ""
        escaped = False
        for index, char in enumerate(self.text):
            if escaped:
                escaped = False
            elif char == escape and quote != "'":
                escaped = True
                continue
            elif char == quote:
                quote = ""
                continue
            elif not quote and char in {"'", '"'}:
                quote = char
                continue
            kept.append(index)
        return Word(
            "".join(self.text[index] for index in kept), [self.positions[index] for index in kept]
        )


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        name: in upper case, for example ``FROM``.
        words: what follows it.
        start: where it begins.
    """

    name: str
    words: tuple[Word, ...]
    start: int

    def inner(self) -> "Instruction | None":
        """Return what ``ONBUILD`` puts off; None for any other instruction."""
        if self.name != "ONBUILD" or not self.words:
            return None
        return Instruction(self.words[0].text.upper(), self.words[1:], self.words[0].start)


@dataclass(frozen=True)
class Script:
    """A Dockerfile's instructions.

    Attributes:
        escape: the escape character.
        instructions: in the file's order.
    """

    escape: str
    instructions: tuple[Instruction, ...]


def read_instructions(source: Source) -> Script:
    """Split a Dockerfile into instructions.

    Raises:
        WorkloadFileError: a heredoc or a continued line has no end, or a directive is unknown.
    """
    lines = _lines(source.text)
    escape, first = _directives(source, lines)
    return Script(escape, tuple(_instructions(source, lines[first:], escape)))


def _lines(text: str) -> list[tuple[int, str]]:
    """Return each line's position and text, without its end."""
    lines = []
    position = 0
    while position < len(text):
        end = text.find("\n", position)
        end = len(text) if end < 0 else end
        lines.append((position, text[position:end].removesuffix("\r")))
        position = end + 1
    return lines


def _directives(source: Source, lines: list[tuple[int, str]]) -> tuple[str, int]:
    """Return the escape character, and the number of lines that are directives."""
    escape = "\\"
    for number, (position, line) in enumerate(lines):
        match = _DIRECTIVE.fullmatch(line)
        if not match:
            return escape, number
        if match[1].lower() == "escape":
            if match[2] not in {"\\", "`"}:
                raise source.error(position, "the escape character must be \\ or `.")
            escape = match[2]
    return escape, len(lines)


def _instructions(
    source: Source, lines: list[tuple[int, str]], escape: str
) -> Iterator[Instruction]:
    continued = re.compile(rf"(?:^|(?<=[^{re.escape(escape)}])){re.escape(escape)}[ \t]*$")
    number = 0
    while number < len(lines):
        start, line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            number += 1
            continue
        text = ""
        positions: list[int] = []
        open_line = True
        while open_line and number < len(lines):
            position, line = lines[number]
            number += 1
            if text and (not line.strip() or line.lstrip().startswith("#")):
                continue
            match = continued.search(line)
            open_line = match is not None
            kept = line[: match.start()] if match else line
            text += kept
            positions += range(position, position + len(kept))
        head = _INSTRUCTION.match(text)
        if not head:
            raise source.error(start, "this is no instruction of a Dockerfile.")
        words = tuple(_words(text, positions, head.end(), escape))
        instruction = Instruction(head[1].upper(), words, positions[head.start(1)])
        if instruction.name in _WITH_HEREDOCS:
            for chomp, name in _heredocs(instruction):
                number = _heredoc_end(source, lines, number, chomp=chomp, name=name, start=start)
        yield instruction


def _words(text: str, positions: list[int], start: int, escape: str) -> Iterator[Word]:
    """Split at blanks outside of quotes."""
    begin = -1
    quote = ""
    position = start
    while position < len(text):
        char = text[position]
        if begin < 0 and not char.isspace():
            begin = position
        if char == escape and quote != "'":
            position += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in {"'", '"'}:
            quote = char
        elif char.isspace() and begin >= 0:
            yield Word(text[begin:position], positions[begin:position])
            begin = -1
        position += 1
    if begin >= 0:
        yield Word(text[begin:], positions[begin:])


def _heredocs(instruction: Instruction) -> list[tuple[bool, str]]:
    """Return the heredocs that an instruction opens: whether tabs are stripped, and the end."""
    inner = instruction.inner()
    if inner and inner.name not in _WITH_HEREDOCS:
        return []
    found = []
    for word in instruction.words:
        match = _HEREDOC.fullmatch(word.text)
        if match:
            found.append((bool(match[1]), match[2].replace("'", "").replace('"', "")))
    return found


def _heredoc_end(
    source: Source,
    lines: list[tuple[int, str]],
    number: int,
    *,
    chomp: bool,
    name: str,
    start: int,
) -> int:
    while number < len(lines):
        line = lines[number][1]
        number += 1
        if (line.lstrip("\t") if chomp else line) == name:
            return number
    raise source.error(start, f"the heredoc has no end: no line is {name}.")
