"""The components as pytest fixtures: each starts once per test run, and only if it is used.

A program that is not installed is a failure where ``CI=true``; elsewhere the test is reported as
not run, with the Debian package to install.
"""

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

import pytest

from signer.names import Gun
from tests.components.certificates import Authority
from tests.components.chromium import Chromium
from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.notary_server import NotaryServer
from tests.components.notary_signer import NotarySigner
from tests.components.peers import DockerCli, NotaryCli, docker_programs
from tests.components.postgres import NOTARY_SERVER_TABLES, Postgres
from tests.components.redis import Redis
from tests.components.registry import Registry
from tests.components.service import MissingComponentError
from tests.components.softhsm import SoftHsm

IN_CI: Final = os.environ.get("CI", "").lower() in {"true", "1"}
"""Read once: tests run without the CI system's variables."""

_Component = TypeVar("_Component")
_numbers = itertools.count(1)


def installed(make: Callable[[], _Component]) -> _Component:
    """Return ``make()``; without the program the test fails (CI) or is reported as not run."""
    try:
        return make()
    except MissingComponentError as error:
        missing = str(error)
    if IN_CI:
        pytest.fail(f"{missing}; CI=true allows no missing component", pytrace=False)
    pytest.skip(f"not run: {missing}")


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The certificate authority of the run."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def notary_server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[NotaryServer]:
    """A notary-server with everything in memory."""
    server = NotaryServer(tmp_path_factory.mktemp("notary-server"), authority)
    with installed(server.start):
        yield server


@pytest.fixture(scope="session")
def notary_signer(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority
) -> Iterator[NotarySigner]:
    """A notary-signer with keys in memory."""
    signer = NotarySigner(tmp_path_factory.mktemp("notary-signer"), authority)
    with installed(signer.start):
        yield signer


@pytest.fixture(scope="session")
def notary_signer_server(
    tmp_path_factory: pytest.TempPathFactory, authority: Authority, notary_signer: NotarySigner
) -> Iterator[NotaryServer]:
    """A notary-server whose keys are in the notary-signer."""
    directory = tmp_path_factory.mktemp("notary-signer-server")
    with installed(NotaryServer(directory, authority, signer=notary_signer).start) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL cluster without databases."""
    with installed(Postgres(tmp_path_factory.mktemp("postgres")).start) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def postgres_server(
    tmp_path_factory: pytest.TempPathFactory,
    authority: Authority,
    notary_signer: NotarySigner,
    postgres: Postgres,
) -> Iterator[NotaryServer]:
    """A notary-server with metadata in PostgreSQL and keys in the notary-signer."""
    url = postgres.create_database("notaryserver", NOTARY_SERVER_TABLES)
    directory = tmp_path_factory.mktemp("postgres-server")
    server = NotaryServer(directory, authority, signer=notary_signer, database_url=url)
    with installed(server.start):
        yield server


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Redis]:
    """An empty Redis of the test's own, which it may stop."""
    with installed(Redis(tmp_path / "redis").start) as running:
        yield running


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Registry]:
    """A registry without accounts."""
    with installed(Registry(tmp_path_factory.mktemp("registry"), authority).start) as server:
        yield server


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Iterator[Engine]:
    """A Docker engine that trusts the registry's certificate."""
    with installed(Engine(tmp_path_factory.mktemp("engine")).start) as running:
        yield running.trust_registry(registry)


@pytest.fixture(scope="session")
def softhsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftHsm]:
    """A PKCS#11 token; the environment names it for the rest of the run, as its library wants."""
    directory = tmp_path_factory.mktemp("softhsm") / "token"
    token = installed(lambda: SoftHsm(directory))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in token.environment.items():
            patch.setenv(name, value)
        yield token


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A browser that opens files."""
    with installed(Chromium(tmp_path_factory.mktemp("chromium")).start) as browser:
        yield browser


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDtr]:
    """An embedded DTR, which is registry, Notary server and token server at once."""
    with EmbeddedDtr(tmp_path_factory.mktemp("embedded")) as running:
        yield running


@pytest.fixture
def fresh_repository() -> str:
    """A repository's path that no other test of this run uses."""
    return f"admin/example-{next(_numbers)}"


@pytest.fixture
def fresh_gun(registry: Registry, fresh_repository: str) -> Gun:
    """The GUN of `fresh_repository` in the registry."""
    return Gun(f"{registry.host}/{fresh_repository}")


@pytest.fixture
def notary(tmp_path: Path, notary_server: NotaryServer) -> NotaryCli:
    """The ``notary`` program with an empty trust directory."""
    return NotaryCli(tmp_path / "notary-cli", notary_server)


@pytest.fixture
def docker(tmp_path: Path, notary_server: NotaryServer, engine: Engine) -> DockerCli:
    """Debian's ``docker`` with an empty configuration directory and the engine."""
    program = installed(docker_programs)[0]
    return DockerCli(tmp_path / "docker-cli", notary_server, engine=engine, program=program)


@pytest.fixture
def docker_without_engine(tmp_path: Path, notary_server: NotaryServer) -> DockerCli:
    """Debian's ``docker`` with an empty configuration directory, for ``docker trust`` alone."""
    program = installed(docker_programs)[0]
    return DockerCli(tmp_path / "docker-cli", notary_server, program=program)
