"""The golden files, and a writer of Go's form that shares nothing with the code under test."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

METADATA: Final = Path(__file__).parents[2] / "vectors" / "metadata"
REFERENCE_TIME: Final = datetime(2026, 11, 22, tzinfo=UTC)

FILES: Final = (
    "1.root.json",
    "2.root.json",
    "root.json",
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "targets/releases.json",
    "targets/alice.json",
)

# Of tests/vectors/metadata/README.md.
ROOT_KEY_ID: Final = "5c1d5921c5c37466a5d90c76d16bd6b36e0067ada4cb4b642782262b0153d52d"
ROOT_CANONICAL_ID: Final = "2fa2a39b787c07896cc81b85507b848f05910516886889e20b8aee7c5d1384ff"
ALICE_KEY_ID: Final = "e2dc937fac104d72cab4f5ce8df72409806ea6c8944e0440695c3a0b6632b518"
ALICE_CANONICAL_ID: Final = "9a3ed0ad096ad2cc0b52245bfdab04b20a95288ac75503b4df4449354df5df75"
BOB_KEY_ID: Final = "0671d16e70465afc829198c4749e08c8498ae3b1f6d98f10bd1f001182cf5f6c"
BOB_CANONICAL_ID: Final = "4975fe4b617b1c0a4d08de4f59a1e6f598c04ad79a62008a4248b69c4ac037a8"

Document = dict[str, Any]
"""A decoded file: ``signed`` and ``signatures``."""


def golden(name: str) -> bytes:
    """Return a file's bytes."""
    return (METADATA / name).read_bytes()


def document(name: str) -> Document:
    """Return a file's decoded content, by the standard library alone."""
    content: Document = json.loads(golden(name))
    return content


def go_form(value: object) -> bytes:
    """Write decoded JSON in the form of Go's ``json.Marshal``, keeping the order of names."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("utf-8", "surrogatepass")


def resorted(value: Any) -> Any:  # noqa: ANN401 - decoded JSON
    """Return decoded JSON with the names of every object in bytewise order."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-8", "surrogatepass"))
        return {name: resorted(value[name]) for name in names}
    return [resorted(item) for item in value] if isinstance(value, list) else value


def edited(name: str, edit: Callable[[Document], object]) -> bytes:
    """Return a file after ``edit`` of its document, in Go's form; its signatures stay as they were.

    Names inside ``signed`` are in order again; those of the document stay as ``edit`` left them.
    """
    whole = document(name)
    edit(whole)
    whole["signed"] = resorted(whole["signed"])
    return go_form(whole)
