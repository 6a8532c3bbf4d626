"""What only real connections show: TLS, silence, trickles, garbage, reuse."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme

from signer.errors import NetworkError
from signer.transport.http import HttpPool
from signer.transport.tls import TlsSettings
from tests.unit.transport.listening import Conversation, Listener, answering, read_request
from tests.unit.transport.simulated import NO_TLS

pytestmark = pytest.mark.enable_socket


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def serving(authority: trustme.CA, *names: str, expired: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ends = datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC) if expired else None
    authority.issue_cert(*names, not_after=ends).configure_cert(context)
    return context


def trusting(authority: trustme.CA, directory: Path) -> TlsSettings:
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    return TlsSettings((directory / "ca.pem",), None, None)


def get(pool: HttpPool, url: str, *, max_bytes: int = 10**6) -> bytes:
    return pool.request("GET", url, max_bytes=max_bytes).content


def fault(talk: Conversation, *, timeout_seconds: float = 0.3) -> NetworkError:
    """Return the error of a request to a plain server that talks like this."""
    with Listener(talk) as server:
        host = f"127.0.0.1:{server.port}"
        hosts = frozenset({host})
        with (
            HttpPool(
                tls=NO_TLS,
                timeout_seconds=timeout_seconds,
                insecure_http_hosts=hosts,
                sleep=lambda _seconds: None,
            ) as pool,
            pytest.raises(NetworkError) as caught,
        ):
            get(pool, f"http://{host}/")
    assert host in str(caught.value)
    return caught.value


def tls_fault(listener: Listener, tls: TlsSettings, *, timeout_seconds: float = 5) -> NetworkError:
    """Return the error of a request to ``https://localhost``."""
    with (
        listener as server,
        HttpPool(tls=tls, timeout_seconds=timeout_seconds) as pool,
        pytest.raises(NetworkError) as caught,
    ):
        get(pool, f"https://localhost:{server.port}/")
    return caught.value


# TLS.


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_private_ca_is_accepted_when_it_is_named(
    authority: trustme.CA, tmp_path: Path, name: str
) -> None:
    with (
        Listener(answering(b"ok"), context=serving(authority, name)) as server,
        HttpPool(tls=trusting(authority, tmp_path), timeout_seconds=5) as pool,
    ):
        assert get(pool, f"https://{name}:{server.port}/") == b"ok"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_a_wrong_ca_is_refused_on_loopback_too(
    authority: trustme.CA, tmp_path: Path, name: str
) -> None:
    tls = TlsSettings(trusting(trustme.CA(), tmp_path).ca_files, tmp_path / ".docker", None)
    with Listener(answering(b"ok"), context=serving(authority, name)) as server:
        host = f"{name}:{server.port}"
        with HttpPool(tls=tls, timeout_seconds=5) as pool, pytest.raises(NetworkError) as caught:
            get(pool, f"https://{host}/")
    assert caught.value.code == "tls-unverified"
    assert caught.value.exit_code == 6
    assert host in str(caught.value)
    assert "--ca" in caught.value.hint
    assert f"signer ca {host}" in caught.value.hint
    assert str(tmp_path / ".docker" / "tls" / host) in caught.value.hint


def test_a_certificate_for_another_name_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    error = tls_fault(
        Listener(answering(b"ok"), context=serving(authority, "dtr.example.com")),
        trusting(authority, tmp_path),
    )
    assert error.code == "tls-unverified"
    assert "name" in error.hint


def test_an_expired_certificate_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    context = serving(authority, "localhost", expired=True)
    error = tls_fault(Listener(answering(b"ok"), context=context), trusting(authority, tmp_path))
    assert error.code == "tls-unverified"
    assert "renewed" in error.hint


