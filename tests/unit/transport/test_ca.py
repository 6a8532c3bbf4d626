import datetime
import stat
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from signer.errors import NetworkError, NotFoundError, SignerError, TrustDataError, UsageError
from signer.transport.ca import FetchedCa, fetch_ca, parse_fingerprint, store_ca
from signer.transport.http import HttpPool
from signer.transport.tls import TlsSettings
from tests.unit.transport.listening import Listener, answering
from tests.unit.transport.simulated import Chunks
from tests.unit.transport.test_http_connections import serving

HOST = "dtr.example.com"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def stranger() -> trustme.CA:
    return trustme.CA()


def fingerprint(authority: trustme.CA) -> str:
    certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    return certificate.fingerprint(SHA256()).hex()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def fetched(
    answer: Callable[[httpx.Request], httpx.Response] | bytes, host: str = HOST
) -> FetchedCa:
    def handler(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=answer) if isinstance(answer, bytes) else answer(request)

    return fetch_ca(host, transport=httpx.MockTransport(handler))


def test_the_ca_is_fetched_from_its_place_and_described(authority: trustme.CA) -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=authority.cert_pem.bytes())

    ca = fetched(handler, "dtr.example.com:4443")
    assert str(seen[0].url) == "https://dtr.example.com:4443/ca"
    assert "Authorization" not in seen[0].headers
    assert ca.host == "dtr.example.com:4443"
    assert ca.sha256_fingerprint.replace(":", "").lower() == fingerprint(authority)
    assert ca.sha256_fingerprint.count(":") == 31
    assert ca.sha256_fingerprint == ca.sha256_fingerprint.upper()
    assert "trustme" in ca.subject
    assert ca.not_after > datetime.datetime.now(datetime.UTC)
    assert ca.certificates[0].is_ca
    assert ca.pem == authority.cert_pem.bytes()


@pytest.mark.parametrize(
    "form",
    [
        lambda plain: plain,
        lambda plain: plain.upper(),
        lambda plain: f"sha256:{plain}",
        lambda plain: f"SHA256:{plain}",
        lambda plain: ":".join(plain[i : i + 2] for i in range(0, 64, 2)),
        lambda plain: "sha256 Fingerprint=" + ":".join(plain[i : i + 2] for i in range(0, 64, 2)),
        lambda plain: f"  {plain[:32]} {plain[32:]}\n",
    ],
)
def test_a_fingerprint_may_be_written_in_any_usual_way(
    authority: trustme.CA, form: Callable[[str], str]
) -> None:
    ca = fetched(authority.cert_pem.bytes())
    assert ca.confirmed([form(fingerprint(authority))]) == ca


@pytest.mark.parametrize("text", ["", "ab", "g" * 64, "a" * 63, "a" * 65, "md5:" + "a" * 64])
def test_what_is_no_fingerprint_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_fingerprint(text)
    assert caught.value.code == "bad-fingerprint"


def test_another_fingerprint_is_an_attack_until_explained(
    authority: trustme.CA, stranger: trustme.CA
) -> None:
    ca = fetched(authority.cert_pem.bytes())
    with pytest.raises(TrustDataError) as caught:
        ca.confirmed([fingerprint(stranger)])
    assert caught.value.exit_code == 4
    assert caught.value.code == "fingerprint-mismatch"
    assert ca.sha256_fingerprint in str(caught.value)
    assert parse_fingerprint(fingerprint(stranger)) in str(caught.value)


def test_no_fingerprint_confirms_nothing(authority: trustme.CA) -> None:
    with pytest.raises(UsageError):
        fetched(authority.cert_pem.bytes()).confirmed([])


def test_only_the_confirmed_certificates_of_several_are_kept(
    authority: trustme.CA, stranger: trustme.CA
) -> None:
    ca = fetched(authority.cert_pem.bytes() + stranger.cert_pem.bytes())
    assert len(ca.certificates) == 2
    kept = ca.confirmed([fingerprint(stranger)])
    assert kept.pem == stranger.cert_pem.bytes()
    assert kept.sha256_fingerprint == parse_fingerprint(fingerprint(stranger))
    both = ca.confirmed([fingerprint(stranger), fingerprint(authority), fingerprint(stranger)])
    assert both.pem == stranger.cert_pem.bytes() + authority.cert_pem.bytes()


