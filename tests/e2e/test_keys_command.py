"""``signer keys``: the trust directory's keys, and client bundles."""

import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.components.peers import PASSPHRASE
from tests.e2e.material import certificate_of, ec_key, pem_of, write_bundle, write_key
from tests.e2e.story import WatchedSigner, directory_content
from tests.unit.keys.material import openssl


@pytest.fixture
def keys(tmp_path: Path) -> WatchedSigner:
    """``signer`` without any server: keys need none."""
    return WatchedSigner(tmp_path / "signer")


def test_an_empty_directory_is_said(keys: WatchedSigner) -> None:
    directory = keys.trust_directory / "private"
    assert keys("keys", "list").stdout == f"No private keys in {directory}.\n"
    assert keys.json("keys", "list") == {
        "schema": "signer.keys/1",
        "directory": str(directory),
        "keys": [],
    }


def _bare(pem: bytes) -> bytes:
    """Take Notary's PEM headers away, which openssl does not read."""
    return pem.replace(b"role: alice\n\n", b"")


@pytest.mark.parametrize("kind", ["ecdsa", "rsa", "ed25519"])
def test_a_generated_key_is_stored_encrypted_and_its_public_half_lies_beside(
    keys: WatchedSigner, kind: str
) -> None:
    made = keys.json("keys", "generate", "alice", "--type", kind)
    assert list(made) == ["schema", "key_id", "path", "public", "role", "type"]
    path, public = Path(made["path"]), keys.home / made["public"]
    assert path.name == f"{made['key_id']}.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    private_file, public_file = path.read_bytes(), public.read_bytes()
    assert b"ENCRYPTED PRIVATE KEY" in private_file
    assert b"role: alice\n\n" in private_file
    if kind != "ed25519":  # Notary's form of these is its own
        opened = openssl(
            "pkey", "-passin", f"pass:{PASSPHRASE}", "-pubout", data=_bare(private_file)
        )
        assert opened == openssl("pkey", "-pubin", "-pubout", data=_bare(public_file))
    (listed,) = keys.json("keys", "list")["keys"]
    assert listed == {
        "key_id": made["key_id"],
        "role": "alice",
        "repository": "",
        "path": made["path"],
        "encrypted": True,
    }


@pytest.mark.parametrize(
    ("arguments", "env", "status", "code"),
    [
        (["releases"], {}, 2, "bad-signer"),
        (["Alice"], {}, 2, "bad-signer"),
        (["alice", "--type", "dsa"], {}, 2, "usage"),
        (["alice", "--dir", "missing/../../nowhere\0"], {}, 2, "usage"),
        (["alice"], {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "7-chars"}, 8, None),
    ],
)
def test_a_key_that_cannot_be_made_leaves_nothing(
    keys: WatchedSigner, arguments: list[str], env: dict[str, str], status: int, code: str | None
) -> None:
    if any("\0" in argument for argument in arguments):
        arguments = ["alice", "--dir", "file"]
        (keys.home / "file").write_text("in the way")
    error = keys.json("keys", "generate", *arguments, env=env, expect=status)
    assert error["code"] == (code or "passphrase-too-short")
    assert not directory_content(keys.trust_directory)


def test_an_existing_public_file_is_not_overwritten(keys: WatchedSigner) -> None:
    (keys.home / "alice.pub").write_text("precious")
    error = keys.json("keys", "generate", "alice", expect=2)
    assert "alice.pub" in error["message"]
    assert (keys.home / "alice.pub").read_text() == "precious"
    assert not directory_content(keys.trust_directory)


