"""``docs/dependencies.md`` gives a reason for every dependency, and for no other."""

import re
import tomllib
from typing import Final

from tests.docs.conftest import ROOT

_DOCUMENT: Final = (ROOT / "docs/dependencies.md").read_text("utf-8")
_PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
_EXTRAS: Final = _PROJECT["project"]["optional-dependencies"]


def _names(requirements: list[str]) -> set[str]:
    return {_name(text) for text in requirements}


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found
    return found[0]


def _rows(title: str) -> list[list[str]]:
    section = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", _DOCUMENT, re.M | re.S)
    assert section
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in section[1].splitlines()
        if line.startswith("| `")
    ]


def _first_column(title: str) -> set[str]:
    return {row[0].strip("`") for row in _rows(title)}


def test_the_packages_dependencies_have_reasons() -> None:
    assert _first_column("Of the installed package") == _names(_PROJECT["project"]["dependencies"])


def test_the_extras_dependencies_have_reasons() -> None:
    described = {
        row[0].strip("`"): {_name(text) for text in re.findall(r"`([^`]+)`", row[1])}
        for row in _rows("Extras")
    }
    assert described == {
        extra: _names(requirements) for extra, requirements in _EXTRAS.items() if extra != "dev"
    }


def test_the_development_dependencies_have_reasons() -> None:
    wanted = _names(_EXTRAS["dev"]) | _names(_PROJECT["build-system"]["requires"])
    assert _first_column("Development") == wanted


def test_every_row_says_why() -> None:
    for title in ("Of the installed package", "Extras", "Development"):
        assert all(len(row) == 3 and all(row) for row in _rows(title))
