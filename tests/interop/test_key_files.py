"""Key files and root certificates go both ways between us and the Go programs."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signer.dialect.keys import NotaryKey
from signer.errors import PassphraseError
from signer.keys.bundle import read_bundle
from signer.keys.certificates import self_signed_root
from signer.keys.passphrase import Passphrases
from signer.keys.pem import encode_key_file, encode_public_key_file, format_block, parse_blocks
from signer.keys.pkcs8 import PrivateKey
from signer.keys.signers import FileSigner
from signer.keys.sources import load_signers
from signer.keys.store import KeyStore, StoredKey
from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import Finished, NotaryCli, docker_programs, run
from tests.components.service import clean_environment, find_program

PASSPHRASE = "worthless example passphrase"
GUN = "example.com/acme/app"
EXAMPLES = Path(__file__).parents[2] / "keys-example"
VARIABLES = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": PASSPHRASE,
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE,
    "NOTARY_ROOT_PASSPHRASE": PASSPHRASE,
    "NOTARY_TARGETS_PASSPHRASE": PASSPHRASE,
    "NOTARY_SNAPSHOT_PASSPHRASE": PASSPHRASE,
    "NOTARY_DELEGATION_PASSPHRASE": PASSPHRASE,
}
Program = Callable[..., Finished]
MAKERS: dict[str, Callable[[], PrivateKey]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "RSA 2048": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Docker's configuration directory; its ``trust`` is notary's directory too."""
    directory = tmp_path / "docker"
    directory.mkdir()
    return directory


@pytest.fixture
def store(config: Path) -> KeyStore:
    return KeyStore(config / "trust" / "private")


@pytest.fixture
def notary(config: Path, tmp_path: Path) -> Program:
    program = installed(lambda: find_program("notary", "notary"))

    def call(*arguments: str | Path, env: dict[str, str] | None = None, **options: Any) -> Finished:  # noqa: ANN401 - handed on
        environment = clean_environment(tmp_path) | (VARIABLES if env is None else env)
        command = [str(program), "-d", str(config / "trust"), *map(str, arguments)]
        return run(command, environment, **options)

    return call


@pytest.fixture
def docker(config: Path, tmp_path: Path) -> Program:
    program = installed(docker_programs)[0]

    def call(*arguments: str | Path, **options: Any) -> Finished:  # noqa: ANN401 - handed on
        environment = clean_environment(tmp_path) | VARIABLES | {"DOCKER_CONFIG": str(config)}
        return run([str(program), "trust", *map(str, arguments)], environment, **options)

    return call


def open_key(store: KeyStore, stored: StoredKey) -> FileSigner:
    return store.load(stored, Passphrases(VARIABLES))


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("role", ["root", "targets", "gitlab"])
def test_keys_that_we_store_are_listed_and_exported_by_notary(
    store: KeyStore, notary: Program, tmp_path: Path, kind: str, role: str
) -> None:
    gun = GUN if role == "targets" else ""
    stored = store.add(MAKERS[kind](), role=role, gun=gun, passphrase=PASSPHRASE.encode())
    (line,) = [row for row in notary("key", "list").stdout.splitlines() if stored.key_id in row]
    assert line.split()[0] == role
    assert (GUN in line) == bool(gun)
    exported = tmp_path / "export.pem"
    notary("key", "export", "--key", stored.key_id, "-o", exported)
    (block,) = parse_blocks(exported.read_bytes(), origin="export")
    assert (block.role, block.gun, block.path) == (role, gun, stored.key_id)
    (original,) = parse_blocks(stored.path.read_bytes(), origin="ours")
    assert block.der == original.der


