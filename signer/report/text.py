"""A verdict as text for people: short where an image is accepted, complete where it is not."""

import itertools
import textwrap
from collections.abc import Iterator
from operator import attrgetter
from typing import Final

from signer.report.outcome import Kind, Outcome
from signer.report.visible import visible

_WIDTH: Final = 80
_INDENT: Final = " " * 5
"""Under a step's status, and a digest behind it still fits."""


def verdict_text(outcome: Outcome, *, verbose: bool = False, quiet: bool = False) -> str:
    """Return what ``verify`` prints of one image, without the last line's end.

    The digest and the signers of what is accepted; the reason, what to do, and every check of what
    is not. Lines have at most 80 columns; names, ids and digests are never broken.

    Args:
        outcome: of one verdict.
        verbose: every check of an accepted image, too.
        quiet: nothing at all of an accepted image; what is warned about is said.

    Source: the requirements of the verifier, section 5, item 2.
    """
    good = outcome.kind is Kind.GOOD
    if quiet and good and outcome.error is None:
        return ""
    return "\n".join(_lines(outcome, complete=verbose or not good))


def _lines(outcome: Outcome, *, complete: bool) -> Iterator[str]:
    good = outcome.kind is Kind.GOOD
    yield f"{outcome.status}  {visible(outcome.title)}"
    if good and outcome.digest:
        yield f"  {outcome.digest}"
    if good and (outcome.signers or outcome.role):
        found = f" (found in {outcome.role})" if outcome.role else ""
        yield _wrapped(f"  signers  {', '.join(outcome.signers) or 'nobody by name'}{found}")
    if outcome.place:
        yield _wrapped(f"  file     {outcome.place}")
    if outcome.rule:
        yield _wrapped(f"  rule     {outcome.rule}{_runner_up(outcome)}")
    if outcome.error:
        step = f", step {outcome.error.step}" if outcome.error.step else ""
        yield _wrapped(f"  reason   {outcome.error.message} ({outcome.error.code}{step})")
    for note in outcome.notes:
        yield _wrapped(f"  note     {note}")
    if outcome.hint:
        yield _wrapped(f"  hint     {outcome.hint}")
    if complete:
        yield from _checks(outcome)


def _runner_up(outcome: Outcome) -> str:
    return f" (next: {outcome.runner_up})" if outcome.runner_up else ""


def _checks(outcome: Outcome) -> Iterator[str]:
    """Yield one line for each check; neighbours of which the same is to be said share one."""
    said = outcome.error.message if outcome.error else ""
    alike = attrgetter("status", "detail")
    for (status, detail), run in itertools.groupby(outcome.findings, alike):
        group = list(run)
        numbers = f"{group[0].number:2}"
        names = ", ".join(found.name for found in group)
        if len(group) > 1:
            numbers += f"-{group[-1].number}"
        text = f"  {numbers} {status}  {names}"
        # What failed has just been said as the reason.
        yield _wrapped(f"{text}: {detail}" if detail and detail != said else text)


def _wrapped(text: str) -> str:
    return textwrap.fill(
        visible(text),
        _WIDTH,
        subsequent_indent=_INDENT,
        break_long_words=False,
        break_on_hyphens=False,
    )
