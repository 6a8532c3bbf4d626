"""UCP client bundles, as zip file and as directory."""

import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signer.errors import KeyUnusableError, PassphraseError
from signer.keys.bundle import is_bundle, read_bundle
from signer.keys.passphrase import Passphrases
from tests.unit.keys.material import PASSPHRASE, ec_pem, openssl, rsa_pem

Make = Callable[..., bytes]
ZipMake = Callable[..., Path]


@pytest.fixture
def contents(certificate_of: Make) -> dict[str, bytes]:
    """The files that matter, and some that do not."""
    return {
        "ca.pem": certificate_of(ec_pem()) + certificate_of(ec_pem("secp384r1")),
        "cert.pem": certificate_of(rsa_pem()) + certificate_of(ec_pem()),
        "key.pem": rsa_pem(),
        "cert.pub": openssl("pkey", "-pubout", data=rsa_pem()),
        "env.sh": b"export DOCKER_TLS_VERIFY=1\n",
        "tls/docker/cert.pem": b"another",
        "kube.yml": b"x: y",
    }


@pytest.fixture
def zipped(tmp_path: Path) -> ZipMake:
    """Return a function that makes a zip file of contents."""

    def make(contents: dict[str, bytes], *, folder: str = "", method: int = 8) -> Path:
        path = tmp_path / "ucp-bundle-gitlab.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in contents.items():
                archive.writestr(folder + name, data)
        path.chmod(0o600)
        return path

    return make


def directory_of(tmp_path: Path, contents: dict[str, bytes]) -> Path:
    directory = tmp_path / "bundle"
    directory.mkdir()
    for name, data in contents.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(data)
        (directory / name).chmod(0o600)
    return directory


def test_the_example_bundle_is_described() -> None:
    bundle = read_bundle(Path(__file__).parents[3] / "keys-example")
    # The values are those of its README, which openssl and notary's key id rule gave.
    assert bundle.key_type == "rsa-x509"
    assert bundle.key_id == "d9bed77a340713a4c4745d550c319893076913368ff787e49dbb2cf7956c53e5"
    assert bundle.canonical_id == "2ab35f068a412441c0bcb8def8f8644848ca7ea244711f3b2c11b9b0b39f778f"
    assert bundle.subject == "CN=gitlab"
    assert bundle.not_after == datetime(2046, 11, 17, 2, 50, 58, tzinfo=UTC)
    assert bundle.ca_certificates == 1


@pytest.mark.parametrize("folder", ["", "ucp-bundle-gitlab/"])
def test_a_zip_file_and_a_directory_give_the_same(
    tmp_path: Path, contents: dict[str, bytes], zipped: ZipMake, folder: str
) -> None:
    path = zipped(contents, folder=folder)
    from_zip, from_directory = read_bundle(path), read_bundle(directory_of(tmp_path, contents))
    assert is_bundle(path)
    assert is_bundle(tmp_path)
    assert from_zip.key_id == from_directory.key_id
    assert from_zip.ca_certificates == from_directory.ca_certificates == 2
    signature = from_zip.signer.sign(b"payload")
    assert signature.keyid == from_zip.key_id
    from_directory.certificate.verify_signature(signature, b"payload")
    assert sorted(file.name for file in tmp_path.iterdir() if file != path) == [
        "bundle",
        "certified-key.pem",
    ]


def test_a_certificate_of_another_key_is_refused(
    contents: dict[str, bytes], zipped: ZipMake
) -> None:
    with pytest.raises(KeyUnusableError, match="do not belong together") as caught:
        read_bundle(zipped(contents | {"key.pem": ec_pem()}))
    assert caught.value.exit_code == 8


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
def test_a_missing_file_is_named(
    tmp_path: Path, contents: dict[str, bytes], zipped: ZipMake, name: str
) -> None:
    del contents[name]
    for path in (zipped(contents), directory_of(tmp_path, contents)):
        with pytest.raises(KeyUnusableError, match=f"no client bundle: {name} missing"):
            read_bundle(path)


