"""``signer init``: one command, one publish, and nothing changed where it must not be."""

import base64
import json
from pathlib import Path

import pytest

from signer.names import Gun
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.signer_cli import PROGRAM
from tests.e2e.material import certificate_of, ec_key, pem_of, write_bundle, write_key
from tests.e2e.story import (
    Collection,
    WatchedSigner,
    directory_content,
    server_files,
    uploads,
)


def _versions(files: dict[str, bytes]) -> dict[str, int]:
    return {name: json.loads(wire)["signed"]["version"] for name, wire in files.items()}


def test_init_publishes_root_targets_and_signers_at_once(
    signer: WatchedSigner, bundle: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    made = signer.json("init", fresh_gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    assert list(made) == [
        "schema",
        "repository",
        "status",
        "root_key_ids",
        "root_canonical_key_ids",
        "root_keys",
        "signers",
        "keys",
        "versions",
    ]
    assert made["schema"] == "signer.init/1"
    assert (made["repository"], made["status"]) == (fresh_gun, "initialised")
    files = server_files(notary_server, fresh_gun)
    first = {"root": 1, "1.root": 1, "snapshot": 1, "timestamp": 1, "targets": 1}
    assert _versions(files) == first
    root = json.loads(files["root"])["signed"]
    assert made["root_key_ids"] == root["roles"]["root"]["keyids"]
    (key,) = made["root_keys"]
    assert [key["key_id"]] == made["root_key_ids"]
    assert [key["canonical_key_id"]] == made["root_canonical_key_ids"]
    public = root["keys"][key["key_id"]]["keyval"]["public"]
    assert key["certificate"].encode() == base64.b64decode(public)
    delegations = json.loads(files["targets"])["signed"]["delegations"]
    assert [role["name"] for role in delegations["roles"]] == ["targets/releases", "targets/gitlab"]
    assert all(role["paths"] == [""] and role["threshold"] == 1 for role in delegations["roles"])
    assert [key["keytype"] for key in delegations["keys"].values()] == ["ecdsa-x509"]
    assert uploads(notary_server, fresh_gun) == 1
    for role in ("root", "targets"):
        path = Path(made["keys"][role])
        assert path.stat().st_mode & 0o777 == 0o600
        assert b"ENCRYPTED PRIVATE KEY" in path.read_bytes()
        assert path.parent == signer.trust_directory / "private"


def test_init_says_what_to_pin_and_where_the_keys_lie(
    signer: WatchedSigner, bundle: Path, fresh_gun: Gun
) -> None:
    done = signer("init", fresh_gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    again = signer.json("init", fresh_gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    assert done.stdout.startswith(f"initialised  {fresh_gun}\n")
    for key_id in (*again["root_key_ids"], *again["root_canonical_key_ids"]):
        assert f"--root-key-id {key_id}\n" in done.stdout
    for role, path in again["keys"].items():
        assert f"{role} key: {path}\n" in done.stdout
    assert "Move the root and targets keys offline" in done.stdout
    assert done.stderr == ""


def test_init_again_changes_nothing_and_says_so(collection: Collection) -> None:
    before = collection.files()
    keys = directory_content(collection.admin.trust_directory / "private")
    arguments = ("init", collection.gun, "--signer", f"gitlab={collection.certificate}")
    again = collection.admin.json(*arguments)
    assert again["status"] == "up-to-date"
    assert again["root_key_ids"] == [collection.root_key_id]
    assert set(again["keys"]) == {"root", "targets"}
    assert collection.admin("-q", *arguments).stdout == ""
    assert collection.files() == before
    assert directory_content(collection.admin.trust_directory / "private") == keys


@pytest.mark.parametrize("case", ["missing", "additional", "other-key", "root-key", "root-cert"])
def test_init_with_other_arguments_names_the_difference_and_changes_nothing(
    collection: Collection, tmp_path: Path, case: str
) -> None:
    other = write_bundle(tmp_path / "other", name="jenkins")
    another = tmp_path / "another.pem"
    another.write_bytes(certificate_of(ec_key(), name=collection.gun))
    same = ("--signer", f"gitlab={collection.certificate}")
    arguments, said = {
        "missing": ((), "it also has signer 'gitlab'"),
        "additional": ((*same, "--signer", f"jenkins={other / 'cert.pem'}"), "lacks signer 'jenk"),
        "other-key": (("--signer", f"gitlab={other / 'cert.pem'}"), "signer 'gitlab' has other"),
        "root-key": ((*same, "--root-key", str(other / "key.pem")), "its root key is another"),
        "root-cert": ((*same, "--root-cert", str(another)), "its root certificate is another"),
    }[case]
    before = collection.files(), directory_content(collection.admin.trust_directory)
    error = collection.admin.json("init", collection.gun, *arguments, expect=1)
    assert error["code"] == "already-initialised"
    assert said in error["message"]
    assert "Nothing was changed" in error["hint"]
    assert (collection.files(), directory_content(collection.admin.trust_directory)) == before


def test_init_refuses_a_collection_that_somebody_else_made(
    collection: Collection, tmp_path: Path
) -> None:
    before = collection.files()
    other = WatchedSigner(tmp_path / "other", collection.server)
    error = other.json("init", collection.gun, expect=1)
    assert error["code"] == "already-initialised"
    assert "made by someone else" in error["message"]
    assert collection.root_key_id in error["hint"]
    assert collection.files() == before
    assert not directory_content(other.trust_directory)


def test_init_without_signers_makes_a_collection_that_the_targets_key_signs(
    signer: WatchedSigner, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    assert signer.json("init", fresh_gun)["signers"] == {}
    targets = json.loads(notary_server.metadata(fresh_gun, "targets.json"))["signed"]
    assert targets["delegations"] == {"keys": {}, "roles": []}
    assert "has no delegations" in signer("delegation", "list", fresh_gun).stdout


def test_init_takes_several_signers_and_several_keys_of_one(
    signer: WatchedSigner, tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    files = [write_bundle(tmp_path / name) / "cert.pem" for name in ("a", "b", "c")]
    given = zip(("gitlab", "gitlab", "jenkins"), files, strict=True)
    options = [part for name, file in given for part in ("--signer", f"{name}={file}")]
    made = signer.json("init", fresh_gun, *options)
    assert {name: len(ids) for name, ids in made["signers"].items()} == {"gitlab": 2, "jenkins": 1}
    targets = json.loads(notary_server.metadata(fresh_gun, "targets.json"))["signed"]
    keys = {role["name"]: len(role["keyids"]) for role in targets["delegations"]["roles"]}
    assert keys == {"targets/releases": 3, "targets/gitlab": 2, "targets/jenkins": 1}


def test_a_second_collection_uses_the_stored_root_key(
    collection: Collection, registry: Registry
) -> None:
    gun = f"{registry.host}/{collection.path}-second"
    made = collection.admin.json("init", gun)
    first = collection.admin.json(
        "init", collection.gun, "--signer", f"gitlab={collection.certificate}"
    )
    assert made["root_canonical_key_ids"] == first["root_canonical_key_ids"]
    assert made["root_key_ids"] != first["root_key_ids"]  # another certificate, CN = GUN
    roles = [key["role"] for key in collection.admin.json("keys", "list")["keys"]]
    assert sorted(roles) == ["root", "targets", "targets"]


def test_several_root_keys_in_the_store_need_a_choice(
    signer: WatchedSigner, tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    for number in (1, 2):
        file = write_key(tmp_path / f"root-{number}.pem", pem_of(ec_key()))
        signer("keys", "import", file, "--role", "root")
    ids = [key["key_id"] for key in signer.json("keys", "list")["keys"]]
    error = signer.json("init", fresh_gun, expect=2)
    assert error["code"] == "several-root-keys"
    assert all(key_id in error["message"] for key_id in ids)
    assert not server_files(notary_server, fresh_gun)
    made = signer.json("init", fresh_gun, "--root-key", ids[1][:12])
    assert made["root_canonical_key_ids"] == [ids[1]]


def test_the_root_key_and_its_certificate_may_be_given_as_files(
    signer: WatchedSigner, tmp_path: Path, notary_server: NotaryServer, fresh_gun: Gun
) -> None:
    key = ec_key()
    file = write_key(tmp_path / "root.pem", pem_of(key))
    certificate = tmp_path / "root-cert.pem"
    certificate.write_bytes(certificate_of(key, name=fresh_gun, days=4000))
    other = tmp_path / "other-cert.pem"
    other.write_bytes(certificate_of(ec_key(), name=fresh_gun))
    error = signer.json("init", fresh_gun, "--root-key", file, "--root-cert", other, expect=8)
    assert error["code"] == "certificate-mismatch"
    assert not server_files(notary_server, fresh_gun)
    signer("init", fresh_gun, "--root-key", file, "--root-cert", certificate)
    stored = {stored["role"] for stored in signer.json("keys", "list")["keys"]}
    assert stored == {"targets"}, "a key that was given as a file is not stored"
    stranger = WatchedSigner(tmp_path / "stranger", notary_server, passphrase=None)
    stranger("delegation", "list", fresh_gun, "--root-cert", certificate)


@pytest.mark.parametrize("length", [64, 65, 120])
def test_a_long_gun_gets_a_root_certificate_too(
    signer: WatchedSigner,
    registry: Registry,
    tmp_path: Path,
    notary_server: NotaryServer,
    length: int,
) -> None:
    """X.509 limits a common name to 64 characters; Go writes longer ones all the same."""
    prefix = f"{registry.host}/admin/"
    gun = prefix + "x" * (length - len(prefix))
    made = signer.json("init", gun)
    stranger = WatchedSigner(tmp_path / "stranger", notary_server, passphrase=None)
    stranger("inspect", gun, "--root-key-id", made["root_key_ids"][0])


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["--signer", "gitlab"], "usage", 2),
        (["--signer", "gitlab="], "usage", 2),
        (["--signer", "=cert.pem"], "usage", 2),
        (["--signer", "releases={cert}"], "bad-signer", 2),
        (["--signer", "Git Lab={cert}"], "bad-signer", 2),
        (["--signer", "gitlab=missing.pem"], "usage", 2),
        (["--signer", "gitlab={key}"], "private-key-given", 8),
        (["--root-key", "missing.pem"], "key-not-found", 8),
        (["--root-cert", "missing.pem"], "usage", 2),
        (["--root-cert", "{key}"], "certificate-malformed", 8),
        (["--root-cert", "{cert}"], "root-certificate-name", 8),
    ],
)
def test_wrong_arguments_publish_nothing(
    signer: WatchedSigner,
    bundle: Path,
    notary_server: NotaryServer,
    fresh_gun: Gun,
    arguments: list[str],
    code: str,
    status: int,
) -> None:
    names = {"cert": bundle / "cert.pem", "key": bundle / "key.pem"}
    given = [argument.format(**names) for argument in arguments]
    error = signer.json("init", fresh_gun, *given, expect=status)
    assert error["code"] == code, error
    assert not server_files(notary_server, fresh_gun)
    assert not directory_content(signer.trust_directory)


def test_the_program_is_the_one_of_this_environment() -> None:
    assert PROGRAM.is_file()
