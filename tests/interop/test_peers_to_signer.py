"""What ``notary`` and ``docker trust`` wrote, ``signer`` verifies, shows and signs."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from tests.components.images import get_manifest
from tests.components.notary_server import NotaryServer
from tests.components.peers import NotaryCli
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.interop.identities import Identity
from tests.interop.scene import TOFU, Scene, hexed
from tests.interop.views import docker_inspect, notary_list

RELEASES: Final = "targets/releases"


@pytest.fixture
def scene(tmp_path: Path, notary_server: NotaryServer, registry: Registry) -> Scene:
    return Scene(tmp_path, notary_server, registry)


@pytest.fixture
def notary(scene: Scene) -> NotaryCli:
    """An admin's ``notary``, who has made the collection; the server holds the snapshot key."""
    notary = scene.notary()
    notary("init", "-p", scene.gun)
    notary("key", "rotate", scene.gun, "snapshot", "-r")
    return notary


def add_hash(notary: NotaryCli, scene: Scene, tag: str, *roles: str) -> str:
    """Push an image and publish its hash into roles with ``notary``; return its digest."""
    digest, length = scene.push(tag)
    options = ["-r", ",".join(roles)] if roles else []
    notary("addhash", scene.gun, tag, str(length), "--sha256", hexed(digest), *options, "-p")
    return digest


def delegate(notary: NotaryCli, scene: Scene, identity: Identity, *, bare: bool = False) -> None:
    """List a signer in his own role and in releases."""
    file = identity.public if bare else identity.certificate
    for role in (f"targets/{identity.name}", RELEASES):
        notary("delegation", "add", scene.gun, role, file, "--all-paths")
    notary("publish", scene.gun)


def verified(signer: SignerCli, image: str, *options: str) -> Any:  # noqa: ANN401 - JSON
    """Return what ``signer verify`` says of an image that it accepts."""
    (found,) = signer.json("verify", image, *(options or [TOFU]))["images"]
    assert found["verdict"] == "accept"
    return found


def roles_of(signer: SignerCli, scene: Scene) -> dict[str, Any]:
    """Return the roles that ``signer inspect`` shows, by name."""
    return {role["name"]: role for role in signer.json("inspect", scene.gun, TOFU)["roles"]}


def root_key_id(scene: Scene) -> str:
    """Return the TUF id of the root's key as the server's file has it."""
    (key_id,) = scene.signed("root")["roles"]["root"]["keyids"]
    assert isinstance(key_id, str)
    return key_id


# --- init and keys of the administrator


def test_a_tag_that_notary_published_into_targets_verifies(
    scene: Scene, notary: NotaryCli, registry: Registry
) -> None:
    digest, length = scene.push("1.0")
    content = scene.directory / "manifest"
    content.write_bytes(get_manifest(registry, scene.repository, "1.0"))
    notary("add", scene.gun, "1.0", content)  # hashes it with SHA-256 and SHA-512
    notary("publish", scene.gun)
    found = verified(scene.signer(), scene.image("1.0"))
    assert (found["digest"], found["signers"], found["role"]) == (digest, [], "targets")
    assert set(scene.signed("targets")["targets"]["1.0"]["hashes"]) == {"sha256", "sha512"}
    (tag,) = scene.signer().json("inspect", scene.image("1.0"))["tags"]
    assert (tag["digest"], tag["length"], tag["differs"]) == (digest, length, False)
    scene.check_files()


def test_inspect_shows_the_keys_and_versions_that_notary_made(
    scene: Scene, notary: NotaryCli
) -> None:
    add_hash(notary, scene, "1.0")
    shown = roles_of(scene.signer(), scene)
    assert {name: role["version"] for name, role in shown.items()} == scene.versions()
    root = scene.signed("root")["roles"]
    for name, role in shown.items():
        assert [key["key_id"] for key in role["keys"]] == root[name]["keyids"]
        assert role["status"] == "valid"
    listed = notary("key", "list").stdout
    for name in ("root", "targets"):
        assert shown[name]["keys"][0]["canonical_key_id"] in listed


