"""Editing: copies are changed, in their next version, and only where something changes."""

from datetime import timedelta

import pytest

from signer.dialect.errors import UnwritableError
from signer.errors import UsageError
from signer.names import RoleName
from signer.publish.changes import (
    AddDelegation,
    Change,
    RemoveDelegation,
    RemoveDelegationKeys,
    RemoveTarget,
    Resign,
    SetTarget,
)
from signer.publish.editor import CollectionEditor, lifetime_end
from tests.attacks.keys import NOW, bare
from tests.attacks.simulator import DIGEST, OTHER, SimulatedCollection
from tests.unit.publish.reading import ALICE, GITLAB, RELEASES, TARGETS, verified


@pytest.fixture
def server() -> SimulatedCollection:
    return SimulatedCollection.with_signers("gitlab", "alice")


def _target(role: RoleName, tag: str, digest: str = OTHER, length: int = 528) -> SetTarget:
    return SetTarget(role, tag, length, {"sha256": digest.removeprefix("sha256:")})


def _edited(server: SimulatedCollection, *changes: Change) -> CollectionEditor:
    editor = CollectionEditor(verified(server))
    editor.apply(changes)
    return editor


def test_a_new_target_raises_the_version_and_the_expiry_of_its_role_alone(
    server: SimulatedCollection,
) -> None:
    editor = _edited(server, _target(GITLAB, "2"), _target(GITLAB, "3"))
    assert list(editor.edited) == [GITLAB]
    edited = editor.edited[GITLAB]
    assert edited.version == 2
    assert sorted(edited.targets) == ["1", "2", "3"]
    assert edited.expires == NOW + timedelta(days=1095)
    before = editor.collection.roles[GITLAB].targets
    assert (before.version, list(before.targets)) == (1, ["1"]), "the collection stays as it was"


@pytest.mark.parametrize(
    "change",
    [
        _target(GITLAB, "1", DIGEST),
        RemoveTarget(GITLAB, "none"),
        AddDelegation(GITLAB, ()),
        RemoveDelegationKeys(GITLAB, ()),
        RemoveDelegation(RoleName("targets/nobody")),
    ],
    ids=lambda change: type(change).__name__,
)
def test_a_change_that_changes_nothing_edits_nothing(
    server: SimulatedCollection, change: Change
) -> None:
    assert _edited(server, change).edited == {}


@pytest.mark.parametrize(
    "changed",
    [
        _target(GITLAB, "1", OTHER),
        _target(GITLAB, "1", DIGEST, length=529),
        SetTarget(GITLAB, "1", 528, {"sha256": "1a" * 32}, {"note": "x"}),
        SetTarget(GITLAB, "1", 528, {"sha256": "1a" * 32, "sha512": "1a" * 64}),
    ],
    ids=["digest", "length", "custom", "hashes"],
)
def test_each_part_of_a_target_counts(server: SimulatedCollection, changed: SetTarget) -> None:
    entry = _edited(server, changed).edited[GITLAB].targets["1"]
    assert entry.length == changed.length
    assert entry.hashes == changed.hashes
    assert entry.custom == changed.custom


def test_a_removed_target_is_gone(server: SimulatedCollection) -> None:
    editor = _edited(server, RemoveTarget(GITLAB, "1"), _target(RELEASES, "2"))
    assert editor.edited[GITLAB].targets == {}
    assert sorted(editor.edited[RELEASES].targets) == ["1", "2"]


def test_resigning_changes_version_and_expiry_alone(server: SimulatedCollection) -> None:
    edited = _edited(server, Resign(TARGETS)).edited[TARGETS]
    before = verified(server).targets.targets
    assert edited.version == before.version + 1
    assert edited.targets == before.targets
    assert edited.delegations == before.delegations


