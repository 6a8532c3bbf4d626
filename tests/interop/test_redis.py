"""Trust state in a real Redis: shared, atomic, and never guessed where it cannot be asked."""

import multiprocessing
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signer.constants import ROOT, TIMESTAMP
from signer.errors import AuthError, ExitCode, NetworkError, SignerError
from signer.names import Gun
from signer.trust.state import StateStore, TrustState, open_states
from tests.attacks.keys import bare
from tests.attacks.simulator import SimulatedCollection
from tests.components.certificates import Authority
from tests.components.fixtures import installed
from tests.components.redis import ESCAPED, PASSWORD, Redis

GUN = Gun("r.example.com:5000/a/b")
OTHER = Gun("r.example.com:5000/a")
WRITERS, ROUNDS = 4, 15

Action = Callable[[StateStore], object]
ACTIONS: list[Action] = [
    lambda store: store.load(GUN),
    lambda store: store.save(GUN, TrustState(b"r", {ROOT: 1})),
    lambda store: store.forget(GUN),
    lambda store: store.guns(),
    lambda store: store.changed(GUN),
]


@pytest.fixture
def store(redis_server: Redis) -> Iterator[StateStore]:
    opened = open_states(redis_server.url())
    yield opened
    opened.close()


def marks(store: StateStore) -> dict[str, int]:
    state = store.load(GUN)
    assert state is not None
    return dict(state.versions)


def fails(action: Action, store: StateStore) -> SignerError:
    """Assert that an action fails without showing the password; return the error."""
    with pytest.raises(SignerError) as caught:
        action(store)
    error = caught.value
    assert PASSWORD not in error.message + error.hint
    assert ESCAPED not in error.message + error.hint
    assert error.hint
    return error


def test_a_state_is_read_as_it_was_saved_until_it_is_forgotten(store: StateStore) -> None:
    assert store.load(GUN) is None
    assert store.changed(GUN) is None
    state = TrustState(b"\x00root\xff", {ROOT: 3, "targets/releases": 2**31 - 1}, frozenset("p"))
    store.save(GUN, state)
    store.save(OTHER, TrustState(b"other", {ROOT: 1}))
    assert store.load(GUN) == state
    assert store.guns() == [OTHER, GUN]
    changed = store.changed(GUN)
    assert changed is not None
    assert abs(datetime.now(tz=UTC) - changed) < timedelta(minutes=5)
    store.forget(GUN)
    store.forget(GUN)
    assert store.load(GUN) is None
    assert store.guns() == [OTHER]


def test_marks_only_rise(store: StateStore) -> None:
    store.save(GUN, TrustState(b"r", {ROOT: 1, "timestamp": 9, "targets": 2}))
    store.save(GUN, TrustState(b"r", {ROOT: 1, "timestamp": 4, "targets": 3}))
    assert marks(store) == {ROOT: 1, "timestamp": 9, "targets": 3}


def test_databases_are_apart(redis_server: Redis, store: StateStore) -> None:
    store.save(GUN, TrustState(b"r", {ROOT: 1}))
    other = open_states(redis_server.url(1))
    assert other.load(GUN) is None
    other.close()


def test_two_replicas_that_trusted_different_roots_do_not_overwrite_each_other(
    store: StateStore,
) -> None:
    store.save(GUN, TrustState(b"one", {ROOT: 1}))
    states = {OTHER: TrustState(b"r", {ROOT: 1}), GUN: TrustState(b"two", {ROOT: 1})}
    error = fails(lambda opened: opened.save_all(states), store)
    assert (error.code, error.exit_code) == ("trust-state-conflict", ExitCode.TRUST_DATA)
    assert store.load(OTHER) is None
    assert store.load(GUN) == TrustState(b"one", {ROOT: 1})


def test_a_mark_that_a_newer_root_reset_is_not_brought_back_by_a_slow_replica(
    store: StateStore,
) -> None:
    server = SimulatedCollection.with_signers("gitlab")
    slow = TrustState(server.files[ROOT], {ROOT: 1, TIMESTAMP: 2**31 - 1, "targets": 8})
    store.save(GUN, slow)
    server.set_role_keys(TIMESTAMP, bare("fresh"))
    server.publish(ROOT)
    store.save(GUN, TrustState(server.files[ROOT], {ROOT: 2, TIMESTAMP: 3, "targets": 4}))
    assert marks(store) == {ROOT: 2, TIMESTAMP: 3, "targets": 8}
    store.save(GUN, slow)
    assert marks(store) == {ROOT: 2, TIMESTAMP: 3, "targets": 8}


