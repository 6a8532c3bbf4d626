"""What each attacker can achieve at most: the limits of the design, told as tests.

| who | at most |
|---|---|
| controls server and network | silence; an old state, while its timestamp lives, for newcomers |
| stole timestamp and snapshot keys | the same for years, mixed with newer files; no new digest |
| stole one delegation key | signs in that role; never another signer's approval |
| stole a root key that was rotated away | nothing with a known root; with a pin on it, everything |
| stole the targets key | delegates anew: everything below root, until root rotates it |
"""

import pytest

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode, NotFoundError
from signer.trust.pinning import Pins
from tests.attacks.keys import bare, certified
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import (
    ALICE,
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    SimulatedCollection,
    in_days,
)

FORGED = "sha256:" + "66" * 32


# Server and network, but no key


def test_the_server_alone_cannot_show_a_collection_of_its_own(
    server: SimulatedCollection, reader: Reader
) -> None:
    mallory = SimulatedCollection(server.gun)
    mallory.signers[ROOT] = [certified("mallory")]
    mallory.set_root_keys(certified("mallory"))
    mallory.sign_tag(TARGETS, "1", FORGED)
    mallory.publish(*mallory.content)
    server.files, server.archive = mallory.files, mallory.archive
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_the_server_alone_can_withhold_news_only_until_the_timestamp_expires(
    server: SimulatedCollection, reader: Reader
) -> None:
    old = server.save()
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    server.serve(old)
    assert reader.accepts() == DIGEST  # never seen anything newer
    reader.now = in_days(15)
    reader.refuses("metadata-expired", ExitCode.EXPIRED, step=5)


def test_the_server_alone_can_withhold_a_root_rotation_only_together_with_all_news(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.set_role_keys(TARGETS, bare("fresh"))
    server.publish(ROOT, TARGETS)
    server.answers[ROOT] = NotFoundError("hidden")
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=7)
    server.answers.clear()
    assert reader.accepts() == DIGEST


def test_the_server_alone_cannot_show_another_collection_of_the_same_admin(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Same root key for all repositories; the certificate's name tells them apart."""
    other = SimulatedCollection("registry.example.com/shop/other")
    root = certified(f"{server.gun} root", "registry.example.com/shop/other")
    other.signers[ROOT] = [root]
    other.set_root_keys(root)
    other.sign_tag(TARGETS, "1", FORGED)
    other.publish(*other.content)
    reader.pins = Pins.load([root.notary.canonical_id])
    assert reader.accepts() == DIGEST
    reader.forget_all()
    server.files, server.archive = other.files, other.archive
    reader.refuses("root-certificate-name", ExitCode.TRUST_DATA, step=4)


# Timestamp and snapshot keys: in most installations the server holds them


def test_the_servers_keys_do_not_sign_a_new_digest(
    server: SimulatedCollection, reader: Reader
) -> None:
    for role in (TARGETS, RELEASES, GITLAB):
        server.signers[role] = [*server.signers[TIMESTAMP], *server.signers[SNAPSHOT]]
    server.sign_tag(RELEASES, "1", FORGED)
    server.publish(RELEASES)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=10)
    server.sign_tag(TARGETS, "1", FORGED)
    server.publish(TARGETS)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=8)


def test_the_servers_keys_freeze_without_end_whoever_saw_nothing_newer(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Only the lifetime of targets and delegations, three years, ends it."""
    reader.read()
    for role in (TIMESTAMP, SNAPSHOT):
        server.content[role].expires = in_days(5000)
    server.publish_snapshot()
    reader.now = in_days(1000)
    assert reader.accepts() == DIGEST
    reader.now = in_days(1096)
    reader.refuses("metadata-expired", ExitCode.EXPIRED, step=8)


@pytest.mark.parametrize("role", [TARGETS, RELEASES, GITLAB])
def test_the_servers_keys_do_not_bring_back_an_older_file_that_was_seen_replaced(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    old = server.files[role]
    server.publish(TARGETS, RELEASES, GITLAB)
    reader.read()
    server.put(role, old)
    server.publish_snapshot()
    step = 8 if role == TARGETS else 9
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=step)


def test_the_servers_keys_mix_published_files_for_newcomers(
    server: SimulatedCollection, reader: Reader
) -> None:
    """The new targets with the old releases: a state that never was, of genuine files only."""
    old = server.files[RELEASES]
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(TARGETS, RELEASES, GITLAB)
    server.put(RELEASES, old)
    server.publish_snapshot()
    assert reader.accepts() == DIGEST


def test_the_servers_keys_cannot_bring_back_targets_by_dropping_the_releases(
    server: SimulatedCollection, reader: Reader
) -> None:
    """The tag was first signed in targets, then, for another image, in targets/releases."""
    server.sign_tag(TARGETS, "1", OTHER)
    server.publish(TARGETS)
    assert reader.accepts() == DIGEST
    server.unpublished.add(RELEASES)
    server.publish_snapshot()
    for _ in range(2):
        reader.rejects("rollback", ExitCode.TRUST_DATA, step=10)
        reader.forget_cache()
    newcomer = Reader(server, reader.trust_dir.parent / "newcomer", TOFU)
    assert newcomer.accepts() == OTHER  # who never saw the releases cannot miss them


def test_a_role_that_targets_no_longer_delegates_may_leave_the_snapshot(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.sign_tag(TARGETS, "1", OTHER)
    delegations = server.targets().delegations
    assert delegations is not None
    assert delegations.roles is not None
    del delegations.roles[RELEASES]
    server.unpublished.add(RELEASES)
    server.publish(TARGETS)
    assert reader.accepts() == OTHER


def test_the_servers_keys_cannot_pass_a_required_signer_by_dropping_his_file(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.sign_tag(TARGETS, "1", DIGEST)
    server.publish(TARGETS)
    reader.read()
    server.unpublished |= {RELEASES, GITLAB}
    server.publish_snapshot()
    assert reader.judge(":1", "gitlab").verdict == "reject"


# One delegation key


def test_a_stolen_delegation_key_does_not_release(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Alice's key is listed for targets/alice alone."""
    server.delegate(ALICE, [bare("alice")])
    server.publish(TARGETS)
    server.sign_tag(ALICE, "1", FORGED)
    server.sign_tag(ALICE, "evil", FORGED)
    server.publish(ALICE)
    assert reader.accepts(":1", "gitlab") == DIGEST
    reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=":evil")
    server.signers[RELEASES] = [bare("alice")]
    server.publish(RELEASES)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=10)


