"""The frame of a page: one file that loads nothing, runs nothing, and sends nothing anywhere."""

import base64
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Final

from signer import __version__
from signer.report.html_element import Child, Html, element, markup

_VIEWPORT: Final = "width=device-width, initial-scale=1"


def page(
    title: str,
    *,
    over: str,
    facts: Sequence[tuple[str, Child]],
    sections: Sequence[tuple[str, str, Child]],
    now: datetime,
) -> str:
    """Return a whole page, which ends with a line's end.

    Args:
        title: of the page.
        over: what kind of page it is, shown over the title.
        facts: names and values at the top.
        sections: id, heading and content of each; one without content is left out.
        now: when the page is made, aware.
    """
    shown = [section for section in sections if section[2]]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", attributes={"name": "viewport", "content": _VIEWPORT}),
        element("meta", attributes={"http-equiv": "Content-Security-Policy", "content": _policy()}),
        element("meta", attributes={"name": "referrer", "content": "no-referrer"}),
        element("title", f"{title} - {over}"),
        element("link", rel="icon", href="data:,"),
        Html(f"<style>{_style()}</style>"),
    )
    body = element(
        "body",
        element("a", "Skip to the content", class_="hidden skip", href="#content"),
        element(
            "header",
            element("p", over, class_="over"),
            element("h1", element("bdi", _breakable(title))),
            _facts(facts),
            _navigation(shown),
        ),
        element("main", [_section(*section) for section in shown], id="content"),
        element("footer", f"Made by signer {__version__} at {moment(now)}."),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def moment(when: datetime) -> str:
    """Return a time for people, in UTC, to the minute."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _breakable(name: str) -> Html:
    """Let a long name go on in another line behind its slashes."""
    return Html(markup(name).replace("/", f"/{element('wbr')}"))


def _facts(facts: Sequence[tuple[str, Child]]) -> Html:
    pairs = [element("div", element("dt", name), element("dd", value)) for name, value in facts]
    return element("dl", pairs, class_="facts")


def _navigation(sections: Sequence[tuple[str, str, Child]]) -> Html | None:
    if len(sections) < 2:
        return None
    items = [element("li", element("a", heading, href=f"#{name}")) for name, heading, _ in sections]
    return element("nav", element("ul", items), attributes={"aria-label": "Sections"})


def _section(name: str, heading: str, content: Child) -> Html:
    return element(
        "section",
        element("h2", heading, id=f"{name}-heading"),
        content,
        id=name,
        aria_labelledby=f"{name}-heading",
    )


@cache
def _style() -> str:
    return (files("signer.report") / "page.css").read_text(encoding="utf-8")


@cache
def _policy() -> str:
    """Return the page's content security policy: its own style, and nothing else at all."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
