import pytest

from signer.errors import UsageError
from signer.transport.origin import Origin, plain_http_origins, require_encrypted


@pytest.mark.parametrize(
    ("url", "scheme", "host", "port", "authority"),
    [
        ("https://dtr.example.com", "https", "dtr.example.com", 443, "dtr.example.com"),
        ("https://DTR.Example.com:443/v2/", "https", "dtr.example.com", 443, "dtr.example.com"),
        ("https://dtr:4443?a=b", "https", "dtr", 4443, "dtr:4443"),
        ("http://127.0.0.1:5000/x", "http", "127.0.0.1", 5000, "127.0.0.1:5000"),
        ("http://localhost", "http", "localhost", 80, "localhost"),
        ("https://[::1]:8443/", "https", "[::1]", 8443, "[::1]:8443"),
        ("https://notary_server:4443", "https", "notary_server", 4443, "notary_server:4443"),
    ],
)
def test_an_origin_is_scheme_host_and_port(
    url: str, scheme: str, host: str, port: int, authority: str
) -> None:
    origin = Origin.of(url)
    assert (origin.scheme, origin.host, origin.port) == (scheme, host, port)
    assert origin.authority == authority


@pytest.mark.parametrize(
    "url",
    [
        "",
        "dtr.example.com",
        "ftp://dtr.example.com",
        "https://",
        "https://..",
        "https://.../x",
        "https://user:hunter2secret@dtr.example.com/",
        "https://dtr.example.com\\@evil.example/",
        "https://dtr.example.com /x",
        "https://dtr.example.com/\r\nX: y",
        "https://dtr.example.com:0/",
        "https://dtr.example.com:65536/",
        "https://dtr.exämple.com/",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Origin.of(url)
    assert caught.value.code == "bad-url"
    assert "hunter2secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("[::1]", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_loopback_is_told_by_name_or_address(host: str, loopback: bool) -> None:
    assert Origin.of(f"http://{host}").is_loopback is loopback


def test_plain_http_needs_both_a_loopback_host_and_the_users_word() -> None:
    allowed = plain_http_origins(["localhost:5000", "http://127.0.0.1:4443/"])
    require_encrypted(Origin.of("http://localhost:5000"), allowed)
    require_encrypted(Origin.of("http://127.0.0.1:4443"), allowed)
    require_encrypted(Origin.of("https://dtr.example.com"), allowed)
    for url in ("http://localhost:5001", "http://localhost", "http://dtr.example.com"):
        with pytest.raises(UsageError) as caught:
            require_encrypted(Origin.of(url), allowed)
        assert caught.value.code == "plain-http"


def test_plain_http_to_another_machine_cannot_be_allowed() -> None:
    with pytest.raises(UsageError) as caught:
        plain_http_origins(["dtr.example.com:5000"])
    assert caught.value.code == "plain-http"
