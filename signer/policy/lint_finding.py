"""One finding in a policy that can be loaded."""

from dataclasses import dataclass
from typing import Final

WARNING: Final = "warning"
NOTE: Final = "note"


@dataclass(frozen=True)
class LintFinding:
    """What is unwise in a policy, and what to do about it.

    Attributes:
        code: stable name.
        severity: ``warning``, or ``note`` for what may well be meant.
        line: in the file, from 1.
        message: one sentence.
        hint: the remedy, or empty.
        rule: name of the rule; empty where it is about something else.
    """

    code: str
    severity: str
    line: int
    message: str
    hint: str = ""
    rule: str = ""
