"""``docs/tutorial.md`` is run as it stands: embedded DTR, real Docker engine, real ``docker``."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.service import find_program, free_port
from tests.docs.conftest import ROOT
from tests.docs.console import Console, environment, steps

DOCUMENT: Final = "docs/tutorial.md"


@pytest.fixture
def reader(tmp_path: Path, engine: Engine) -> Iterator[Console]:
    """A shell as a reader has it, on other ports; what it leaves running is ended."""
    installed(lambda: find_program("curl", "curl"))
    home = tmp_path / "home"
    home.mkdir()
    replaced = {
        "localhost:8443": f"localhost:{free_port()}",
        "/home/admin": str(home),
        "8000": str(free_port()),
        "keys-example": f"{ROOT}/keys-example",
    }
    variables = environment(home, Path(sys.executable).parent)
    variables["DOCKER_HOST"] = f"unix://{engine.socket}"
    with Console(home, replaced, variables) as shell:
        try:
            yield shell
        finally:
            for file in home.glob("*.pid"):
                with suppress(ProcessLookupError, ValueError):
                    os.kill(int(file.read_text()), signal.SIGTERM)


def test_every_step_of_the_tutorial_ends_and_prints_as_shown(reader: Console) -> None:
    document = (ROOT / DOCUMENT).read_text("utf-8")
    assert reader.play(document) > 0
    assert list(reader.home.glob("[!.]*")) == []


def test_the_tutorial_tells_the_story_of_the_demonstration() -> None:
    commands = "\n".join(step.command for step in steps((ROOT / DOCUMENT).read_text("utf-8")))
    for part in ("signer serve", "docker push", "/embedded/v0/scans", "promotionPolicies"):
        assert part in commands
    for part in ("sign --event", "signer verify", "forged.json", "DOCKER_CONTENT_TRUST=1"):
        assert part in commands
