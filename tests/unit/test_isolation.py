"""What every test may rely on: a home of its own, a clean environment, no network."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_socket import SocketBlockedError, SocketConnectBlockedError

_HOSTILE = {
    "CI_JOB_TOKEN": "x",
    "DOCKER_CONTENT_TRUST": "1",
    "DTR_PASSWORD": "x",
    "GITLAB_CI": "true",
    "NOTARY_AUTH": "x",
    "SIGNER_KEY": "x",
    "https_proxy": "http://127.0.0.1:1",
}


@pytest.fixture(scope="module", autouse=True)
def hostile_environment() -> Iterator[None]:
    """The settings of a user's shell and of a CI system."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in _HOSTILE.items():
            patch.setenv(name, value)
        yield


def test_the_home_is_an_empty_temporary_directory(tmp_path_factory: pytest.TempPathFactory) -> None:
    assert tmp_path_factory.getbasetemp() in Path.home().parents
    assert list(Path.home().iterdir()) == []
    assert Path(os.environ["DOCKER_CONFIG"]) == Path.home() / ".docker"


def test_the_users_settings_are_gone() -> None:
    assert _HOSTILE.keys() & os.environ.keys() == set()


def test_a_unit_test_cannot_open_a_connection() -> None:
    with pytest.warns(UserWarning, match="A test tried"), pytest.raises(SocketBlockedError):
        socket.socket()


def test_a_unit_test_cannot_resolve_a_name() -> None:
    with pytest.warns(UserWarning, match="A test tried"), pytest.raises(SocketBlockedError):
        socket.getaddrinfo("localhost", 80)


def test_a_unit_test_may_use_a_unix_socket(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))


@pytest.mark.enable_socket
def test_a_marked_unit_test_reaches_loopback() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection(server.getsockname(), timeout=5).close()


@pytest.mark.enable_socket
def test_a_marked_unit_test_reaches_nothing_else() -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): even without the limit it leads nowhere.
    with pytest.warns(UserWarning, match="A test tried"), pytest.raises(SocketConnectBlockedError):
        socket.create_connection(("192.0.2.1", 80), timeout=0.1)