def test_one_wrong_fingerprint_among_right_ones_refuses_all(authority: trustme.CA) -> None:
    ca = fetched(authority.cert_pem.bytes())
    with pytest.raises(TrustDataError):
        ca.confirmed([fingerprint(authority), "0" * 64])


def test_nothing_but_the_certificates_is_kept_of_the_answer(authority: trustme.CA) -> None:
    noise = b"# note\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"
    assert fetched(noise + authority.cert_pem.bytes() + b"\nrest").pem == authority.cert_pem.bytes()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Sign in</html>",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"\x30\x82\x01\x0a",
    ],
)
def test_what_is_no_certificate_is_told(body: bytes) -> None:
    with pytest.raises(NetworkError) as caught:
        fetched(body)
    assert caught.value.code == "not-a-ca"
    assert HOST in str(caught.value)


def test_a_large_answer_is_not_read() -> None:
    body = Chunks(b"\0" * 2**20 for _ in range(100))
    with pytest.raises(TrustDataError) as caught:
        fetched(lambda _: httpx.Response(200, stream=body))
    assert caught.value.code == "too-large"
    assert body.taken == 2**20


@pytest.mark.parametrize(
    ("status", "kind"), [(404, NotFoundError), (302, NetworkError), (500, NetworkError)]
)
def test_a_server_without_a_ca_is_told(status: int, kind: type[SignerError]) -> None:
    headers = {"Location": "https://evil.example/ca"}

    def handler(request: httpx.Request) -> httpx.Response:
        assert request.url.host == HOST, "a redirect was followed"
        return httpx.Response(status, headers=headers)

    with pytest.raises(kind):
        fetched(handler)


def test_more_certificates_than_anybody_would_confirm_are_refused(authority: trustme.CA) -> None:
    with pytest.raises(NetworkError) as caught:
        fetched(authority.cert_pem.bytes() * 17)
    assert caught.value.code == "not-a-ca"


# Storing.


def test_the_ca_is_stored_where_docker_and_this_program_look(
    tmp_path: Path, authority: trustme.CA
) -> None:
    config = tmp_path / ".docker"
    path = store_ca(config, "dtr.example.com:4443", authority.cert_pem.bytes())
    assert path == config / "tls" / "dtr.example.com:4443" / "ca.crt"
    assert path.read_bytes() == authority.cert_pem.bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    for directory in (config, config / "tls", path.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert names(path.parent) == ["ca.crt"]
    assert path.parent in TlsSettings((), config, None).searched("dtr.example.com:4443")


def test_an_older_ca_is_replaced(tmp_path: Path) -> None:
    store_ca(tmp_path, HOST, b"old")
    assert store_ca(tmp_path, f"{HOST}:443", b"new").read_bytes() == b"new"
    assert names(tmp_path / "tls") == [HOST]


@pytest.mark.parametrize(
    "host", ["../../etc", "a/b", "", "u:p@h", "h\n", "h?x", "h#", "..", ".", "-h"]
)
def test_a_host_cannot_leave_the_directory(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError):
        store_ca(tmp_path / "in", host, b"x")
    assert names(tmp_path) == []


def test_a_directory_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "tls").write_text("a file in the way")
    with pytest.raises(SignerError) as caught:
        store_ca(tmp_path, HOST, b"x")
    assert caught.value.code == "not-writable"


@pytest.mark.enable_socket
def test_a_fetched_and_confirmed_ca_makes_the_server_trusted(
    tmp_path: Path, authority: trustme.CA
) -> None:
    body = authority.cert_pem.bytes()
    with Listener(answering(body), context=serving(authority, "localhost")) as server:
        host = f"localhost:{server.port}"
        with HttpPool(tls=TlsSettings((), tmp_path, None), timeout_seconds=5) as pool:
            with pytest.raises(NetworkError) as caught:
                pool.request("GET", f"https://{host}/", max_bytes=10**5)
            assert caught.value.code == "tls-unverified"
        ca = fetch_ca(host, timeout_seconds=5).confirmed([fingerprint(authority)])
        store_ca(tmp_path, host, ca.pem)
        with HttpPool(tls=TlsSettings((), tmp_path, None), timeout_seconds=5) as pool:
            assert pool.request("GET", f"https://{host}/", max_bytes=10**5).content == body


def test_the_pem_form_is_the_certificates(authority: trustme.CA) -> None:
    certificate = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
    assert fetched(authority.cert_pem.bytes()).pem == certificate.public_bytes(Encoding.PEM)
