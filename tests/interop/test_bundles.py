"""Bundles and stored data of collections that the Go programs made."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from tests.components.notary_server import NotaryServer
from tests.components.peers import NotaryCli
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.components.softhsm import SoftHsm
from tests.interop.scene import TOFU, Scene, hexed


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


def signed_image(notary: NotaryCli, scene: Scene) -> str:
    """Push an image and publish its hash with ``notary``; return its digest."""
    digest, length = scene.push("1.0")
    notary("addhash", scene.gun, "1.0", str(length), "--sha256", hexed(digest), "-p")
    return digest


def root_key_id(scene: Scene) -> str:
    """Return the TUF id of the root's key as the server's file has it."""
    (key_id,) = scene.signed("root")["roles"]["root"]["keyids"]
    assert isinstance(key_id, str)
    return key_id


def test_a_bundle_of_a_rotated_root_is_read_by_a_pin_on_any_of_its_roots(
    scene: Scene, notary: NotaryCli
) -> None:
    digest = signed_image(notary, scene)
    ids = [root_key_id(scene)]
    for _ in range(2):
        notary("key", "rotate", scene.gun, "root", input_text="yes\n")
        ids.append(root_key_id(scene))
    maker = scene.identity("maker", "rsa2048")
    bundle = scene.directory / "site.bundle"
    pinned = ("--root-key-id", ids[0])
    made = scene.signer("maker").json(
        "bundle", "create", scene.image("1.0"), "--key", maker.key, "-o", bundle, *pinned
    )
    assert made["collections"][0]["older_roots"] == scene.signed("root")["version"] - 1
    for number, key_id in enumerate(ids):
        reader = SignerCli(scene.directory / f"reader-{number}")
        asked = ("verify", scene.image("1.0"), "--bundle", bundle)
        found = reader.json(*asked, "--root-key-id", key_id)
        assert found["images"][0]["digest"] == digest
        online = scene.signer(f"online-{number}").json(
            "verify", scene.image("1.0"), "--root-key-id", key_id
        )
        assert found == online
    wrong = SignerCli(scene.directory / "wrong").json(*asked, "--root-key-id", "0" * 64, expect=4)
    assert wrong["images"][0]["reason"]["code"] == "pin-mismatch"


def test_what_notary_has_cached_decides_offline(scene: Scene, notary: NotaryCli) -> None:
    digest = signed_image(notary, scene)
    reader = scene.notary("reader")
    reader("list", scene.gun)
    offline = SignerCli(scene.directory / "offline", trust_directory=reader.trust_directory)
    asked = ("verify", scene.image("1.0"), "--offline")
    assert offline.json(*asked, expect=2)["code"] == "no-pin"
    found = offline.json(*asked, "--root-key-id", root_key_id(scene))
    assert found["images"][0]["digest"] == digest
    none = SignerCli(scene.directory / "none").json(*asked, expect=6)
    assert none["code"] == "not-stored"


def test_a_key_in_a_token_signs_a_bundle(scene: Scene, notary: NotaryCli, softhsm: SoftHsm) -> None:
    digest = signed_image(notary, scene)
    key = softhsm.generate_ec("interop-bundle")
    public = scene.directory / "hsm.pub"
    public.write_bytes(
        load_der_public_key(key.public_key).public_bytes(
            Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
        )
    )
    bundle = scene.directory / "site.bundle"
    scene.signer("maker")(
        *("bundle", "create", scene.image("1.0"), "--key", key.uri, "-o", bundle, TOFU),
        env={**softhsm.environment, "SIGNER_HSM_PIN": softhsm.pin},
    )
    asked = ("verify", scene.image("1.0"), "--bundle", bundle, "--bundle-key", public)
    found = SignerCli(scene.directory / "reader").json(*asked)
    assert found["images"][0]["digest"] == digest