def test_a_stolen_signers_key_that_may_release_is_stopped_by_a_second_required_signer(
    server: SimulatedCollection, reader: Reader
) -> None:
    """As docker trust sets it up, a signer's key also signs targets/releases."""
    server.delegate(ALICE, [bare("alice")])
    server.delegate(RELEASES, [*server.signers[GITLAB], bare("alice")])
    server.signers[RELEASES] = [bare("alice")]
    for role in (RELEASES, ALICE):
        server.sign_tag(role, "1", FORGED)
    server.publish(TARGETS, RELEASES, ALICE)
    assert reader.accepts() == FORGED
    assert reader.judge().signers == ("alice",)
    reader.rejects("signer-differs", ExitCode.NOT_SIGNED, step=12, signers=("gitlab",))
    reader.rejects("signer-differs", ExitCode.NOT_SIGNED, step=12, signers=("alice", "gitlab"))


def test_a_stolen_delegation_key_cannot_leave_its_paths_by_delegating(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")], paths=["dev-"])
    server.delegate("targets/alice/all", [bare("alice")], paths=["", "1", "dev-"])
    server.sign_tag("targets/alice/all", "1", DIGEST)
    server.publish(TARGETS, ALICE, "targets/alice/all")
    assert reader.judge().signers == ("gitlab",)


def test_a_stolen_delegation_key_is_worthless_once_it_was_replaced(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    stolen = server.signers[GITLAB]
    server.delegate(GITLAB, [bare("fresh")])
    server.delegate(RELEASES, [bare("fresh")])
    server.publish(TARGETS, RELEASES, GITLAB)
    assert reader.accepts(":1", "gitlab") == DIGEST
    server.signers[GITLAB] = server.signers[RELEASES] = stolen
    server.sign_tag(RELEASES, "1", FORGED)
    server.publish(RELEASES, GITLAB)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=10)


# A root key that was rotated away


def evil_branch(server: SimulatedCollection, version: int) -> SimulatedCollection:
    """Return a collection that the thief of the first root key builds upon it."""
    mallory = SimulatedCollection(server.gun)
    mallory.root.version = version
    mallory.sign_tag(TARGETS, "1", FORGED)
    for content in mallory.content.values():
        content.version = max(content.version, version)
    mallory.publish(*mallory.content)
    return mallory


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("cache", ["kept", "deleted"])
def test_an_old_root_key_is_worthless_against_whoever_knows_the_new_root(
    server: SimulatedCollection, reader: Reader, version: int, cache: str
) -> None:
    stolen = certified(f"{server.gun} root", server.gun)
    server.rotate_root(certified("new root"))
    reader.pins = TOFU
    assert reader.accepts() == DIGEST
    mallory = evil_branch(server, version)
    assert mallory.signers[ROOT] == [stolen]
    for role in (TARGETS, SNAPSHOT, TIMESTAMP):
        mallory.set_role_keys(role, bare(f"mallory {role}"))
    mallory.root.version = version - 1
    mallory.publish(ROOT, TARGETS)
    server.files, server.archive = mallory.files, mallory.archive
    if cache == "deleted":
        reader.forget_cache()
    step = {1: 5, 2: 5, 3: 3}[version]
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=step)


def test_an_old_root_key_is_worthless_against_a_pin_on_the_new_one(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.rotate_root(certified("new root"))
    reader.pins = Pins.load([certified("new root").keyid])
    mallory = evil_branch(server, 3)
    server.files, server.archive = mallory.files, mallory.archive
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_an_old_root_key_that_is_still_pinned_gives_its_thief_everything(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Why pins must follow a rotation after a theft: a newcomer cannot know of it."""
    server.rotate_root(certified("new root"))
    mallory = evil_branch(server, 3)
    server.files, server.archive = mallory.files, mallory.archive
    reader.pins = Pins.load([certified(f"{server.gun} root", server.gun).keyid])
    assert reader.accepts() == FORGED


# The targets key


def test_a_stolen_targets_key_signs_everything_until_root_replaces_it(
    server: SimulatedCollection, reader: Reader
) -> None:
    for role in (RELEASES, GITLAB):
        server.delegate(role, [bare("mallory")])
        server.sign_tag(role, "1", FORGED)
    server.publish(TARGETS, RELEASES, GITLAB)
    assert reader.accepts(":1", "gitlab") == FORGED
    server.set_role_keys(TARGETS, bare("fresh"))
    for role in (RELEASES, GITLAB):
        server.delegate(role, [bare("gitlab")])
        server.sign_tag(role, "1", DIGEST)
    server.publish(ROOT, TARGETS, RELEASES, GITLAB)
    assert reader.accepts(":1", "gitlab") == DIGEST
