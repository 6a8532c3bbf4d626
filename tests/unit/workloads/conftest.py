"""Fixtures of the workload files."""

from pathlib import Path

import pytest

from tests.unit.workloads.finding import Place


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """An empty working directory."""
    return Place(tmp_path, monkeypatch)