@pytest.mark.parametrize("kind", MAKERS)
def test_notary_decrypts_our_keys_and_we_read_what_it_writes_of_them(
    store: KeyStore, notary: Program, kind: str
) -> None:
    stored = store.add(MAKERS[kind](), role="gitlab", passphrase=PASSPHRASE.encode())
    before = stored.path.read_bytes()
    notary("key", "passwd", stored.key_id)  # decrypts with the variable, encrypts anew with it
    assert stored.path.read_bytes() != before
    assert store.list() == [stored]
    assert open_key(store, stored).canonical_id == stored.key_id


def test_notary_rejects_a_wrong_passphrase_for_our_key(store: KeyStore, notary: Program) -> None:
    stored = store.add(MAKERS["P-256"](), role="gitlab", passphrase=PASSPHRASE.encode())
    wrong = {"NOTARY_DELEGATION_PASSPHRASE": "another-example"}
    notary("key", "passwd", stored.key_id, env=wrong, expect=1)
    with pytest.raises(PassphraseError):
        store.load(stored, Passphrases(wrong))


def test_more_rounds_of_key_derivation_are_read_by_notary(store: KeyStore, notary: Program) -> None:
    key = MAKERS["P-256"]()
    stored = store.add(key, role="gitlab", passphrase=PASSPHRASE.encode())
    stored.path.write_bytes(
        encode_key_file(key, passphrase=PASSPHRASE.encode(), role="gitlab", rounds=100_000)
    )
    notary("key", "passwd", stored.key_id)
    assert open_key(store, stored).canonical_id == stored.key_id


@pytest.mark.parametrize("role", ["root", "targets/gitlab"])
def test_a_key_that_notary_generates_is_ours_too(
    store: KeyStore, notary: Program, role: str
) -> None:
    notary("key", "generate", "ecdsa", "--role", role)
    (stored,) = store.list()
    assert (stored.role, stored.encrypted) == (role, True)
    assert open_key(store, stored).canonical_id == stored.key_id


def test_a_key_pair_that_notary_writes_to_files_is_ours_too(
    store: KeyStore, notary: Program, tmp_path: Path
) -> None:
    notary("key", "generate", "ecdsa", "--role", "gitlab", "-o", tmp_path / "pair")
    (signer,) = load_signers(
        str(tmp_path / "pair-key.pem"),
        store=store,
        passphrases=Passphrases(VARIABLES),
        environment={},
    )
    public = encode_public_key_file(signer.public_key.crypto(), "gitlab")
    assert public == (tmp_path / "pair.pem").read_bytes()


@pytest.mark.parametrize("kind", MAKERS)
def test_a_key_that_notary_imports_is_ours_too(
    store: KeyStore, notary: Program, tmp_path: Path, kind: str
) -> None:
    key = MAKERS[kind]()
    path = tmp_path / "plain.pem"
    path.write_bytes(encode_key_file(key, passphrase=b"", role="targets", gun=GUN))
    notary("key", "import", path)
    (stored,) = store.list()
    assert (stored.role, stored.gun, stored.key_id) == (
        "targets",
        GUN,
        FileSigner(key).canonical_id,
    )
    assert open_key(store, stored).private_key.public_key() == key.public_key()


def test_our_export_is_imported_by_notary(store: KeyStore, notary: Program, tmp_path: Path) -> None:
    stored = store.add(MAKERS["P-256"](), role="targets", gun=GUN, passphrase=PASSPHRASE.encode())
    block = store.read(stored)
    headers = dict(block.headers) | {"path": stored.key_id}
    (tmp_path / "export.pem").write_bytes(format_block(block.label, headers, block.der))
    store.remove(stored)
    assert stored.key_id not in notary("key", "list").stdout
    notary("key", "import", tmp_path / "export.pem")
    assert stored.key_id in notary("key", "list").stdout
    assert open_key(store, stored).canonical_id == stored.key_id


