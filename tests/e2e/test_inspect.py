"""``signer inspect``, ``revoke`` and ``delegation``: seeing and changing who signed what."""

from pathlib import Path

import pytest

from tests.components.images import delete_image
from tests.e2e.material import write_bundle
from tests.e2e.story import Collection, WatchedSigner

BASE = ["root", "targets", "snapshot", "timestamp"]


def test_inspect_shows_roles_keys_and_tags(collection: Collection) -> None:
    digest = collection.prepare(v1=b"example")["v1"]
    shown = collection.admin.json("inspect", collection.gun)
    assert list(shown) == ["schema", "repository", "roles", "tags"]
    assert shown["repository"] == collection.gun
    roles = {role["name"]: role for role in shown["roles"]}
    assert list(roles) == [*BASE, "targets/releases", "targets/gitlab"]
    assert {role["status"] for role in roles.values()} == {"valid"}
    assert roles["root"]["keys"][0]["key_id"] == collection.root_key_id
    assert roles["targets/gitlab"]["keys"][0]["subject"] == "CN=gitlab"
    assert roles["targets/gitlab"]["paths"] == [""]
    assert "paths" not in roles["root"]
    for role in roles.values():
        certificates = [key["certificate"] for key in role["keys"]]
        bare = role["name"] in {"targets", "snapshot", "timestamp"}
        assert [bool(pem) for pem in certificates] == [not bare]
    assert all(role["expires"].endswith("+00:00") for role in roles.values())
    (tag,) = shown["tags"]
    assert (tag["tag"], tag["digest"], tag["signers"]) == ("v1", digest, ["gitlab"])
    assert tag["roles"] == {"targets/releases": digest, "targets/gitlab": digest}
    assert tag["differs"] is False
    text = collection.admin("inspect", collection.gun).stdout
    assert text.startswith(f"{collection.gun}\n\nROLE ")
    assert f"v1   sha256:{digest[7:19]}  gitlab\n" in text


def test_inspect_compares_with_the_registry(collection: Collection) -> None:
    digests = collection.prepare(v1=b"one", v2=b"two")
    moved = collection.push("v1", b"moved")
    delete_image(collection.registry, collection.path, digests["v2"])
    tags = collection.admin.json("inspect", collection.gun, "--registry")["tags"]
    assert [tag["registry_digest"] for tag in tags] == [moved, ""]
    assert [tag["differs"] for tag in tags] == [True, False]
    assert "no image" in tags[1]["registry_problem"]
    (one,) = collection.admin.json("inspect", collection.image("v1"))["tags"]
    assert one["registry_digest"] == moved
    text = collection.admin("inspect", collection.image("v1")).stdout
    released = f"  {digests['v1']}\n    targets/releases, targets/gitlab\n"
    assert text.endswith(f"\nv1\n{released}  {moved}\n    registry\n")
    assert max(len(line) for line in text.splitlines() if collection.gun not in line) <= 80
    assert "differs" in text


def test_inspect_of_an_unsigned_tag_and_of_an_empty_collection(collection: Collection) -> None:
    assert "No tags are signed." in collection.admin("inspect", collection.gun).stdout
    collection.push("v1")
    (tag,) = collection.admin.json("inspect", collection.image("v1"))["tags"]
    assert (tag["digest"], tag["roles"], tag["signers"]) == ("", {}, [])
    assert "in no role" in collection.admin("inspect", collection.image("v1")).stdout


@pytest.mark.parametrize(
    ("command", "status"), [("inspect", 3), ("revoke", 3), ("delegation list", 3), ("sign", 1)]
)
def test_an_unknown_repository_is_said(collection: Collection, command: str, status: int) -> None:
    repository = f"{collection.gun}-none"
    collection.push("v1")
    tagged = command in {"revoke", "sign"}
    image = f"{repository}:v1" if tagged else repository
    key = ("--key", collection.key) if tagged else ()
    error = collection.admin.json(*command.split(), image, *key, expect=None)
    assert error["code"] in {"no-trust-data", "not-initialised", "not-found"}
    assert repository in error["message"]
    assert error["exit_code"] in {1, status}


def test_revoke_takes_the_tag_out_of_every_role_in_one_publish(
    collection: Collection, tmp_path: Path
) -> None:
    digests = collection.prepare(v1=b"one", v2=b"two")
    answer = collection.admin.json("revoke", collection.image("v1"), "--key", collection.key)
    assert answer == {
        "schema": "signer.revoke/1",
        "image": collection.image("v1"),
        "status": "revoked",
        "previous_digest": digests["v1"],
        "roles": ["targets/releases", "targets/gitlab"],
        "remaining": [],
        "versions": {"targets/releases": 2, "targets/gitlab": 2},
    }
    stranger = collection.stranger(tmp_path / "stranger")
    images = (collection.image("v1"), collection.image("v2"))
    answer = stranger.json("verify", *images, *collection.pinned(), expect=3)
    assert [image["verdict"] for image in answer["images"]] == ["reject", "accept"]
    error = collection.admin.json("revoke", images[0], "--key", collection.key, expect=1)
    assert error["code"] == "not-found"
    assert collection.version("targets/releases") == 2


