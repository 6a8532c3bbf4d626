"""``signer`` beside a real Docker engine: trusted pulls, pushes and signs; the traps T1 and T2."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.images import Kind
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, docker_programs
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.interop.identities import Identity
from tests.interop.scene import TOFU, Scene, hexed
from tests.interop.views import docker_inspect, notary_list

RELEASES: Final = "targets/releases"
WRONG: Final = {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "not the passphrase"}


@dataclass(frozen=True)
class Stage:
    """A scene with an engine.

    Attributes:
        docker: Debian's, with a configuration of its own.
    """

    scene: Scene
    engine: Engine
    docker: DockerCli

    def collection(self) -> tuple[SignerCli, Identity]:
        """Initialise it with ``signer``; return CI's program and the signer."""
        gitlab = self.scene.identity("gitlab", "rsa2048")
        self.scene.init(self.scene.signer("admin"), gitlab)
        return self.scene.signer("ci"), gitlab

    def import_image(self, tag: str) -> str:
        """Make a local image and return its reference."""
        image = self.scene.image(tag)
        self.engine.import_image(image, f"{image} of this test".encode())
        return image


@pytest.fixture
def stage(tmp_path: Path, notary_server: NotaryServer, registry: Registry, engine: Engine) -> Stage:
    scene = Scene(tmp_path, notary_server, registry)
    program = installed(docker_programs)[0]
    return Stage(scene, engine, scene.docker(engine=engine, program=program))


def verified_digest(signer: SignerCli, image: str, *options: str) -> str:
    """Return the digest with which ``signer verify`` accepts an image."""
    (found,) = signer.json("verify", image, TOFU, *options)["images"]
    digest = found["digest"]
    assert isinstance(digest, str)
    return digest


# --- what signer wrote


@pytest.mark.parametrize("kind", ["docker", "oci", "index"])
def test_every_docker_pulls_the_tag_that_signer_signed(stage: Stage, kind: Kind) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    digest, _ = scene.push("1.0", kind=kind)
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    for number, program in enumerate(installed(docker_programs)):
        docker = scene.docker(f"docker-{number}", engine=stage.engine, program=program)
        assert f"@{digest}" in docker.trusted("pull", scene.image("1.0")).stdout
        assert f"{scene.gun}@{digest}" in stage.engine.repository_digests(scene.image("1.0"))
        stage.engine.remove_image(scene.image("1.0"))


def test_every_docker_refuses_to_pull_a_tag_that_signer_did_not_sign(stage: Stage) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    scene.push("1.0")
    scene.push("unsigned")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    for number, program in enumerate(installed(docker_programs)):
        docker = scene.docker(f"docker-{number}", engine=stage.engine, program=program)
        refused = docker.trusted("pull", scene.image("unsigned"), expect=1)
        assert "No valid trust data for unsigned" in refused.stderr


def test_every_docker_pulls_what_was_signed_although_the_tag_was_moved(stage: Stage) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    signed, _ = scene.push("1.0")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    moved, _ = scene.push("1.0")
    assert verified_digest(ci, scene.image("1.0")) == signed
    for number, program in enumerate(installed(docker_programs)):
        docker = scene.docker(f"docker-{number}", engine=stage.engine, program=program)
        pulled = docker.trusted("pull", scene.image("1.0")).stdout
        assert signed in pulled
        assert moved not in pulled
        stage.engine.remove_image(scene.image("1.0"))


def test_docker_no_longer_pulls_what_signer_revoked(stage: Stage) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    scene.push("1.0")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    stage.docker.trusted("pull", scene.image("1.0"))
    ci("revoke", scene.image("1.0"), "--key", gitlab.key)
    stage.docker.trusted("pull", scene.image("1.0"), expect=1)


def test_docker_trust_sign_and_a_trusted_push_go_on_with_the_collection_of_signer(
    stage: Stage,
) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    ci("keys", "import", gitlab.key, "--role", "gitlab")
    docker = scene.docker(config=ci.config, engine=stage.engine)
    docker.trust("sign", "--local", stage.import_image("1.0"))
    docker.trusted("push", stage.import_image("2.0"))
    digest, _ = scene.push("3.0")
    ci("sign", scene.image("3.0"), TOFU)
    rows = notary_list(scene.notary()("list", scene.gun, "-r", "targets/gitlab"))
    assert [row[0] for row in rows] == ["1.0", "2.0", "3.0"]
    for tag, row in zip(("1.0", "2.0", "3.0"), rows, strict=True):
        found = verified_digest(ci, scene.image(tag), "--signer", "gitlab")
        assert hexed(found) == row[1]
    assert rows[2][1] == hexed(digest)
    scene.check_files()


# --- what docker wrote


