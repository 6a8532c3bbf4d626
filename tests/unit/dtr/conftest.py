"""A stub DTR, and its API."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signer.dtr.api import DtrApi
from signer.transport.credentials import Credentials
from signer.transport.http import HttpPool
from tests.unit.dtr.stub import HOST, StubDtr
from tests.unit.transport.simulated import make_pool


@pytest.fixture
def dtr() -> StubDtr:
    """A DTR that promoted one image."""
    return StubDtr()


@pytest.fixture
def pool(dtr: StubDtr) -> Iterator[HttpPool]:
    """Connections that all lead to the stub."""
    with make_pool(dtr) as connections:
        yield connections


@pytest.fixture
def credentials(tmp_path: Path) -> Credentials:
    """An account by the reference architecture's variables."""
    variables = {"DTR_USERNAME": "admin", "DTR_PASSWORD": "worthless-example"}
    return Credentials(variables, tmp_path)


@pytest.fixture
def api(pool: HttpPool, credentials: Credentials) -> DtrApi:
    """The stub's API."""
    return DtrApi(pool, HOST, credentials=credentials)
