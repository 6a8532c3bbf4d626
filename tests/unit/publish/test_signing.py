"""Signing: who may, with which key ids, and only what proves to be in Go's form."""

import json

import pytest
from tuf.api.metadata import Targets

from signer.dialect.envelope import Envelope
from signer.errors import KeyUnusableError
from signer.names import Gun, RoleName
from signer.publish.changes import AddDelegation, RemoveDelegation, SetTarget
from signer.publish.editor import CollectionEditor
from signer.publish.signing import Keyring, missing_keys, sign_edited, sign_role
from tests.attacks.keys import GUN, bare, certified
from tests.attacks.simulator import OTHER, SimulatedCollection
from tests.unit.publish.reading import (
    GITLAB,
    RELEASES,
    TARGETS,
    keyring,
    signer_of,
    verified,
)

HASHES = {"sha256": OTHER.removeprefix("sha256:")}


@pytest.fixture
def server() -> SimulatedCollection:
    return SimulatedCollection.with_signers("gitlab", "alice")


def _editor(server: SimulatedCollection, *roles: RoleName) -> CollectionEditor:
    editor = CollectionEditor(verified(server))
    editor.apply([SetTarget(role, "2", 528, HASHES) for role in roles])
    return editor


def test_a_keyring_finds_its_keys_in_whatever_form_a_role_lists_them() -> None:
    ring = keyring("gitlab", "alice")
    listed = certified(f"{GUN} gitlab")
    (found,) = ring.signers_for([listed.notary, bare("nobody").notary, "no key"])
    assert found.public_key.keyid == listed.keyid
    assert found.canonical_id == signer_of("gitlab").canonical_id
    assert len(list(ring)) == 2
    assert ring
    assert not Keyring([])
    assert len(list(Keyring([signer_of("gitlab"), signer_of("gitlab")]))) == 1


def test_every_key_at_hand_that_the_role_lists_signs(server: SimulatedCollection) -> None:
    wires, key_ids = sign_edited(
        _editor(server, RELEASES, GITLAB), keyring=keyring("gitlab", "alice", "targets")
    )
    assert set(wires) == {RELEASES, GITLAB}, "the server makes the snapshot"
    gitlab, alice = bare(f"{GUN} gitlab").keyid, bare(f"{GUN} alice").keyid
    assert set(key_ids[RELEASES]) == {gitlab, alice}
    assert key_ids[GITLAB] == [gitlab]
    signed = json.loads(wires[RELEASES])
    assert {made["keyid"] for made in signed["signatures"]} == {gitlab, alice}
    assert signed["signed"]["version"] == 2
    server.put(RELEASES, wires[RELEASES])
    server.put(GITLAB, wires[GITLAB])
    server.publish_snapshot()
    after = verified(server)
    assert sorted(after.roles[RELEASES].targets.targets) == ["1", "2"]
    assert sorted(after.roles[GITLAB].targets.targets) == ["1", "2"]


def test_without_its_key_a_role_is_not_signed_and_the_wanted_ids_are_named(
    server: SimulatedCollection,
) -> None:
    with pytest.raises(KeyUnusableError) as caught:
        sign_edited(_editor(server, GITLAB), keyring=keyring("alice"))
    assert caught.value.code == "no-signing-key"
    assert "role targets/gitlab" in caught.value.message
    assert signer_of("gitlab").canonical_id in caught.value.hint
    assert signer_of("alice").canonical_id not in caught.value.hint


def test_fewer_keys_than_the_threshold_are_too_few(server: SimulatedCollection) -> None:
    keys = [bare(f"{GUN} gitlab"), bare(f"{GUN} alice")]
    server.delegate(RELEASES, keys, threshold=2)
    server.publish("targets", RELEASES)
    with pytest.raises(KeyUnusableError, match="too few keys") as caught:
        sign_edited(_editor(server, RELEASES), keyring=keyring("gitlab"))
    assert "2 of" in caught.value.hint
    wires, _ = sign_edited(_editor(server, RELEASES), keyring=keyring("gitlab", "alice"))
    assert len(json.loads(wires[RELEASES])["signatures"]) == 2


def test_one_key_listed_twice_does_not_reach_a_threshold_of_two(
    server: SimulatedCollection,
) -> None:
    twice = [bare(f"{GUN} gitlab"), certified(f"{GUN} gitlab")]
    server.delegate(GITLAB, twice, threshold=2)
    editor = _editor(server, RELEASES)
    parent = server.targets()
    with pytest.raises(KeyUnusableError, match="too few keys"):
        sign_role(
            GITLAB,
            editor.edited[RELEASES],
            parent,
            keyring=keyring("gitlab"),
            gun=Gun(GUN),
        )


def test_a_new_delegation_is_signed_by_the_keys_that_the_edited_parent_lists(
    server: SimulatedCollection,
) -> None:
    name = RoleName("targets/bob")
    editor = CollectionEditor(verified(server))
    editor.apply([AddDelegation(name, (bare(f"{GUN} bob").notary,))])
    editor.apply([SetTarget(name, "2", 528, HASHES)])
    wires, key_ids = sign_edited(editor, keyring=keyring("bob", "targets"))
    assert list(wires) == [TARGETS, name], "parents first"
    assert key_ids[name] == [bare(f"{GUN} bob").keyid]


def test_the_snapshot_is_made_where_its_key_is_at_hand(server: SimulatedCollection) -> None:
    editor = _editor(server, RELEASES)
    editor.apply([RemoveDelegation(GITLAB)])
    wires, _ = sign_edited(editor, keyring=keyring("gitlab", "targets", "snapshot"))
    snapshot = json.loads(wires[RoleName("snapshot")])["signed"]
    assert snapshot["version"] == 2
    assert set(snapshot["meta"]) == {"root", "targets", "targets/releases", "targets/alice"}
    assert snapshot["meta"][RELEASES]["length"] == len(wires[RELEASES])


def test_what_is_signed_is_the_next_version_and_verifies(server: SimulatedCollection) -> None:
    wires, _ = sign_edited(_editor(server, GITLAB), keyring=keyring("gitlab"))
    assert Envelope.from_bytes(wires[GITLAB]).signed_as(Targets).version == 2


def test_a_role_without_keys_says_so() -> None:
    error = missing_keys("targets/x", [], threshold=1, gun=Gun(GUN))
    assert "no key at all" in error.hint
