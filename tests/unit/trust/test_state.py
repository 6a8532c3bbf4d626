"""Remembered states."""

import json
from pathlib import Path

import pytest

from signer.errors import ExitCode, SignerError
from signer.names import Gun
from signer.trust.state import StateStore, TrustState

GUN = Gun("r.example.com/a/b")
PIN, OTHER_PIN = frozenset(["pin"]), frozenset(["other"])


def saved(directory: Path, *states: TrustState) -> TrustState:
    store = StateStore(directory)
    for state in states:
        store.save(GUN, state)
    found = store.load(GUN)
    assert found is not None
    return found


def test_nothing_is_remembered_at_first(tmp_path: Path) -> None:
    assert StateStore(tmp_path).load(GUN) is None


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
        StateStore(tmp_path).save(GUN, TrustState(b"two", {"root": 1}))
    assert caught.value.code == "trust-state-conflict"
    assert caught.value.exit_code == ExitCode.TRUST_DATA
    assert saved(tmp_path) == first


def test_an_unchanged_state_is_not_written_again(tmp_path: Path) -> None:
    state = TrustState(b"r", {"root": 1}, PIN)
    saved(tmp_path, state)
    file = StateStore(tmp_path).path(GUN)
    before = file.stat().st_ino
    saved(tmp_path, state, TrustState(b"r", {"root": 1}))
    assert file.stat().st_ino == before


def test_a_state_file_of_another_collection_is_refused(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    saved(tmp_path, TrustState(b"r", {"root": 1}))
    other = Gun("r.example.com/a/c")
    store.path(other).parent.mkdir()
    store.path(GUN).rename(store.path(other))
    with pytest.raises(SignerError) as caught:
        store.load(other)
    assert caught.value.code == "trust-state-unreadable"


def test_a_forgotten_collection_begins_anew(tmp_path: Path) -> None:
    saved(tmp_path, TrustState(b"r", {"root": 7}))
    StateStore(tmp_path).forget(GUN)
    assert StateStore(tmp_path).load(GUN) is None
    StateStore(tmp_path).forget(GUN)


def test_collections_whose_names_nest_do_not_share_files(tmp_path: Path) -> None:
    store = StateStore(tmp_path)
    names = [Gun("r.example.com/a"), Gun("r.example.com/a/b"), Gun("r.example.com/a/b/metadata")]
    for number, gun in enumerate(names, 1):
        store.save(gun, TrustState(gun.encode(), {"root": number}))
    found = [store.load(gun) for gun in names]
    assert [state and state.root for state in found] == [gun.encode() for gun in names]


def test_the_file_is_json_that_names_its_collection(tmp_path: Path) -> None:
    saved(tmp_path, TrustState(b"r", {"root": 1}, PIN))
    content = json.loads(StateStore(tmp_path).path(GUN).read_bytes())
    assert content == {"gun": GUN, "pins": ["pin"], "root": "cg==", "versions": {"root": 1}}
