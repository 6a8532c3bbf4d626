"""How patterns relate: whether two can match the same repository, and whether one includes another.

The language of globs with ``*`` alone is simple enough for exact answers, up to what names of
hosts and repositories can be at all.
"""

from signer.policy.pattern import Pattern, compile_glob

_ANY = "\x00"
"""Stands for a ``*`` of one glob as text for another: only another ``*`` matches it."""


def overlap(one: Pattern, other: Pattern) -> bool:
    """Tell whether some repository can match both."""
    return globs_overlap(one.host, other.host) and globs_overlap(one.path, other.path)


def includes(wider: Pattern, narrower: Pattern) -> bool:
    """Tell whether every repository that ``narrower`` matches is one that ``wider`` matches."""
    return _glob_includes(wider.host, narrower.host) and _glob_includes(wider.path, narrower.path)


def _glob_includes(wider: str, narrower: str) -> bool:
    return compile_glob(wider).fullmatch(narrower.replace("*", _ANY)) is not None


def globs_overlap(one: str, other: str) -> bool:
    """Tell whether some text matches both globs.

    Both are walked at once: a ``*`` may stand still or swallow a letter of the other.
    """
    given = min(len(one.partition("*")[0]), len(other.partition("*")[0]))
    if one[:given] != other[:given]:
        return False  # most pairs of a policy end here
    row = _starting_row(other)
    for symbol in one:
        above, row = row, [row[0] and symbol == "*"]
        for index, letter in enumerate(other):
            wild = "*" in (symbol, letter)
            row.append(
                above[index + 1] or row[index] if wild else above[index] and symbol == letter
            )
    return row[-1]


def _starting_row(glob: str) -> list[bool]:
    row = [True]
    for letter in glob:
        row.append(row[-1] and letter == "*")
    return row