def test_dockers_directory_brings_the_ca_and_the_client_certificate(
    authority: trustme.CA, tmp_path: Path
) -> None:
    context = serving(authority, "localhost")
    context.verify_mode = ssl.CERT_REQUIRED
    authority.configure_trust(context)
    seen: list[object] = []

    def talk(client: socket.socket) -> None:
        assert isinstance(client, ssl.SSLSocket)
        seen.append(client.getpeercert())
        answering(b"ok")(client)

    with Listener(talk, context=context) as server:
        directory = tmp_path / "tls" / f"localhost:{server.port}"
        directory.mkdir(parents=True)
        authority.cert_pem.write_to_path(str(directory / "ca.crt"))
        client = authority.issue_cert("ci@example.com")
        client.cert_chain_pems[0].write_to_path(str(directory / "client.cert"))
        client.private_key_pem.write_to_path(str(directory / "client.key"))
        with HttpPool(tls=TlsSettings((), tmp_path, None), timeout_seconds=5) as pool:
            assert get(pool, f"https://localhost:{server.port}/") == b"ok"
        assert "ci@example.com" in str(seen)
        (directory / "client.cert").unlink()
        (directory / "client.key").unlink()
        with (
            HttpPool(
                tls=TlsSettings((), tmp_path, None),
                timeout_seconds=5,
                sleep=lambda _seconds: None,
            ) as pool,
            pytest.raises(NetworkError) as caught,
        ):
            get(pool, f"https://localhost:{server.port}/")
    assert caught.value.code == "tls-failed"
    assert "client certificate" in caught.value.hint


def test_a_port_without_tls_is_a_failed_handshake(tmp_path: Path, authority: trustme.CA) -> None:
    def talk(client: socket.socket) -> None:
        client.recv(10)
        client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        client.recv(1000)

    error = tls_fault(Listener(talk), trusting(authority, tmp_path))
    assert error.code == "tls-failed"


# Silence and trickles: every one ends at the deadline, whatever single reads would allow.


@pytest.fixture
def quickly() -> Iterator[None]:
    """Give the test far less time than a server needs that is waited for byte by byte."""
    before = time.monotonic()
    yield
    assert time.monotonic() - before < 20


@pytest.mark.usefixtures("quickly")
def test_a_server_that_never_answers_is_given_up() -> None:
    def talk(client: socket.socket) -> None:
        while client.recv(1000):
            pass

    assert fault(talk).code == "timeout"


def trickling(head: bytes, drop: bytes) -> Conversation:
    """Send ``head``, then ``drop`` every 50 ms until the client goes."""

    def talk(client: socket.socket) -> None:
        read_request(client)
        client.sendall(head)
        pause = threading.Event()
        while not pause.wait(0.05):
            client.sendall(drop)

    return talk


@pytest.mark.usefixtures("quickly")
@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"a"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 500 No\r\nContent-Length: 9999\r\n\r\n", b"x"),
    ],
)
def test_a_server_that_trickles_is_given_up(head: bytes, drop: bytes) -> None:
    assert fault(trickling(head, drop)).code in {"timeout", "bad-http"}


@pytest.mark.usefixtures("quickly")
def test_a_handshake_that_never_ends_is_given_up(tmp_path: Path, authority: trustme.CA) -> None:
    def talk(client: socket.socket) -> None:
        while client.recv(1000):
            pass

    error = tls_fault(Listener(talk), trusting(authority, tmp_path), timeout_seconds=0.3)
    assert error.code == "timeout"


@pytest.mark.usefixtures("quickly")
def test_an_upload_that_is_read_slowly_is_given_up() -> None:
    def talk(client: socket.socket) -> None:
        pause = threading.Event()
        while not pause.wait(0.2):
            if not client.recv(300_000):  # enough that no single write waits for long
                return

    with Listener(talk) as server:
        host = f"127.0.0.1:{server.port}"
        with (
            HttpPool(
                tls=NO_TLS, timeout_seconds=0.3, insecure_http_hosts=frozenset({host})
            ) as pool,
            pytest.raises(NetworkError) as caught,
        ):
            pool.request("POST", f"http://{host}/", max_bytes=10, content=b"x" * 50 * 2**20)
    assert caught.value.code == "timeout"


# Garbage and broken connections.


def sending(data: bytes) -> Conversation:
    def talk(client: socket.socket) -> None:
        read_request(client)
        client.sendall(data)

    return talk


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\0\1\2 garbage\r\n\r\n", "bad-http"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad-http"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "bad-http"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "bad-http"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50_000, "bad-http"),
        (b"", "connection-lost"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "connection-lost"),
    ],
)
def test_garbage_is_told_from_a_lost_connection(data: bytes, code: str) -> None:
    assert fault(sending(data), timeout_seconds=5).code == code


def test_nobody_listening_is_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        host = f"127.0.0.1:{unused.getsockname()[1]}"
    with (
        HttpPool(
            tls=NO_TLS,
            timeout_seconds=5,
            insecure_http_hosts=frozenset({host}),
            sleep=lambda _seconds: None,
        ) as pool,
        pytest.raises(NetworkError) as caught,
    ):
        get(pool, f"http://{host}/")
    assert caught.value.code == "connection-refused"


