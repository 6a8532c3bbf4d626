"""An embedded DTR for every test that asks for one."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded.inprocess import InProcess, in_process


@pytest.fixture
def embedded_dtr(tmp_path: Path) -> Iterator[InProcess]:
    """A fresh embedded DTR in this process."""
    with in_process(tmp_path / "data") as opened:
        yield opened