def test_a_target_of_no_role_or_outside_its_paths_is_refused(server: SimulatedCollection) -> None:
    with pytest.raises(UsageError, match="there is no role targets/nobody") as caught:
        _edited(server, _target(RoleName("targets/nobody"), "1"))
    assert caught.value.code == "no-such-role"
    assert "signer delegation add" in caught.value.hint
    server.delegate("targets/alice", [bare("alice")], paths=["release-"])
    server.sign_tag("targets/alice", "release-1", DIGEST)
    server.publish("targets", "targets/alice")
    with pytest.raises(UsageError) as caught:
        _edited(server, _target(ALICE, "1.0"))
    assert caught.value.code == "path-not-permitted"
    assert _edited(server, _target(ALICE, "release-2")).edited


@pytest.mark.parametrize("name", ["", "a\nb", "a\x7f", "a\x00"])
def test_a_name_that_go_would_not_survive_is_refused(
    server: SimulatedCollection, name: str
) -> None:
    with pytest.raises((UnwritableError, UsageError)):
        _edited(server, _target(GITLAB, name))


@pytest.mark.parametrize("custom", [{"a": "<"}, {"a": 1.5}, {"a": 2**60}, ["\n"]])
def test_custom_data_that_go_would_not_survive_is_refused(
    server: SimulatedCollection, custom: object
) -> None:
    change = SetTarget(GITLAB, "2", 528, {"sha256": "1a" * 32}, custom)
    with pytest.raises(UnwritableError):
        _edited(server, change)


def test_a_delegation_is_added_with_its_keys_to_the_parent(server: SimulatedCollection) -> None:
    key = bare("bob").notary
    name = RoleName("targets/bob")
    editor = _edited(server, AddDelegation(name, (key,)), AddDelegation(RELEASES, (key,)))
    assert list(editor.edited) == [TARGETS]
    delegations = editor.edited[TARGETS].delegations
    assert delegations is not None
    assert delegations.roles is not None
    bob = delegations.roles[name]
    assert (bob.keyids, bob.threshold, bob.paths) == ([key.keyid], 1, [""])
    assert key.keyid in delegations.roles[RELEASES].keyids
    assert len(delegations.roles[RELEASES].keyids) == 3
    assert delegations.keys[key.keyid] == key
    before = editor.collection.targets.targets.delegations
    assert before is not None
    assert key.keyid not in before.keys
    assert name not in (before.roles or {})


def test_the_same_key_in_another_form_is_not_added_again(server: SimulatedCollection) -> None:
    from tests.attacks.keys import certified

    again = certified(f"{server.gun} gitlab")
    assert again.notary.keyid != bare(f"{server.gun} gitlab").keyid
    assert _edited(server, AddDelegation(GITLAB, (again.notary,))).edited == {}


def test_a_removed_delegation_takes_its_unused_keys_along(server: SimulatedCollection) -> None:
    gitlab = bare(f"{server.gun} gitlab").notary
    editor = _edited(server, _target(GITLAB, "2"), RemoveDelegation(GITLAB))
    assert list(editor.edited) == [TARGETS]
    assert editor.removed == {GITLAB}
    delegations = editor.edited[TARGETS].delegations
    assert delegations is not None
    assert gitlab.keyid in delegations.keys, "releases still lists it"
    editor.apply([RemoveDelegationKeys(RELEASES, (gitlab.canonical_id,))])
    delegations = editor.edited[TARGETS].delegations
    assert delegations is not None
    assert gitlab.keyid not in delegations.keys


def test_a_first_file_begins_at_one_or_above_what_the_server_is_known_to_hold(
    server: SimulatedCollection,
) -> None:
    key = bare("bob").notary
    name = RoleName("targets/bob")
    for floor, version in ((0, 1), (7, 8)):
        editor = CollectionEditor(verified(server), floors={name: floor})
        editor.apply([AddDelegation(name, (key,)), _target(name, "1")])
        assert editor.edited[name].version == version


@pytest.mark.parametrize(
    ("role", "days"), [("root", 3650), ("targets", 1095), ("targets/x", 1095), ("snapshot", 1095)]
)
def test_lifetimes_are_notarys_and_whole_seconds(role: str, days: int) -> None:
    now = NOW.replace(microsecond=123456)
    assert lifetime_end(role, now=now) == NOW + timedelta(days=days)
