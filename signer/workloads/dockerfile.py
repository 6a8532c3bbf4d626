"""Images in Dockerfiles: ``FROM``, ``COPY --from`` and ``RUN --mount=from=``.

Stages of the same file are no images, whatever their case, and neither is ``scratch``. ``ARG``
values are the file's own defaults: values that ``docker build --build-arg`` would give are not
known here.

Source: Docker's Dockerfile reference, "FROM", "ARG", "COPY --from", "RUN --mount".
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from signer.names import printable
from signer.workloads.dockerfile_lines import Instruction, Script, Word, read_instructions
from signer.workloads.found import WORD, FoundImage, Span, checked
from signer.workloads.interpolation import InterpolationError
from signer.workloads.shell_words import expand
from signer.workloads.source import Source

_SCRATCH: Final = "scratch"
_QUOTES: Final = "'\""
_ARCHITECTURES: Final = ("amd64", "arm64", "arm", "386", "ppc64le", "s390x", "riscv64")
_PLATFORM_ARGUMENTS: Final = frozenset(
    f"{prefix}{part}"
    for prefix in ("TARGET", "BUILD")
    for part in ("PLATFORM", "OS", "OSVERSION", "ARCH", "VARIANT")
)


@dataclass
class _Stages:
    """The stages so far, and the arguments before the first one."""

    names: list[str] = field(default_factory=list)
    """Each stage's name as it is written; empty where it has none."""

    arguments: dict[str, str | None] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The current stage, for a path."""
        return f"stage {self.names[-1] or len(self.names) - 1}"


def find_dockerfile_images(source: Source) -> list[FoundImage]:
    """Find the images that a Dockerfile builds on or copies from.

    Raises:
        WorkloadFileError: the file is malformed, or an image is blank or no reference, or depends
            on the platform that is built for.
    """
    script = read_instructions(source)
    names = [_stage_name(one) for one in script.instructions if one.name == "FROM"]
    if not names:
        raise source.error(0, "the Dockerfile has no FROM.")
    return [checked(image) for image in _Finder(source, script, names).images()]


def _stage_name(instruction: Instruction) -> str:
    words = _arguments(instruction)
    return words[2].text if len(words) == 3 else ""


def _arguments(instruction: Instruction) -> list[Word]:
    """Return the words behind the flags."""
    words = list(instruction.words)
    while words and words[0].text.startswith("--"):
        words.pop(0)
    return words


class _Finder:
    def __init__(self, source: Source, script: Script, names: list[str]) -> None:
        self._source = source
        self._script = script
        self._all_names = names
        self._stages = _Stages()

    def images(self) -> Iterator[FoundImage]:
        for instruction in self._script.instructions:
            match instruction.name:
                case "FROM":
                    yield from self._from(instruction)
                case "ARG" if not self._stages.names:
                    self._declare(instruction)
                case "ARG":
                    pass
                case _ if not self._stages.names:
                    raise self._source.error(
                        instruction.start, f"{printable(instruction.name)} stands before FROM."
                    )
                case _:
                    yield from self._copied(instruction.inner() or instruction)

    def _declare(self, instruction: Instruction) -> None:
        for word in instruction.words:
            name, equals, _ = word.text.partition("=")
            if equals:
                value = self._expand(word.part(len(name) + 1)) if word.text[len(name) + 1 :] else ""
                self._stages.arguments[name] = value
            else:
                self._stages.arguments.setdefault(name, None)

    def _from(self, instruction: Instruction) -> Iterator[FoundImage]:
        words = _arguments(instruction)
        if len(words) not in {1, 3} or (len(words) == 3 and words[1].text.upper() != "AS"):
            raise self._source.error(instruction.start, "FROM is not FROM IMAGE [AS NAME].")
        word = words[0]
        former = [name.lower() for name in self._stages.names if name]
        depends = False
        texts = []
        for architecture in _ARCHITECTURES:
            text, depends = self._for_platform(word, architecture)
            texts.append(text)
            if not depends:
                break
        self._stages.names.append(_stage_name(instruction))
        if any(text.lower() in former for text in texts):
            return
        if depends:
            raise self._source.error(
                word.start,
                f"{printable(word.text)} depends on the platform that is built for.",
                hint="Name each platform's image in a stage of its own.",
            )
        if texts[0] != _SCRATCH:
            yield self._found(word, texts[0], "FROM")

    def _for_platform(self, word: Word, architecture: str) -> tuple[str, bool]:
        """Return a word's value on a platform, and whether the platform has a part in it."""
        used = False
        values = {"OS": "linux", "ARCH": architecture, "PLATFORM": f"linux/{architecture}"}

        def lookup(name: str) -> str | None:
            nonlocal used
            value = self._stages.arguments.get(name)
            if value is None and name in _PLATFORM_ARGUMENTS:
                used = True
                return values.get(name.removeprefix("TARGET").removeprefix("BUILD"), "")
            return value

        try:
            return expand(word.text, lookup, escape=self._script.escape), used
        except InterpolationError as error:
            raise self._source.error(word.start, f"{error}.") from error

    def _expand(self, word: Word) -> str:
        try:
            return expand(word.text, self._stages.arguments.get, escape=self._script.escape)
        except InterpolationError as error:
            raise self._source.error(word.start, f"{error}.") from error

    def _copied(self, instruction: Instruction) -> Iterator[FoundImage]:
        """Yield the images that COPY, ADD or RUN take files from."""
        for written in instruction.words:
            if not written.text.startswith("--"):
                break
            word = written.unquoted(self._script.escape)
            flag, _, _ = word.text.partition("=")
            value = word.part(len(flag) + 1)
            if flag == "--from" and instruction.name in {"COPY", "ADD"}:
                yield from self._source_image(value, f"{instruction.name} --from", word)
            elif flag == "--mount" and instruction.name == "RUN":
                for name, part in _fields(value):
                    if name == "from":
                        yield from self._source_image(part, "RUN --mount", word)

    def _source_image(self, value: Word, what: str, flag: Word) -> Iterator[FoundImage]:
        text = value.text
        if "$" in text:
            raise self._source.error(
                flag.start,
                f"{what} takes no variables: {printable(text)}.",
                hint="Make a stage with FROM, and copy from that.",
            )
        is_stage = text.lower() in {name.lower() for name in self._all_names if name}
        is_number = text.isdecimal() and int(text) < len(self._all_names)
        if is_stage or is_number or text == _SCRATCH:
            return
        if not text:
            raise self._source.error(flag.start, f"{what} is blank.", hint="Name an image.")
        yield self._found(value, text, what)

    def _found(self, word: Word, text: str, what: str) -> FoundImage:
        insert = word.end
        if word.text[-1] in _QUOTES:
            insert = word.positions[-1]
        span = Span(self._source, word.start, word.end, insert, WORD, word.text)
        source = self._source
        path = f"{what} ({self._stages.label})"
        return FoundImage(text, source.name, source.line(word.start), path, span)


def _fields(value: Word) -> Iterator[tuple[str, Word]]:
    """Yield the names and values of ``a=b,c=d``."""
    start = 0
    for text in value.text.split(","):
        # Escaped quotes reach Docker's reader of comma-separated values, which takes them off.
        first = start + int(text.startswith('"'))
        end = start + len(text)
        last = max(first, end - int(text.endswith('"')))
        name, _, _ = value.text[first:last].partition("=")
        yield name.lower(), value.part(min(first + len(name) + 1, last), last)
        start = end + 1
