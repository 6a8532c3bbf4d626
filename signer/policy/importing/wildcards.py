"""Connaisseur's wildcards that nobody wrote, and those that leave the host.

Its patterns are about the whole name, with a wildcard before them, and a ``*`` in the host swallows
``/`` as well: ``docker.io/evil/*`` is also about ``mirror.example.com/docker.io/evil/x``. Where
such a name would meet a weaker rule here, it is refused.

Source: verification requirements, section 1.1 ("pattern match", "matching risk").
"""

from collections.abc import Iterator

from signer.policy.importing.draft import Draft, DraftRule
from signer.policy.overlap import globs_overlap, includes
from signer.policy.pattern import Pattern


def refuse_inside_longer_names(draft: Draft, globs: dict[int, str]) -> None:
    """Add rules that refuse what the source would have decided by a stricter one.

    Args:
        draft: its rules; the new ones come last.
        globs: of whole names, with all wildcards, by the number of the rule.
    """
    listed = list(draft.rules)
    known = {rule.match for rule in listed}
    for number, strict in enumerate(listed):
        if strict.body.get("approve"):
            continue
        for weak in listed:
            if weak.denies or weak.body == strict.body or weak.outranks(strict):
                continue
            for match in _hidden(globs[number], strict.pattern, weak.pattern):
                if match not in known:
                    known.add(match)
                    rule = DraftRule(
                        match, strict.source, strict.rank, strict.vague, {"approve": False}
                    )
                    rule.comments.append("Connaisseur finds it inside longer names, too.")
                    draft.rules.append(rule)


def _hidden(glob: str, strict: Pattern, weak: Pattern) -> Iterator[str]:
    """Yield patterns for names that the glob and ``weak`` match, and ``strict`` does not."""
    for host, path in _splits(glob):
        if not (globs_overlap(host, weak.host) and globs_overlap(path, weak.path)):
            continue
        narrower = Pattern("", host, "*")
        chosen = host if includes(Pattern("", weak.host, "*"), narrower) else weak.host
        if not includes(strict, Pattern("", chosen, path)):
            yield f"{chosen}/{path}"


def _splits(glob: str) -> Iterator[tuple[str, str]]:
    """Yield all ways in which a glob of whole names falls into host and path."""
    for index, symbol in enumerate(glob):
        if symbol == "/":
            if glob[index + 1 :]:
                yield glob[:index], glob[index + 1 :]
            return
        if symbol == "*":
            yield glob[: index + 1], glob[index:]