def test_the_targets_key_file_of_notary_signs_where_there_are_no_delegations(
    scene: Scene, notary: NotaryCli
) -> None:
    scene.push("1.0")
    digest, length = scene.push("2.0")
    signer = scene.signer(trust_directory=notary.trust_directory)
    signer("sign", scene.image("1.0"), TOFU)  # finds the key by itself
    (targets_id,) = scene.signed("targets")["delegations"]["keys"] or [
        scene.signed("root")["roles"]["targets"]["keyids"][0]
    ]
    key_file = notary.trust_directory / "private" / f"{targets_id}.key"
    for key in (targets_id, key_file):  # by id, then by file
        signer("sign", scene.image("2.0"), "--key", key)
    rows = notary_list(scene.notary("stranger")("list", scene.gun))
    assert rows[1] == ("2.0", hexed(digest), length, "targets")
    assert [row[0] for row in rows] == ["1.0", "2.0"]
    scene.check_files()


def test_signer_init_refuses_the_collection_of_notary_and_leaves_it_alone(
    scene: Scene, notary: NotaryCli
) -> None:
    add_hash(notary, scene, "1.0")
    before = scene.files()
    gitlab = scene.identity("gitlab")
    command = ("init", scene.gun, f"--signer=gitlab={gitlab.certificate}")
    refused = scene.signer().json(*command, expect=1)
    assert refused["code"] == "already-initialised"
    assert scene.files() == before
    assert not list(scene.directory.glob("signer/.docker/trust/private/*"))


def test_signer_init_uses_the_root_key_file_of_notary(
    scene: Scene, notary: NotaryCli, notary_server: NotaryServer, registry: Registry
) -> None:
    other = Scene(scene.directory / "other", notary_server, registry)
    admin = other.signer("admin", trust_directory=notary.trust_directory)
    other.init(admin, other.identity("gitlab"))
    (name,) = scene.signed("root")["roles"]["root"]["keyids"]
    (new_name,) = other.signed("root")["roles"]["root"]["keyids"]
    assert name != new_name  # certificates differ, and the key is one:
    canonical = [
        roles_of(each.signer(), each)["root"]["keys"][0]["canonical_key_id"]
        for each in (scene, other)
    ]
    assert canonical[0] == canonical[1]
    assert (notary.trust_directory / "private" / f"{canonical[0]}.key").exists()


# --- rotations


@pytest.mark.parametrize("role", ["snapshot", "timestamp"])
def test_after_a_rotation_to_the_server_a_known_and_a_new_reader_verify_and_sign(
    scene: Scene, notary: NotaryCli, role: str
) -> None:
    digest = add_hash(notary, scene, "1.0")
    known = scene.signer("known", trust_directory=notary.trust_directory)
    verified(known, scene.image("1.0"))
    before = scene.signed("root")["roles"][role]["keyids"]
    notary("key", "rotate", scene.gun, role, "-r")
    assert scene.signed("root")["roles"][role]["keyids"] != before
    for reader in (known, scene.signer("new")):
        assert verified(reader, scene.image("1.0"))["digest"] == digest
    scene.push("2.0")
    known("sign", scene.image("2.0"))
    assert len(notary_list(scene.notary("stranger")("list", scene.gun))) == 2
    scene.check_files()


def test_after_several_root_rotations_the_chain_is_walked_from_the_oldest_and_the_newest_pin(
    scene: Scene, notary: NotaryCli
) -> None:
    digest = add_hash(notary, scene, "1.0")
    known = scene.signer("known")
    verified(known, scene.image("1.0"))
    ids = [root_key_id(scene)]
    first = scene.signed("root")["version"]
    for _ in range(3):
        notary("key", "rotate", scene.gun, "root", input_text="yes\n")
        ids.append(root_key_id(scene))
    assert len(set(ids)) == 4
    assert scene.signed("root")["version"] == first + 3
    for number, key_id in enumerate(ids):
        reader = scene.signer(f"reader-{number}")
        found = verified(reader, scene.image("1.0"), "--root-key-id", key_id)
        assert found["digest"] == digest
    assert verified(known, scene.image("1.0"))["digest"] == digest
    refused = scene.signer("wrong").json(
        "verify", scene.image("1.0"), "--root-key-id", "0" * 64, expect=4
    )
    failed = [c["code"] for c in refused["images"][0]["checks"] if c["status"] == "fail"]
    assert failed == ["root-pinned"]
    scene.push("2.0")
    scene.signer("admin", trust_directory=notary.trust_directory)(
        "sign", scene.image("2.0"), "--root-key-id", ids[0]
    )
    assert {f"{n}.root" for n in range(1, first + 4)} <= scene.check_files()


