"""The embedded DTR's authority: what it issues, for how long, and that it stays the same."""

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from signer.embedded.certificates import load_certificates
from signer.errors import KeyUnusableError
from tests.unit.embedded.inprocess import Clock, in_process


def _names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


def test_the_server_is_valid_for_its_host_and_for_loopback(tmp_path: Path) -> None:
    made = load_certificates(tmp_path, hosts=("dtr.test", "10.1.2.3"), clock=Clock())
    assert _names(made.server.certificate) == {
        "localhost",
        "127.0.0.1",
        "::1",
        "dtr.test",
        "10.1.2.3",
    }
    for issued in (made.server, made.token):
        issued.certificate.verify_directly_issued_by(made.ca.certificate)


def test_everything_stays_the_same_at_the_next_start(tmp_path: Path) -> None:
    first = load_certificates(tmp_path, hosts=("dtr.test",), clock=Clock())
    second = load_certificates(tmp_path, hosts=("dtr.test",), clock=Clock())
    assert (first.ca.pem, first.server.pem, first.token.pem) == (
        second.ca.pem,
        second.server.pem,
        second.token.pem,
    )


def test_another_host_gets_another_certificate_by_the_same_authority(tmp_path: Path) -> None:
    first = load_certificates(tmp_path, hosts=("dtr.test",), clock=Clock())
    second = load_certificates(tmp_path, hosts=("other.test",), clock=Clock())
    assert "other.test" in _names(second.server.certificate)
    assert second.ca.pem == first.ca.pem
    assert second.token.pem == first.token.pem


@pytest.mark.parametrize(("days", "renewed"), [(300, False), (306, True), (400, True)])
def test_what_nears_its_expiry_is_renewed_and_the_authority_is_not(
    tmp_path: Path, days: int, renewed: bool
) -> None:
    clock = Clock()
    first = load_certificates(tmp_path, hosts=(), clock=clock)
    clock.forward(days=days)
    second = load_certificates(tmp_path, hosts=(), clock=clock)
    assert (second.server.pem != first.server.pem) is renewed
    assert (second.token.pem != first.token.pem) is renewed
    assert second.ca.pem == first.ca.pem
    assert second.server.certificate.not_valid_after_utc - clock() > timedelta(days=60)


def test_private_keys_are_the_owners_alone_and_the_ca_is_for_everybody(tmp_path: Path) -> None:
    made = load_certificates(tmp_path, hosts=(), clock=Clock())
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {
        "ca.pem": 0o644,
        "ca-key.pem": 0o600,
        "server.pem": 0o600,
        "token.pem": 0o600,
    }
    assert b"PRIVATE" not in made.ca_file.read_bytes()


def test_what_a_copy_opened_to_others_is_closed_again_at_the_next_start(tmp_path: Path) -> None:
    with in_process(tmp_path):
        files = [file for file in tmp_path.iterdir() if file.is_file() and file.name != "ca.pem"]
        assert {"ca-key.pem", "admin-password", "dtr.sqlite3"} <= {file.name for file in files}
    for file in tmp_path.iterdir():
        if file.is_file():
            file.chmod(0o644)
    with in_process(tmp_path):
        assert {stat.S_IMODE(file.stat().st_mode) for file in files if file.exists()} == {0o600}
        assert stat.S_IMODE((tmp_path / "ca.pem").stat().st_mode) == 0o644


def test_a_lost_ca_file_is_written_again(tmp_path: Path) -> None:
    made = load_certificates(tmp_path, hosts=(), clock=Clock())
    made.ca_file.unlink()
    load_certificates(tmp_path, hosts=(), clock=Clock())
    assert made.ca_file.read_bytes() == made.ca.pem


@pytest.mark.parametrize("file", ["ca-key.pem", "server.pem", "token.pem"])
def test_a_damaged_key_is_an_error_and_is_never_replaced(tmp_path: Path, file: str) -> None:
    load_certificates(tmp_path, hosts=(), clock=Clock())
    (tmp_path / file).write_text("worthless example")
    with pytest.raises(KeyUnusableError, match=file):
        load_certificates(tmp_path, hosts=(), clock=Clock())
    assert (tmp_path / file).read_text() == "worthless example"
