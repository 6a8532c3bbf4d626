"""From a trusted root to the newest (check matrix, row 3): N+1 after N, signed by both."""

from collections.abc import Callable

import pytest

from signer.constants import BASE_ROLES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode, NotFoundError, TrustDataError
from signer.trust.pinning import Pins
from tests.attacks.keys import GUN, bare, certified
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import DIGEST, OTHER, RELEASES, SimulatedCollection

ORIGINAL = certified(f"{GUN} root", GUN)
KEYS = [certified(f"root {number}") for number in range(4)]
ROOT_REFUSED = ("threshold-not-met", ExitCode.TRUST_DATA)


@pytest.fixture
def rotated(server: SimulatedCollection) -> SimulatedCollection:
    """The collection after three rotations: root version 4, each signed by old and new."""
    for key in KEYS[:3]:
        server.rotate_root(key)
    return server


@pytest.mark.parametrize("number", range(-1, 3))
def test_a_pin_on_any_root_of_the_chain_leads_to_the_newest(
    rotated: SimulatedCollection, reader: Reader, number: int
) -> None:
    pinned = ORIGINAL if number < 0 else KEYS[number]
    reader.pins = Pins.load([pinned.keyid])
    assert reader.accepts() == DIGEST
    assert reader.read().root.version == 4


@pytest.mark.parametrize("number", range(-1, 3))
def test_a_state_of_any_root_of_the_chain_leads_to_the_newest(
    server: SimulatedCollection, reader: Reader, number: int
) -> None:
    for key in KEYS[: number + 1]:
        server.rotate_root(key)
    reader.pins = TOFU
    reader.read()
    for key in KEYS[number + 1 : 3]:
        server.rotate_root(key)
    reader.pins = Pins()
    assert reader.accepts() == DIGEST
    state = reader.states.load(reader.gun)
    assert state is not None
    assert state.versions[ROOT] == 4


