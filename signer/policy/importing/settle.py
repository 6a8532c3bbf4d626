"""Rules that another verifier ranks otherwise: none may win here that is weaker than the one there.

Every verifier lets the most specific pattern win, and each means something else by it. Where two
rules overlap and the source would have decided by the other one, the one that wins here refuses.
"""

from itertools import combinations

from signer.policy.importing.draft import Draft, DraftRule
from signer.policy.overlap import overlap
from signer.policy.pattern import Pattern


def settle(draft: Draft) -> None:
    """Put rules for the same repositories into one, and have misplaced winners refuse."""
    _join(draft)
    patterns = {id(rule): rule.pattern for rule in draft.rules}
    for first, second in combinations(draft.rules, 2):
        one, other = patterns[id(first)], patterns[id(second)]
        if first.body == second.body or not overlap(one, other):
            continue
        winner, loser = _by_preference(first, second, one, other)
        if not winner.outranks(loser) and not winner.denies:
            winner.deny(
                f"{loser.source!r} overlaps with {winner.source!r} and may win there, but not here"
            )


def _by_preference(
    first: DraftRule, second: DraftRule, one: Pattern, other: Pattern
) -> tuple[DraftRule, DraftRule]:
    return (second, first) if other.specificity > one.specificity else (first, second)


def _join(draft: Draft) -> None:
    kept: dict[tuple[str, str], DraftRule] = {}
    for rule in draft.rules:
        pattern = rule.pattern
        first = kept.setdefault((pattern.host, pattern.path), rule)
        if first is rule:
            continue
        first.comments += rule.comments
        if first.body != rule.body and not first.denies:
            first.deny(f"{rule.source!r} is about the same repositories and says something else")
    draft.rules = list(kept.values())
