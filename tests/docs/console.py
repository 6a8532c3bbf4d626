"""Running what a document shows: its commands in one shell, their output beside the shown one.

A document is one session. Run are its fenced blocks of the language ``console``:

- a line that begins with ``$ `` is a command; lines that begin with ``> ``, or follow a ``\\``,
  continue it; all others are output;
- ``# exit code N`` behind a command is the code that it must end with, otherwise it is 0;
- shown output must be what was printed, in which ``...`` stands for anything, any white space for
  any other, and any date for any date. Hexadecimal ids may differ, but alike everywhere: what a
  document shows as one id must be one id, and it is put for the shown one into later commands;
- ``<!-- run: COMMAND -->`` is a command that readers do not see, because it stands for what
  happened elsewhere, such as the push of an image.
"""

import os
import re
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SECONDS: Final = 300.0
_HEX: Final = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{7,64}(?![0-9A-Za-z])")
_FINGERPRINT: Final = re.compile(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}")
_DATE: Final = r"\d{4}-\d{2}-\d{2}(?:T[0-9:.]+(?:Z|\+00:00))?"
_EXPECTED: Final = re.compile(r"\s+# exit code (\d+)\s*$")
_BLOCK: Final = re.compile(
    r"^```console\n(?P<console>.*?)^```$|^<!-- run: (?P<hidden>.*?) -->$", re.M | re.S
)


@dataclass(frozen=True)
class Step:
    """A command of a document.

    Attributes:
        command: for the shell.
        expected: its exit code.
        output: as shown.
        line: where it stands in the document.
    """

    command: str
    expected: int
    output: str
    line: int


def steps(document: str) -> Iterator[Step]:
    """Yield a document's commands in order."""
    for block in _BLOCK.finditer(document):
        line = document.count("\n", 0, block.start()) + 1
        if block["hidden"]:
            yield Step(block["hidden"], 0, "", line)
        else:
            yield from _console_steps(block["console"], line + 1)


def _console_steps(text: str, first: int) -> Iterator[Step]:
    command: list[str] = []
    output: list[str] = []
    started = first
    for number, line in enumerate(text.splitlines(), first):
        if line.startswith("$ "):
            if command:
                yield _step(command, output, started)
            command, output, started = [line[2:]], [], number
        elif line.startswith("> ") or (command and not output and command[-1].endswith("\\")):
            command.append(line.removeprefix("> "))
        else:
            output.append(line)
    if command:
        yield _step(command, output, started)


def _step(command: list[str], output: list[str], line: int) -> Step:
    found = _EXPECTED.search(command[-1])
    return Step("\n".join(command), int(found[1]) if found else 0, "\n".join(output), line)


class MismatchError(AssertionError):
    """A command ended or printed otherwise than the document shows."""


class Console:
    """A shell in which a document's commands run one after the other.

    Args:
        home: the home directory and the directory of work.
        replaced: what stands in the document, and what is meant in its place.
        environment: of the shell.
    """

    def __init__(self, home: Path, replaced: dict[str, str], environment: dict[str, str]) -> None:
        self.home = home
        self.replaced = replaced
        self.environment = environment
        self.ids: dict[str, str] = {}
        self._output = home.parent / "output"

    def __enter__(self) -> Self:
        self._shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            cwd=self.home,
            env=self.environment,
        )
        # A command that hangs ends with the shell, and the test with it.
        self._timer = threading.Timer(_SECONDS, self._shell.kill)
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        self._shell.kill()
        self._shell.communicate()

    def define(self, text: str) -> None:
        """Run lines that no document shows, as they are."""
        status, printed = self._execute(text)
        if status:
            raise MismatchError(printed)

    def play(self, document: str) -> int:
        """Run every command of a document and return how many there were.

        Raises:
            MismatchError: with the line, the command and what was printed.
        """
        found = list(steps(document))
        for step in found:
            self.perform(step)
        return len(found)

    def perform(self, step: Step) -> None:
        """Run one command and compare.

        Raises:
            MismatchError: with the line, the command and what was printed.
        """
        status, printed = self._execute(self._real(step.command))
        where = f"line {step.line}: $ {step.command}\n{printed}"
        if status != step.expected:
            raise MismatchError(f"ended with {status} instead of {step.expected}: {where}")
        if step.output.strip() and not self._matches(step.output, printed):
            raise MismatchError(f"printed something else: {where}\n--- shown is\n{step.output}")

    def _execute(self, command: str) -> tuple[int, str]:
        stdin, stdout = self._shell.stdin, self._shell.stdout
        if stdin is None or stdout is None:
            raise AssertionError("the shell has pipes")
        stdin.write(f"{{ {command}\n}} </dev/null >{self._output} 2>&1; echo $?\n")
        stdin.flush()
        answer = stdout.readline()
        if not answer:
            raise MismatchError(f"the shell ended, or {_SECONDS:.0f} s were over: $ {command}")
        return int(answer), self._output.read_text(encoding="utf-8")

    def _real(self, text: str) -> str:
        for shown, real in self.replaced.items():
            text = text.replace(shown, real)
        return _HEX.sub(lambda found: self._real_id(found[0]), text)

    def _real_id(self, shown: str) -> str:
        known = (real for name, real in self.ids.items() if name.startswith(shown))
        return next(known, shown)[: len(shown)]

    def _matches(self, shown: str, printed: str) -> bool:
        for name, real in self.replaced.items():
            shown = shown.replace(name, real)
        names: list[str] = []
        words = [_pattern(word, names) for word in shown.split()]
        pattern = r"\s+".join(words).replace(r"\s+.*?\s+", r"\s(?:.*?\s)?")
        pattern = pattern.removesuffix(r"\s+.*?") + (r"(?:\s.*)?" if words[-1] == ".*?" else "")
        found = re.fullmatch(pattern, " ".join(printed.split()), re.S)
        return found is not None and self._same_ids(names, found.groups())

    def _same_ids(self, shown: list[str], printed: tuple[str, ...]) -> bool:
        """Learn which printed id stands for a shown one, and tell whether it always does."""
        for name, real in zip(shown, printed, strict=True):
            full = next((known for known in self.ids if known.startswith(name)), name)
            if self.ids.setdefault(full, real)[: len(name)] != real:
                return False
        return True


def _pattern(word: str, names: list[str]) -> str:
    """Return the regular expression of one shown word; ids in it are added to ``names``."""
    if word == "...":
        return ".*?"
    pattern, end = "", 0
    for found in re.finditer(f"{_HEX.pattern}|{_DATE}", word):
        pattern += re.escape(word[end : found.start()])
        end = found.end()
        if _HEX.fullmatch(found[0]):
            names.append(found[0])
            pattern += f"([0-9a-f]{{{len(found[0])}}})"
        else:
            pattern += _DATE
    return pattern + re.escape(word[end:])


def environment(home: Path, programs: Path) -> dict[str, str]:
    """Return a shell's environment: an empty home, the project's programs first on PATH."""
    return {
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
    }
