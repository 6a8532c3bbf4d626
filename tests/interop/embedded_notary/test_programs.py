"""The Go programs, a real engine and ``signer`` work on the embedded Notary server unchanged."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, docker_programs
from tests.components.registry import Registry
from tests.interop.embedded_notary.server import EmbeddedNotary
from tests.interop.scene import TOFU, Scene
from tests.interop.views import docker_inspect, notary_list


@pytest.fixture
def scene(tmp_path: Path, embedded_notary: EmbeddedNotary, registry: Registry) -> Scene:
    return Scene(tmp_path, embedded_notary, registry)


@pytest.fixture
def content(tmp_path: Path) -> Path:
    """A file to be added as a target."""
    file = tmp_path / "content"
    file.write_bytes(b"worthless example")
    return file


def _tags(scene: Scene, name: str) -> set[tuple[str, str]]:
    """Return names and roles that a stranger's ``notary`` lists."""
    table = notary_list(scene.notary(name)("list", scene.gun))
    return {(row[0], row[3]) for row in table}


def _keys(server: NotaryServer, gun: str, role: str) -> list[str]:
    root: dict[str, Any] = json.loads(server.metadata(gun, "root.json"))["signed"]
    found: list[str] = root["roles"][role]["keyids"]
    return found


def test_notary_initialises_publishes_and_lists(scene: Scene, content: Path) -> None:
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    assert _tags(scene, "stranger") == {("1.0", "targets")}
    assert scene.versions() == {
        "root": 1,
        "targets": 3,
        "snapshot": 3,
        "timestamp": 2,
    }
    scene.check_files()


def test_notary_publishes_a_whole_history_at_once(scene: Scene, content: Path) -> None:
    notary = scene.notary()
    notary("init", scene.gun)
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    assert scene.versions() == {"root": 1, "targets": 2, "snapshot": 2, "timestamp": 1}


@pytest.mark.parametrize("server_managed", [False, True], ids=["own snapshot", "server's snapshot"])
def test_notary_delegates_and_a_delegate_publishes(
    scene: Scene, content: Path, server_managed: bool
) -> None:
    admin, delegate = scene.notary("admin"), scene.notary("delegate")
    gitlab = scene.identity("gitlab")
    admin("init", "-p", scene.gun)
    if server_managed:
        admin("key", "rotate", scene.gun, "snapshot", "-r")
    admin("delegation", "add", scene.gun, "targets/gitlab", gitlab.certificate, "--all-paths")
    admin("publish", scene.gun)
    writer = delegate if server_managed else admin
    writer("key", "import", gitlab.key, "--role", "targets/gitlab")
    writer("add", scene.gun, "1.0", content, "--roles", "targets/gitlab")
    writer("publish", scene.gun)
    assert _tags(scene, "stranger") == {("1.0", "targets/gitlab")}
    assert gitlab.canonical_id in admin("delegation", "list", scene.gun).stdout
    scene.check_files()


def test_a_delegation_that_lost_its_last_key_is_published_as_go_writes_it(
    scene: Scene,
) -> None:
    """Go writes ``"keyids":null`` then."""
    notary, gitlab = scene.notary(), scene.identity("gitlab")
    notary("init", "-p", scene.gun)
    notary("delegation", "add", scene.gun, "targets/gitlab", gitlab.certificate, "--all-paths")
    notary("publish", scene.gun)
    notary("delegation", "remove", scene.gun, "targets/gitlab", gitlab.canonical_id)
    notary("publish", scene.gun)
    (role,) = scene.signed("targets")["delegations"]["roles"]
    assert not role["keyids"]
    assert "targets/gitlab" in scene.notary("stranger")("delegation", "list", scene.gun).stdout


@pytest.mark.parametrize("role", ["timestamp", "snapshot"])
def test_notary_turns_a_key_over_to_the_server(scene: Scene, content: Path, role: str) -> None:
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    before = _keys(scene.server, scene.gun, role)
    notary("key", "rotate", scene.gun, role, "--server-managed")
    after = _keys(scene.server, scene.gun, role)
    assert after != before
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    assert _tags(scene, "stranger") == {("1.0", "targets")}
    scene.check_files()


def test_notary_takes_the_snapshot_key_back(scene: Scene, content: Path) -> None:
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    notary("key", "rotate", scene.gun, "snapshot", "--server-managed")
    servers = _keys(scene.server, scene.gun, "snapshot")
    notary("key", "rotate", scene.gun, "snapshot")
    assert _keys(scene.server, scene.gun, "snapshot") != servers
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    assert _tags(scene, "stranger") == {("1.0", "targets")}


@pytest.mark.parametrize("role", ["targets", "root"])
def test_notary_replaces_a_key_of_its_own(scene: Scene, content: Path, role: str) -> None:
    notary, reader = scene.notary(), scene.notary("reader")
    notary("init", "-p", scene.gun)
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    reader("list", scene.gun)
    before = _keys(scene.server, scene.gun, role)
    notary("key", "rotate", scene.gun, role, input_text="yes\n")
    assert _keys(scene.server, scene.gun, role) != before
    notary("add", scene.gun, "2.0", content)
    notary("publish", scene.gun)
    rows = notary_list(reader("list", scene.gun))
    assert {row[0] for row in rows} == {"1.0", "2.0"}, "a reader follows the rotation"


