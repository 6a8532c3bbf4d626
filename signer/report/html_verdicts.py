"""Verdicts on a page: all images in a table, then each with its reason and its checks."""

from collections.abc import Sequence

from signer.report.html_custom import custom_pairs, definitions
from signer.report.html_element import Child, Html, element, markup
from signer.report.html_roles import badge
from signer.report.outcome import Finding, Kind, Outcome

_CHECKS = {"pass": "good", "fail": "bad", "skip": "idle"}


def state_of(outcome: Outcome) -> str:
    """Return ``good``, ``warn`` or ``bad``."""
    if outcome.kind in {Kind.REFUSED, Kind.FAILED}:
        return "bad"
    return "warn" if outcome.error or outcome.notes or outcome.kind is Kind.SKIPPED else "good"


def overview(outcomes: Sequence[Outcome]) -> Html | None:
    """Return a row for each image, or nothing where there is but one."""
    if len(outcomes) < 2:
        return None
    heads = ["Outcome", "Image", "Place", "Digest, or why not"]
    located = any(outcome.place for outcome in outcomes)
    if not located:
        heads.remove("Place")
    rows = [
        element(
            "tr",
            element("td", badge(outcome.status, state_of(outcome)), class_="fixed"),
            element(
                "th",
                element("a", element("bdi", outcome.title), href=f"#image-{number}"),
                scope="row",
            ),
            element("td", outcome.place, data_label="Place") if located else None,
            element("td", _result(outcome)),
        )
        for number, outcome in enumerate(outcomes, 1)
    ]
    table = element(
        "table",
        element("caption", "Every image, in the order in which it was named."),
        element("thead", element("tr", [element("th", head, scope="col") for head in heads])),
        element("tbody", rows),
        class_="stack",
    )
    return element("div", table, class_="scroll")


def cards(outcomes: Sequence[Outcome]) -> Html | None:
    """Return everything about each image: refusals open, acceptances with their checks folded."""
    if not outcomes:
        return None
    return markup([_card(outcome, number) for number, outcome in enumerate(outcomes, 1)])


def _result(outcome: Outcome) -> Child:
    if state_of(outcome) != "good":
        return outcome.message
    return element("code", outcome.digest, class_="digest") if outcome.digest else None


def _card(outcome: Outcome, number: int) -> Html:
    state = state_of(outcome)
    pairs: list[tuple[Child, Child]] = [
        ("digest", element("code", outcome.digest, class_="digest") if outcome.digest else None),
        ("place", outcome.place),
        ("rule", element("bdi", outcome.rule) if outcome.rule else None),
        ("next rule", element("bdi", outcome.runner_up) if outcome.runner_up else None),
        ("signers", element("bdi", ", ".join(outcome.signers)) if outcome.signers else None),
        ("found in", outcome.role),
        *custom_pairs(outcome.custom),
    ]
    return element(
        "article",
        element(
            "h3",
            badge(outcome.status, state),
            " ",
            element("bdi", outcome.title),
            id=f"image-{number}-title",
        ),
        _reason(outcome, state),
        definitions(pairs),
        _checks(outcome),
        class_=f"card is-{state}",
        id=f"image-{number}",
        aria_labelledby=f"image-{number}-title",
    )


def _reason(outcome: Outcome, state: str) -> Html | None:
    if not outcome.message:
        return None
    error = outcome.error
    code: Child = None
    if error:
        step = f", step {error.step}" if error.step else ""
        code = element("p", "Code: ", element("code", error.code), step, class_="small")
    said = error.message if error else outcome.message
    return element(
        "div",
        element("p", element("strong", said)),
        element("p", "What to do: ", outcome.hint) if outcome.hint else None,
        code,
        [element("p", note) for note in outcome.notes if error],
        class_=f"reason {state}",
    )


def _checks(outcome: Outcome) -> Html | None:
    if not outcome.findings:
        return None
    statuses = [found.status for found in outcome.findings]
    table = element(
        "table",
        element("caption", "Checks in their order; what is behind a failed one was not made."),
        element(
            "thead",
            element(
                "tr",
                [element("th", head, scope="col") for head in ("No.", "Status", "Check", "Seen")],
            ),
        ),
        element("tbody", [_check(found) for found in outcome.findings]),
        class_="stack checks",
    )
    return element(
        "details",
        element("summary", _counted(statuses)),
        element("div", table, class_="scroll"),
        open="" if "fail" in statuses else None,
    )


def _counted(statuses: Sequence[str]) -> str:
    words = (("pass", "passed"), ("fail", "failed"), ("skip", "not made"))
    counts = [(statuses.count(status), word) for status, word in words]
    return "Checks: " + ", ".join(f"{count} {word}" for count, word in counts if count)


def _check(found: Finding) -> Html:
    return element(
        "tr",
        element("td", found.number or None, class_="fixed", data_label="No."),
        element("td", badge(found.status, _CHECKS.get(found.status, "idle")), class_="fixed"),
        element("th", found.name, scope="row"),
        element("td", found.detail),
        class_="is-bad" if found.status == "fail" else None,
    )