def test_revoke_names_the_roles_whose_keys_are_not_at_hand(
    collection: Collection, tmp_path: Path
) -> None:
    collection.prepare(v1=b"one")
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    collection.admin("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    image = collection.image("v1")
    done = collection.admin("revoke", image, "--key", jenkins / "key.pem")
    assert done.stdout == f"revoked  {image}\n  from  targets/releases\n"
    assert done.stderr == "warning: targets/gitlab still has it; its key is not at hand.\n"


@pytest.mark.parametrize("image", ["{gun}", "{gun}@sha256:" + "0" * 64])
def test_revoke_wants_a_tag(collection: Collection, image: str) -> None:
    given = image.format(gun=collection.gun)
    error = collection.admin.json("revoke", given, "--key", collection.key, expect=2)
    assert error["code"] == "no-tag"


def test_a_signer_is_added_listed_and_removed(collection: Collection, tmp_path: Path) -> None:
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    arguments = (collection.gun, "jenkins")
    added = collection.admin.json("delegation", "add", *arguments, jenkins / "cert.pem")
    assert added == {
        "schema": "signer.delegation/1",
        "repository": collection.gun,
        "signer": "jenkins",
        "status": "added",
        "versions": {"targets": 2},
        "warnings": [],
    }
    again = collection.admin.json("delegation", "add", *arguments, jenkins / "cert.pem")
    assert (again["status"], again["versions"]) == ("up-to-date", {})
    listed = collection.admin.json("delegation", "list", collection.gun)
    assert list(listed) == ["schema", "repository", "delegations"]
    roles = {role["name"]: role for role in listed["delegations"]}
    assert list(roles) == ["targets/releases", "targets/gitlab", "targets/jenkins"]
    assert len(roles["targets/releases"]["keys"]) == 2
    assert roles["targets/jenkins"]["keys"][0]["subject"] == "CN=jenkins"
    assert roles["targets/jenkins"]["status"] == "unpublished"
    removed = collection.admin.json("delegation", "remove", *arguments)
    assert (removed["status"], removed["versions"]) == ("removed", {"targets": 3})
    error = collection.admin.json("delegation", "remove", *arguments, expect=1)
    assert error["code"] == "not-found"
    assert "gitlab" in error["hint"]


def test_the_last_signer_is_removed_by_force_alone(collection: Collection) -> None:
    collection.prepare(v1=b"one")
    before = collection.files()
    arguments = ("delegation", "remove", collection.gun, "gitlab")
    error = collection.admin.json(*arguments, expect=1)
    assert error["code"] == "last-signature"
    assert "--force" in error["hint"]
    assert collection.files() == before
    forced = collection.admin.json(*arguments, "--force")
    assert "cannot be pulled" in forced["warnings"][0]
    assert "targets/gitlab" not in collection.admin("delegation", "list", collection.gun).stdout


def test_removing_a_signer_lets_another_sign_releases_again(
    collection: Collection, tmp_path: Path
) -> None:
    digest = collection.prepare(v1=b"one")["v1"]
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    collection.admin("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    targets_key = next(
        key["key_id"]
        for key in collection.admin.json("keys", "list")["keys"]
        if key["role"] == "targets"
    )
    keys = ("--key", targets_key, "--key", jenkins / "key.pem")
    collection.admin("delegation", "remove", collection.gun, "gitlab", *keys)
    stranger = collection.stranger(tmp_path / "stranger")
    verdict = stranger.json("verify", collection.image("v1"), *collection.pinned())["images"][0]
    assert (verdict["digest"], verdict["signers"]) == (digest, [])


def test_delegations_are_changed_by_the_targets_key_alone(
    collection: Collection, tmp_path: Path
) -> None:
    jenkins = write_bundle(tmp_path / "jenkins", name="jenkins")
    before = collection.files()
    other = WatchedSigner(tmp_path / "other", collection.server)
    arguments = ("delegation", "add", collection.gun, "jenkins", jenkins / "cert.pem")
    error = other.json(*arguments, *collection.pinned(), "--key", collection.key, expect=8)
    assert error["code"] == "no-signing-key"
    assert "role targets" in error["message"]
    assert other.json(*arguments, *collection.pinned(), expect=8)["code"] == "no-signing-key"
    wrong = {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "not the passphrase"}
    error = collection.admin.json(*arguments, env=wrong, expect=8)
    assert error["code"] == "passphrase-rejected"
    assert collection.files() == before
