"""An image that a workload file names, and where its text stands."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from signer.errors import UsageError
from signer.names import ImageReference
from signer.workloads.source import Source, WorkloadFileError

PLAIN = "plain"
SINGLE = "single"
DOUBLE = "double"
LITERAL = "literal"
FOLDED = "folded"
WORD = "word"
"""Quoting style of a word in a Dockerfile; the others are YAML's."""


@dataclass(frozen=True)
class Span:
    """Where an image's text stands in its file.

    Attributes:
        source: the file.
        start: of the scalar with its quotes, in characters.
        end: behind its quotes.
        insert: where text that is appended to the reference belongs: inside the quotes.
        style: how it is quoted.
        raw: the reference before interpolation.
    """

    source: Source = field(repr=False)
    start: int
    end: int
    insert: int
    style: str
    raw: str

    @property
    def key(self) -> tuple[str, int]:
        """What two uses of one scalar have in common."""
        return self.source.name, self.insert


@dataclass(frozen=True)
class FoundImage:
    """An image that a workload file names.

    Attributes:
        reference_text: the reference after interpolation.
        file: the file as the user named it, or as another one refers to it; ``-`` is standard
            input.
        line: of the image, from 1; of the alias where the text itself is elsewhere.
        path: where in the file's structure, for example ``services.web.image``.
        span: where its text stands, for rewriting it.
    """

    reference_text: str
    file: str
    line: int
    path: str
    span: Span = field(repr=False)

    @cached_property
    def reference(self) -> ImageReference:
        """The reference, normalised; ``find_images`` has checked that it is one."""
        return ImageReference.parse(self.reference_text)

    @property
    def interpolated(self) -> bool:
        """Whether variables had a part in it."""
        return self.span.raw != self.reference_text

    def at(self, path: str) -> "FoundImage":
        """Return it under another path."""
        return replace(self, path=path)


def checked(image: FoundImage) -> FoundImage:
    """Return an image whose reference is well-formed.

    Raises:
        WorkloadFileError: it is blank, or no reference; file and line are named.
    """
    where = f"{image.file}:{image.line}: {image.path}"
    if not image.reference_text.strip():
        raw = image.span.raw.strip()
        why = f" once {raw} is interpolated" if raw else ""
        raise WorkloadFileError(f"{where} is blank{why}.", hint="Name an image.")
    try:
        _ = image.reference
    except UsageError as error:
        raise WorkloadFileError(
            f"{where}: {error.message}", hint=error.hint, code=error.code
        ) from error
    return image
