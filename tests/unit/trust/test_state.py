"""Remembered states."""

import json
from pathlib import Path

import pytest

from signer.errors import ExitCode, SignerError
from signer.names import Gun
from signer.trust.redis_state import RedisStates
from signer.trust.state import TrustState, open_states
from signer.trust.state_files import FileStates

GUN = Gun("r.example.com/a/b")
PIN, OTHER_PIN = frozenset(["pin"]), frozenset(["other"])


def saved(directory: Path, *states: TrustState) -> TrustState:
    store = FileStates(directory)
    for state in states:
        store.save(GUN, state)
    found = store.load(GUN)
    assert found is not None
    return found


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert FileStates(tmp_path).load(GUN) is None


def test_a_state_is_read_as_it_was_saved(tmp_path: Path) -> None:
    state = TrustState(b"\x00root\xff", {"root": 3, "targets/releases": 2**31 - 1}, PIN)
    assert saved(tmp_path, state) == state


def test_marks_only_rise(tmp_path: Path) -> None:
    found = saved(
        tmp_path,
        TrustState(b"r", {"root": 1, "timestamp": 9, "targets": 2}),
        TrustState(b"r", {"root": 1, "timestamp": 4, "targets": 3, "snapshot": 1}),
    )
    assert found.versions == {"root": 1, "timestamp": 9, "targets": 3, "snapshot": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newer_root_stays_and_what_pins_said_about_the_other_is_dropped(
    tmp_path: Path, order: tuple[int, int]
) -> None:
    states = [TrustState(b"old", {"root": 1}, PIN), TrustState(b"new", {"root": 2}, OTHER_PIN)]
    found = saved(tmp_path, *[states[number] for number in order])
    assert (found.root, found.versions, found.pins) == (b"new", {"root": 2}, OTHER_PIN)


def test_pins_that_one_root_satisfied_add_up(tmp_path: Path) -> None:
    found = saved(
        tmp_path, TrustState(b"r", {"root": 1}, PIN), TrustState(b"r", {"root": 1}, OTHER_PIN)
    )
    assert found.pins == PIN | OTHER_PIN


def test_two_runs_that_trusted_different_roots_of_one_version_do_not_overwrite_each_other(
    tmp_path: Path,
) -> None:
    first = TrustState(b"one", {"root": 1}, PIN)
    saved(tmp_path, first)
    with pytest.raises(SignerError) as caught:
        FileStates(tmp_path).save(GUN, TrustState(b"two", {"root": 1}))
    assert caught.value.code == "trust-state-conflict"
    assert caught.value.exit_code == ExitCode.TRUST_DATA
    assert saved(tmp_path) == first


def test_an_unchanged_state_is_not_written_again(tmp_path: Path) -> None:
    state = TrustState(b"r", {"root": 1}, PIN)
    saved(tmp_path, state)
    file = FileStates(tmp_path).path(GUN)
    before = file.stat().st_ino
    saved(tmp_path, state, TrustState(b"r", {"root": 1}))
    assert file.stat().st_ino == before


def test_a_state_file_of_another_collection_is_refused(tmp_path: Path) -> None:
    store = FileStates(tmp_path)
    saved(tmp_path, TrustState(b"r", {"root": 1}))
    other = Gun("r.example.com/a/c")
    store.path(other).parent.mkdir()
    store.path(GUN).rename(store.path(other))
    with pytest.raises(SignerError) as caught:
        store.load(other)
    assert caught.value.code == "trust-state-unreadable"


def test_a_forgotten_collection_begins_anew(tmp_path: Path) -> None:
    saved(tmp_path, TrustState(b"r", {"root": 7}))
    FileStates(tmp_path).forget(GUN)
    assert FileStates(tmp_path).load(GUN) is None
    FileStates(tmp_path).forget(GUN)


def test_collections_whose_names_nest_do_not_share_files(tmp_path: Path) -> None:
    store = FileStates(tmp_path)
    names = [Gun("r.example.com/a"), Gun("r.example.com/a/b"), Gun("r.example.com/a/b/metadata")]
    for number, gun in enumerate(names, 1):
        store.save(gun, TrustState(gun.encode(), {"root": number}))
    found = [store.load(gun) for gun in names]
    assert [state and state.root for state in found] == [gun.encode() for gun in names]


def test_the_file_is_json_that_names_its_collection(tmp_path: Path) -> None:
    saved(tmp_path, TrustState(b"r", {"root": 1}, PIN))
    content = json.loads(FileStates(tmp_path).path(GUN).read_bytes())
    assert content == {"gun": GUN, "pins": ["pin"], "root": "cg==", "versions": {"root": 1}}


def test_of_several_states_all_or_none_are_remembered(tmp_path: Path) -> None:
    store = FileStates(tmp_path)
    others = [Gun("r.example.com/a"), Gun("r.example.com/z")]
    store.save(GUN, TrustState(b"one", {"root": 1}))
    states = {gun: TrustState(b"r", {"root": 1}) for gun in (*others, GUN)}
    with pytest.raises(SignerError) as caught:
        store.save_all(states)
    assert caught.value.code == "trust-state-conflict"
    assert store.guns() == [GUN]
    del states[GUN]
    store.save_all(states)
    assert store.guns() == [others[0], GUN, others[1]]


def test_what_is_no_collections_file_is_not_listed(tmp_path: Path) -> None:
    saved(tmp_path, TrustState(b"r", {"root": 1}))
    stray = tmp_path / "NO GUN" / "_state.json"
    stray.parent.mkdir()
    stray.write_text("{}")
    assert FileStates(tmp_path).guns() == [GUN]
    assert FileStates(tmp_path / "missing").guns() == []


def test_a_directory_is_opened_as_files(tmp_path: Path) -> None:
    for location in (tmp_path, str(tmp_path)):
        store = open_states(location)
        assert isinstance(store, FileStates)
        assert store.description == str(tmp_path)
        assert str(tmp_path) in store.location(GUN)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://127.0.0.1", "redis://127.0.0.1:6379/0"),
        ("redis://redis.example.com:7000/3", "redis://redis.example.com:7000/3"),
        ("redis://me:se%2Fcret@redis.example.com/", "redis://redis.example.com:6379/0"),
        ("rediss://:secret@[::1]:7000?db=4", "rediss://[::1]:7000/4"),
        ("unix:///run/redis.sock", "unix:///run/redis.sock?db=0"),
        ("unix:///run/redis.sock?db=2&password=secret", "unix:///run/redis.sock?db=2"),
        ("unix://me:secret@/run/redis.sock", "unix:///run/redis.sock?db=0"),
    ],
)
def test_a_url_is_shown_without_user_and_password(url: str, shown: str) -> None:
    store = open_states(url, password="another secret")
    assert store.description == shown
    assert "cret" not in store.location(GUN) + repr(store) + str(store.unreadable(GUN))


