"""Everything that ``--key`` may be."""

import base64
import io
import os
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signer.errors import KeyUnusableError, PassphraseError
from signer.keys.passphrase import Passphrases
from signer.keys.pem import encode_key_file, format_block, parse_blocks
from signer.keys.signers import NotarySigner
from signer.keys.sources import load_signers
from signer.keys.store import KeyStore
from tests.unit.keys.material import (
    OTHER_PASSPHRASE,
    PASSPHRASE,
    VECTORS,
    ec_pem,
    openssl,
    pkcs8_pem,
    rsa_pem,
    vectors,
)
from tests.unit.keys.test_signers import key_of

EXAMPLES = Path(__file__).parents[3] / "keys-example"
KNOWN = {
    "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": PASSPHRASE.decode(),
    "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE.decode(),
}
Load = Callable[..., list[NotarySigner]]


@pytest.fixture
def store(tmp_path: Path) -> KeyStore:
    directory = tmp_path / "private"
    directory.mkdir()
    for vector in vectors():
        path = directory / f"{vector['keyid']}.key"
        shutil.copyfile(VECTORS / vector["file"], path)
        path.chmod(0o600)
    return KeyStore(directory)


@pytest.fixture
def load(store: KeyStore) -> Load:
    def call(
        source: str,
        environment: dict[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - the rest is handed on
    ) -> list[NotarySigner]:
        variables = KNOWN if environment is None else environment
        return load_signers(
            source,
            store=store,
            passphrases=Passphrases(variables),
            environment=variables,
            **options,
        )

    return call


def id_of(pem: bytes) -> str:
    from signer.keys.signers import FileSigner

    return FileSigner(key_of(pem)).canonical_id


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "key.pem"
    path.write_bytes(ec_pem())
    path.chmod(0o600)
    return path


def test_a_key_file_is_used_without_being_stored(
    load: Load, key_file: Path, store: KeyStore
) -> None:
    before = {path.name for path in store.directory.iterdir()}
    (signer,) = load(str(key_file))
    assert signer.canonical_id == id_of(ec_pem())
    assert {path.name for path in store.directory.iterdir()} == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_may_read_or_write_is_refused(
    load: Load, key_file: Path, mode: int
) -> None:
    key_file.chmod(mode)
    with pytest.raises(KeyUnusableError, match=f"mode {mode:04o}") as caught:
        load(str(key_file))
    assert caught.value.hint == f"Run: chmod 600 {key_file}"
    assert caught.value.exit_code == 8
    assert load(str(key_file), allow_shared_key_file=True)


def test_a_link_to_a_key_file_is_followed_and_its_target_s_mode_counts(
    load: Load, key_file: Path, tmp_path: Path
) -> None:
    link = tmp_path / "link.pem"
    link.symlink_to(key_file)
    assert load(str(link))
    key_file.chmod(0o644)
    with pytest.raises(KeyUnusableError, match="by others"):
        load(str(link))


def test_several_keys_of_a_file_are_loaded_each_once(load: Load, key_file: Path) -> None:
    key_file.write_bytes(ec_pem() + rsa_pem() + ec_pem())
    found = [signer.canonical_id for signer in load(str(key_file))]
    assert sorted(found) == sorted({id_of(ec_pem()), id_of(rsa_pem())})


def test_an_export_of_notary_opens_by_the_role_of_each_key(load: Load, key_file: Path) -> None:
    blocks = [parse_blocks((VECTORS / v["file"]).read_bytes(), origin="v")[0] for v in vectors()]
    key_file.write_bytes(
        b"".join(
            format_block(block.label, dict(block.headers) | {"path": v["keyid"]}, block.der)
            for block, v in zip(blocks, vectors(), strict=True)
        )
    )
    found = [signer.canonical_id for signer in load(str(key_file))]
    assert found == [vector["keyid"] for vector in vectors()]


def test_the_role_given_decides_for_keys_that_name_none(load: Load, key_file: Path) -> None:
    key_file.write_bytes(encode_key_file(key_of(ec_pem()), passphrase=PASSPHRASE, role=""))
    root_only = {"NOTARY_ROOT_PASSPHRASE": PASSPHRASE.decode()}
    assert load(str(key_file), root_only, role="root")
    with pytest.raises(PassphraseError, match="no passphrase is set") as caught:
        load(str(key_file), root_only)
    assert f"The key in {key_file} is encrypted" in caught.value.message


def test_a_wrong_passphrase_is_exit_code_8(load: Load, key_file: Path) -> None:
    key_file.write_bytes(encode_key_file(key_of(ec_pem()), passphrase=PASSPHRASE, role="gitlab"))
    variable = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"
    with pytest.raises(PassphraseError, match=f"rejected; tried {variable}") as caught:
        load(str(key_file), {variable: OTHER_PASSPHRASE.decode()})
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("form", ["text", "escaped", "joined", "base64", "wrapped base64"])
def test_a_key_in_a_variable_is_read_in_every_form_that_ci_can_hold(load: Load, form: str) -> None:
    pem = openssl("pkcs8", "-topk8", "-nocrypt", data=ec_pem()).decode()
    value = {
        "text": pem,
        "escaped": pem.replace("\n", "\\n"),
        "joined": pem.replace("\n", " "),
        "base64": base64.b64encode(pem.encode()).decode(),
        "wrapped base64": base64.encodebytes(pem.encode()).decode(),
    }[form]
    for found in (load("env:SIGNER_KEY", {"SIGNER_KEY": value}), load(value)):
        assert [signer.canonical_id for signer in found] == [id_of(ec_pem())]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "is not set"),
        ({"SIGNER_KEY": ""}, "set but empty"),
        ({"SIGNER_KEY": " \n"}, "set but empty"),
        ({"SIGNER_KEY": "/builds/tmp/SIGNER_KEY"}, "holds no key"),
    ],
)
def test_a_variable_without_key_is_an_error_that_explains(
    load: Load, environment: dict[str, str], words: str
) -> None:
    with pytest.raises(KeyUnusableError, match=words) as caught:
        load("env:SIGNER_KEY", environment)
    assert "SIGNER_KEY" in caught.value.message
    assert caught.value.hint