def test_a_rotated_root_is_accepted_by_the_certificate_of_the_old_and_of_the_new(
    scene: Scene, notary: NotaryCli
) -> None:
    digest = add_hash(notary, scene, "1.0")
    pins = [_root_certificate(scene, "old.pem")]
    notary("key", "rotate", scene.gun, "root", input_text="yes\n")
    pins.append(_root_certificate(scene, "new.pem"))
    for number, pin in enumerate(pins):
        reader = scene.signer(f"reader-{number}")
        found = verified(reader, scene.image("1.0"), "--root-cert", str(pin))
        assert found["digest"] == digest


def _root_certificate(scene: Scene, name: str) -> Path:
    from base64 import b64decode

    root = scene.signed("root")
    path = scene.directory / name
    path.write_bytes(b64decode(root["keys"][root_key_id(scene)]["keyval"]["public"]))
    return path


def test_after_a_rotation_of_the_targets_key_the_new_one_signs_and_the_old_one_is_refused(
    scene: Scene, notary: NotaryCli
) -> None:
    add_hash(notary, scene, "1.0")
    (old,) = scene.signed("root")["roles"]["targets"]["keyids"]
    old_file = notary.trust_directory / "private" / f"{old}.key"
    old_key = scene.directory / "old.key"
    old_key.touch(mode=0o600)
    old_key.write_bytes(old_file.read_bytes())
    notary("key", "rotate", scene.gun, "targets")
    (new,) = scene.signed("root")["roles"]["targets"]["keyids"]
    assert new != old
    scene.push("2.0")
    signer = scene.signer(trust_directory=notary.trust_directory)
    before = scene.files()
    refused = signer.json("sign", scene.image("2.0"), "--key", old_key, TOFU, expect=8)
    assert refused["code"] == "no-role-for-key"
    assert scene.files() == before
    signer("sign", scene.image("2.0"), "--key", new)
    verified(scene.signer("stranger"), scene.image("2.0"))
    scene.check_files()


