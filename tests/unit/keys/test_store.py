"""The key directory that notary and docker share."""

import logging
import os
import resource
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError, SignerError
from signer.keys.passphrase import Passphrases
from signer.keys.pem import encode_key_file
from signer.keys.pkcs8 import PrivateKey
from signer.keys.store import KeyStore, StoredKey
from tests.unit.keys.material import OTHER_PASSPHRASE, PASSPHRASE, VECTORS, vectors

KNOWN = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": PASSPHRASE.decode(),
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE.decode(),
}
GUN = "example.com/acme/app"


def new_key() -> PrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def id_of(key: PrivateKey) -> str:
    return NotaryKey.from_public_key(key.public_key()).keyid


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "trust" / "private"


@pytest.fixture
def filled(directory: Path) -> KeyStore:
    """The three keys that notary wrote."""
    directory.mkdir(parents=True)
    for vector in vectors():
        target = directory / f"{vector['keyid']}.key"
        shutil.copyfile(VECTORS / vector["file"], target)
        target.chmod(0o600)
    return KeyStore(directory)


def test_a_store_that_is_only_read_makes_nothing(directory: Path) -> None:
    store = KeyStore(directory)
    assert store.list() == []
    with pytest.raises(KeyUnusableError, match="There is no key"):
        store.find("0" * 64)
    assert not directory.parent.exists()


def test_notary_s_keys_are_listed_root_first_and_opened(filled: KeyStore) -> None:
    listed = filled.list()
    assert [(key.role, key.gun, key.encrypted, key.legacy) for key in listed] == [
        ("root", "", True, False),
        ("signer", "", True, False),
        ("targets", GUN, True, False),
    ]
    for stored in listed:
        assert filled.load(stored, Passphrases(KNOWN)).canonical_id == stored.key_id


def test_a_key_is_found_by_an_unambiguous_beginning(filled: KeyStore) -> None:
    root = filled.list()[0]
    assert filled.find(root.key_id) == filled.find(root.key_id[:7]) == root
    for text in ("", "139", root.key_id + "0", "../private", root.key_id.upper(), "zzzzzzz"):
        with pytest.raises(KeyUnusableError, match="no key id"):
            filled.find(text)


def test_an_ambiguous_beginning_is_refused_with_the_ids(directory: Path) -> None:
    directory.mkdir(parents=True)
    for end in ("0", "1"):
        (directory / f"{'a' * 63}{end}.key").write_bytes((VECTORS / "ec-root.pem").read_bytes())
    with pytest.raises(KeyUnusableError, match="ambiguous") as caught:
        KeyStore(directory).find("a" * 10)
    assert "a" * 63 + "0" in caught.value.message
    assert "a" * 63 + "1" in caught.value.message


def test_an_added_key_lies_where_notary_looks_with_tight_permissions(directory: Path) -> None:
    key = new_key()
    stored = KeyStore(directory).add(key, role="targets", gun=GUN, passphrase=PASSPHRASE)
    assert stored == StoredKey(
        key_id=stored.key_id,
        role="targets",
        gun=GUN,
        path=directory / f"{id_of(key)}.key",
        encrypted=True,
    )
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    for made in (directory, directory.parent):
        assert stat.S_IMODE(made.stat().st_mode) == 0o700
    assert [path.name for path in directory.glob("*.key")] == [stored.path.name]
    assert KeyStore(directory).list() == [stored]
    opened = KeyStore(directory).load(stored, Passphrases(KNOWN))
    assert opened.private_key.public_key() == key.public_key()