def test_import_encrypts_and_importing_again_changes_nothing(
    keys: WatchedSigner, tmp_path: Path
) -> None:
    file = write_key(tmp_path / "key.pem", pem_of(ec_key()))
    (first,) = keys.json("keys", "import", file, "--role", "gitlab")["imported"]
    assert list(first) == ["key_id", "role", "repository", "path"]
    assert first["role"] == "gitlab"
    before = directory_content(keys.trust_directory)
    assert keys.json("keys", "import", file, "--role", "gitlab")["imported"] == [first]
    assert directory_content(keys.trust_directory) == before
    error = keys.json("keys", "import", file, "--role", "jenkins", expect=8)
    assert error["code"] == "key-other-role"
    text = keys("keys", "list").stdout
    assert text.splitlines()[0].split() == ["ROLE", "KEY", "ID", "REPOSITORY"]
    assert f"gitlab  {first['key_id']}  -\n" in text


def test_a_targets_key_is_imported_for_a_collection(keys: WatchedSigner, tmp_path: Path) -> None:
    file = write_key(tmp_path / "key.pem", pem_of(ec_key()))
    error = keys.json("keys", "import", file, "--role", "targets", expect=2)
    assert "--repository" in error["hint"]
    repository = "dtr.test/admin/flask"
    keys("keys", "import", file, "--role", "targets", "--repository", repository)
    assert keys.json("keys", "list")["keys"][0]["repository"] == repository


def test_a_key_is_read_once_and_what_it_says_of_itself_holds(keys: WatchedSigner) -> None:
    """From a pipe, which nobody can read twice."""
    repository = "dtr.test/admin/flask"
    headers = f"-----BEGIN PRIVATE KEY-----\nrole: targets\ngun: {repository}\n\n"
    content = pem_of(ec_key()).replace(b"-----BEGIN PRIVATE KEY-----\n", headers.encode())
    (imported,) = keys.json("keys", "import", "-", input_bytes=content)["imported"]
    assert (imported["role"], imported["repository"]) == ("targets", repository)


@pytest.mark.parametrize("form", ["directory", "zip"])
def test_a_bundle_is_described(keys: WatchedSigner, tmp_path: Path, form: str) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    path = bundle
    if form == "zip":
        path = tmp_path / "bundle.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in ("key.pem", "cert.pem"):
                archive.write(bundle / name, name)
    shown = keys.json("keys", "bundle", path)
    assert list(shown) == [
        "schema",
        "path",
        "type",
        "key_id",
        "canonical_key_id",
        "subject",
        "not_after",
        "expired",
    ]
    assert (shown["type"], shown["subject"]) == ("ecdsa-x509", "CN=gitlab")
    assert shown["expired"] is False
    text = keys("keys", "bundle", path).stdout
    assert "certificate and key belong together" in text
    assert shown["key_id"] in text
    assert shown["canonical_key_id"] in text
    assert not directory_content(keys.trust_directory)


@pytest.mark.parametrize("case", ["mismatch", "no-key", "no-certificate", "garbage", "no-path"])
def test_a_bundle_that_is_none_is_refused(keys: WatchedSigner, tmp_path: Path, case: str) -> None:
    path = write_bundle(tmp_path / "bundle")
    match case:
        case "mismatch":
            (path / "cert.pem").write_bytes(certificate_of(ec_key()))
        case "no-key":
            (path / "key.pem").unlink()
        case "no-certificate":
            (path / "cert.pem").unlink()
        case "garbage":
            path = write_key(tmp_path / "bundle.zip", b"PK\3\4 garbage")
        case _:
            path = tmp_path / "missing"
    error = keys.json("keys", "bundle", path, expect=2 if case == "no-path" else 8)
    assert str(path) in error["message"]


def test_an_expired_bundle_is_shown_and_fails(keys: WatchedSigner, tmp_path: Path) -> None:
    key = ec_key()
    bundle = tmp_path / "bundle"
    write_key(bundle / "key.pem", pem_of(key))
    begins = datetime.now(tz=UTC) - timedelta(days=10)
    (bundle / "cert.pem").write_bytes(certificate_of(key, begins=begins, days=9))
    assert keys.json("keys", "bundle", bundle, expect=5)["expired"] is True
    done = keys("keys", "bundle", bundle, expect=5)
    assert "expired" in done.stderr