# --- delegations


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "p256", "p384", "p521"])
def test_a_signer_whom_notary_added_by_certificate_signs(
    scene: Scene, notary: NotaryCli, kind: str
) -> None:
    gitlab = scene.identity("gitlab", kind)
    delegate(notary, scene, gitlab)
    digest, length = scene.push("1.0")
    ci = scene.signer("ci")
    (result,) = ci.json("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)["results"]
    assert (result["status"], result["digest"]) == ("signed", digest)
    assert sorted(result["roles"]) == ["targets/gitlab", RELEASES]
    assert result["key_ids"] == [gitlab.key_id]
    stranger = scene.notary("stranger")
    for role in result["roles"]:
        rows = notary_list(stranger("list", scene.gun, "-r", role))
        assert rows == [("1.0", hexed(digest), length, role)]
    assert docker_inspect(scene.docker(), scene.gun).tags["1.0"][1] == {"gitlab"}
    assert verified(ci, scene.image("1.0"), "--signer", "gitlab")["signers"] == ["gitlab"]
    scene.check_files()


def test_a_signer_whom_notary_added_by_bare_key_signs(scene: Scene, notary: NotaryCli) -> None:
    gitlab = scene.identity("gitlab", "rsa2048")
    delegate(notary, scene, gitlab, bare=True)
    scene.push("1.0")
    done = scene.signer("ci").json("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    assert done["results"][0]["key_ids"] == [gitlab.canonical_id]
    assert len(notary_list(scene.notary("stranger")("list", scene.gun))) == 1


def test_tags_that_notary_signed_with_the_keys_of_two_signers_verify_by_their_names(
    scene: Scene, notary: NotaryCli
) -> None:
    identities = [scene.identity("gitlab", "rsa2048"), scene.identity("jenkins", "p384")]
    for identity in identities:
        delegate(notary, scene, identity)
    digest, length = scene.push("1.0")
    for identity in identities:
        ci = scene.notary(identity.name)
        ci("key", "import", identity.key, "--role", identity.name)
        roles = f"{RELEASES},targets/{identity.name}"
        words = ("addhash", scene.gun, "1.0", str(length), "--sha256", hexed(digest))
        ci(*words, "-r", roles, "-p")
    options = ("--signer", "gitlab", "--signer", "jenkins", TOFU)
    found = verified(scene.signer(), scene.image("1.0"), *options)
    assert (found["digest"], found["signers"]) == (digest, ["gitlab", "jenkins"])
    shown = roles_of(scene.signer(), scene)
    for identity in identities:
        (key,) = shown[f"targets/{identity.name}"]["keys"]
        assert (key["key_id"], key["canonical_key_id"], key["signed"]) == (
            identity.key_id,
            identity.canonical_id,
            True,
        )
    scene.check_files()


def test_a_delegation_that_lost_its_key_is_invalid_until_notary_witnesses_it(
    scene: Scene, notary: NotaryCli
) -> None:
    gitlab, jenkins = scene.identity("gitlab", "rsa2048"), scene.identity("jenkins", "p256")
    for identity in (gitlab, jenkins):
        notary("delegation", "add", scene.gun, RELEASES, identity.certificate, "--all-paths")
    notary("publish", scene.gun)
    digest, _ = scene.push("1.0")
    signer = scene.signer()
    signer("sign", scene.image("1.0"), "--key", gitlab.key, TOFU)
    notary("delegation", "remove", scene.gun, RELEASES, gitlab.canonical_id, "-p")
    assert roles_of(signer, scene)[RELEASES]["status"] == "invalid"
    signer("verify", scene.image("1.0"), expect=4)

    witness = scene.notary("witness")
    witness("key", "import", jenkins.key, "--role", "jenkins")
    witness("witness", scene.gun, RELEASES, "-p")
    found = verified(signer, scene.image("1.0"))
    assert (found["digest"], found["role"]) == (digest, RELEASES)
    shown = roles_of(signer, scene)[RELEASES]
    assert (shown["status"], [key["signed"] for key in shown["keys"]]) == ("valid", [True])
    scene.push("2.0")
    signer("sign", scene.image("2.0"), "--key", jenkins.key)
    assert len(notary_list(scene.notary("stranger")("list", scene.gun))) == 2
    scene.check_files()


def test_nested_delegations_are_read_and_their_parent_is_signed(
    scene: Scene, notary: NotaryCli
) -> None:
    gitlab, nightly = scene.identity("gitlab", "rsa2048"), scene.identity("nightly", "p256")
    delegate(notary, scene, gitlab)
    ci = scene.notary("ci")
    for identity in (gitlab, nightly):
        ci("key", "import", identity.key, "--role", identity.name)
    nested = "targets/gitlab/nightly"
    ci("delegation", "add", scene.gun, nested, nightly.certificate, "--paths", "nightly-", "-p")
    digest = add_hash(ci, scene, "nightly-1", nested, "targets/gitlab", RELEASES)
    signer = scene.signer()
    found = verified(signer, scene.image("nightly-1"), "--signer", "gitlab", TOFU)
    assert found["digest"] == digest
    assert "gitlab/nightly" in found["signers"]
    shown = roles_of(signer, scene)[nested]
    assert (shown["status"], shown["paths"]) == ("valid", ["nightly-"])
    # Only direct children of targets sign tags, as docker trust has it.
    scene.push("nightly-2")
    done = signer.json("sign", scene.image("nightly-2"), "--key", gitlab.key)["results"][0]
    assert sorted(done["roles"]) == ["targets/gitlab", RELEASES]
    signer("sign", scene.image("nightly-2"), "--key", nightly.key, expect=8)
    rows = notary_list(scene.notary("stranger")("list", scene.gun, "-r", nested))
    assert [row[0] for row in rows] == ["nightly-1"]
    scene.check_files()


def test_a_delegation_with_paths_signs_only_tags_below_them(
    scene: Scene, notary: NotaryCli
) -> None:
    gitlab = scene.identity("gitlab", "p256")
    notary("delegation", "add", scene.gun, "targets/gitlab", gitlab.certificate, "--paths", "prod-")
    notary("publish", scene.gun)
    scene.push("prod-1")
    scene.push("dev-1")
    signer = scene.signer()
    done = signer.json("sign", scene.image("prod-1"), "--key", gitlab.key, TOFU)["results"][0]
    assert done["roles"] == ["targets/gitlab"]
    refused = signer.json("sign", scene.image("dev-1"), "--key", gitlab.key, expect=8)
    assert refused["code"] == "no-role-for-key"
    rows = notary_list(scene.notary("stranger")("list", scene.gun))
    assert [row[0] for row in rows] == ["prod-1"]


def test_custom_data_that_notary_signed_is_shown_and_survives_signing(
    scene: Scene, notary: NotaryCli
) -> None:
    custom = {"build": 66, "from": "admin/flask_build", "labels": ["a", "b"], "ok": True}
    file = scene.directory / "custom.json"
    file.write_text(json.dumps(custom, indent=2))
    digest, length = scene.push("1.0")
    words = ("addhash", scene.gun, "1.0", str(length), "--sha256", hexed(digest))
    notary(*words, "--custom", file, "-p")
    signer = scene.signer(trust_directory=notary.trust_directory)
    (tag,) = signer.json("inspect", scene.gun, TOFU)["tags"]
    assert tag["custom"] == custom
    (result,) = signer.json("sign", scene.image("1.0"))["results"]
    assert result["status"] == "up-to-date"
    scene.push("2.0")
    signer("sign", scene.image("2.0"))
    assert scene.signed("targets")["targets"]["1.0"]["custom"] == custom
    verified(signer, scene.image("1.0"))
    scene.check_files()


# --- a snapshot key in the client's hands


@pytest.fixture
def own_snapshot(scene: Scene) -> NotaryCli:
    """An admin's ``notary``, who has kept the snapshot key, with one tag."""
    notary = scene.notary()
    notary("init", scene.gun)
    add_hash(notary, scene, "1.0")
    return notary


def test_a_collection_with_a_client_held_snapshot_key_is_verified_and_shown(
    scene: Scene, own_snapshot: NotaryCli
) -> None:
    signer = scene.signer()
    assert verified(signer, scene.image("1.0"))["role"] == "targets"
    shown = roles_of(signer, scene)
    assert shown["snapshot"]["keys"][0]["canonical_key_id"] in own_snapshot("key", "list").stdout
    scene.check_files()


def test_with_the_snapshot_key_in_the_trust_directory_signing_works(
    scene: Scene, own_snapshot: NotaryCli
) -> None:
    digest, length = scene.push("2.0")
    before = scene.versions()
    signer = scene.signer(trust_directory=own_snapshot.trust_directory)
    signer("sign", scene.image("2.0"), TOFU)
    rows = notary_list(scene.notary("stranger")("list", scene.gun))
    assert ("2.0", hexed(digest), length, "targets") in rows
    assert len(rows) == 2
    assert scene.versions()["snapshot"] == before["snapshot"] + 1
    verified(scene.signer("stranger-signer"), scene.image("2.0"))
    scene.check_files()
    # And notary goes on from there.
    add_hash(own_snapshot, scene, "3.0")
    verified(signer, scene.image("3.0"))


def test_without_the_snapshot_key_signing_says_so_and_changes_nothing(
    scene: Scene, own_snapshot: NotaryCli
) -> None:
    (snapshot_id,) = scene.signed("root")["roles"]["snapshot"]["keyids"]
    (own_snapshot.trust_directory / "private" / f"{snapshot_id}.key").unlink()
    scene.push("2.0")
    before = scene.files()
    signer = scene.signer(trust_directory=own_snapshot.trust_directory)
    refused = signer.json("sign", scene.image("2.0"), TOFU, expect=8)
    assert refused["code"] == "no-snapshot-key"
    assert snapshot_id in refused["hint"]
    assert scene.files() == before


def test_a_signer_signs_with_the_snapshot_key_as_a_second_key_or_after_its_rotation_to_the_server(
    scene: Scene, own_snapshot: NotaryCli
) -> None:
    gitlab = scene.identity("gitlab", "rsa2048")
    delegate(own_snapshot, scene, gitlab)
    scene.push("2.0")
    ci = scene.signer("ci")
    before = scene.files()
    ci("sign", scene.image("2.0"), "--key", gitlab.key, TOFU, expect=8)
    assert scene.files() == before
    (snapshot_id,) = scene.signed("root")["roles"]["snapshot"]["keyids"]
    snapshot_key = own_snapshot.trust_directory / "private" / f"{snapshot_id}.key"
    ci("sign", scene.image("2.0"), "--key", gitlab.key, "--key", snapshot_key)
    verified(ci, scene.image("2.0"), "--signer", "gitlab")
    scene.push("2.0")
    own_snapshot("key", "rotate", scene.gun, "snapshot", "-r")
    ci("sign", scene.image("2.0"), "--key", gitlab.key)
    verified(ci, scene.image("2.0"), "--signer", "gitlab")


# --- docker trust without an engine, and key files


@dataclass(frozen=True)
class DockerMade:
    """A collection that ``docker trust signer add`` made.

    Attributes:
        admin: ``signer`` with docker's trust directory, which has root and targets keys.
        gitlab: the signer, by certificate.
    """

    admin: SignerCli
    gitlab: Identity


@pytest.fixture
def docker_made(scene: Scene) -> DockerMade:
    docker = scene.docker()
    gitlab = scene.identity("gitlab", "rsa2048")
    docker.trust("signer", "add", "--key", gitlab.certificate, "gitlab", scene.gun)
    admin = scene.signer("admin", trust_directory=docker.trust_directory)
    return DockerMade(admin, gitlab)


def test_the_collection_of_docker_trust_signer_add_is_signed_and_verified(
    scene: Scene, docker_made: DockerMade
) -> None:
    digest, _ = scene.push("1.0")
    ci = scene.signer("ci")
    shown = roles_of(ci, scene)
    assert shown["targets/gitlab"]["status"] == "unpublished"
    assert shown["targets/gitlab"]["keys"][0]["canonical_key_id"] == docker_made.gitlab.canonical_id
    ci("sign", scene.image("1.0"), "--key", docker_made.gitlab.key)
    assert verified(ci, scene.image("1.0"), "--signer", "gitlab")["digest"] == digest
    assert docker_inspect(scene.docker(), scene.gun).tags == {
        "1.0": (hexed(digest), frozenset(["gitlab"]))
    }
    scene.check_files()


def test_the_targets_key_file_of_docker_adds_and_removes_signers(
    scene: Scene, docker_made: DockerMade
) -> None:
    jenkins = scene.identity("jenkins", "p521")
    docker_made.admin("delegation", "add", scene.gun, "jenkins", jenkins.certificate, TOFU)
    assert docker_inspect(scene.docker(), scene.gun).signers == {
        "gitlab": frozenset([docker_made.gitlab.canonical_id]),
        "jenkins": frozenset([jenkins.canonical_id]),
    }
    docker_made.admin("delegation", "remove", scene.gun, "gitlab")
    assert set(docker_inspect(scene.docker(), scene.gun).signers) == {"jenkins"}
    scene.check_files()


def test_a_key_that_docker_trust_generated_signs_by_id_by_prefix_by_file_and_unasked(
    scene: Scene, docker_made: DockerMade
) -> None:
    docker = scene.docker("ci-docker")
    docker.trust("key", "generate", "carol", "--dir", scene.directory)
    scene.docker().trust(
        "signer", "add", "--key", scene.directory / "carol.pub", "carol", scene.gun
    )
    signer = scene.signer("ci", trust_directory=docker.trust_directory)
    (file,) = (docker.trust_directory / "private").glob("*.key")
    for number, key in enumerate((file.stem, file.stem[:7], str(file), "")):
        tag = f"{number}.0"
        scene.push(tag)
        signer("sign", scene.image(tag), TOFU, *(["--key", key] if key else []))
        verified(signer, scene.image(tag), "--signer", "carol")
    assert len(docker_inspect(scene.docker(), scene.gun).tags) == 4


def test_a_key_that_notary_imported_signs_with_signer(
    scene: Scene, docker_made: DockerMade
) -> None:
    ci = scene.notary("ci", passphrase="another worthless passphrase")
    ci("key", "import", docker_made.gitlab.key, "--role", "gitlab")
    scene.push("1.0")
    signer = scene.signer("ci-signer", trust_directory=ci.trust_directory)
    before = scene.files()
    refused = signer.json("sign", scene.image("1.0"), TOFU, expect=8)
    assert refused["code"] == "passphrase-rejected"
    assert scene.files() == before
    right = {"NOTARY_DELEGATION_PASSPHRASE": "another worthless passphrase"}
    signer("sign", scene.image("1.0"), TOFU, env=right)
    verified(signer, scene.image("1.0"), "--signer", "gitlab")
