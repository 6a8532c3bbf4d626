"""The pages of a real collection in a real browser: on a desk, on a phone, and on paper."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from signer.report.html import inspection_page, verdicts_page
from tests.components.chromium import Chromium
from tests.e2e.story import Collection
from tests.unit.report.material import (
    NOW,
    hostile,
    hostile_collection,
    large_collection,
    refused,
)

_CONTRASTS: Final = r"""
(() => {
  const channels = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = (rgb) => {
    const [r, g, b] = rgb.slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const paper = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const found = channels(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const low = [];
  for (const node of document.body.querySelectorAll("*:not(svg *)")) {
    const own = [...node.childNodes].some((at) => at.nodeType === 3 && at.data.trim());
    if (!own || !node.checkVisibility()) continue;
    const [one, other] = [channels(getComputedStyle(node).color), paper(node)].map(luminance);
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < 4.5) low.push([node.tagName, node.className, ratio.toFixed(2)]);
  }
  return JSON.stringify(low);
})()
"""
"""Text whose contrast with what is behind it is less than WCAG 2's level AA asks for."""


def _check(browser: Chromium, page: Path) -> None:
    for width in (1280, 390):
        for dark in (False, True):
            look = browser.look(page, width=width, dark=dark)
            assert look.content_width <= width
            assert look.requests == ()
            assert look.messages == ()
            assert json.loads(browser.evaluate(_CONTRASTS)) == []
    assert browser.evaluate("document.scripts.length") == 0


@pytest.fixture
def pages(collection: Collection, tmp_path: Path) -> dict[str, Path]:
    """The page of a collection, and that of verdicts about its images."""
    collection.prepare(v1=b"one", v2=b"two")
    moved = collection.push("v2", b"moved")
    inspected, verified = tmp_path / "inspected.html", tmp_path / "verified.html"
    signer = collection.admin
    shown = signer("inspect", collection.gun, "--registry", "--html", inspected).stdout
    assert shown.startswith(f"{collection.gun}\n\nROLE ")
    assert moved in inspected.read_text("utf-8")
    images = [collection.image("v1"), f"{collection.image('v2')}@{moved}"]
    done = signer("verify", *images, "--signer", "gitlab", "--format", "html", expect=3)
    verified.write_text(done.stdout, encoding="utf-8")
    return {"inspected": inspected, "verified": verified}


def test_pages_fit_load_nothing_and_can_be_read(pages: dict[str, Path], chromium: Chromium) -> None:
    for page in pages.values():
        _check(chromium, page)
    text = chromium.evaluate("document.body.innerText")
    assert re.search(r"1 of 2 images refused", text)
    assert "digest-differs, step 11" in text


def test_pages_of_hostile_names_fit_and_run_nothing(chromium: Chromium, tmp_path: Path) -> None:
    inspected, verified = tmp_path / "inspected.html", tmp_path / "verified.html"
    inspected.write_text(inspection_page(hostile_collection(), now=NOW), encoding="utf-8")
    outcomes = [hostile(), refused()]
    verified.write_text(verdicts_page(outcomes, command="verify", now=NOW), encoding="utf-8")
    for page in (inspected, verified):
        _check(chromium, page)


def test_a_page_of_300_tags_and_40_signers_fits(chromium: Chromium, tmp_path: Path) -> None:
    page = tmp_path / "large.html"
    large = large_collection(signers=40, tags=300)
    page.write_text(inspection_page(large, now=NOW), encoding="utf-8")
    for width in (1280, 390):
        assert chromium.look(page, width=width).content_width <= width
    drawn = """
      [...document.querySelectorAll('svg.tree')].filter((one) => one.checkVisibility()).map(
        (one) => one.getBoundingClientRect().right)
    """
    (right,) = chromium.evaluate(drawn)
    assert right <= 390


def test_a_page_can_be_printed(pages: dict[str, Path], chromium: Chromium, tmp_path: Path) -> None:
    chromium.look(pages["inspected"], width=1280)
    printed = tmp_path / "printed.pdf"
    chromium.pdf(printed)
    content = printed.read_bytes()
    assert content.startswith(b"%PDF-")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", content)) <= 8


def test_a_page_that_has_no_place_to_go_is_refused_before_the_work(
    collection: Collection, tmp_path: Path
) -> None:
    error = collection.admin.json(
        "inspect", collection.gun, "--html", tmp_path / "none" / "page.html", expect=2
    )
    assert error["code"] == "usage"
