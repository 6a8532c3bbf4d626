"""The state machine by itself, and the client's question to people."""

from collections.abc import Callable
from pathlib import Path

import pytest

from signer.constants import ROOT, TARGETS, TIMESTAMP
from signer.dialect.errors import PinMismatchError
from signer.errors import ExitCode, SignerError
from signer.names import Gun, RoleName
from signer.trust.collection import TrustedCollection
from signer.trust.pinning import Pins
from signer.trust.state import TrustState
from tests.attacks.keys import NOW, bare
from tests.attacks.reading import Reader
from tests.attacks.simulator import (
    ALICE,
    GITLAB,
    RELEASES,
    SimulatedCollection,
    in_days,
)


@pytest.fixture
def server() -> SimulatedCollection:
    return SimulatedCollection.with_signers("gitlab")


def test_without_pins_no_root_is_trusted(server: SimulatedCollection) -> None:
    collection = TrustedCollection(Gun(server.gun), NOW)
    with pytest.raises(PinMismatchError):
        collection.pin_root(server.files[ROOT], Pins())
    assert collection.roles == {}


def test_a_root_that_fails_leaves_the_former_one(server: SimulatedCollection) -> None:
    collection = TrustedCollection(Gun(server.gun), NOW)
    collection.trust_root(server.files[ROOT])
    former = collection.root
    server.publish(ROOT)
    server.publish(ROOT)
    with pytest.raises(SignerError):
        collection.update_root(server.files[ROOT])
    assert collection.root is former


def test_targets_come_first_then_delegations_parents_before_children(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.delegate("targets/alice/x", [bare("x")])
    server.publish(TARGETS, ALICE, "targets/alice/x")
    names = [role.name for role in Reader(server, tmp_path).read().walk()]
    assert names == [TARGETS, RELEASES, GITLAB, ALICE, "targets/alice/x"]


def test_a_required_role_gives_its_own_fault(server: SimulatedCollection, tmp_path: Path) -> None:
    server.content[RELEASES].expires = in_days(-1)
    server.publish(RELEASES)
    collection = Reader(server, tmp_path).read()
    assert collection.require(RoleName(GITLAB)).version == 1
    with pytest.raises(SignerError) as caught:
        collection.require(RoleName(RELEASES))
    assert caught.value.code == "metadata-expired"
    assert set(collection.stale) == {RELEASES}
    assert collection.rejected == {RELEASES: 2}
    with pytest.raises(KeyError):
        collection.require(RoleName(ALICE))


def test_only_a_delegation_whose_one_fault_is_its_age_is_stale(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    server.content[RELEASES].expires = in_days(-1)
    server.signers[RELEASES] = [bare("stranger")]
    server.publish(RELEASES)
    collection = Reader(server, tmp_path).read()
    assert collection.stale == {}
    assert set(collection.invalid) == {RELEASES}


def test_a_remembered_root_older_than_the_remembered_mark_is_a_rollback(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    """Somebody put an old root into the state, and forgot the mark."""
    reader = Reader(server, tmp_path)
    reader.read()
    reader.states.forget(reader.gun)
    reader.states.save(reader.gun, TrustState(server.files[ROOT], {ROOT: 2}))
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=4)


def test_versions_are_the_highest_of_what_is_read_and_what_was_seen(
    server: SimulatedCollection,
) -> None:
    seen = {ROOT: 5, "targets/gone": 7, TIMESTAMP: 0}
    collection = TrustedCollection(Gun(server.gun), NOW, versions=seen)
    collection.trust_root(server.files[ROOT])
    collection.update_timestamp(server.files[TIMESTAMP])
    assert collection.versions == {ROOT: 5, "targets/gone": 7, TIMESTAMP: 1}


def test_what_was_seen_is_kept_for_roles_that_are_gone(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    reader = Reader(server, tmp_path)
    reader.read()
    server.unpublished.add(GITLAB)
    server.publish_snapshot()
    reader.read()
    state = reader.states.load(reader.gun)
    assert state is not None
    assert state.versions[GITLAB] == 1
    assert state.versions[TIMESTAMP] == 2


# The question on a terminal


def yes_man() -> tuple[Callable[[Gun, str], bool], list[tuple[Gun, str]]]:
    """Return somebody who says yes, and what he was asked."""
    asked: list[tuple[Gun, str]] = []

    def confirm(gun: Gun, keys: str) -> bool:
        asked.append((gun, keys))
        return True

    return confirm, asked


def test_whoever_says_yes_trusts_this_root_from_now_on(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    reader = Reader(server, tmp_path, Pins())
    client = reader.client()
    client.confirm, asked = yes_man()
    client.update()
    reader.read()
    [(gun, keys)] = asked
    assert gun == server.gun
    assert server.signers[ROOT][0].keyid in keys
    assert server.signers[ROOT][0].notary.canonical_id in keys


def test_whoever_says_no_trusts_nothing(server: SimulatedCollection, tmp_path: Path) -> None:
    reader = Reader(server, tmp_path, Pins())
    client = reader.client()
    client.confirm = lambda _gun, _keys: False
    with pytest.raises(SignerError) as caught:
        client.update()
    assert (caught.value.code, caught.value.exit_code) == ("no-pin", ExitCode.USAGE)
    assert reader.states.load(reader.gun) is None


def test_the_question_is_asked_once_although_reading_starts_again(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    server.signers[TIMESTAMP] = [bare("stranger")]
    server.publish_timestamp()
    client = Reader(server, tmp_path, Pins()).client()
    client.confirm, asked = yes_man()
    with pytest.raises(SignerError) as caught:
        client.update()
    assert caught.value.code == "threshold-not-met"
    assert len(asked) == 1
    assert [request[0] for request in server.asked].count(TIMESTAMP) == 2
