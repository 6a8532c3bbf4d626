"""A server that misbehaves: a clear error in bounded time, and nothing changed."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from signer.names import Gun
from tests.components.certificates import Authority
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.story import Collection, WatchedSigner, directory_content, signed_digest, uploads

HUNDRED_MIB = 100 * 2**20


def _html(exchange: Exchange) -> None:
    exchange.reply(200, b"<html>Please log in</html>", media_type="text/html")


def _not_found_html(exchange: Exchange) -> None:
    exchange.reply(404, b"<html>Not here</html>", media_type="text/html")


def _error(exchange: Exchange) -> None:
    exchange.reply(500, b"a stack trace\x1b[31m\n" * 10_000, media_type="text/plain")


def _garbage(exchange: Exchange) -> None:
    exchange.send(bytes(range(256)) * 8)


def _broken_json(exchange: Exchange) -> None:
    exchange.reply(200, b'{"signed": {"_type": "Root", "version": 1e999}, "signatures": [}')


def _other_json(exchange: Exchange) -> None:
    exchange.reply(200, b'{"signed": [], "signatures": {}}')


def _deep_json(exchange: Exchange) -> None:
    exchange.reply(200, b'{"signed":' * 100_000)


def _reset(exchange: Exchange) -> None:
    exchange.drop()


def _half(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")


def _never(exchange: Exchange) -> None:
    exchange.hang()


def _trickle(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    while exchange.hang(0.05):
        exchange.send(b" ")


def _stream(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{")
    for _ in range(2 * HUNDRED_MIB // 2**20):
        exchange.send(b" " * 2**20)


def _announced(exchange: Exchange) -> None:
    exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n{")


_FAULTS: dict[str, tuple[Callable[[Exchange], None], int, set[str]]] = {
    "html": (_html, 6, {"not-a-notary-server"}),
    "404-html": (_not_found_html, 3, {"no-trust-data"}),
    "500": (_error, 6, {"server-error"}),
    "garbage": (_garbage, 6, {"bad-http"}),
    "broken-json": (_broken_json, 4, {"malformed"}),
    "other-json": (_other_json, 4, {"malformed"}),
    "deep-json": (_deep_json, 4, {"malformed"}),
    "reset": (_reset, 6, {"connection-lost"}),
    "half": (_half, 6, {"connection-lost"}),
    "never": (_never, 6, {"timeout"}),
    "trickle": (_trickle, 6, {"timeout"}),
    "stream": (_stream, 4, {"too-large"}),
    "announced": (_announced, 4, {"too-large"}),
}


@pytest.mark.parametrize("fault", list(_FAULTS))
def test_verify_and_init_say_what_is_wrong_with_the_server(
    authority: Authority, tmp_path: Path, fault: str
) -> None:
    behaviour, status, codes = _FAULTS[fault]
    signer = WatchedSigner(tmp_path / "signer", authority=authority)
    timeout = ("--timeout", "1") if fault in {"never", "trickle"} else ()
    began = time.monotonic()
    with FaultyServer(authority, behaviour) as server:
        options = ("--server", server.url, *timeout)
        image = "dtr.test/admin/flask:1"
        answer = signer.json("verify", image, "--trust-on-first-use", *options, expect=status)
        reason = answer["images"][0]["reason"] if "images" in answer else answer
        assert reason["code"] in codes, reason
        assert "\x1b" not in reason["message"]
        assert len(reason["message"]) < 500
        if fault not in {"404-html", "stream"}:
            error = signer.json("init", "dtr.test/admin/flask", *options, expect=None)
            assert error["exit_code"] in {1, 4, 6}, error
    assert time.monotonic() - began < 30
    assert not directory_content(signer.trust_directory)


def test_a_server_that_recovers_is_asked_again(collection: Collection) -> None:
    collection.prepare(v1=b"example")
    refused: set[str] = set()

    def behaviour(exchange: Exchange) -> None:
        if exchange.path not in refused:
            refused.add(exchange.path)
            exchange.reply(503, b"later", media_type="text/plain")
        else:
            exchange.forward(collection.server)

    with FaultyServer(collection.server.authority, behaviour) as server:
        collection.admin("verify", collection.image("v1"), "--server", server.url)
    assert refused


def test_an_upload_that_cannot_be_read_back_is_not_called_signed(collection: Collection) -> None:
    """The server takes what Go would write otherwise, and nobody can read it (NP 0)."""
    collection.push("v1")

    def behaviour(exchange: Exchange) -> None:
        body = exchange.body
        if exchange.method == "POST":
            body = body.replace(b"}]}\r\n", b"}]}\n\r\n")
            assert body != exchange.body
        exchange.forward(collection.server, body=body)

    with FaultyServer(collection.server.authority, behaviour) as server:
        arguments = ("sign", collection.image("v1"), "--key", collection.key)
        error = collection.admin.json(*arguments, "--server", server.url, expect=4)
    assert error["code"] == "read-back-failed"
    assert "Publish again" in error["hint"]


@pytest.mark.parametrize("taken", [True, False])
def test_an_answer_lost_at_the_upload(collection: Collection, *, taken: bool) -> None:
    """Taken, it is a success; not taken, the error says to try again."""
    digest = collection.push("v1")
    before = uploads(collection.server, collection.gun)

    def behaviour(exchange: Exchange) -> None:
        if exchange.method != "POST":
            exchange.forward(collection.server)
            return
        if taken:
            exchange.ask(collection.server)
        exchange.drop()

    arguments = ("sign", collection.image("v1"), "--key", collection.key)
    with FaultyServer(collection.server.authority, behaviour) as server:
        if taken:
            (result,) = collection.admin.json(*arguments, "--server", server.url)["results"]
            assert (result["status"], result["digest"]) == ("signed", digest)
            assert result["versions"] == {"targets/releases": 1, "targets/gitlab": 1}
            assert uploads(collection.server, collection.gun) == before + 1
        else:
            error = collection.admin.json(*arguments, "--server", server.url, expect=6)
            assert error["code"] == "connection-lost"
            assert "targets/releases" not in collection.files()
    collection.admin(*arguments)
    assert signed_digest(collection, "targets/releases", "v1") == digest


def test_one_image_without_a_server_does_not_hide_the_others(
    collection: Collection, fresh_gun: Gun
) -> None:
    collection.prepare(v1=b"example")
    lost = f"{fresh_gun}-lost"

    def behaviour(exchange: Exchange) -> None:
        if lost in exchange.path:
            exchange.reply(500, b"oops", media_type="text/plain")
        else:
            exchange.forward(collection.server)

    images = (collection.image("v1"), f"{lost}:1")
    with FaultyServer(collection.server.authority, behaviour) as server:
        answer = collection.admin.json("verify", *images, "--server", server.url, expect=6)
    assert [image["verdict"] for image in answer["images"]] == ["accept", "reject"]
    assert answer["images"][1]["reason"]["code"] == "server-error"
