"""The pages that people open: what was decided about images, and what a collection holds."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from signer.report.html_element import Child, Html, markup
from signer.report.html_hierarchy import hierarchy
from signer.report.html_matrix import differing, matrix, tag_details
from signer.report.html_page import page
from signer.report.html_roles import role_problems, role_table
from signer.report.html_timeline import expiries, remaining, time_line
from signer.report.html_verdicts import cards, overview, state_of
from signer.report.outcome import Outcome
from signer.signing.inspect import Inspection


def verdicts_page(outcomes: Sequence[Outcome], *, command: str, now: datetime) -> str:
    """Return a page about what became of images: one file, which loads and runs nothing.

    Args:
        outcomes: in the order of the command's results.
        command: the command's name, for example ``verify``.
        now: when the page is made, aware.
    """
    counts = Counter(outcome.status for outcome in outcomes)
    facts: list[tuple[str, Child]] = [("images", len(outcomes)), *counts.items()]
    return page(
        _title(outcomes),
        over=f"signer {command}",
        facts=facts,
        sections=[
            ("overview", "Overview", overview(outcomes)),
            ("images", "Images", cards(outcomes)),
        ],
        now=now,
    )


def _title(outcomes: Sequence[Outcome]) -> str:
    if len(outcomes) == 1:
        return f"{outcomes[0].status}: {outcomes[0].title}"
    states = Counter(state_of(outcome) for outcome in outcomes)
    for state, said in (("bad", "refused"), ("warn", "with warnings")):
        if states[state]:
            return f"{states[state]} of {len(outcomes)} images {said}"
    return f"All {len(outcomes)} images are accepted" if outcomes else "No images"


def inspection_page(inspection: Inspection, *, now: datetime) -> str:
    """Return a page about a collection: one file, which loads and runs nothing.

    Args:
        inspection: the collection, looked at.
        now: when the page is made, aware; what expires is measured by it.
    """
    roles, tags = inspection.roles, inspection.tags
    found = expiries(roles)
    facts: list[tuple[str, Child]] = [
        ("tags", len(tags)),
        ("tags that differ", sum(1 for tag in tags if tag.differs)),
        ("roles", len(roles)),
        ("roles not valid", sum(1 for role in roles if role.status != "valid")),
    ]
    coming = [expiry for expiry in found if expiry.when > now]
    if coming:
        facts.append(("next to expire, in", remaining(coming[0].when, now=now)))
    return page(
        inspection.gun,
        over="signer inspect",
        facts=facts,
        sections=[
            ("problems", "To be looked at", _problems(inspection)),
            ("hierarchy", "Hierarchy of keys", hierarchy(roles)),
            ("matrix", "Tags and signers", matrix(tags, roles) or "No tags are signed."),
            ("expiries", "What expires when", time_line(found, now=now)),
            ("roles", "Roles and keys", role_table(roles)),
            ("tags", "Each tag", tag_details(tags, inspection.gun)),
        ],
        now=now,
    )


def _problems(inspection: Inspection) -> Html | None:
    parts = [role_problems(inspection.roles), differing(inspection.tags)]
    return markup(parts) if any(parts) else None
