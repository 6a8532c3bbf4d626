"""The examples of ``docs/python-api.md`` run, against real servers."""

import re
from pathlib import Path

import pytest

import signer
from signer.names import ImageReference
from tests.components.images import push_image
from tests.docs.conftest import EXAMPLE_HOST, ROOT
from tests.docs.dtr import Dtr
from tests.docs.python_examples import program, run
from tests.e2e.material import write_bundle

_DOCUMENT = (ROOT / "docs/python-api.md").read_text("utf-8")


def test_every_example_runs(dtr: Dtr, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work = tmp_path / "work"
    work.mkdir()
    (work / "ca.pem").write_bytes(dtr.authority.ca_file.read_bytes())
    write_bundle(work, name="gitlab")
    monkeypatch.chdir(work)

    def push(image: str, content: str) -> None:
        reference = ImageReference.parse(image)
        push_image(dtr, reference.path, reference.tag, content=content.encode())

    names = run(_DOCUMENT.replace(EXAMPLE_HOST, dtr.host), work, push=push)
    assert set(signer.__all__) <= names.keys()


def test_every_export_has_a_section_and_an_example() -> None:
    assert re.findall(r"^## (\w+)$", _DOCUMENT, re.M) == re.findall(
        r"^\| \[`(\w+)`\]", _DOCUMENT, re.M
    )
    assert set(re.findall(r"^## (\w+)$", _DOCUMENT, re.M)) == set(signer.__all__)
    for name in signer.__all__:
        assert re.search(rf"^from signer import {name}$", program(_DOCUMENT), re.M)


def test_an_example_that_is_wrong_fails(tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        run("\n```python\nassert False\n```\n", tmp_path)
    with pytest.raises(SyntaxError, match="line 3"):
        run("\n```python\n1 +\n```\n", tmp_path)