def test_a_connection_that_breaks_once_is_made_again() -> None:
    first = threading.Event()

    def talk(client: socket.socket) -> None:
        if first.is_set():
            answering(b"ok")(client)
        first.set()

    with Listener(talk) as server:
        host = f"127.0.0.1:{server.port}"
        with HttpPool(
            tls=NO_TLS,
            timeout_seconds=5,
            insecure_http_hosts=frozenset({host}),
            sleep=lambda _seconds: None,
        ) as pool:
            assert get(pool, f"http://{host}/") == b"ok"
        assert server.connections == 2


# Proxies.


def test_the_environments_proxy_is_asked_for_a_tunnel(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    def talk(client: socket.socket) -> None:
        asked.append(read_request(client))
        client.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

    with Listener(talk) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:worthless@127.0.0.1:{proxy.port}")
        with HttpPool(tls=NO_TLS, timeout_seconds=5) as pool, pytest.raises(NetworkError) as caught:
            get(pool, "https://dtr.example.com:4443/secret-path")
    assert caught.value.code == "proxy"
    assert "worthless" not in f"{caught.value} {caught.value.hint}"
    assert asked[0].startswith(b"CONNECT dtr.example.com:4443 HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic dXNlcjp3b3J0aGxlc3M=" in asked[0]
    assert b"secret-path" not in asked[0]


def test_loopback_is_never_proxied(
    monkeypatch: pytest.MonkeyPatch, authority: trustme.CA, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with (
        Listener(answering(b"ok"), context=serving(authority, "localhost")) as server,
        HttpPool(tls=trusting(authority, tmp_path), timeout_seconds=5) as pool,
    ):
        assert get(pool, f"https://localhost:{server.port}/") == b"ok"


# Reuse.


def test_a_connection_is_kept_alive_between_requests(authority: trustme.CA, tmp_path: Path) -> None:
    with Listener(answering(b"ok"), context=serving(authority, "localhost")) as server:
        with HttpPool(tls=trusting(authority, tmp_path), timeout_seconds=5) as pool:
            for _ in range(5):
                assert get(pool, f"https://localhost:{server.port}/") == b"ok"
        assert server.connections == 1


def test_threads_share_the_pool(authority: trustme.CA, tmp_path: Path) -> None:
    bodies: list[bytes] = []
    with Listener(answering(b"ok"), context=serving(authority, "localhost")) as server:
        with HttpPool(tls=trusting(authority, tmp_path), timeout_seconds=20) as pool:
            url = f"https://localhost:{server.port}/"

            def work() -> None:
                bodies.extend(get(pool, url) for _ in range(5))

            threads = [threading.Thread(target=work) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert bodies == [b"ok"] * 40
        assert server.connections <= 8


def test_an_answer_left_unread_does_not_disturb_the_next_request() -> None:
    with Listener(answering(b"x" * 10_000)) as server:
        host = f"127.0.0.1:{server.port}"
        with HttpPool(tls=NO_TLS, timeout_seconds=5, insecure_http_hosts=frozenset({host})) as pool:
            for _ in range(30):  # more than there are connections: none is lost to the pool
                with pytest.raises(Exception, match="larger than"):
                    get(pool, f"http://{host}/", max_bytes=10)
            assert len(get(pool, f"http://{host}/")) == 10_000


# Closing.


def test_closing_ends_what_is_under_way_and_leaves_its_socket_to_its_thread(
    authority: trustme.CA, tmp_path: Path
) -> None:
    """A descriptor that is closed under a reading thread may be the next connection's number."""
    begun = threading.Event()

    def silent(client: socket.socket) -> None:
        read_request(client)
        begun.set()
        server.stopping.wait(20)

    server = Listener(silent, context=serving(authority, "localhost"))
    with server, ThreadPoolExecutor(1) as threads:
        pool = HttpPool(tls=trusting(authority, tmp_path), timeout_seconds=15)
        asked = threads.submit(get, pool, f"https://localhost:{server.port}/")
        assert begun.wait(5)
        pool.close()
        error = asked.exception(timeout=5)
        assert isinstance(error, NetworkError)
        with pytest.raises(NetworkError, match="given up"):
            get(pool, f"https://localhost:{server.port}/")
