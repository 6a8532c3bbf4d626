"""Versions that a thief raised to the highest there is, and the owner's way back: new keys.

Without one, a single reading while the thief was served would shut a collection out for ever.
"""

import json

import pytest

from signer.constants import MAX_VERSION, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode
from signer.trust.state import TrustState
from signer.trust.state_files import FileStates
from tests.attacks.keys import bare, certified
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, GITLAB, OTHER, RELEASES, SimulatedCollection

STEP = {TIMESTAMP: 5, SNAPSHOT: 6, TARGETS: 8, RELEASES: 9}


def fast_forward(server: SimulatedCollection, reader: Reader, *roles: str) -> None:
    """Have the reader see these roles at the highest version, and the server recover."""
    genuine, versions = server.save(), {role: server.content[role].version for role in roles}
    for role in roles:
        server.content[role].version = MAX_VERSION - 1
    if TARGETS in roles or RELEASES in roles:
        server.publish(*(role for role in roles if role not in (SNAPSHOT, TIMESTAMP)))
    elif SNAPSHOT in roles:
        server.publish_snapshot()
    else:
        server.publish_timestamp()
    reader.read()
    state = reader.states.load(reader.gun)
    assert state is not None
    assert {role: state.versions[role] for role in roles} == dict.fromkeys(roles, MAX_VERSION)
    server.serve(genuine)
    for role, version in versions.items():
        server.content[role].version = version
    server.publish(*(role for role in roles if role in (TARGETS, RELEASES)))


def rotate(server: SimulatedCollection, *roles: str) -> None:
    """Publish a root with fresh keys for these roles."""
    for role in roles:
        server.set_role_keys(role, bare(f"fresh {role}"))
    server.publish(ROOT, *(role for role in roles if role == TARGETS))


@pytest.mark.parametrize(
    ("raised", "rotated"),
    [
        ((TIMESTAMP,), (TIMESTAMP,)),
        ((SNAPSHOT,), (SNAPSHOT,)),
        ((SNAPSHOT, TIMESTAMP), (TIMESTAMP,)),
        ((SNAPSHOT, TIMESTAMP), (SNAPSHOT,)),
        ((SNAPSHOT, TIMESTAMP), (SNAPSHOT, TIMESTAMP)),
        ((TARGETS,), (TARGETS,)),
        ((TARGETS, RELEASES), (TARGETS,)),
        ((TARGETS, SNAPSHOT, TIMESTAMP), (TARGETS, SNAPSHOT)),
    ],
)
@pytest.mark.parametrize("cache", ["kept", "deleted"])
def test_the_owner_recovers_by_rotating_the_stolen_key(
    server: SimulatedCollection,
    reader: Reader,
    raised: tuple[str, ...],
    rotated: tuple[str, ...],
    cache: str,
) -> None:
    fast_forward(server, reader, *raised)
    first = next(role for role in (TIMESTAMP, SNAPSHOT, TARGETS, RELEASES) if role in raised)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=STEP[first])
    rotate(server, *rotated)
    if cache == "deleted":
        reader.forget_cache()
    for _ in range(2):
        assert reader.accepts(":1", "gitlab") == DIGEST


@pytest.mark.parametrize(
    ("raised", "rotated"),
    [
        (TIMESTAMP, ()),
        (TIMESTAMP, (TARGETS,)),
        (SNAPSHOT, (TARGETS,)),
        (TARGETS, ()),
        (TARGETS, (TIMESTAMP, SNAPSHOT)),
        (RELEASES, (TIMESTAMP, SNAPSHOT)),
    ],
)
def test_a_newer_root_that_keeps_a_roles_keys_keeps_its_mark(
    server: SimulatedCollection, reader: Reader, raised: str, rotated: tuple[str, ...]
) -> None:
    fast_forward(server, reader, raised)
    rotate(server, *rotated)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=STEP[raised])


def test_a_key_that_is_added_beside_the_stolen_one_recovers_nothing(
    server: SimulatedCollection, reader: Reader
) -> None:
    fast_forward(server, reader, TIMESTAMP)
    server.set_role_keys(TIMESTAMP, *server.signers[TIMESTAMP], bare("fresh"))
    server.publish(ROOT)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_a_threshold_that_the_stolen_key_no_longer_meets_recovers(
    server: SimulatedCollection, reader: Reader
) -> None:
    fast_forward(server, reader, TIMESTAMP)
    server.set_role_keys(TIMESTAMP, *server.signers[TIMESTAMP], bare("fresh"), threshold=2)
    server.publish(ROOT)
    assert reader.accepts() == DIGEST


def test_a_rotated_root_key_alone_recovers_nothing(
    server: SimulatedCollection, reader: Reader
) -> None:
    fast_forward(server, reader, TIMESTAMP)
    server.rotate_root(certified("new root"))
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_the_way_back_leads_over_several_roots(server: SimulatedCollection, reader: Reader) -> None:
    fast_forward(server, reader, SNAPSHOT, TIMESTAMP)
    rotate(server, TIMESTAMP)
    server.rotate_root(certified("new root"))
    server.publish(ROOT)
    assert reader.accepts() == DIGEST


def test_after_the_recovery_versions_may_not_fall_again(
    server: SimulatedCollection, reader: Reader
) -> None:
    fast_forward(server, reader, TIMESTAMP)
    rotate(server, TIMESTAMP)
    old = server.save()
    assert reader.accepts() == DIGEST
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    assert reader.accepts() == OTHER
    server.serve(old)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_nothing_from_before_the_rotation_can_be_replayed_after_it(
    server: SimulatedCollection, reader: Reader
) -> None:
    """The marks of timestamp and snapshot start anew, but no old snapshot names the new root."""
    old = server.save()
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES, GITLAB)
    reader.read()
    server.set_role_keys(SNAPSHOT, bare("fresh"))
    server.publish(ROOT)
    server.put(TIMESTAMP, old.files[TIMESTAMP])
    server.put(SNAPSHOT, old.files[SNAPSHOT])
    for role in (RELEASES, GITLAB):
        server.put(role, old.files[role])
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=6)
    server.publish_snapshot()  # the server's new key signs what it had before
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=9)


@pytest.mark.parametrize("late", ["before", "after"])
def test_a_slow_run_under_the_former_root_does_not_bring_the_mark_back(
    server: SimulatedCollection, reader: Reader, late: str
) -> None:
    fast_forward(server, reader, TIMESTAMP)
    slow = reader.states.load(reader.gun)
    assert slow is not None
    rotate(server, TIMESTAMP)
    if late == "after":
        reader.read()
        reader.states.save(reader.gun, slow)
    assert reader.accepts() == DIGEST
    reader.states.save(reader.gun, TrustState(slow.root, {**slow.versions, TARGETS: 7}))
    state = reader.states.load(reader.gun)
    assert state is not None
    assert state.root_version == 2
    assert state.versions[TIMESTAMP] < 10  # under other keys: it does not count
    assert state.versions[TARGETS] == 7  # under the same keys: it does


def test_a_state_as_earlier_versions_wrote_it_recovers_alike(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    path = FileStates(reader.trust_dir / "signer").path(reader.gun)
    content = json.loads(path.read_bytes())
    assert sorted(content) == ["gun", "pins", "root", "versions"]
    content["versions"] |= {"timestamp": MAX_VERSION, "snapshot": MAX_VERSION}
    path.write_text(json.dumps(content))
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)
    rotate(server, SNAPSHOT)
    assert reader.accepts() == DIGEST
