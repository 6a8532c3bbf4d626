"""Fixtures of the documents' tests."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.service import find_program
from tests.docs.console import Console, environment
from tests.docs.dtr import Dtr

ROOT: Final = Path(__file__).parents[2]

EXAMPLE_HOST: Final = "dtr.example.com"
EXAMPLE_HOME: Final = "/home/admin"
EXAMPLE_FINGERPRINT: Final = (
    "5D:1A:30:9C:62:77:F4:0E:8B:53:C9:21:D6:0F:7A:94:"
    "E2:3B:48:AF:11:86:C5:70:9D:FE:24:6B:07:B8:53:CA"
)
"""What documents show where the host's own fingerprint is meant."""

_FUNCTIONS: Final = """
push() { "$PYTHON" -m tests.docs.push "$@"; }
trust_ca() { mkdir -p ~/.docker/tls/$1 && cp "$CA_FILE" ~/.docker/tls/$1/ca.crt; }
"""


@pytest.fixture
def dtr(tmp_path: Path, notary_server: NotaryServer, registry: Registry) -> Iterator[Dtr]:
    """A host of its own for every test, so that its collections are new."""
    with Dtr(tmp_path / "dtr", notary_server, registry) as host:
        yield host


@pytest.fixture
def console(tmp_path: Path, dtr: Dtr) -> Iterator[Console]:
    """A shell in an empty home; the documents' readers have ``openssl``."""
    installed(lambda: find_program("openssl", "openssl"))
    home = tmp_path / "home"
    home.mkdir()
    replaced = {
        EXAMPLE_HOST: dtr.host,
        EXAMPLE_HOME: str(home),
        EXAMPLE_FINGERPRINT: dtr.fingerprint,
        "keys-example": f"{ROOT}/keys-example",
    }
    variables = environment(home, Path(sys.executable).parent) | {
        "CA_FILE": str(dtr.authority.ca_file),
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
    }
    with Console(home, replaced, variables) as shell:
        shell.define(_FUNCTIONS)
        yield shell
