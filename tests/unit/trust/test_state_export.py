"""States in one file: what goes in comes out, marks only rise, all or nothing."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signer.constants import ROOT, TIMESTAMP
from signer.errors import ExitCode, SignerError
from signer.names import Gun
from signer.trust.state import TrustState
from signer.trust.state_export import decode_export, encode_export, import_states
from signer.trust.state_files import FileStates
from tests.attacks.keys import GUN, bare, certified
from tests.attacks.simulator import SimulatedCollection

NAME = Gun(GUN)
OTHER = Gun("registry.example.com/shop/other")


def state_of(server: SimulatedCollection, timestamp: int = 5) -> TrustState:
    version = server.content[ROOT].version
    return TrustState(server.files[ROOT], {ROOT: version, TIMESTAMP: timestamp})


@pytest.fixture
def server() -> SimulatedCollection:
    return SimulatedCollection.with_signers("gitlab")


@pytest.fixture
def store(tmp_path: Path) -> FileStates:
    return FileStates(tmp_path)


def test_what_was_exported_is_read_again(server: SimulatedCollection) -> None:
    other = state_of(SimulatedCollection.with_signers("alice", gun=OTHER))
    pinned = TrustState(
        server.files[ROOT], {ROOT: 1, "targets/releases": 9}, frozenset(["ab" * 32])
    )
    states = {NAME: pinned, OTHER: other}
    assert decode_export(encode_export(states), origin="x") == states


def test_importing_raises_marks_and_never_lowers_them(
    server: SimulatedCollection, store: FileStates
) -> None:
    assert import_states(store, {NAME: state_of(server, 5)}) == {NAME: "new"}
    assert import_states(store, {NAME: state_of(server, 4)}) == {NAME: "unchanged"}
    assert import_states(store, {NAME: state_of(server, 6)}) == {NAME: "updated"}
    state = store.load(NAME)
    assert state is not None
    assert state.versions == {ROOT: 1, TIMESTAMP: 6}


@pytest.mark.parametrize("known_first", [True, False])
def test_a_root_that_follows_the_other_is_imported_in_either_order(
    server: SimulatedCollection, store: FileStates, known_first: bool
) -> None:
    states = [state_of(server, 2**31 - 1)]
    server.set_role_keys(TIMESTAMP, bare("fresh"))
    server.publish(ROOT)
    states.append(state_of(server, 3))
    for state in states if known_first else reversed(states):
        import_states(store, {NAME: state})
    assert store.load(NAME) == states[1]  # with the mark under the rotated key's predecessor gone


@pytest.mark.parametrize("version", [1, 2, 7])
def test_a_root_that_does_not_follow_the_known_one_is_refused_and_nothing_is_imported(
    server: SimulatedCollection, store: FileStates, version: int
) -> None:
    import_states(store, {NAME: state_of(server)})
    mallory = SimulatedCollection(GUN)
    mallory.signers[ROOT] = [certified("mallory")]
    mallory.set_root_keys(certified("mallory"))
    mallory.root.version = version
    mallory.publish(*mallory.content)
    other = state_of(SimulatedCollection.with_signers("alice", gun=OTHER))
    with pytest.raises(SignerError) as caught:
        import_states(store, {OTHER: other, NAME: state_of(mallory, 9)})
    assert (caught.value.exit_code, caught.value.code) == (
        ExitCode.TRUST_DATA,
        "trust-state-conflict",
    )
    assert store.load(NAME) == state_of(server)
    assert store.load(OTHER) is None


def unsigned(entry: dict[str, Any]) -> None:
    root = json.loads(base64.b64decode(entry["root"]))
    root["signed"]["version"] = 2
    entry["versions"]["root"] = 2
    entry["root"] = base64.b64encode(json.dumps(root).encode()).decode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda entry: entry.pop("root"),
        lambda entry: entry.pop("versions"),
        lambda entry: entry.update(root="%%%"),
        lambda entry: entry.update(root=base64.b64encode(b"{}").decode()),
        lambda entry: entry.update(gun="NO GUN"),
        lambda entry: entry.update(gun="../../etc"),
        lambda entry: entry.update(gun=f"{GUN}:latest"),
        lambda entry: entry.update(more=1),
        lambda entry: entry.update(pins=["no fingerprint"]),
        lambda entry: entry.update(versions={}),
        lambda entry: entry["versions"].update(root=2),
        lambda entry: entry["versions"].update(timestamp="5"),
        lambda entry: entry["versions"].update(timestamp=-1),
        lambda entry: entry["versions"].update(timestamp=2**31),
        lambda entry: entry["versions"].update({"targets/../x": 1}),
        unsigned,
    ],
)
def test_a_malformed_entry_beside_a_good_one_is_a_usage_error(
    server: SimulatedCollection, spoil: Callable[[dict[str, Any]], object]
) -> None:
    other = state_of(SimulatedCollection.with_signers("alice", gun=OTHER))
    content = json.loads(encode_export({NAME: state_of(server), OTHER: other}))
    spoil(content["states"][1])
    refuses(json.dumps(content).encode())


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b"{}",
        b'{"schema":"signer.state/2","states":[]}',
        b'{"schema":"signer.state/1","states":{}}',
        b'{"schema":"signer.state/1","states":[],"more":1}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_export_is_a_usage_error(text: bytes) -> None:
    refuses(text)


def test_a_collection_that_is_there_twice_is_a_usage_error(server: SimulatedCollection) -> None:
    content = json.loads(encode_export({NAME: state_of(server)}))
    content["states"] *= 2
    refuses(json.dumps(content).encode())


def test_a_name_that_is_there_twice_is_a_usage_error(server: SimulatedCollection) -> None:
    text = encode_export({NAME: state_of(server)})
    refuses(text.replace(b'"versions":', b'"versions": {"root": 9}, "versions":'))


def refuses(text: bytes) -> None:
    with pytest.raises(SignerError) as caught:
        decode_export(text, origin="states.json")
    assert (caught.value.exit_code, caught.value.code) == (ExitCode.USAGE, "bad-state-export")
    assert caught.value.message.startswith("states.json is no export of trust state: ")
