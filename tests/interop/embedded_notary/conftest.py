"""The embedded Notary server alone, and authors at it and at the real one."""

from collections.abc import Iterator

import httpx
import pytest

from tests.components.certificates import Authority
from tests.components.notary_server import NotaryServer
from tests.interop.embedded_notary.author import Author, Authors
from tests.interop.embedded_notary.server import EmbeddedNotary


@pytest.fixture(scope="session")
def embedded_notary(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[EmbeddedNotary]:
    """The embedded server, for all tests of this directory."""
    with EmbeddedNotary(tmp_path_factory.mktemp("embedded-notary"), authority).start() as server:
        yield server


@pytest.fixture(scope="session")
def clients(
    embedded_notary: EmbeddedNotary, notary_server: NotaryServer
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    """Clients of both servers, which keep their connections."""
    with embedded_notary.client() as embedded, notary_server.client() as real:
        yield embedded, real


@pytest.fixture
def authors(
    embedded_notary: EmbeddedNotary,
    notary_server: NotaryServer,
    clients: tuple[httpx.Client, httpx.Client],
) -> Authors:
    """An author at each server, with a collection of its own."""
    embedded, real = clients
    return Authors(Author(embedded), Author(real))
