"""``signer bundle``: what a real server has, decided by without one."""

import json
from pathlib import Path

import pytest

from tests.components.peers import PASSPHRASE, NotaryCli
from tests.e2e.material import write_bundle
from tests.e2e.story import Collection, WatchedSigner, directory_content


@pytest.fixture
def maker(collection: Collection, tmp_path: Path) -> WatchedSigner:
    """Who makes bundles: knows the server and nothing else."""
    return collection.stranger(tmp_path / "maker")


@pytest.fixture
def airgap(tmp_path: Path) -> WatchedSigner:
    """Who has no network: no server and no CA are known to it."""
    return WatchedSigner(tmp_path / "airgap", passphrase=None)


@pytest.fixture
def owner(tmp_path: Path) -> Path:
    """The bundle's maker's key and certificate; the signer's own would do as well."""
    return write_bundle(tmp_path / "owner", name="owner")


def made(
    maker: WatchedSigner, collection: Collection, owner: Path, *images: str, name: str = "site"
) -> Path:
    """Make a bundle."""
    path = maker.home / f"{name}.bundle"
    key = ("--key", owner / "key.pem")
    maker("bundle", "create", *images, "-o", path, *key, *collection.pinned())
    return path


def test_the_verdicts_are_those_of_online_without_a_network(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    digests = collection.prepare(v1=b"one", v2=b"two")
    bundle = made(maker, collection, owner, collection.image("v1"), collection.gun)
    images = (
        collection.image("v1"),
        collection.image("missing"),
        f"{collection.image('v2')}@{digests['v1']}",
        f"{collection.gun}@{digests['v2']}",
    )
    online = maker.json("verify", *images, expect=3)
    for trusted in (("--bundle-key", owner / "cert.pem"), collection.pinned(), ()):
        offline = airgap.json("verify", *images, "--bundle", bundle, *trusted, expect=3)
        assert offline["images"] == online["images"]
    required = ("--signer", "gitlab", "--signer", "jenkins")
    online = maker.json("verify", images[0], *required, expect=3)
    assert airgap.json("verify", images[0], *required, "--bundle", bundle, expect=3) == online
    accepted = airgap("verify", images[0], "--bundle", bundle).stdout
    assert digests["v1"] in accepted
    assert airgap("verify", images[0], "--offline").stdout == accepted


def test_without_a_pin_or_the_maker_s_key_nothing_is_trusted(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path, tmp_path: Path
) -> None:
    collection.prepare(v1=b"one")
    bundle = made(maker, collection, owner, collection.gun)
    image = collection.image("v1")
    assert airgap.json("verify", image, "--bundle", bundle, expect=2)["code"] == "no-pin"
    other = write_bundle(tmp_path / "other", name="other") / "cert.pem"
    asked = ("verify", image, "--bundle", bundle, "--bundle-key", other)
    assert airgap.json(*asked, expect=4)["code"] == "bundle-other-key"
    assert not directory_content(airgap.trust_directory)


def test_what_is_in_a_bundle_is_shown(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    collection.prepare(v1=b"one", v2=b"two")
    bundle = made(maker, collection, owner, collection.gun)
    asked = ("bundle", "verify", bundle, "--bundle-key", owner / "cert.pem")
    shown = airgap.json(*asked)
    assert (shown["schema"], shown["action"]) == ("signer.bundle/1", "verify")
    [content] = shown["collections"]
    assert (content["gun"], content["status"], content["reason"]) == (collection.gun, "valid", None)
    assert content["tags"] == ["v1", "v2"]
    assert {role["name"]: role["version"] for role in content["roles"]} == {
        name: collection.version(name)
        for name in (
            "root", "targets", "snapshot", "timestamp", "targets/releases", "targets/gitlab",
        )
    }  # fmt: skip
    expires = {role["name"]: role["expires"] for role in content["roles"]}
    assert content["valid_until"] == expires["timestamp"] == min(expires.values())
    assert content["pins"] == [f"key {collection.root_key_id}"]
    text = airgap(*asked).stdout
    assert f"valid  {collection.gun}" in text
    assert "when timestamp expires" in text
    assert "tags   v1, v2" in text
    assert airgap(*asked, "-q").stdout == ""


def test_a_bundle_is_judged_as_of_a_time(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    collection.prepare(v1=b"one")
    bundle = made(maker, collection, owner, collection.gun)
    asked = ("bundle", "verify", bundle, "--bundle-key", owner / "cert.pem", "--at")
    later = airgap.json(*asked, "2300-01-01T00:00:00Z", expect=5)
    assert later["collections"][0]["status"] == "expired"
    assert "expired" in airgap(*asked, "2300-01-01T00:00:00Z", expect=5).stdout
    assert airgap.json(*asked, "soon", expect=2)["code"] == "usage"


def test_an_update_brings_every_collection_up_to_date(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    first = collection.prepare(v1=b"one")
    bundle = made(maker, collection, owner, collection.gun)
    old = bundle.read_bytes()
    second = collection.prepare(v1=b"moved")
    key = ("--key", owner / "key.pem")
    fresh = collection.stranger(airgap.home.parent / "colleague")
    link = bundle.parent / "link.bundle"
    link.symlink_to(bundle.name)
    assert fresh.json("bundle", "update", link, *key)["action"] == "update"
    assert link.is_symlink()
    before = bundle.parent / "before.bundle"
    before.write_bytes(old)
    asked = ("verify", collection.image("v1"), "--bundle-key", owner / "cert.pem", "--bundle")
    assert airgap.json(*asked, before)["images"][0]["digest"] == first["v1"]
    assert airgap.json(*asked, bundle)["images"][0]["digest"] == second["v1"]
    refused = airgap.json(*asked, before, expect=4)
    assert refused["images"][0]["reason"]["code"] == "rollback"


def test_a_bundle_from_before_two_rotations_of_root_is_a_rollback_and_no_wrong_pin(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    """The remedy of a wrong pin, forgetting what is known, would be the wrong one."""
    collection.prepare(v1=b"one")
    old = made(maker, collection, owner, collection.gun, name="old")
    notary = NotaryCli(maker.home.parent / "notary", collection.server, passphrase=PASSPHRASE)
    notary.trust_directory = collection.admin.trust_directory
    for _ in range(2):
        notary("key", "rotate", collection.gun, "root", input_text="yes\n")
    new = made(maker, collection, owner, collection.gun, name="new")
    asked = ("verify", collection.image("v1"), "--bundle-key", owner / "cert.pem", "--bundle")
    airgap(*asked, new)
    refused = airgap.json(*asked, old, expect=4)
    assert refused["images"][0]["reason"]["code"] == "rollback"


def test_a_failed_update_changes_nothing(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path, tmp_path: Path
) -> None:
    collection.prepare(v1=b"one")
    bundle = made(maker, collection, owner, collection.gun)
    before = directory_content(bundle.parent / "none") | {"bundle": bundle.read_bytes()}
    other = write_bundle(tmp_path / "other", name="other")
    wrong = maker.json("bundle", "update", bundle, "--key", other / "key.pem", expect=4)
    assert wrong["code"] == "bundle-other-key"
    down = WatchedSigner(tmp_path / "down", passphrase=None)
    key = ("--key", owner / "key.pem")
    nowhere = ("--server", "https://localhost:1")
    assert down.json("bundle", "update", bundle, *key, *nowhere, expect=6)
    assert before["bundle"] == bundle.read_bytes()
    assert sorted(path.name for path in bundle.parent.glob("*bundle*")) == ["site.bundle"]


def test_nothing_is_written_unless_all_is_accepted(
    collection: Collection, maker: WatchedSigner, owner: Path
) -> None:
    collection.prepare(v1=b"one")
    path = maker.home / "site.bundle"
    rest = ("-o", path, "--key", owner / "key.pem")
    pinned = collection.pinned()
    unsigned = (collection.image("v1"), collection.image("missing"))
    assert maker.json("bundle", "create", *unsigned, *rest, *pinned, expect=3)["code"]
    missing = (collection.gun, f"{collection.gun}-none")
    error = maker.json("bundle", "create", *missing, *rest, *pinned, expect=3)
    assert error["code"] == "no-trust-data"
    wrong = ("--root-key-id", "0" * 64)
    assert maker.json("bundle", "create", collection.gun, *rest, *wrong, expect=4)
    unkeyed = maker.json("bundle", "create", collection.gun, "-o", path, *pinned, expect=8)
    assert unkeyed["code"] == "no-signing-key"
    assert not path.exists()


def test_a_policy_decides_what_goes_in_and_is_carried(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    collection.prepare(v1=b"one")
    policy = maker.home / "policy.yaml"
    policy.write_text(
        "apiVersion: signer/v1\nkind: TrustPolicy\ndefault: deny\n"
        f"signers:\n  gitlab: {{keys: [{collection.certificate}]}}\n"
        f"rules:\n  - match: {collection.gun}\n"
        f"    root: {{key_ids: [{collection.root_key_id}]}}\n"
        "    require: {signers: [gitlab]}\n"
        "  - match: localhost/free\n    approve: true\n"
    )
    path = maker.home / "site.bundle"
    rest = ("-o", path, "--key", owner / "key.pem", "--policy", policy)
    created = maker.json("bundle", "create", collection.image("v1"), "localhost/free:1", *rest)
    assert [item["gun"] for item in created["collections"]] == [collection.gun]
    assert json.loads(path.read_text())["signed"]["policy"] == policy.read_text()
    asked = ("verify", collection.image("v1"), "--policy", policy, "--bundle", path)
    online = maker.json("verify", collection.image("v1"), "--policy", policy)
    assert airgap.json(*asked) == online
    for denied in ("localhost/other:1", "localhost/other"):
        error = maker.json("bundle", "create", denied, collection.gun, *rest, expect=3)
        assert error["code"] == "no-rule"
    assert maker.json("bundle", "create", "localhost/free:1", *rest, expect=2)["code"] == "usage"
    both = ("bundle", "create", collection.gun, *rest, *collection.pinned())
    assert maker.json(*both, expect=2)["code"] == "usage"
    signed = json.loads(path.read_text())["signed"]
    maker("bundle", "update", path, "--key", owner / "key.pem")
    assert json.loads(path.read_text())["signed"]["policy"] == signed["policy"]
    policy.write_text(policy.read_text() + "# news\n")
    updated = maker("bundle", "update", path, "--key", owner / "key.pem", "--policy", policy)
    assert "policy" in updated.stdout
    assert json.loads(path.read_text())["signed"]["policy"] == policy.read_text()


def test_a_damaged_bundle_is_refused_by_every_command(
    collection: Collection, maker: WatchedSigner, airgap: WatchedSigner, owner: Path
) -> None:
    collection.prepare(v1=b"one")
    bundle = made(maker, collection, owner, collection.gun)
    bundle.write_bytes(bundle.read_bytes()[:-100])
    key = ("--bundle-key", owner / "cert.pem")
    for command in (
        ("bundle", "verify", bundle, *key),
        ("bundle", "update", bundle, "--key", owner / "key.pem"),
        ("verify", collection.image("v1"), "--bundle", bundle),
        ("verify", collection.image("v1"), "--bundle", bundle, *key),
    ):
        assert airgap.json(*command, expect=4)["code"] == "bundle-malformed"