def test_notary_migrates_an_old_layout_that_we_read_before_and_after(
    store: KeyStore, notary: Program
) -> None:
    stored = store.add(MAKERS["P-256"](), role="targets", gun=GUN, passphrase=PASSPHRASE.encode())
    block = store.read(stored)
    store.remove(stored)
    old = store.directory / "tuf_keys" / GUN / f"{stored.key_id}_targets.key"
    old.parent.mkdir(parents=True)
    old.write_bytes(format_block(block.label, {}, block.der))
    (before,) = store.list()
    assert (before.role, before.gun, before.legacy) == ("targets", GUN, True)
    notary("key", "list")
    assert store.list() == [stored]


def test_a_key_that_docker_generates_is_ours_too(
    store: KeyStore, docker: Program, tmp_path: Path
) -> None:
    docker("key", "generate", "alice", "--dir", tmp_path)
    (stored,) = store.list()
    assert (stored.role, stored.gun, stored.encrypted) == ("alice", "", True)
    signer = open_key(store, stored)
    public = encode_public_key_file(signer.public_key.crypto(), "alice")
    assert public == (tmp_path / "alice.pub").read_bytes()


def test_the_key_of_a_client_bundle_that_docker_loads_is_ours_too(
    store: KeyStore, docker: Program, tmp_path: Path
) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes((EXAMPLES / "key.pem").read_bytes())
    path.chmod(0o600)
    docker("key", "load", "--name", "gitlab", path)
    (stored,) = store.list()
    assert (stored.role, stored.key_id) == ("gitlab", read_bundle(EXAMPLES).canonical_id)
    assert open_key(store, stored).canonical_id == stored.key_id


@pytest.mark.parametrize("kind", ["P-256", "P-384", "RSA 2048"])
def test_docker_loads_a_plain_key_that_we_write(
    store: KeyStore, docker: Program, tmp_path: Path, kind: str
) -> None:
    key = MAKERS[kind]()
    path = tmp_path / "key.pem"
    path.write_bytes(encode_key_file(key, passphrase=b"", role="bob"))
    path.chmod(0o600)
    docker("key", "load", path)
    (stored,) = store.list()
    assert (stored.role, stored.key_id) == ("bob", FileSigner(key).canonical_id)


def test_a_plain_openssl_key_gives_the_same_id_in_all_three(
    store: KeyStore, docker: Program, notary: Program, tmp_path: Path
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    path = tmp_path / "sec1.pem"
    path.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    path.chmod(0o600)
    docker("key", "load", "--name", "carol", path)
    key_id = FileSigner(key).canonical_id
    assert [stored.key_id for stored in store.list()] == [key_id]
    assert key_id in notary("key", "list").stdout


@pytest.mark.parametrize("kind", ["P-256", "P-384", "P-521", "RSA 2048"])
@pytest.mark.parametrize("gun", [GUN, "example.com:5000/" + "a-long_name/" * 15 + "end"])
def test_a_root_certificate_that_we_make_is_accepted_by_notary_and_its_server(
    notary_server: NotaryServer, tmp_path: Path, kind: str, gun: str
) -> None:
    gun = f"{gun}/{kind.lower().replace(' ', '-')}"
    key = MAKERS[kind]()
    (tmp_path / "root.key").write_bytes(
        encode_key_file(key, passphrase=PASSPHRASE.encode(), role="root")
    )
    certificate = self_signed_root(key, gun, now=datetime.now(UTC))
    (tmp_path / "root.pem").write_bytes(certificate)
    notary = NotaryCli(tmp_path / "one", notary_server, passphrase=PASSPHRASE)
    key_and_certificate = ("--rootkey", tmp_path / "root.key", "--rootcert", tmp_path / "root.pem")
    notary("init", "--publish", *key_and_certificate, gun)
    stranger = NotaryCli(tmp_path / "two", notary_server)
    assert "No targets" in stranger("list", gun).stdout
    root = json.loads(
        (stranger.trust_directory / "tuf" / gun / "metadata" / "root.json").read_bytes()
    )
    expected = NotaryKey.from_certificate(certificate).keyid
    assert root["signed"]["roles"]["root"]["keyids"] == [expected]