@pytest.mark.parametrize(
    "url",
    [
        "http://redis.example.com",
        "redis://",
        "redis://:secret@",
        "redis://me:sec/ret@redis.example.com/0",
        "redis://:secret@redis.example.com/name",
        "redis://:secret@redis.example.com/-1",
        "redis://:secret@redis.example.com:port/0",
        "redis://:secret@redis.example.com:70000/0",
        "redis://redis.example.com/0?password=secret",
        "rediss://redis.example.com/0?ssl_cert_reqs=none",
        "rediss://redis.example.com/0?ssl_check_hostname=false",
        "redis://redis.example.com/0?db=x",
        "redis://redis.example.com/0#secret",
        "unix://",
        "unix://run/redis.sock",
        "unix:///run/redis.sock?path=/other",
    ],
)
def test_a_malformed_url_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(SignerError) as caught:
        open_states(url)
    error = caught.value
    assert (error.exit_code, error.code) == (ExitCode.USAGE, "bad-state-url")
    assert "secret" not in error.message + error.hint
    assert error.hint


def test_tls_is_always_verified() -> None:
    """As the library was told: nothing of it is reached here."""
    store = open_states("rediss://redis.example.com")
    assert isinstance(store, RedisStates)
    settings = store._redis.get_connection_kwargs()
    assert settings["ssl_cert_reqs"] == "required"
    assert settings["ssl_check_hostname"] is True
