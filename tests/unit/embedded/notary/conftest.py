"""An embedded DTR whose clock stands at the author's now, and an author with an admin's rights."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.interop.embedded_notary.author import NOW, Author
from tests.unit.embedded.inprocess import Clock, InProcess, in_process


@pytest.fixture
def dtr(tmp_path: Path) -> Iterator[InProcess]:
    """The embedded DTR."""
    clock = Clock()
    clock.now = NOW
    with in_process(tmp_path / "data", clock) as opened:
        yield opened


@pytest.fixture
def client(dtr: InProcess) -> Iterator[httpx.Client]:
    """The admin's client."""
    with dtr.client() as opened:
        yield opened


@pytest.fixture
def author(client: httpx.Client) -> Author:
    """A publisher who may do everything."""
    return Author(client)
