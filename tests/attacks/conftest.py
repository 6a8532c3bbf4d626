"""A collection with a signer, and somebody who reads it."""

from pathlib import Path

import pytest

from tests.attacks.reading import Reader
from tests.attacks.simulator import SimulatedCollection


@pytest.fixture
def server() -> SimulatedCollection:
    """A published collection with ``targets/releases`` and ``targets/gitlab``."""
    return SimulatedCollection.with_signers("gitlab")


@pytest.fixture
def reader(server: SimulatedCollection, tmp_path: Path) -> Reader:
    """A reader who pins the collection's root key."""
    return Reader(server, tmp_path / "trust")
