"""The benchmark's proxy passes bytes on unchanged, late by what it models, and counts."""

import hashlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

import pytest

from tests.bench.proxy import LOOPBACK, DelayingProxy

pytestmark = pytest.mark.enable_socket

_ROUND_TRIP: Final = 0.03


@pytest.fixture
def echo_port() -> Iterator[int]:
    """The port of a server that sends back what it gets, until the client has no more."""
    listener = socket.create_server((LOOPBACK, 0))

    def echo(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while data := connection.recv(65536):
                connection.sendall(data)

    def serve() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=echo, args=[listener.accept()[0]], daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield listener.getsockname()[1]
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join()


def _exchange(connection: socket.socket, message: bytes) -> bytes:
    connection.sendall(message)
    answer = b""
    while len(answer) < len(message):
        answer += connection.recv(65536)
    return answer


def _connect(proxy: DelayingProxy) -> socket.socket:
    return socket.create_connection((LOOPBACK, proxy.port), timeout=20)


@pytest.mark.parametrize("round_trip", [0.0, 0.005])
def test_bytes_pass_unchanged_in_both_directions(echo_port: int, round_trip: float) -> None:
    sent = os.urandom(3_000_001)
    with DelayingProxy(echo_port, round_trip_seconds=round_trip) as proxy, _connect(proxy) as wire:

        def send() -> None:
            wire.sendall(sent)
            wire.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        received = hashlib.sha256()
        while data := wire.recv(65536):
            received.update(data)
        sender.join()
    assert received.digest() == hashlib.sha256(sent).digest()


def test_every_connection_is_counted(echo_port: int) -> None:
    with DelayingProxy(echo_port) as proxy:
        for number in range(3):
            with _connect(proxy) as wire:
                assert _exchange(wire, b"hello") == b"hello"
            assert proxy.connections == number + 1


def test_the_first_exchange_takes_two_round_trips_and_each_later_one_at_least_one(
    echo_port: int,
) -> None:
    """Lower bounds alone: a busy machine is slow, but never early."""
    with DelayingProxy(echo_port, round_trip_seconds=_ROUND_TRIP) as proxy:
        begun = time.monotonic()
        with _connect(proxy) as wire:
            _exchange(wire, b"connect and ask")
            first = time.monotonic() - begun
            begun = time.monotonic()
            _exchange(wire, b"ask again")
            second = time.monotonic() - begun
    assert first >= 2 * _ROUND_TRIP
    assert second >= _ROUND_TRIP


def test_a_server_that_is_gone_ends_the_connection() -> None:
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        with DelayingProxy(unused.getsockname()[1]) as proxy, _connect(proxy) as wire:
            assert wire.recv(1) == b""


def test_leaving_the_proxy_cuts_open_connections(echo_port: int) -> None:
    with DelayingProxy(echo_port) as proxy:
        wire = _connect(proxy)
        assert _exchange(wire, b"hello") == b"hello"
    with wire, suppress(ConnectionError):
        assert wire.recv(1) == b""