def test_an_empty_umask_does_not_widen_permissions(directory: Path) -> None:
    before = os.umask(0)
    try:
        stored = KeyStore(directory).add(new_key(), role="root", passphrase=PASSPHRASE)
    finally:
        os.umask(before)
    assert stat.S_IMODE(stored.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


@pytest.mark.parametrize("role", ["root", "targets/gitlab", "gitlab"])
def test_root_and_signer_keys_belong_to_no_collection(directory: Path, role: str) -> None:
    stored = KeyStore(directory).add(new_key(), role=role, gun=GUN, passphrase=PASSPHRASE)
    assert (stored.role, stored.gun) == (role, "")
    assert b"gun:" not in stored.path.read_bytes()


def test_adding_a_key_again_changes_nothing_and_another_role_is_an_error(directory: Path) -> None:
    store, key = KeyStore(directory), new_key()
    stored = store.add(key, role="gitlab", passphrase=PASSPHRASE)
    before = stored.path.read_bytes()
    assert store.add(key, role="gitlab", passphrase=OTHER_PASSPHRASE) == stored
    with pytest.raises(KeyUnusableError, match=r"already in .* for the role 'gitlab'"):
        store.add(key, role="root", passphrase=PASSPHRASE)
    assert stored.path.read_bytes() == before


def test_wrong_and_missing_passphrases_name_the_key(filled: KeyStore) -> None:
    root = filled.list()[0]
    for environment in ({}, {"DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": "wrong"}):
        with pytest.raises(PassphraseError, match=f"root key with ID {root.key_id[:7]}"):
            filled.load(root, Passphrases(environment))


def test_a_key_under_another_key_s_name_is_not_used(filled: KeyStore) -> None:
    root, signer, _ = filled.list()
    signer.path.write_bytes(root.path.read_bytes())
    with pytest.raises(KeyUnusableError, match="holds another key than its name says"):
        filled.load(filled.find(signer.key_id), Passphrases(KNOWN))


def test_an_unencrypted_key_that_others_may_read_is_refused(directory: Path) -> None:
    store = KeyStore(directory)
    stored = store.add(new_key(), role="gitlab", passphrase=b"")
    assert not stored.encrypted
    assert store.load(stored, Passphrases({})).canonical_id == stored.key_id
    stored.path.chmod(0o644)
    with pytest.raises(KeyUnusableError, match="by others") as caught:
        store.load(stored, Passphrases({}))
    assert f"chmod 600 {stored.path}" in caught.value.hint


def test_symbolic_links_pipes_and_other_names_are_not_keys(
    filled: KeyStore, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    outside = tmp_path / "outside.key"
    shutil.copyfile(VECTORS / "ec-root.pem", outside)
    (directory / f"{'a' * 64}.key").symlink_to(outside)
    (directory / "tuf_keys").symlink_to(tmp_path)
    os.mkfifo(directory / f"{'b' * 64}.key")
    (directory / f"{'c' * 64}.key").mkdir()
    (directory / "notes.key").write_text("x")
    (directory / f"{'d' * 64}.pem").write_text("x")
    assert len(filled.list()) == 3
    assert caplog.text == ""
    with pytest.raises(KeyUnusableError, match=r"symbolic|Symbolic|cannot be read"):
        filled.read(replace(filled.list()[0], path=directory / f"{'a' * 64}.key"))


def test_a_damaged_file_is_left_out_of_the_list_with_a_warning(
    filled: KeyStore, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    damaged = directory / f"{'a' * 64}.key"
    damaged.write_bytes((VECTORS / "ec-root.pem").read_bytes()[:100])
    with caplog.at_level(logging.WARNING):
        assert len(filled.list()) == 3
    assert damaged.name in caplog.text


def test_old_layouts_are_read_and_never_changed(directory: Path) -> None:
    root, targets = vectors()[0], vectors()[1]
    old_root = directory / "root_keys" / f"{root['keyid']}_root.key"
    old_targets = directory / "tuf_keys" / GUN / f"{targets['keyid']}_targets.key"
    for path, vector in ((old_root, root), (old_targets, targets)):
        path.parent.mkdir(parents=True)
        text = (VECTORS / vector["file"]).read_text().splitlines()
        kept = [line for line in text if ": " not in line and line]
        path.write_text("\n".join(kept) + "\n")
    store = KeyStore(directory)
    listed = store.list()
    assert [(key.role, key.gun, key.path, key.legacy) for key in listed] == [
        ("root", "", old_root, True),
        ("targets", GUN, old_targets, True),
    ]
    for stored in listed:
        assert store.load(stored, Passphrases(KNOWN)).canonical_id == stored.key_id
        for change in (store.remove, lambda key: change_passphrase(store, key)):
            with pytest.raises(KeyUnusableError, match="old version"):
                change(stored)
        assert stored.path.exists()


def change_passphrase(store: KeyStore, stored: StoredKey) -> None:
    store.change_passphrase(stored, Passphrases(KNOWN), passphrase=OTHER_PASSPHRASE)


def test_a_passphrase_is_changed_and_the_key_stays(filled: KeyStore) -> None:
    for stored in filled.list():
        change_passphrase(filled, stored)
        with pytest.raises(PassphraseError):
            filled.load(stored, Passphrases(KNOWN))
        changed = Passphrases(dict.fromkeys(KNOWN, OTHER_PASSPHRASE.decode()))
        assert filled.load(stored, changed).canonical_id == stored.key_id
    assert [key.gun for key in filled.list()] == ["", "", GUN]


def test_a_removed_key_is_gone(filled: KeyStore) -> None:
    for stored in filled.list():
        filled.remove(stored)
        assert not stored.path.exists()
        filled.remove(stored)
    assert filled.list() == []


@pytest.mark.parametrize("place", ["file", "/proc/signer"])
def test_a_directory_that_cannot_be_made_is_an_error_that_names_it(
    tmp_path: Path, place: str
) -> None:
    (tmp_path / "file").write_text("in the way")
    directory = tmp_path / place / "private"
    with pytest.raises(SignerError) as caught:
        KeyStore(directory).add(new_key(), role="root", passphrase=PASSPHRASE)
    assert str(tmp_path / place) in caught.value.message


def test_a_full_disk_leaves_the_directory_as_it_was(directory: Path) -> None:
    store, key = KeyStore(directory), new_key()
    present = store.add(new_key(), role="gitlab", passphrase=PASSPHRASE)
    content = present.path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        for deed in (
            lambda: store.add(key, role="root", passphrase=PASSPHRASE),
            lambda: change_passphrase(store, present),
        ):
            with pytest.raises(SignerError, match="File too large") as caught:
                deed()
            assert str(directory) in caught.value.message
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert present.path.read_bytes() == content
    assert {path.name for path in directory.iterdir()} <= {present.path.name, ".lock"}


def _add_many(directory: str, count: int) -> None:
    store = KeyStore(Path(directory))
    for _ in range(count):
        store.add(new_key(), role="gitlab", passphrase=PASSPHRASE)


def test_several_processes_may_add_keys_at_once(directory: Path) -> None:
    context = get_context("fork")
    processes = [
        context.Process(target=_add_many, args=(str(directory), 10), daemon=True) for _ in range(3)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    listed = KeyStore(directory).list()
    assert len(listed) == 30
    assert {path.suffix for path in directory.iterdir()} <= {".key", ".lock", ""}


def test_listing_loads_no_cryptography(filled: KeyStore) -> None:
    program = (
        "import sys; from pathlib import Path; from signer.keys.store import KeyStore;"
        "print(len(KeyStore(Path(sys.argv[1])).list()), sorted({'cryptography', 'tuf',"
        "'securesystemslib', 'filelock', 'asyncio', 'ssl'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(filled.directory)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == "3 []\n"


def test_a_file_that_says_nothing_of_its_role_is_still_listed(directory: Path) -> None:
    key = new_key()
    directory.mkdir(parents=True)
    path = directory / f"{id_of(key)}.key"
    path.write_bytes(encode_key_file(key, passphrase=PASSPHRASE, role=""))
    assert [(stored.role, stored.encrypted) for stored in KeyStore(directory).list()] == [
        ("", True)
    ]
