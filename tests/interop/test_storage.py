"""``signer`` on every kind of Notary server, and several publishers at once."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from signer.keys.sources import load_signers
from signer.names import RoleName, parse_gun
from signer.publish.changes import Change, SetTarget
from signer.publish.signing import Keyring
from signer.signing.session import PinSources, Session, Settings
from signer.trust.collection import TrustedCollection
from tests.components.notary_server import NotaryServer
from tests.components.postgres import Postgres
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.interop.identities import Identity
from tests.interop.scene import TOFU, Scene, hexed
from tests.interop.views import docker_inspect, notary_list

RELEASES: Final = "targets/releases"
SERVERS: Final = [
    pytest.param("notary_server", id="memory"),
    pytest.param("notary_signer_server", id="notary-signer", marks=pytest.mark.slow),
    pytest.param("postgres_server", id="postgresql", marks=pytest.mark.slow),
]


@pytest.fixture(params=SERVERS)
def scene(request: pytest.FixtureRequest, tmp_path: Path, registry: Registry) -> Scene:
    """A scene on each kind of server."""
    server: NotaryServer = request.getfixturevalue(request.param)
    return Scene(tmp_path, server, registry)


def initialised(scene: Scene) -> tuple[SignerCli, Identity, Identity]:
    """Make a collection; return its admin, an RSA and an EC signer."""
    admin = scene.signer("admin")
    gitlab, jenkins = scene.identity("gitlab", "rsa2048"), scene.identity("jenkins", "p256")
    scene.init(admin, gitlab, jenkins)
    return admin, gitlab, jenkins


def test_init_sign_verify_revoke_and_what_the_go_programs_show(scene: Scene) -> None:
    admin, gitlab, jenkins = initialised(scene)
    first, length = scene.push("1.0")
    ci = scene.signer("ci")
    (result,) = ci.json("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)["results"]
    assert (result["status"], result["digest"]) == ("signed", first)
    ci("sign", scene.image("1.0"), "--key", jenkins.key)
    assert notary_list(scene.notary()("list", scene.gun)) == [
        ("1.0", hexed(first), length, RELEASES)
    ]
    shown = docker_inspect(scene.docker(), scene.gun).tags
    assert shown == {"1.0": (hexed(first), frozenset(["gitlab", "jenkins"]))}
    ci("verify", scene.image("1.0"), "--signer", "gitlab", "--signer", "jenkins")
    again = ci.json("sign", scene.image("1.0"), "--key", gitlab.key)["results"][0]
    assert again["status"] == "up-to-date"

    moved, _ = scene.push("1.0")
    (result,) = ci.json("sign", scene.image("1.0"), "--key", gitlab.key)["results"]
    assert (result["digest"], result["previous_digest"]) == (moved, first)
    ci("verify", scene.image("1.0"), "--signer", "jenkins", expect=3)
    scene.check_files()
    ci("revoke", scene.image("1.0"), "--key", gitlab.key)
    ci("verify", scene.image("1.0"), expect=3)
    assert notary_list(scene.notary()("list", scene.gun, "-r", RELEASES)) == []
    assert admin.json("init", scene.gun, *_signers(gitlab, jenkins))["status"] == "up-to-date"
    scene.check_files()


def _signers(*identities: Identity) -> list[str]:
    return [f"--signer={one.name}={one.certificate}" for one in identities]


def test_key_rotations_by_notary_are_followed(scene: Scene) -> None:
    admin, gitlab, _ = initialised(scene)
    ci = scene.signer("ci")
    digest, _ = scene.push("1.0")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    notary = scene.notary(trust_directory=admin.trust_directory)
    for words in (("timestamp", "-r"), ("snapshot", "-r"), ("targets",), ("root",)):
        notary("key", "rotate", scene.gun, *words, input_text="yes\n")
        (found,) = ci.json("verify", scene.image("1.0"), "--signer", "gitlab")["images"]
        assert found["digest"] == digest
    assert scene.signed("root")["version"] == 5
    scene.check_files()


def test_signers_that_run_at_once_for_different_tags_all_end_with_their_tag_signed(
    scene: Scene,
) -> None:
    _, gitlab, jenkins = initialised(scene)
    tags = {"1.0": gitlab, "2.0": jenkins, "3.0": gitlab}
    digests = {tag: scene.push(tag) for tag in tags}
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                scene.signer(f"ci-{tag}").start(
                    "sign", scene.image(tag), "--key", identity.key, TOFU, "--json"
                )
            )
            for tag, identity in tags.items()
        ]
        results = [run.wait().json["results"][0] for run in running]
    assert [result["status"] for result in results] == ["signed"] * 3
    rows = notary_list(scene.notary()("list", scene.gun))
    assert rows == [
        (tag, hexed(digest), length, RELEASES) for tag, (digest, length) in digests.items()
    ]
    # Each publish is one version: none was lost, and none was made twice.
    assert scene.signed(RELEASES)["version"] == 3
    verifier = scene.signer("verifier")
    for tag, identity in tags.items():
        verifier("verify", scene.image(tag), "--signer", identity.name, TOFU)
    scene.check_files()


def test_a_publish_that_another_signer_overtook_is_made_again_on_top_of_his(
    scene: Scene,
) -> None:
    """The other one signs for real between the reading and the upload: a VERSION conflict."""
    _, gitlab, jenkins = initialised(scene)
    scene.push("theirs")
    other = scene.signer("other")
    calls: list[int] = []

    def plan(collection: TrustedCollection) -> Sequence[Change]:
        calls.append(collection.roles[RoleName("snapshot")].version)
        if len(calls) == 1:
            other("sign", scene.image("theirs"), "--key", jenkins.key, TOFU)
        return [SetTarget(RoleName(RELEASES), "ours", 6, {"sha256": "0" * 64}, None)]

    environment = {"DOCKER_CONFIG": str(scene.directory / "in-process")}
    settings = Settings(
        trust_dir=scene.directory / "in-process" / "trust",
        docker_config=scene.directory / "in-process",
        server=scene.server.url,
        ca_files=(scene.server.authority.ca_file,),
        pins=PinSources(trust_on_first_use=True),
        environment=environment,
    )
    with Session(settings) as session:
        keys = load_signers(
            str(gitlab.key),
            store=session.store,
            passphrases=session.passphrases,
            environment=environment,
        )
        published = session.publisher(parse_gun(scene.gun), Keyring(keys)).publish(plan)
    assert published.attempts == 2
    assert published.versions == {RELEASES: 2}
    rows = notary_list(scene.notary()("list", scene.gun, "-r", RELEASES))
    assert [row[0] for row in rows] == ["ours", "theirs"]
    scene.check_files()


def test_a_version_that_is_there_already_is_refused_and_changes_nothing(scene: Scene) -> None:
    """What the publisher relies on: 400 with VERSION, not a silent overwrite (NP 5.1)."""
    initialised(scene)
    before = scene.files()
    parts = [("files", ("targets", before["targets"]))]
    with scene.server.client() as client:
        answer = client.post(f"/v2/{scene.gun}/_trust/tuf/", files=parts)
    assert answer.status_code == 400
    assert [error["code"] for error in answer.json()["errors"]] == ["VERSION"]
    assert scene.files() == before


def test_a_removed_and_added_signer_signs_above_the_versions_that_are_still_stored(
    scene: Scene,
) -> None:
    admin, gitlab, jenkins = initialised(scene)
    ci = scene.signer("ci")
    for _ in range(2):
        scene.push("1.0")
        ci("sign", scene.image("1.0"), "--key", gitlab.key, "--key", jenkins.key, TOFU)
    assert scene.signed("targets/jenkins")["version"] == 2
    admin("delegation", "remove", scene.gun, "jenkins", "--force")
    admin("delegation", "add", scene.gun, "jenkins", jenkins.certificate)
    digest, length = scene.push("2.0")
    ci("sign", scene.image("2.0"), "--key", jenkins.key)
    assert scene.signed("targets/jenkins")["version"] > 2
    stranger = scene.signer("stranger")
    stranger("verify", scene.image("2.0"), "--signer", "jenkins", TOFU)
    shown = notary_list(scene.notary()("list", scene.gun, "-r", "targets/jenkins"))
    assert ("2.0", hexed(digest), length, "targets/jenkins") in shown
    scene.check_files()


def test_a_signer_whose_old_versions_a_client_held_snapshot_forgot_signs_above_them(
    scene: Scene,
) -> None:
    """Nothing that clients read names the old versions, and with SQL the server hides them."""
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    gitlab = scene.identity("gitlab", "p256")
    for role in ("targets/gitlab", RELEASES):
        notary("delegation", "add", scene.gun, role, gitlab.certificate, "--all-paths")
    notary("publish", scene.gun)
    (snapshot_id,) = scene.signed("root")["roles"]["snapshot"]["keyids"]
    snapshot_key = notary.trust_directory / "private" / f"{snapshot_id}.key"
    keys = ("--key", gitlab.key, "--key", snapshot_key, TOFU)
    for _ in range(3):
        scene.push("1.0")
        scene.signer("ci")("sign", scene.image("1.0"), *keys)
    notary("delegation", "remove", scene.gun, "targets/gitlab", "-y", "-p")
    assert "targets/gitlab" not in scene.versions()
    notary("delegation", "add", scene.gun, "targets/gitlab", gitlab.certificate, "--all-paths")
    notary("publish", scene.gun)
    digest, _ = scene.push("1.0")
    scene.signer("new-ci")("sign", scene.image("1.0"), *keys)
    assert scene.versions()["targets/gitlab"] > 3
    (found,) = scene.signer("stranger").json(
        "verify", scene.image("1.0"), "--signer", "gitlab", TOFU
    )["images"]
    assert found["digest"] == digest
    scene.check_files()


@pytest.mark.slow
def test_keys_that_notary_signer_holds_are_ecdsa_and_verify(
    tmp_path: Path, notary_signer_server: NotaryServer, registry: Registry
) -> None:
    scene = Scene(tmp_path, notary_signer_server, registry)
    initialised(scene)
    roles = scene.signer().json("inspect", scene.gun, TOFU)["roles"]
    types = {role["name"]: role["keys"][0]["type"] for role in roles}
    assert (types["snapshot"], types["timestamp"]) == ("ecdsa", "ecdsa")


@pytest.mark.slow
def test_after_a_restart_of_the_server_on_postgresql_all_goes_on(
    tmp_path: Path, postgres_server: NotaryServer, postgres: Postgres, registry: Registry
) -> None:
    scene = Scene(tmp_path, postgres_server, registry)
    _, gitlab, _ = initialised(scene)
    scene.push("1.0")
    ci = scene.signer("ci")
    ci("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    postgres_server.stop()
    try:
        assert ci.json("verify", scene.image("1.0"), expect=6)["exit_code"] == 6
    finally:
        postgres_server.start()
    ci("verify", scene.image("1.0"), "--signer", "gitlab")
    scene.push("2.0")
    ci("sign", scene.image("2.0"), "--key", gitlab.key)
    rows = postgres.query("notaryserver", "SELECT gun, role, version FROM tuf_files;").split()
    stored = [row for row in rows if row.startswith(f"{scene.gun}|{RELEASES}|")]
    assert sorted(stored) == [f"{scene.gun}|{RELEASES}|{version}" for version in (1, 2)]
    scene.check_files()
