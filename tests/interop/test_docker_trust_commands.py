"""``signer trust`` and the plugin ``docker-trust`` beside the ``docker trust`` they replace."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, docker_programs
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.interop.scene import Scene


@pytest.fixture
def stage(tmp_path: Path, notary_server: NotaryServer, registry: Registry) -> Scene:
    return Scene(tmp_path, notary_server, registry)


@pytest.fixture
def signer(stage: Scene) -> SignerCli:
    return stage.signer("user")


def docker_of(stage: Scene, signer: SignerCli) -> DockerCli:
    """Return ``docker`` with the same configuration and trust directory."""
    program = installed(docker_programs)[0]
    return stage.docker(config=signer.config, program=program)


def make_signer(signer: SignerCli, name: str) -> Path:
    signer("trust", "key", "generate", name)
    return signer.home / f"{name}.pub"


def test_inspect_prints_what_docker_prints_byte_for_byte(stage: Scene, signer: SignerCli) -> None:
    stage.push("1.10")
    stage.push("1.9")
    for name in ("alice", "bob"):
        signer("trust", "signer", "add", "--key", make_signer(signer, name), name, stage.gun)
    signer("trust", "sign", stage.image("1.10"))
    signer("trust", "sign", stage.image("1.9"))
    docker = docker_of(stage, signer)

    for arguments in (
        [stage.gun],
        [stage.image("1.9")],
        [stage.image("none")],
        ["--pretty", stage.gun],
        ["--pretty", stage.image("none")],
    ):
        theirs = docker.trust("inspect", *arguments).stdout
        ours = signer("trust", "inspect", *arguments).stdout
        assert ours == theirs, arguments


def test_signer_add_initialises_as_docker_does_and_docker_signs_on(
    stage: Scene, signer: SignerCli
) -> None:
    digest, _length = stage.push("1")
    done = signer(
        "trust", "signer", "add", "--key", make_signer(signer, "alice"), "alice", stage.gun
    )
    assert "Initializing signed repository" in done.stdout
    signer("trust", "sign", stage.image("1"))

    docker = docker_of(stage, signer)
    docker.trust("sign", stage.image("1"))  # T1: from the collection's record, no engine needed
    [image] = json.loads(docker.trust("inspect", stage.image("1")).stdout)
    assert image["SignedTags"] == [
        {"SignedTag": "1", "Digest": digest.removeprefix("sha256:"), "Signers": ["alice"]}
    ]


def test_signer_remove_removes_where_docker_26_and_later_do_nothing(
    stage: Scene, signer: SignerCli
) -> None:
    for name in ("alice", "bob"):
        signer("trust", "signer", "add", "--key", make_signer(signer, name), name, stage.gun)
    signer("trust", "signer", "remove", "alice", stage.gun)
    [image] = json.loads(signer("trust", "inspect", stage.gun).stdout)
    assert [entry["Name"] for entry in image["Signers"]] == ["bob"]


def test_key_load_refuses_what_docker_reports_as_loaded(signer: SignerCli) -> None:
    passphrase_key = signer.home / "old.pem"
    subprocess.run(
        ["openssl", "genrsa", "-traditional", "-aes128", "-passout", "pass:another", "-out",
         passphrase_key, "2048"],
        check=True,
        capture_output=True,
    )  # fmt: skip
    passphrase_key.chmod(0o600)
    done = signer("trust", "key", "load", passphrase_key, expect=8)
    assert "passphrase" in done.stderr
    assert not list(signer.trust_directory.glob("private/*.key"))


def test_sign_never_creates_a_collection(stage: Scene, signer: SignerCli) -> None:
    stage.push("1")
    make_signer(signer, "alice")
    done = signer("trust", "sign", stage.image("1"), expect=1)
    assert "not initialised" in done.stderr or "no trust data" in done.stderr


def test_revoke_without_a_tag_needs_yes_and_takes_all_tags(stage: Scene, signer: SignerCli) -> None:
    for tag in ("1", "2"):
        stage.push(tag)
    signer("trust", "signer", "add", "--key", make_signer(signer, "alice"), "alice", stage.gun)
    for tag in ("1", "2"):
        signer("trust", "sign", stage.image(tag))
    signer("trust", "revoke", stage.gun, expect=2)
    assert len(json.loads(signer("trust", "inspect", stage.gun).stdout)[0]["SignedTags"]) == 2
    signer("trust", "revoke", "--yes", stage.gun)
    assert json.loads(signer("trust", "inspect", stage.gun).stdout)[0]["SignedTags"] == []


def test_inspect_fails_where_docker_answers_from_its_cache(stage: Scene, signer: SignerCli) -> None:
    signer("trust", "signer", "add", "--key", make_signer(signer, "alice"), "alice", stage.gun)
    signer("trust", "inspect", stage.gun)
    done = signer("--server", "https://localhost:1", "trust", "inspect", stage.gun, expect=6)
    assert done.stdout.strip() == "[]"


def test_the_plugin_answers_dockers_question_and_runs_under_its_name(
    stage: Scene, signer: SignerCli
) -> None:
    program = Path(sys.executable).parent / "docker-trust"
    asked = subprocess.run(
        [program, "docker-cli-plugin-metadata"], capture_output=True, check=True, text=True
    )
    assert json.loads(asked.stdout)["SchemaVersion"] == "0.1.0"
    shown = subprocess.run([program, "trust", "--help"], capture_output=True, check=True, text=True)
    assert "inspect" in shown.stdout
    assert "signer" in shown.stdout
