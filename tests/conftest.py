"""What holds for every test: a home of its own, a clean environment, no way past loopback."""

import os
from pathlib import Path
from typing import Final

import pytest
from pytest_socket import disable_socket, socket_allow_hosts

pytest_plugins = ["tests.components.fixtures"]

_UNIT: Final = Path(__file__).parent / "unit"
_LOOPBACK: Final = ["127.0.0.1", "::1", "localhost"]
_CLEARED_PREFIXES: Final = (
    "BUILDKITE",
    "CI",
    "DCT_",
    "DOCKER_",
    "DTR_",
    "GITHUB_",
    "GITLAB_",
    "JENKINS_",
    "NOTARY_",
    "SIGNER_",
    "SSL_CERT_",
    "TRIGGER_",
    "UCP_",
    "XDG_",
)
_CLEARED_ENDINGS: Final = ("_PROXY",)


@pytest.fixture(autouse=True)
def clean_environment(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give the test an empty home, which is returned, and none of the user's settings."""
    for name in list(os.environ):
        upper = name.upper()
        if upper.startswith(_CLEARED_PREFIXES) or upper.endswith(_CLEARED_ENDINGS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("DOCKER_CONFIG", str(home / ".docker"))
    return home


@pytest.fixture(autouse=True)
def network_limits(request: pytest.FixtureRequest) -> None:
    """Unit tests have no network, but for ``@pytest.mark.enable_socket``; the others loopback.

    pytest-socket lifts the limits again after each test.
    """
    node = request.node
    if _UNIT in node.path.parents and node.get_closest_marker("enable_socket") is None:
        disable_socket(allow_unix_socket=True)
    else:
        socket_allow_hosts(_LOOPBACK, allow_unix_socket=True)
