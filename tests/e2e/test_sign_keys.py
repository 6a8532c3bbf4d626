"""Every form of private key that ``--key`` takes really signs, and the signature verifies."""

import base64
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from tests.components.peers import PASSPHRASE
from tests.e2e.material import Key, certificate_of, pem_of, write_key
from tests.e2e.story import Collection, WatchedSigner, signed_digest
from tests.unit.keys.material import openssl

_KEYS: dict[str, Key] = {
    "p256": ec.generate_private_key(ec.SECP256R1()),
    "p384": ec.generate_private_key(ec.SECP384R1()),
    "p521": ec.generate_private_key(ec.SECP521R1()),
    "rsa2048": rsa.generate_private_key(65537, 2048),
    "rsa3072": rsa.generate_private_key(65537, 3072),
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
}
_SECRET = BestAvailableEncryption(PASSPHRASE.encode())


def _file(name: str, form: str) -> bytes:
    key = _KEYS[name]
    if form == "dek-info":
        plain = _file(name, "traditional")
        kind = "rsa" if name.startswith("rsa") else "ec"
        return openssl(kind, "-aes256", "-passout", f"pass:{PASSPHRASE}", data=plain)
    layout = PrivateFormat.TraditionalOpenSSL if form == "traditional" else PrivateFormat.PKCS8
    return key.private_bytes(
        Encoding.PEM, layout, _SECRET if form == "encrypted" else NoEncryption()
    )


def _public(name: str) -> bytes:
    """Return the certificate, or the public key where Notary has no certificate form."""
    key = _KEYS[name]
    if name == "ed25519":
        return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return certificate_of(key)


@pytest.mark.parametrize("name", list(_KEYS))
def test_every_key_type_signs_and_the_signature_verifies(
    collection: Collection, tmp_path: Path, name: str
) -> None:
    public = tmp_path / "public.pem"
    public.write_bytes(_public(name))
    collection.admin("delegation", "add", collection.gun, "tester", public)
    digest = collection.push("1.0")
    key = write_key(tmp_path / "key.pem", _file(name, "pkcs8"))
    (result,) = collection.admin.json("sign", collection.image("1.0"), "--key", key)["results"]
    assert sorted(result["roles"]) == ["targets/releases", "targets/tester"]
    verdict = collection.stranger(tmp_path / "stranger").json(
        "verify", collection.image("1.0"), "--signer", "tester", *collection.pinned()
    )["images"][0]
    assert (verdict["digest"], verdict["signers"]) == (digest, ["tester"])


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("rsa2048", "traditional"),
        ("rsa2048", "encrypted"),
        ("rsa2048", "dek-info"),
        ("p256", "traditional"),
        ("p256", "encrypted"),
        ("p256", "dek-info"),
        ("ed25519", "encrypted"),
    ],
)
def test_every_form_of_key_file_is_opened_and_a_wrong_passphrase_is_not_taken(
    collection: Collection, tmp_path: Path, name: str, form: str
) -> None:
    public = tmp_path / "public.pem"
    public.write_bytes(_public(name))
    collection.admin("delegation", "add", collection.gun, "tester", public)
    digest = collection.push("1.0")
    key = write_key(tmp_path / "key.pem", _file(name, form))
    arguments = ("sign", collection.image("1.0"), "--key", key)
    collection.admin(*arguments)
    assert signed_digest(collection, "targets/tester", "1.0") == digest
    if form != "traditional":
        wrong = {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "not the passphrase"}
        error = collection.admin.json(*arguments, env=wrong, expect=8)
        assert error["code"] == "passphrase-rejected"
        unset = WatchedSigner(tmp_path / "unset", collection.server, passphrase=None)
        error = unset.json(*arguments, *collection.pinned(), expect=8)
        assert error["code"] == "passphrase-missing"
        assert "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE" in error["hint"]


