"""A DTR with the two repositories of the reference architecture."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.embedded.dtr.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A fresh DTR, with ``admin/flask_build`` and ``admin/flask``."""
    opened = World(tmp_path / "data")
    for name in ("flask_build", "flask"):
        opened.call("POST", "/repositories/admin", {"name": name}, expect=201)
    yield opened
    opened.dtr.close()
