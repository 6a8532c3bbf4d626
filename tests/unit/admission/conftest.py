"""A simulated collection, and what keeps it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.simulator import SimulatedCollection
from tests.unit.admission.material import Bench, SimulatedSession


@pytest.fixture
def server() -> SimulatedCollection:
    """A published collection with ``targets/releases`` and ``targets/gitlab``."""
    return SimulatedCollection.with_signers("gitlab")


@pytest.fixture
def bench(tmp_path: Path, server: SimulatedCollection) -> Iterator[Bench]:
    """What keeps it."""
    made = Bench(SimulatedSession(tmp_path, server))
    yield made
    made.close()