def test_a_bundle_without_ca_is_read(contents: dict[str, bytes], zipped: ZipMake) -> None:
    del contents["ca.pem"]
    assert read_bundle(zipped(contents)).ca_certificates == 0


def test_an_encrypted_key_is_opened(contents: dict[str, bytes], zipped: ZipMake) -> None:
    passphrase = f"pass:{PASSPHRASE.decode()}"
    encrypted = openssl("rsa", "-aes256", "-traditional", "-passout", passphrase, data=rsa_pem())
    path = zipped(contents | {"key.pem": encrypted})
    known = Passphrases({"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE.decode()})
    assert read_bundle(path, passphrases=known).signer.canonical_id
    for passphrases in (None, Passphrases({})):
        with pytest.raises(PassphraseError):
            read_bundle(path, passphrases=passphrases)


def test_a_shared_key_is_refused_where_that_is_asked_for(
    tmp_path: Path, contents: dict[str, bytes], zipped: ZipMake
) -> None:
    path, directory = zipped(contents), directory_of(tmp_path, contents)
    (directory / "cert.pem").chmod(0o644)
    for bundle, secret in ((path, path), (directory, directory / "key.pem")):
        read_bundle(bundle, allow_shared_key_file=False)
        secret.chmod(0o640)
        with pytest.raises(KeyUnusableError, match="mode 0640") as caught:
            read_bundle(bundle, allow_shared_key_file=False)
        assert f"chmod 600 {secret}" in caught.value.hint


def test_a_bomb_is_not_unpacked(contents: dict[str, bytes], zipped: ZipMake) -> None:
    with pytest.raises(KeyUnusableError, match="larger than"):
        read_bundle(zipped(contents | {"cert.pem": bytes(50_000_000)}))
    read_bundle(zipped(contents | {"kube.yml": bytes(50_000_000)}))


def test_a_bomb_that_lies_about_its_size_is_not_unpacked(
    contents: dict[str, bytes], zipped: ZipMake
) -> None:
    size = 20_000_000
    path = zipped(contents | {"cert.pem": bytes(size)})
    data = path.read_bytes()
    assert data.count(size.to_bytes(4, "little")) == 2
    path.write_bytes(data.replace(size.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    with pytest.raises(KeyUnusableError):
        read_bundle(path)


def test_names_that_climb_and_names_twice_are_not_followed(
    tmp_path: Path, contents: dict[str, bytes]
) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in contents.items():
            archive.writestr(name, data)
        archive.writestr("../key.pem", b"climbing")
        archive.writestr("/key.pem", b"absolute")
    read_bundle(path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("key.pem", ec_pem())
    with pytest.raises(KeyUnusableError, match="in it twice"):
        read_bundle(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_unusual_compression_is_refused(
    contents: dict[str, bytes], zipped: ZipMake, method: int
) -> None:
    with pytest.raises(KeyUnusableError, match="compressed in an unusual way"):
        read_bundle(zipped(contents, method=method))


def test_damaged_zip_files_are_errors(contents: dict[str, bytes], zipped: ZipMake) -> None:
    path = zipped(contents)
    data = path.read_bytes()
    for size in range(4, len(data), 97):
        path.write_bytes(data[:size])
        with pytest.raises(KeyUnusableError):
            read_bundle(path)
    for position in range(0, len(data), 61):
        changed = bytearray(data)
        changed[position] ^= 0xFF
        path.write_bytes(bytes(changed))
        try:
            read_bundle(path)
        except KeyUnusableError:
            continue


def test_thousands_of_files_are_no_bundle(tmp_path: Path) -> None:
    path = tmp_path / "many.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(1001):
            archive.writestr(f"{number}", b"")
    with pytest.raises(KeyUnusableError, match="1001 files"):
        read_bundle(path)


def test_what_is_missing_or_no_bundle_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusableError, match="cannot be read: No such file"):
        is_bundle(tmp_path / "absent.zip")
    with pytest.raises(KeyUnusableError, match=r"cert\.pem and key\.pem missing"):
        read_bundle(tmp_path)
