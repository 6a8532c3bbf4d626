import ssl
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from signer.errors import UsageError
from signer.transport.tls import TlsSettings

HOST = "dtr.example.com"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def subjects(context: ssl.SSLContext) -> str:
    return str([item["subject"] for item in context.get_ca_certs()])


def own_name(authority: trustme.CA) -> str:
    """The unit name, random, that trustme gives a CA."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return subjects(context)[1:-1]


def write_ca(authority: trustme.CA, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    authority.cert_pem.write_to_path(str(path))
    return path


def write_pair(authority: trustme.CA, directory: Path, stem: str = "client") -> None:
    directory.mkdir(parents=True, exist_ok=True)
    issued = authority.issue_cert("ci@example.com")
    issued.cert_chain_pems[0].write_to_path(str(directory / f"{stem}.cert"))
    issued.private_key_pem.write_to_path(str(directory / f"{stem}.key"))


@pytest.mark.parametrize("host", [HOST, "localhost:5000", "127.0.0.1", "[::1]:443"])
def test_certificates_and_names_are_verified_for_every_host(host: str) -> None:
    context = TlsSettings().ssl_context(host)
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_the_session_keys_are_not_written_where_a_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
    assert TlsSettings().ssl_context(HOST).keylog_filename is None


def test_a_ca_file_is_added_to_the_systems_roots(authority: trustme.CA, tmp_path: Path) -> None:
    system = TlsSettings((), None, None).ssl_context(HOST)
    path = write_ca(authority, tmp_path / "ca.pem")
    context = TlsSettings((path,), None, None).ssl_context(HOST)
    assert own_name(authority) in subjects(context)
    assert len(context.get_ca_certs()) == len(system.get_ca_certs()) + 1


def test_text_around_the_pem_block_is_no_obstacle(authority: trustme.CA, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(
        "Société Exemple, Wurzelzertifikat für CI\n".encode() + authority.cert_pem.bytes()
    )
    assert own_name(authority) in subjects(TlsSettings((path,), None, None).ssl_context(HOST))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>login</html>",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\nMIIB",
        b"\x30\x82\x01\x0a\x02\x82",
    ],
)
def test_a_file_that_is_no_ca_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.pem"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        TlsSettings((path,), None, None).ssl_context(HOST)
    assert caught.value.code == "bad-ca"
    assert caught.value.exit_code == 2
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", ["missing.pem", "."])
def test_a_ca_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    with pytest.raises(UsageError) as caught:
        TlsSettings((path,), None, None).ssl_context(HOST)
    assert caught.value.code == "bad-ca"
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("host", "directory", "found"),
    [
        (HOST, "dtr.example.com", True),
        (HOST, "dtr.example.com:443", True),
        (f"{HOST}:443", "dtr.example.com", True),
        (f"{HOST}:4443", "dtr.example.com:4443", True),
        (f"{HOST}:4443", "dtr.example.com", False),
        ("[::1]", "[::1]:443", True),
        ("other.example.com", "dtr.example.com", False),
    ],
)
@pytest.mark.parametrize("owner", ["docker", "engine"])
def test_dockers_directories_hold_for_their_host_and_port(
    authority: trustme.CA,
    tmp_path: Path,
    *,
    host: str,
    directory: str,
    found: bool,
    owner: str,
) -> None:
    parent = tmp_path / "tls" if owner == "docker" else tmp_path / "certs.d"
    write_ca(authority, parent / directory / "any-name.crt")
    context = TlsSettings((), tmp_path, tmp_path / "certs.d").ssl_context(host)
    assert (own_name(authority) in subjects(context)) is found
    searched = TlsSettings((), tmp_path, tmp_path / "certs.d").searched(host)
    assert (parent / directory in searched) is found


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    directory = tmp_path / "tls" / HOST
    directory.mkdir(parents=True)
    for name in ("README", "ca.pem", ".ca-temporary", "crt"):
        (directory / name).write_text("no certificate")
    TlsSettings((), tmp_path, None).ssl_context(HOST)


def test_a_client_certificate_with_its_key_is_loaded(authority: trustme.CA, tmp_path: Path) -> None:
    write_pair(authority, tmp_path / "tls" / HOST)
    TlsSettings((), tmp_path, None).ssl_context(HOST)


@pytest.mark.parametrize(
    ("missing", "left"), [("client.key", "client.cert"), ("client.cert", "client.key")]
)
def test_half_a_client_certificate_is_named(
    authority: trustme.CA, tmp_path: Path, missing: str, left: str
) -> None:
    directory = tmp_path / "tls" / HOST
    write_pair(authority, directory)
    (directory / missing).unlink()
    with pytest.raises(UsageError) as caught:
        TlsSettings((), tmp_path, None).ssl_context(HOST)
    assert caught.value.code == "bad-client-certificate"
    assert str(directory / left) in str(caught.value)
    assert missing in str(caught.value)


def test_a_key_of_another_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    directory = tmp_path / "tls" / HOST
    write_pair(authority, directory)
    authority.issue_cert("x@example.com").private_key_pem.write_to_path(
        str(directory / "client.key")
    )
    with pytest.raises(UsageError) as caught:
        TlsSettings((), tmp_path, None).ssl_context(HOST)
    assert caught.value.code == "bad-client-certificate"


def test_an_encrypted_client_key_is_refused_without_a_prompt(
    authority: trustme.CA, tmp_path: Path
) -> None:
    directory = tmp_path / "tls" / HOST
    write_pair(authority, directory)
    key = load_pem_private_key((directory / "client.key").read_bytes(), None)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"worthless example")
    )
    (directory / "client.key").write_bytes(encrypted)
    with pytest.raises(UsageError) as caught:
        TlsSettings((), tmp_path, None).ssl_context(HOST)
    assert caught.value.code == "bad-client-certificate"
    assert "encrypted" in caught.value.hint


def unreadable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make opening or listing ``path`` fail as for an unprivileged user; tests may run as root."""
    original_open, original_iterdir = Path.open, Path.iterdir

    def deny(self: Path) -> None:
        if self == path:
            raise PermissionError(13, "Permission denied", str(self))

    def guarded_open(self: Path, *arguments: object, **named: object) -> object:
        deny(self)
        return original_open(self, *arguments, **named)  # type: ignore[call-overload]  # as given

    def guarded_iterdir(self: Path) -> object:
        deny(self)
        return original_iterdir(self)

    monkeypatch.setattr(Path, "open", guarded_open)
    monkeypatch.setattr(Path, "iterdir", guarded_iterdir)


@pytest.mark.parametrize("what", ["", "ca.crt", "client.key"])
def test_what_root_keeps_to_itself_in_the_engines_directory_is_left_out(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    directory = tmp_path / "certs.d" / HOST
    write_ca(authority, directory / "ca.crt")
    write_pair(authority, directory)
    unreadable(directory / what if what else directory, monkeypatch)
    context = TlsSettings((), None, tmp_path / "certs.d").ssl_context(HOST)
    assert (own_name(authority) in subjects(context)) is (what == "client.key")


@pytest.mark.parametrize("what", ["", "ca.crt"])
def test_what_cannot_be_read_in_the_users_directory_is_an_error(
    authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    directory = tmp_path / "tls" / HOST
    write_ca(authority, directory / "ca.crt")
    unreadable(directory / what if what else directory, monkeypatch)
    with pytest.raises(UsageError) as caught:
        TlsSettings((), tmp_path, None).ssl_context(HOST)
    assert caught.value.code == "bad-ca"
    assert str(directory) in str(caught.value)