def test_a_delegate_witnesses_after_its_key_was_replaced(scene: Scene, content: Path) -> None:
    notary = scene.notary()
    old, new = scene.identity("old"), scene.identity("new", "rsa2048")
    notary("init", "-p", scene.gun)
    notary("delegation", "add", scene.gun, "targets/ci", old.certificate, "--all-paths")
    notary("key", "import", old.key, "--role", "targets/ci")
    notary("add", scene.gun, "1.0", content, "--roles", "targets/ci")
    notary("publish", scene.gun)
    notary("delegation", "add", scene.gun, "targets/ci", new.certificate)
    notary("delegation", "remove", scene.gun, "targets/ci", old.canonical_id)
    notary("publish", scene.gun)
    assert _tags(scene, "before") == set(), "no valid key has signed it"
    notary("key", "import", new.key, "--role", "targets/ci")
    notary("witness", scene.gun, "targets/ci")
    notary("publish", scene.gun)
    assert _tags(scene, "after") == {("1.0", "targets/ci")}


def test_notary_deletes_and_publishes_its_copy_again(scene: Scene, content: Path) -> None:
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    notary("add", scene.gun, "1.0", content)
    notary("publish", scene.gun)
    with scene.server.client() as client:
        client.delete(f"/v2/{scene.gun}/_trust/tuf/").raise_for_status()
        assert "does not have trust data" in scene.notary("s")("list", scene.gun, expect=1).stdout
        notary("publish", scene.gun)
        assert scene.has_role("targets")
        notary("delete", scene.gun, "--remote")
        assert not scene.has_role("root")
        feed = client.get(f"/v2/{scene.gun}/_trust/changefeed?records=100").json()
    categories = [record["Category"] for record in feed["records"]]
    assert categories == ["update", "update", "deletion", "update", "deletion"]


def test_a_publisher_that_was_overtaken_publishes_again(scene: Scene, content: Path) -> None:
    first = scene.notary("first")
    first("init", "-p", scene.gun)
    second = scene.notary("second", trust_directory=first.trust_directory)
    for tag, notary in (("1.0", first), ("2.0", second)):
        notary("add", scene.gun, tag, content)
        notary("publish", scene.gun)
    assert _tags(scene, "stranger") == {("1.0", "targets"), ("2.0", "targets")}


@pytest.fixture
def docker(scene: Scene, engine: Engine) -> DockerCli:
    return scene.docker(engine=engine, program=installed(docker_programs)[0])


def _sign(scene: Scene, docker: DockerCli, engine: Engine, tag: str, data: bytes) -> str:
    """Sign a local image with ``docker trust``; return its digest."""
    image = scene.image(tag)
    engine.import_image(image, data)
    assert "Successfully signed" in docker.trust("sign", "--local", image).stdout
    (digest,) = engine.repository_digests(image)
    return digest.partition("@sha256:")[2]


def test_docker_pushes_signs_and_pulls_with_content_trust(
    scene: Scene, docker: DockerCli, engine: Engine
) -> None:
    image = scene.image("1.0")
    engine.import_image(image)
    assert "Successfully signed" in docker.trusted("push", image).stdout
    for number, program in enumerate(installed(docker_programs)):
        engine.remove_image(image)
        other = scene.docker(f"puller-{number}", engine=engine, program=program)
        assert "@sha256:" in other.trusted("pull", image).stdout
    refused = docker.trusted("pull", scene.image("2.0"), expect=1)
    assert "2.0" in refused.stderr
    scene.check_files()


def test_docker_trust_adds_signers_signs_anew_inspects_revokes_and_removes(
    scene: Scene, docker: DockerCli, engine: Engine, tmp_path: Path
) -> None:
    docker("trust", "key", "generate", "alice", "--dir", tmp_path)
    docker.trust("signer", "add", "--key", tmp_path / "alice.pub", "alice", scene.gun)
    first = _sign(scene, docker, engine, "1.0", b"first")
    second = _sign(scene, docker, engine, "1.0", b"second")
    assert first != second
    docker.trust("sign", scene.image("1.0"))
    shown = docker_inspect(scene.docker("stranger"), scene.gun)
    assert shown.tags == {"1.0": (second, frozenset({"alice"}))}
    assert set(shown.signers) == {"alice"}
    bob = scene.identity("bob")
    docker.trust("signer", "add", "--key", bob.certificate, "bob", scene.gun)
    assert set(docker_inspect(scene.docker("stranger"), scene.gun).signers) == {"alice", "bob"}
    docker.trust("revoke", scene.image("1.0"))
    assert docker_inspect(scene.docker("stranger"), scene.gun).tags == {}
    docker.trust("signer", "remove", "--force", "bob", scene.gun)
    docker.trust("signer", "remove", "--force", "alice", scene.gun)
    assert docker_inspect(scene.docker("stranger"), scene.gun).signers == {}


def test_signer_initialises_signs_verifies_delegates_and_revokes(scene: Scene) -> None:
    admin, ci = scene.signer("admin"), scene.signer("ci")
    gitlab, jenkins = scene.identity("gitlab"), scene.identity("jenkins", "rsa2048")
    scene.init(admin, gitlab)
    digest, _ = scene.push("1.0")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    (accepted,) = scene.signer("reader").json("verify", scene.image("1.0"), TOFU)["images"]
    assert (accepted["digest"], accepted["signers"]) == (digest, ["gitlab"])
    admin("delegation", "add", scene.gun, "jenkins", jenkins.certificate)
    scene.signer("other")("sign", scene.image("1.0"), "--key", jenkins.key, TOFU)
    (accepted,) = scene.signer("reader").json("verify", scene.image("1.0"))["images"]
    assert set(accepted["signers"]) == {"gitlab", "jenkins"}
    ci("revoke", scene.image("1.0"), "--key", gitlab.key, TOFU)
    scene.signer("reader")("verify", scene.image("1.0"), expect=3)
    scene.check_files()
