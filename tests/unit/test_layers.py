"""One-way layers: a package imports only from packages above it in design.md, section 2."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[2] / "signer"

ROWS: Final = (
    ("constants", "errors", "names", "files"),
    ("dialect",),
    ("keys",),
    ("transport",),
    ("trust",),
    ("publish",),
    ("signing",),
    ("policy",),
    ("dtr",),
    ("workloads",),
    ("audit",),
    ("report",),
    ("serving",),
    ("admission",),
    ("embedded",),
    ("",),  # signer/__init__.py, whose exports use all of the above
    ("cli", "__main__"),
)
"""The rows of the table, top to bottom. Modules of the first row may import each other."""

_ROW_OF: Final = {name: row for row, names in enumerate(ROWS) for name in names}
_METADATA: Final = {"__version__"}
"""Names of ``signer/__init__.py`` that load nothing, and so are there for every layer."""


def upward_imports(package: Path) -> list[str]:
    """Return ``FILE:LINE: why`` of every import of ``package`` that breaks the rule."""
    problems = []
    for file in sorted(package.rglob("*.py")):
        module = ("signer", *file.relative_to(package).with_suffix("").parts)
        home = _part(module[:-1] if module[-1] == "__init__" else module)
        where = file.relative_to(package.parent)
        if home not in _ROW_OF:
            problems.append(f"{where}:1: {home!r} has no row in design.md, section 2")
            continue
        for line, imported in _imports(file, module):
            if imported not in _ROW_OF:
                problems.append(f"{where}:{line}: imports {imported!r}, which has no row")
            elif _ROW_OF[imported] > _ROW_OF[home]:
                target = f"signer.{imported}" if imported else "the signer package's exports"
                problems.append(f"{where}:{line}: {home} imports {target}, a lower row")
    return problems


def _part(module: tuple[str, ...]) -> str:
    """``signer.keys.pem`` belongs to ``keys``, and ``signer`` itself to the empty name."""
    return module[1] if len(module) > 1 else ""


def _imports(file: Path, module: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Yield line and part of every import of ours: late ones and those for typing count too."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _ours(node.lineno, tuple(alias.name.split(".")))
        elif isinstance(node, ast.ImportFrom):
            # `module` ends with the file's own name, so one dot takes that away: `__init__` too.
            base = module[: -node.level] if node.level else ()
            origin = base + tuple((node.module or "").split(".") if node.module else ())
            for alias in node.names:
                if origin != ("signer",):
                    yield from _ours(node.lineno, origin)
                elif alias.name in _ROW_OF:
                    yield node.lineno, alias.name
                elif alias.name not in _METADATA:
                    yield node.lineno, ""
        elif isinstance(node, ast.Call) and node.args and _is_import_function(node.func):
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield from _ours(node.lineno, tuple(name.value.split(".")))


def _ours(line: int, imported: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    if imported[:1] == ("signer",):
        yield line, _part(imported)


def _is_import_function(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else ""
    name = function.id if isinstance(function, ast.Name) else name
    return name in {"import_module", "__import__"}


def test_no_package_imports_from_a_row_below_its_own() -> None:
    assert upward_imports(PACKAGE) == []


def test_the_walk_finds_the_package_that_it_is_about() -> None:
    assert (PACKAGE / "names.py").exists()
    assert "errors" in {part for _, part in _imports(PACKAGE / "names.py", ("signer", "names"))}


@pytest.mark.parametrize(
    "source",
    [
        "import signer.trust.client\n",
        "from signer.trust import client\n",
        "from signer.trust.client import Client\n",
        "from signer import trust\n",
        "from ..trust import client\n",
        "from .. import trust\n",
        "from signer import verify\n",
        "def late() -> None:\n    from signer.trust import client\n",
        "import typing\nif typing.TYPE_CHECKING:\n    from signer.trust import client\n",
        "import importlib\nimportlib.import_module('signer.trust.client')\n",
    ],
)
@pytest.mark.parametrize("file_name", ["pem.py", "__init__.py"])
def test_an_upward_import_in_any_form_is_reported(
    tmp_path: Path, source: str, file_name: str
) -> None:
    package = tmp_path / "signer"
    (package / "keys").mkdir(parents=True)
    (package / "keys" / file_name).write_text(source)
    assert len(upward_imports(package)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "from signer.dialect.keys import NotaryKey\n",
        "from signer import __version__\n",
        "from signer import errors\n",
        "from .pem import read\n",
        "from . import pem\n",
        "import tuf.api.metadata\n",
    ],
)
@pytest.mark.parametrize("file_name", ["store.py", "__init__.py"])
def test_a_downward_import_is_allowed(tmp_path: Path, source: str, file_name: str) -> None:
    package = tmp_path / "signer"
    (package / "keys").mkdir(parents=True)
    (package / "keys" / file_name).write_text(source)
    assert upward_imports(package) == []


def test_a_package_without_a_row_is_reported(tmp_path: Path) -> None:
    package = tmp_path / "signer"
    (package / "utils").mkdir(parents=True)
    (package / "utils" / "text.py").write_text("")
    assert upward_imports(package) == [
        "signer/utils/text.py:1: 'utils' has no row in design.md, section 2"
    ]
