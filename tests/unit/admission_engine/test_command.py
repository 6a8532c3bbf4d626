"""``signer admission engine`` says what is wrong before it starts."""

import json
from pathlib import Path

import pytest

from signer.cli.main import run

POLICY = """
apiVersion: signer/v1
kind: TrustPolicy
rules:
  - {match: "h.example/*", approve: true}
"""


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yaml"
    path.write_text(POLICY)
    return path


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str]:
    """Run the command; return its exit code and the error's code."""
    status = run(["admission", "engine", "--json", *map(str, arguments)])
    return status, json.loads(capsys.readouterr().out)["code"]


def test_a_wrong_policy_is_exit_code_2_and_no_socket_is_made(
    tmp_path: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy.write_text(POLICY.replace("match", "mach"))
    socket = tmp_path / "x.sock"
    assert failure(capsys, "--policy", policy, "--socket", socket)[0] == 2
    assert failure(capsys, "--policy", tmp_path / "none", "--socket", socket)[0] == 2
    assert not socket.exists()


def test_a_docker_host_that_is_no_socket_is_exit_code_2(
    tmp_path: Path,
    policy: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://localhost:2375")
    found = failure(capsys, "--policy", policy, "--socket", tmp_path / "x.sock")
    assert found == (2, "bad-docker-host")


def test_a_file_at_the_sockets_place_is_exit_code_2(
    tmp_path: Path, policy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = failure(capsys, "--policy", policy, "--socket", policy)
    assert found == (2, "cannot-listen")
    assert policy.read_text() == POLICY
