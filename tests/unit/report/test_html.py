"""Pages: complete, well-formed, self-contained, and deaf to what foreign names say."""

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from signer.names import Gun
from signer.report.html import inspection_page, verdicts_page
from signer.report.html_element import Html, element, markup
from signer.report.html_timeline import Expiry, remaining
from signer.signing.inspect import Inspection
from tests.unit.report.material import (
    DIGEST,
    HOSTILE,
    NOW,
    OTHER,
    accepted,
    attacked,
    collection,
    hostile,
    hostile_collection,
    key,
    refused,
    role,
    undecided,
    warned,
)

VOID = {"meta", "link", "br", "wbr"}


class Page(HTMLParser):
    """A page's elements; tags that are not closed in their order are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self._open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def attributes(self, *names: str) -> Iterator[str]:
        for _, attributes in self.elements:
            yield from (attributes[name] for name in names if name in attributes)


OUTCOMES = [accepted(), refused(), warned(), attacked(), undecided()]
PAGES = {
    "verdicts": verdicts_page(OUTCOMES, command="verify", now=NOW),
    "one verdict": verdicts_page([refused()], command="verify", now=NOW),
    "no verdict": verdicts_page([], command="verify", now=NOW),
    "hostile verdicts": verdicts_page([hostile(), accepted()], command="verify", now=NOW),
    "collection": inspection_page(collection(), now=NOW),
    "hostile collection": inspection_page(hostile_collection(), now=NOW),
    "empty collection": inspection_page(replace(collection(), tags=()), now=NOW),
    "no roles": inspection_page(Inspection(Gun("a.example/b"), (), ()), now=NOW),
}


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_a_page_is_well_formed_and_holds_nothing_active_or_foreign(text: str) -> None:
    page = Page(text)
    names = Counter(name for name, _ in page.elements)
    assert not {"script", "img", "iframe", "object", "embed", "form", "base"} & names.keys()
    assert (names["style"], names["h1"], names["main"]) == (1, 1, 1)
    assert text.partition("</head>")[0].count("<title>") == 1
    for _, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert not list(page.attributes("src"))
    for target in page.attributes("href"):
        assert re.match(r"#[a-z]+|data:,|https://", target), target


@pytest.mark.parametrize("text", PAGES.values(), ids=PAGES)
def test_a_page_can_be_found_ones_way_in_without_seeing_it(text: str) -> None:
    page = Page(text)
    ids = list(page.attributes("id"))
    assert len(ids) == len(set(ids))
    assert {target[1:] for target in page.attributes("href") if target[0] == "#"} <= {*ids}
    named = [name for text in page.attributes("aria-labelledby") for name in text.split()]
    assert {*named, *page.attributes("aria-describedby")} <= {*ids}
    levels = [int(name[1]) for name, _ in page.elements if re.fullmatch(r"h[1-6]", name)]
    assert all(after <= before + 1 for before, after in pairwise(levels))
    for name, attributes in page.elements:
        if name == "th":
            assert attributes["scope"] in {"col", "row"}
        if name == "svg" and "tree" in attributes.get("class", ""):
            assert attributes["role"] == "img"
    tables = [name for name, _ in page.elements if name in {"table", "caption"}]
    assert tables.count("table") == tables.count("caption")
    assert dict(page.elements)["html"] == {"lang": "en"}


def test_the_policy_allows_the_pages_own_style_and_nothing_else() -> None:
    text = PAGES["collection"]
    policy = next(
        attributes["content"]
        for name, attributes in Page(text).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not re.search(r"url\(|@import|</", style)


@pytest.mark.parametrize("name", ["hostile verdicts", "hostile collection"])
def test_hostile_names_are_shown_as_they_are_and_reorder_nothing(name: str) -> None:
    page = Page(PAGES[name])
    assert "\u202e" not in PAGES[name]
    assert HOSTILE.replace("\u202e", "\\u202e") in page.text
    assert not [target for target in page.attributes("href") if "javascript" in target]


def test_a_refusal_says_why_what_to_do_and_which_check_failed() -> None:
    text = Page(PAGES["one verdict"]).text
    for said in (
        "reject: dtr.example.com/admin/flask:1",
        "signer 'alice' has not signed '1'.",
        "What to do: Let alice sign it.",
        "Code: signer-missing , step 12",
        "deploy/a b.yml:12, services.web.image",
        "12 fail signers",
        "13 skip freshness not reached",
        "Checks: 3 passed, 1 failed, 2 not made",
    ):
        assert said in text, said


def test_the_verdicts_are_counted_and_linked() -> None:
    page = Page(PAGES["verdicts"])
    assert "3 of 5 images refused" in page.text
    assert {f"image-{number}" for number in range(1, 6)} <= {*page.attributes("id")}
    assert "promotion from admin/flask_build:66" in page.text
    assert "next rule dtr.example.com/**" in page.text
    assert "All 2 images are accepted" in verdicts_page([accepted()] * 2, command="verify", now=NOW)


def test_a_collection_shows_what_differs_by_letters() -> None:
    page = Page(PAGES["collection"])
    cells = [attributes for name, attributes in page.elements if name == "td"]
    assert sum("differs" in cell.get("class", "") for cell in cells) == 1
    assert f"digest A {DIGEST} in targets/releases" in page.text
    assert f"digest B {OTHER} in targets/gitlab" in page.text
    assert "2 A \N{EN DASH} not signed B differs \N{EN DASH} not signed" in page.text


def test_a_collection_shows_roles_keys_thresholds_and_provenance() -> None:
    page = Page(PAGES["collection"])
    for said in (
        "1 of 2 keys must sign",
        "root0-canonical".ljust(64, "0"),
        "key id " + "gitlab0-id".ljust(64, "0"),
        "targets/alice expired",
        "root names the keys of timestamp, snapshot, targets.",
        "targets names the keys of targets/releases, targets/gitlab, targets/alice.",
        "pipeline url https://gitlab.example.com/-/jobs/7",
    ):
        assert said in page.text, said
    assert "https://gitlab.example.com/-/jobs/7" in {*page.attributes("href")}


def test_what_expires_first_stands_first() -> None:
    text = Page(PAGES["collection"]).text
    found = re.findall(r"role (\S+) 20", text)
    assert found == [
        "targets/alice",
        "timestamp",
        "targets/gitlab",
        "targets/releases",
        "snapshot",
        "targets",
        "root",
    ]
    assert "role targets/alice 2026-11-20 2 days ago expired" in text


@pytest.mark.parametrize(
    ("left", "said"),
    [
        (timedelta(days=4000), "10 years"),
        (timedelta(days=70), "2 months"),
        (timedelta(days=59), "59 days"),
        (timedelta(hours=36), "36 hours"),
        (timedelta(minutes=90), "90 minutes"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(days=-5), "5 days ago"),
    ],
)
def test_how_long_something_lasts_is_said_in_one_unit(left: timedelta, said: str) -> None:
    assert remaining(NOW + left, now=NOW) == said


def test_a_timestamp_of_some_days_is_normal_and_a_roles_is_soon() -> None:
    in_ten_days = NOW + timedelta(days=10)
    assert Expiry("role targets", in_ten_days).state(NOW) == "warn"
    assert Expiry("role timestamp", in_ten_days, timedelta(days=3)).state(NOW) == "good"
    assert Expiry("role targets", NOW).state(NOW) == "bad"


@pytest.mark.parametrize(
    "names", [["a"], ["a", "a/b", "a/b/c", "a/b/c/d"], [str(n) for n in range(40)]]
)
def test_every_role_is_drawn_once_in_each_drawing_however_many(names: list[str]) -> None:
    base = [role(name) for name in ("root", "targets", "snapshot", "timestamp")]
    roles = (*base, *(role(f"targets/{name}") for name in names))
    text = inspection_page(Inspection(Gun("a.example/b"), roles, ()), now=NOW)
    assert text.count('class="node"') == 2 * (4 + len(names))
    assert text.count('class="edge"') == 2 * (3 + len(names))


def test_keys_beyond_three_are_counted_and_those_that_signed_come_first() -> None:
    keys = (*(key(f"idle{number}", signed=False) for number in range(4)), key("busy"))
    roles = (replace(role("root"), keys=keys),)
    page = Page(inspection_page(Inspection(Gun("a.example/b"), roles, ()), now=NOW))
    assert re.search(r"busy-canonic CN=busy idle0-canoni CN=idle0 and 3 more keys", page.text)


def test_elements_escape_text_and_attributes_and_keep_markup() -> None:
    inner = element("b", "<&>\"'")
    assert inner == "<b>&lt;&amp;&gt;&quot;&#x27;</b>"
    outer = element("p", [inner, None, 3], title='"><script>', class_="x", hidden=None)
    assert outer == f'<p title="&quot;&gt;&lt;script&gt;" class="x">{inner}3</p>'
    assert markup(Html("<i>")) == "<i>"
    assert element("p", "a\x1b\u202eb", data_label="\x00") == (
        '<p data-label="\\x00">a\\x1b\\u202eb</p>'
    )