def test_standard_input_is_read(load: Load) -> None:
    (signer,) = load("-", stdin=io.BytesIO(rsa_pem()))
    assert signer.canonical_id == id_of(rsa_pem())
    with pytest.raises(KeyUnusableError, match="standard input: too large"):
        load("-", stdin=io.BytesIO(bytes(5 * 2**20)))


def test_a_pipe_is_read_as_a_shell_s_process_substitution_makes_it(
    load: Load, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    writer = threading.Thread(target=pipe.write_bytes, args=(ec_pem(),))
    writer.start()
    (signer,) = load(str(pipe))
    writer.join()
    assert signer.canonical_id == id_of(ec_pem())


def test_a_key_id_or_its_beginning_names_a_key_of_the_store(
    load: Load, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    key_id = vectors()[0]["keyid"]
    for source in (key_id, key_id[:7], key_id[:20]):
        assert [signer.canonical_id for signer in load(source)] == [key_id]
    (tmp_path / key_id).write_bytes(ec_pem())
    assert [signer.canonical_id for signer in load(key_id)] == [key_id]
    with pytest.raises(KeyUnusableError, match="There is no key 0000000 in"):
        load("0000000")


def test_a_bundle_signs_under_its_certificate(load: Load, tmp_path: Path) -> None:
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("cert.pem", "key.pem", "ca.pem"):
            archive.write(EXAMPLES / name, name)
    for source in (EXAMPLES, path):
        (signer,) = load(str(source), allow_example_keys=True)
        assert signer.public_key.keytype == "rsa-x509"


def test_example_keys_are_refused_unless_allowed(load: Load, store: KeyStore) -> None:
    pem = (EXAMPLES / "key.pem").read_bytes()
    stored = store.add(key_of(pem), role="gitlab", passphrase=PASSPHRASE)
    for source in (str(EXAMPLES), str(EXAMPLES / "key.pem"), pem.decode(), stored.key_id):
        with pytest.raises(KeyUnusableError, match="worthless example"):
            load(source)
        assert load(source, allow_example_keys=True)


def test_an_example_key_may_be_shared_as_git_leaves_it(load: Load, tmp_path: Path) -> None:
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLES, copy)
    (copy / "key.pem").chmod(0o644)
    for source in (copy, copy / "key.pem"):
        assert load(str(source), allow_example_keys=True)
    (copy / "key.pem").write_bytes((copy / "key.pem").read_bytes() + rsa_pem())
    with pytest.raises(KeyUnusableError, match="by others"):
        load(str(copy / "key.pem"), allow_example_keys=True)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no private key in PEM form"),
        (b"\x30\x82\x04\xa4", "no private key in PEM form"),
        (rsa_pem()[:-40], "no END line"),
        (openssl("pkey", "-pubout", data=rsa_pem()), "this is a public key"),
        ((EXAMPLES / "cert.pem").read_bytes(), "this is a certificate"),
        (rsa_pem(1024), "RSA key of 1024 bits"),
        (pkcs8_pem("ED448"), "Ed448"),
        (bytes(5 * 2**20), "larger than"),
    ],
)
def test_files_that_hold_no_usable_key_are_errors(
    load: Load, key_file: Path, content: bytes, words: str
) -> None:
    key_file.write_bytes(content)
    with pytest.raises(KeyUnusableError, match=words) as caught:
        load(str(key_file))
    assert str(key_file) in caught.value.message


@pytest.mark.parametrize("source", ["", "no/such/file", "file2:key", "pkcs11:x", "0123", "a\x00b"])
def test_what_is_no_key_is_an_error_that_lists_what_may_be(load: Load, source: str) -> None:
    with pytest.raises(KeyUnusableError) as caught:
        load(source)
    assert caught.value.exit_code == 8


def test_a_key_that_was_damaged_on_its_way_is_not_shown(load: Load) -> None:
    for damaged in (
        base64.b64encode(ec_pem()).decode()[:-3] + "!",
        ec_pem().decode()[:-30],
        "x" * 300,
    ):
        with pytest.raises(KeyUnusableError) as caught:
            load(damaged)
        assert damaged[30:60] not in caught.value.message
        assert "xxx" not in caught.value.message
