"""Running the Python examples of a document, one after the other, in one module."""

import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_BLOCK: Final = re.compile(
    r"^```python\n(?P<python>.*?)^```$|^<!-- run: push (?P<image>\S+) (?P<content>\S+) -->$",
    re.M | re.S,
)


def program(document: str) -> str:
    """Return a program of all examples; every line stands where it stands in the document.

    A hidden ``push IMAGE CONTENT`` becomes a call of ``push``.
    """
    lines = [""] * document.count("\n")
    for number, text in _parts(document):
        lines[number : number + text.count("\n") + 1] = text.split("\n")
    return "\n".join(lines) + "\n"


def _parts(document: str) -> Iterator[tuple[int, str]]:
    for block in _BLOCK.finditer(document):
        line = document.count("\n", 0, block.start())
        if block["image"]:
            yield line, f"push({block['image']!r}, {block['content']!r})"
        else:
            yield line + 1, block["python"].rstrip("\n")


def run(document: str, directory: Path, **names: object) -> dict[str, object]:
    """Run a document's examples with some names known, and return all names afterwards."""
    file = directory / "examples.py"
    file.write_text(program(document), encoding="utf-8")
    return runpy.run_path(str(file), init_globals=names)