def _raise_marks(url: str, writer: int) -> None:
    store = open_states(url)
    for number in range(1, ROUNDS + 1):
        versions = {ROOT: 1, f"targets/w{writer}": number, TIMESTAMP: number}
        store.save(GUN, TrustState(b"root", versions, frozenset([f"{writer}"])))
    store.close()


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_marks_that_many_replicas_save_at_once_end_at_their_maxima(
    redis_server: Redis, store: StateStore, kind: str
) -> None:
    if kind == "threads":
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(_raise_marks, [redis_server.url()] * WRITERS, range(WRITERS)))
    else:
        context = multiprocessing.get_context("spawn")
        processes = [
            context.Process(target=_raise_marks, args=(redis_server.url(), writer))
            for writer in range(WRITERS)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
    writers = {f"targets/w{writer}": ROUNDS for writer in range(WRITERS)}
    assert marks(store) == {ROOT: 1, TIMESTAMP: ROUNDS} | writers


@pytest.mark.parametrize("action", ACTIONS)
def test_a_server_that_is_down_is_a_network_error(
    redis_server: Redis, store: StateStore, action: Action
) -> None:
    store.save(GUN, TrustState(b"r", {ROOT: 1}))
    redis_server.stop()
    error = fails(action, store)
    assert isinstance(error, NetworkError)
    assert (error.code, error.exit_code) == ("trust-state-unavailable", ExitCode.NETWORK)
    assert f"redis://127.0.0.1:{redis_server.port}/0 (Connection refused)" in error.message


def test_a_server_that_hangs_is_a_network_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        store = open_states(f"redis://:{ESCAPED}@127.0.0.1:{port}", timeout_seconds=0.1)
        assert fails(ACTIONS[0], store).code == "trust-state-unavailable"
        store.close()


def test_after_a_restart_the_marks_are_there_and_kept_connections_are_replaced(
    redis_server: Redis, store: StateStore
) -> None:
    store.save(GUN, TrustState(b"r", {ROOT: 1, TIMESTAMP: 7}))
    redis_server.kill()
    fails(ACTIONS[0], store)
    redis_server.start()
    assert marks(store) == {ROOT: 1, TIMESTAMP: 7}
    redis_server.stop()
    redis_server.start()  # unnoticed in between
    store.save(GUN, TrustState(b"r", {ROOT: 1, TIMESTAMP: 8}))
    assert marks(store) == {ROOT: 1, TIMESTAMP: 8}


@pytest.mark.parametrize("password", ["", "wrong-example"])
@pytest.mark.parametrize("action", ACTIONS)
def test_a_wrong_password_is_an_authentication_error(
    redis_server: Redis, action: Action, password: str
) -> None:
    store = open_states(redis_server.url(password=password))
    error = fails(action, store)
    assert isinstance(error, AuthError)
    assert error.exit_code == ExitCode.AUTH
    assert "wrong-example" not in error.message
    store.close()


def test_the_password_may_come_from_elsewhere_than_the_url(redis_server: Redis) -> None:
    store = open_states(redis_server.url(password=""), password=PASSWORD)
    assert store.load(GUN) is None
    store.close()


def test_a_user_who_may_only_read_is_an_authorisation_error(redis_server: Redis) -> None:
    redis_server.ask("ACL SETUSER reader on >worthless ~signer:state:* +get +mget")
    store = open_states(redis_server.url(user="reader", password="worthless"))
    assert store.load(GUN) is None
    error = fails(ACTIONS[1], store)
    assert isinstance(error, AuthError)
    store.close()


def test_a_user_with_the_documented_rights_can_do_everything(redis_server: Redis) -> None:
    rights = "+get +mget +set +del +scan +watch +unwatch +multi +exec +ping"
    redis_server.ask(f"ACL SETUSER signer on >worthless ~signer:state:* {rights}")
    store = open_states(redis_server.url(user="signer", password="worthless"))
    for action in ACTIONS:
        action(store)
    store.close()


@pytest.mark.parametrize("value", ["garbage", "{}", '{"gun":1}', "[" * 5000])
def test_a_damaged_state_is_an_error_and_nothing_is_assumed(
    redis_server: Redis, store: StateStore, value: str
) -> None:
    redis_server.ask(f"SET signer:state:{GUN} '{value}'")
    for action in ACTIONS[:2]:
        error = fails(action, store)
        assert error.code == "trust-state-unreadable"
        assert f"key signer:state:{GUN} of redis://127.0.0.1:" in error.message
    assert store.guns() == [GUN]
    store.forget(GUN)
    assert store.load(GUN) is None


def test_the_state_of_another_collection_is_not_taken_for_this_ones(
    redis_server: Redis, store: StateStore
) -> None:
    store.save(OTHER, TrustState(b"r", {ROOT: 1}))
    redis_server.ask(f"COPY signer:state:{OTHER} signer:state:{GUN}")
    assert fails(ACTIONS[0], store).code == "trust-state-unreadable"


def test_a_unix_socket_serves_as_well(redis_server: Redis, store: StateStore) -> None:
    store.save(GUN, TrustState(b"r", {ROOT: 1}))
    local = open_states(f"unix://{redis_server.socket_file}?password={ESCAPED}")
    assert marks(local) == {ROOT: 1}
    redis_server.stop()
    error = fails(ACTIONS[0], local)
    assert error.code == "trust-state-unavailable"
    assert f"unix://{redis_server.socket_file}?db=0" in error.message
    local.close()


def test_tls_is_verified(tmp_path: Path, authority: Authority) -> None:
    stranger = Authority(tmp_path / "stranger")
    with installed(Redis(tmp_path / "redis", authority).start) as server:
        trusted = open_states(server.url(), ca_files=[authority.ca_file])
        trusted.save(GUN, TrustState(b"r", {ROOT: 1}))
        assert marks(trusted) == {ROOT: 1}
        trusted.close()
        for files in ([], [stranger.ca_file]):
            untrusted = open_states(server.url(), ca_files=files)
            assert fails(ACTIONS[0], untrusted).code == "trust-state-unavailable"
            untrusted.close()