def test_a_pin_on_the_new_key_is_accepted_although_the_old_root_is_remembered(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.rotate_root(KEYS[0])
    reader.pins = Pins.load([KEYS[0].keyid])
    assert reader.accepts() == DIGEST


def test_a_pin_on_the_old_key_is_accepted_although_the_new_root_is_remembered(
    server: SimulatedCollection, reader: Reader
) -> None:
    old = reader.pins
    server.rotate_root(KEYS[0])
    reader.pins = Pins.load([KEYS[0].keyid])
    reader.read()
    reader.pins = old
    assert reader.accepts() == DIGEST


def not_by_old(server: SimulatedCollection) -> None:
    server.signers[ROOT] = [KEYS[0]]
    server.set_root_keys(KEYS[0])
    server.publish(ROOT)


def not_by_new(server: SimulatedCollection) -> None:
    server.set_root_keys(KEYS[0])
    server.publish(ROOT)


def by_a_threshold_of_the_old_only(server: SimulatedCollection) -> None:
    server.signers[ROOT] = [*server.signers[ROOT], KEYS[0]]
    server.set_root_keys(KEYS[0], KEYS[1], threshold=2)
    server.publish(ROOT)


@pytest.mark.parametrize("forge", [not_by_old, not_by_new, by_a_threshold_of_the_old_only])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_next_root_that_is_not_signed_by_both_is_refused(
    server: SimulatedCollection,
    reader: Reader,
    forge: Callable[[SimulatedCollection], None],
    remembered: bool,
) -> None:
    if remembered:
        reader.read()
    forge(server)
    reader.refuses(*ROOT_REFUSED, step=3)


@pytest.mark.parametrize("missing", [2, 3])
def test_a_gap_in_the_chain_from_the_pin_is_refused(
    rotated: SimulatedCollection, reader: Reader, missing: int
) -> None:
    reader.pins = Pins.load([ORIGINAL.keyid])
    del rotated.archive[ROOT, "", missing]
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_a_gap_in_the_chain_from_the_state_is_refused_unless_the_old_key_signed_over_it(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.rotate_root(KEYS[0])
    server.rotate_root(KEYS[1])
    for version in (2, 3):
        del server.archive[ROOT, "", version]
    reader.refuses(*ROOT_REFUSED, step=7)


def test_without_numbered_versions_a_root_signed_by_the_old_key_is_found_by_its_hash(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.rotate_root(KEYS[0])
    del server.archive[ROOT, "", 2]
    assert reader.accepts() == DIGEST
    assert reader.read().root.version == 2


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT])
def test_a_root_found_over_a_gap_judges_what_the_former_root_had_admitted(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    """The role's key was stolen and rotated; the thief hides the numbered root and goes on."""
    reader.read()
    stolen = server.signers[role]
    server.set_role_keys(role, bare("fresh"))
    server.signers[role] = stolen
    server.publish(ROOT)
    del server.archive[ROOT, "", 2]
    reader.refuses(*ROOT_REFUSED, step=7)


@pytest.mark.parametrize(("asked", "served"), [(2, 3), (2, 4), (3, 2), (3, 4)])
def test_another_version_than_the_one_asked_for_is_refused(
    rotated: SimulatedCollection, reader: Reader, asked: int, served: int
) -> None:
    rotated.answers[ROOT, "", asked] = rotated.archive[ROOT, "", served]
    reader.pins = Pins.load([ORIGINAL.keyid])
    with pytest.raises(TrustDataError) as caught:
        reader.read()
    assert caught.value.step == 3


def test_a_downgraded_root_is_refused_after_a_newer_was_seen(
    server: SimulatedCollection, reader: Reader
) -> None:
    old = server.save()
    server.rotate_root(KEYS[0])
    reader.read()
    server.serve(old)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)
    reader.forget_cache()
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_a_next_root_with_the_same_version_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.root.consistent_snapshot = True
    server.signers[ROOT] = [*server.signers[ROOT], KEYS[0]]
    server.answers[ROOT, "", 2] = server.signed_file(ROOT)
    reader.refuses("wrong-version", ExitCode.TRUST_DATA, step=3)


def test_a_root_that_skips_versions_is_refused(server: SimulatedCollection, reader: Reader) -> None:
    reader.read()
    server.root.version = 2**31 - 2
    server.publish(ROOT)
    server.answers[ROOT, "", 2] = server.files[ROOT]
    reader.refuses("wrong-version", ExitCode.TRUST_DATA, step=3)


def test_an_endless_chain_of_roots_ends(
    server: SimulatedCollection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signer.trust.client.MAX_ROOT_ROTATIONS", 5)
    reader.read()
    for _ in range(7):
        server.publish(ROOT)
    reader.refuses("too-many-roots", ExitCode.TRUST_DATA, step=3)


def test_a_fast_forwarded_root_does_not_make_the_reader_ask_for_ever(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.root.version = 2**31 - 2
    server.signers[ROOT] = [certified("mallory")]
    server.set_root_keys(certified("mallory"))
    server.publish(ROOT)
    forged = server.files[ROOT]
    server.answers[ROOT] = forged
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    assert len(server.asked) < 1100


def test_an_expired_root_between_is_no_obstacle(
    server: SimulatedCollection, reader: Reader
) -> None:
    from tests.attacks.simulator import in_days

    good = server.root.expires
    server.root.expires = in_days(-1)
    server.rotate_root(KEYS[0])
    server.root.expires = good
    server.rotate_root(KEYS[1])
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("role", [role for role in BASE_ROLES if role != ROOT])
def test_after_a_rotation_the_old_key_of_a_role_signs_nothing(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    reader.read()
    stolen = server.signers[role]
    server.set_role_keys(role, bare("fresh"))
    server.publish(ROOT, TARGETS)
    assert reader.accepts() == DIGEST
    server.signers[role] = stolen
    server.publish(TARGETS)
    step = {TIMESTAMP: 5, SNAPSHOT: 6, TARGETS: 8}[role]
    reader.refuses(*ROOT_REFUSED, step=step)


def test_an_error_while_asking_for_the_next_root_is_not_the_end_of_the_chain(
    server: SimulatedCollection, reader: Reader
) -> None:
    from signer.errors import NetworkError

    reader.read()
    server.rotate_root(KEYS[0])
    server.answers[ROOT, "", 2] = NetworkError("The server is overloaded.")
    reader.refuses("network", ExitCode.NETWORK, step=3)
    server.answers[ROOT, "", 2] = NotFoundError("hidden")
    server.sign_tag(RELEASES, "1", OTHER)
    assert reader.accepts() == DIGEST


def test_another_good_root_under_the_hash_that_the_snapshot_names_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    old = server.signers[ROOT]
    server.publish(ROOT)
    named = server.files[ROOT]
    server.root.consistent_snapshot = True
    other = server.signed_file(ROOT)
    assert server.signers[ROOT] == old
    del server.archive[ROOT, "", 2]
    digest = next(key[1] for key, wire in server.archive.items() if wire == named and key[1])
    server.answers[ROOT, digest, 0] = other
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=7)