@pytest.mark.parametrize(
    "source",
    ["stdin", "env", "env-base64", "SIGNER_KEY", "zip", "directory", "key-id", "short-id", "pem"],
)
def test_every_source_of_a_key_signs_and_nothing_of_it_is_kept(
    collection: Collection, tmp_path: Path, source: str
) -> None:
    digest = collection.push("1.0")
    pem = collection.key.read_bytes()
    signer = WatchedSigner(tmp_path / "other", collection.server)
    env: dict[str, str] = {}
    given = b""
    option: tuple[str | Path, ...] = ()
    match source:
        case "stdin":
            given, option = pem, ("--key", "-")
        case "env":
            env, option = {"MY_KEY": pem.decode()}, ("--key", "env:MY_KEY")
        case "env-base64":
            env = {"MY_KEY": base64.b64encode(pem).decode()}
            option = ("--key", "env:MY_KEY")
        case "SIGNER_KEY":
            env = {"SIGNER_KEY": pem.decode()}
        case "zip":
            file = tmp_path / "bundle.zip"
            with zipfile.ZipFile(file, "w") as archive:
                for name in ("key.pem", "cert.pem"):
                    archive.write(collection.bundle / name, name)
            file.chmod(0o600)
            option = ("--key", file)
        case "directory":
            option = ("--key", collection.bundle)
        case "pem":
            option = ("--key", pem.decode())
        case _:
            imported = signer.json("keys", "import", collection.key, "--role", "gitlab")
            key_id = imported["imported"][0]["key_id"]
            option = ("--key", key_id if source == "key-id" else key_id[:7])
    (result,) = signer.json(
        "sign", collection.image("1.0"), *option, *collection.pinned(), env=env, input_bytes=given
    )["results"]
    assert (result["status"], result["digest"]) == ("signed", digest)
    stored = list((signer.trust_directory / "private").glob("*.key"))
    assert len(stored) == (1 if "id" in source else 0)


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("missing", "key-not-found"),
        ("world-readable", "key-file-shared"),
        ("public", "not-a-private-key"),
        ("garbage", "no-private-key"),
        ("empty", "no-private-key"),
        ("short-rsa", "key-too-weak"),
        ("unset-variable", "key-variable-empty"),
        ("directory", ""),
        ("unreadable", ""),
    ],
)
def test_an_unusable_key_is_refused_before_anything_is_asked(
    tmp_path: Path, bundle: Path, case: str, code: str
) -> None:
    """No server is there: the key is looked at first."""
    signer = WatchedSigner(tmp_path / "signer")
    source: str = str(tmp_path / "key.pem")
    path = Path(source)
    match case:
        case "world-readable":
            write_key(path, (bundle / "key.pem").read_bytes(), mode=0o644)
        case "public":
            write_key(path, (bundle / "cert.pem").read_bytes())
        case "garbage":
            write_key(path, bytes(range(256)))
        case "empty":
            write_key(path, b"")
        case "short-rsa":
            write_key(path, openssl("genrsa", "1024"))
        case "unset-variable":
            source = "env:MY_KEY"
        case "directory":
            path.mkdir()
        case "unreadable":
            path.symlink_to(path)
    error = signer.json("sign", "localhost:1/admin/flask:1.0", "--key", source, expect=8)
    assert not code or error["code"] == code, error
    assert (source.removeprefix("env:") in error["message"]) or case == "unreadable", error


def test_a_shared_key_file_can_be_allowed(collection: Collection, tmp_path: Path) -> None:
    collection.push("1.0")
    key = tmp_path / "shared.pem"
    shutil.copyfile(collection.key, key)
    key.chmod(stat.S_IRUSR | stat.S_IWUSR | stat.S_IRGRP | stat.S_IROTH)
    arguments = ("sign", collection.image("1.0"), "--key", key)
    error = collection.admin.json(*arguments, expect=8)
    assert "--allow-shared-key-file" in error["hint"]
    assert "chmod" in error["hint"]
    collection.admin(*arguments, "--allow-shared-key-file")


def test_the_example_key_signs_for_loopback_and_for_nothing_else(
    signer: WatchedSigner, tmp_path: Path
) -> None:
    example = Path(__file__).parents[2] / "keys-example"
    error = signer.json("sign", "dtr.test/admin/flask:1", "--key", example, expect=8)
    assert error["code"] == "example-key"


def test_pem_of_is_pkcs8() -> None:
    assert pem_of(_KEYS["p256"]).startswith(b"-----BEGIN PRIVATE KEY-----")
