"""Foreign text, shown so that none of it acts on what shows it."""

from typing import Final

_KEPT: Final = "\n"


def visible(text: str) -> str:
    r"""Return text whose control and formatting characters are written as ``\u202e`` and so on.

    None of them then reorders, hides or erases what stands beside it. Line ends stay.
    """
    if text.isprintable():
        return text
    return "".join(
        ch if ch.isprintable() or ch in _KEPT else ch.encode("unicode_escape").decode("ascii")
        for ch in text
    )


def shortened(text: str, length: int) -> str:
    """Return the beginning of a text that is longer than ``length``, with an ellipsis."""
    text = visible(text)
    return text if len(text) <= length else f"{text[: length - 1]}\N{HORIZONTAL ELLIPSIS}"
