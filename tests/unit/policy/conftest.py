"""A collection with two signers, and a directory for policies about it."""

from pathlib import Path

import pytest

from tests.attacks.simulator import SimulatedCollection
from tests.unit.policy.material import Scene


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """A collection whose tag ``1`` is signed by gitlab and alice, and released."""
    return Scene(SimulatedCollection.with_signers("gitlab", "alice"), tmp_path)