def test_the_collection_that_docker_trust_sign_made_is_verified_shown_and_signed(
    stage: Stage,
) -> None:
    """Docker names the signer after the registry's user, and makes root, targets and his key."""
    scene, docker = stage.scene, stage.docker
    host = scene.gun.partition("/")[0]
    account = base64.b64encode(b"alice:worthless").decode()
    (docker.config / "config.json").write_text(json.dumps({"auths": {host: {"auth": account}}}))
    done = docker.trust("sign", stage.import_image("1.0"))
    assert "Created signer: alice" in done.stdout
    (digest, _) = docker_inspect(docker, scene.gun).tags["1.0"]

    stranger = scene.signer("stranger")
    (root_id,) = docker_inspect(docker, scene.gun).root
    (found,) = stranger.json(
        "verify", scene.image("1.0"), "--signer", "alice", "--root-key-id", root_id
    )["images"]
    assert (hexed(found["digest"]), found["signers"]) == (digest, ["alice"])
    (tag,) = stranger.json("inspect", scene.image("1.0"))["tags"]
    assert tag["registry_digest"] == tag["digest"]
    assert (tag["signers"], tag["differs"]) == (["alice"], False)
    scene.check_files()

    second, length = scene.push("2.0")
    alice = scene.signer("alice", trust_directory=docker.trust_directory)
    (result,) = alice.json("sign", scene.image("2.0"), TOFU)["results"]
    assert sorted(result["roles"]) == ["targets/alice", RELEASES]
    rows = notary_list(scene.notary()("list", scene.gun, "-r", "targets/alice"))
    assert rows[1] == ("2.0", hexed(second), length, "targets/alice")
    assert f"@{second}" in docker.trusted("pull", scene.image("2.0")).stdout
    scene.check_files()


def test_what_a_trusted_push_signed_into_targets_verifies_and_signer_signs_there(
    stage: Stage,
) -> None:
    scene, docker = stage.scene, stage.docker
    docker.trusted("push", stage.import_image("1.0"))
    admin = scene.signer("admin", trust_directory=docker.trust_directory)
    (found,) = admin.json("verify", scene.image("1.0"), TOFU)["images"]
    assert (found["role"], found["signers"]) == ("targets", [])
    (pushed,) = stage.engine.repository_digests(scene.image("1.0"))
    assert pushed == f"{scene.gun}@{found['digest']}"
    admin("verify", scene.image("1.0"), "--signer", "alice", expect=3)
    digest, _ = scene.push("2.0")
    admin("sign", scene.image("2.0"))
    assert f"@{digest}" in docker.trusted("pull", scene.image("2.0")).stdout
    scene.check_files()


def test_tags_of_targets_stay_valid_when_signer_adds_the_first_signer(stage: Stage) -> None:
    scene, docker = stage.scene, stage.docker
    docker.trusted("push", stage.import_image("1.0"))
    admin = scene.signer("admin", trust_directory=docker.trust_directory)
    gitlab = scene.identity("gitlab", "rsa2048")
    admin("delegation", "add", scene.gun, "gitlab", gitlab.certificate, TOFU)
    stage.engine.remove_image(scene.image("1.0"))
    docker.trusted("pull", scene.image("1.0"))
    ci = scene.signer("ci")
    first = verified_digest(ci, scene.image("1.0"))
    ci("sign", scene.image("1.0"), "--key", gitlab.key)
    assert verified_digest(ci, scene.image("1.0"), "--signer", "gitlab") == first
    shown = docker_inspect(docker, scene.gun).tags
    assert shown == {"1.0": (hexed(first), frozenset(["gitlab"]))}


# --- the traps, side by side


def test_t1_of_a_moved_tag_docker_signs_the_stale_digest_and_signer_the_registrys(
    stage: Stage,
) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    ci("keys", "import", gitlab.key, "--role", "gitlab")
    docker = scene.docker(config=ci.config, engine=stage.engine)
    image = scene.image("latest")
    stale, _ = scene.push("latest")
    ci("sign", image, TOFU)
    moved, length = scene.push("latest")
    assert moved != stale

    stage.engine.docker("pull", image)
    assert "Successfully signed" in docker.trust("sign", image).stdout
    assert docker_inspect(docker, scene.gun).tags["latest"][0] == hexed(stale)

    (result,) = ci.json("sign", image)["results"]
    assert result["status"] == "signed"
    assert (result["digest"], result["previous_digest"]) == (moved, stale)
    assert docker_inspect(docker, scene.gun).tags["latest"] == (
        hexed(moved),
        frozenset(["gitlab"]),
    )
    looked_up = scene.notary()("lookup", scene.gun, "latest").stdout.split()
    assert looked_up == ["latest", moved, str(length)]
    assert f"@{moved}" in docker.trusted("pull", image).stdout


def test_t2_with_a_wrong_passphrase_docker_reports_success_and_signer_exit_code_8(
    stage: Stage,
) -> None:
    scene = stage.scene
    ci, gitlab = stage.collection()
    ci("keys", "import", gitlab.key, "--role", "gitlab")
    docker = scene.docker(config=ci.config, engine=stage.engine)
    image = scene.image("latest")
    scene.push("latest")
    ci("sign", image, TOFU)

    assert "Successfully signed" in docker.trust("sign", image, env=WRONG).stdout
    before = scene.files()
    refused = ci.json("sign", image, env=WRONG, expect=8)
    assert refused["code"] == "passphrase-rejected"
    assert ci.json("sign", image)["results"][0]["status"] == "up-to-date"
    assert scene.files() == before
