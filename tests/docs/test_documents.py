"""Every command that the documents show is run, and prints what is shown."""

import pytest

from tests.docs.conftest import ROOT
from tests.docs.console import Console, steps

# docs/tutorial.md wants a Docker engine, and has a test of its own.
PAGES = [*(ROOT / "docs").glob("*.md"), *(ROOT / "docs/ci").glob("*.md")]
DOCUMENTS = [
    "README.md",
    *sorted(str(path.relative_to(ROOT)) for path in PAGES if path.stem != "tutorial"),
]
WITH_COMMANDS = [name for name in DOCUMENTS if list(steps((ROOT / name).read_text("utf-8")))]


@pytest.mark.parametrize("name", WITH_COMMANDS)
def test_commands_of_a_document_end_and_print_as_shown(name: str, console: Console) -> None:
    assert console.play((ROOT / name).read_text("utf-8")) > 0
