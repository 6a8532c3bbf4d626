"""Old and expired states of a collection (check matrix, rows 12, 13 and 17)."""

from datetime import timedelta

import pytest

from signer.constants import BASE_ROLES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode
from tests.attacks.keys import NOW
from tests.attacks.reading import Reader
from tests.attacks.simulator import (
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    ServerState,
    SimulatedCollection,
    in_days,
)

STEP = {ROOT: 4, TIMESTAMP: 5, SNAPSHOT: 6, TARGETS: 8, RELEASES: 9, GITLAB: 9}
LIFETIME = {ROOT: 3650, TIMESTAMP: 14, SNAPSHOT: 1095, TARGETS: 1095}


@pytest.fixture
def old(server: SimulatedCollection) -> ServerState:
    """The first state; the tag was signed again since."""
    state = server.save()
    server.sign_tag(RELEASES, "1", OTHER)
    server.sign_tag(GITLAB, "1", OTHER)
    server.publish(TARGETS, RELEASES, GITLAB)
    return state


def test_a_replayed_old_state_is_refused(
    server: SimulatedCollection, old: ServerState, reader: Reader
) -> None:
    assert reader.accepts() == OTHER
    server.serve(old)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_a_replayed_old_state_is_refused_after_the_cache_was_deleted(
    server: SimulatedCollection, old: ServerState, reader: Reader
) -> None:
    reader.read()
    reader.forget_cache()
    server.serve(old)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_only_with_the_state_deleted_is_an_old_state_believed(
    server: SimulatedCollection, old: ServerState, reader: Reader
) -> None:
    """What the state is worth: without it, an unexpired old set of files verifies."""
    reader.read()
    reader.forget_all()
    server.serve(old)
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS, RELEASES, GITLAB])
def test_each_roles_version_may_not_fall(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    """Whoever holds the role's key, and those above it, still cannot go back."""
    server.publish(TARGETS, RELEASES, GITLAB)
    reader.read()
    server.content[role].version -= 2
    if role == TIMESTAMP:
        server.publish_timestamp()
    elif role == SNAPSHOT:
        server.publish_snapshot()
    else:
        server.publish(role)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=STEP[role])
    reader.forget_cache()
    error = reader.refuses("rollback", ExitCode.TRUST_DATA, step=STEP[role])
    assert role in error.message


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS, RELEASES])
def test_an_equal_or_a_much_higher_version_is_no_rollback(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    reader.read()
    assert reader.accepts() == DIGEST
    server.content[role].version = 2**31 - 2
    server.publish(*([role] if role not in (TIMESTAMP, SNAPSHOT) else []))
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS, RELEASES])
def test_after_a_fast_forward_lower_versions_are_refused_until_the_state_is_removed(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    """A thief of the role's key can do this once; the hint says how to recover."""
    genuine = server.content[role].version
    server.content[role].version = 2**31 - 2
    server.publish(*([role] if role not in (TIMESTAMP, SNAPSHOT) else []))
    reader.read()
    server.content[role].version = genuine + 1
    server.publish(*([role] if role not in (TIMESTAMP, SNAPSHOT) else []))
    error = reader.refuses("rollback", ExitCode.TRUST_DATA, step=STEP[role])
    assert "remove its remembered state" in error.hint
    reader.states.path(reader.gun).unlink()
    assert reader.accepts() == DIGEST


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS, ROOT])
def test_a_version_beyond_the_servers_column_is_malformed(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    server.changes[role] = lambda content: content.update(version=2**31)
    server.publish(*([role] if role not in (TIMESTAMP, SNAPSHOT) else []))
    step = {ROOT: 1}.get(role, STEP[role])
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=step)


@pytest.mark.parametrize("version", [0, -1, True, None, "2", 1.5])
def test_a_version_that_is_no_positive_integer_is_malformed(
    server: SimulatedCollection, reader: Reader, version: object
) -> None:
    server.answers[TIMESTAMP] = (
        server.files[TIMESTAMP]
        .replace(b'"version":1', b'"version":' + repr(version).replace("'", '"').encode().lower())
        .replace(b"none", b"null")
    )
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=5)


# Freeze


@pytest.mark.parametrize("role", BASE_ROLES)
def test_an_expired_role_is_refused_to_the_second(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    server.content[role].expires = NOW + timedelta(seconds=1)
    server.publish(*([role] if role not in (TIMESTAMP, SNAPSHOT) else []))
    assert reader.accepts() == DIGEST
    reader.now = NOW + timedelta(seconds=1)
    error = reader.refuses("metadata-expired", ExitCode.EXPIRED, step=STEP[role])
    assert role in error.message
    reader.forget_all()
    reader.refuses("metadata-expired", ExitCode.EXPIRED, step=STEP[role])


@pytest.mark.parametrize("days", [14, 15, 400])
def test_a_frozen_server_is_believed_no_longer_than_its_timestamp_lives(
    reader: Reader, days: int
) -> None:
    reader.read()
    reader.now = in_days(13.9)
    assert reader.accepts() == DIGEST
    reader.now = in_days(days)
    reader.refuses("metadata-expired", ExitCode.EXPIRED, step=5)


def test_an_expired_release_is_refused_and_targets_is_no_fallback(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.sign_tag(TARGETS, "1", OTHER)
    server.content[RELEASES].expires = in_days(-1)
    server.publish(TARGETS, RELEASES)
    reader.rejects("metadata-expired", ExitCode.EXPIRED, step=10)


def test_an_expired_signer_is_refused_where_he_is_required_and_only_there(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.content[GITLAB].expires = in_days(-1)
    server.publish(GITLAB)
    verdict = reader.judge()
    assert (verdict.verdict, verdict.signers) == ("accept", ())
    reader.rejects("metadata-expired", ExitCode.EXPIRED, step=12, signers=("gitlab",))


@pytest.mark.parametrize(
    ("written", "alive"),
    [
        ("2026-11-22T12:00:00.999999999Z", False),
        ("2026-11-22T12:00:01Z", True),
        ("2026-11-22T14:00:01+02:00", True),
        ("2026-11-22T14:00:00+02:00", False),
        ("2026-11-22T10:00:01-02:00", True),
        ("9999-12-31T23:59:59Z", True),
    ],
)
def test_expiry_is_read_with_its_zone_and_never_late(
    server: SimulatedCollection, reader: Reader, written: str, alive: bool
) -> None:
    server.changes[TIMESTAMP] = lambda content: content.update(expires=written)
    server.publish_timestamp()
    if alive:
        assert reader.accepts() == DIGEST
    else:
        reader.refuses("metadata-expired", ExitCode.EXPIRED, step=5)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "never",
        "2099-01-01",
        "2026-13-01T00:00:00Z",
        "2099-02-30T00:00:00Z",
        "2099-01-01T00:00:60Z",
        "2099-01-01T00:00:00+99:00",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00+01:00",
        "\uff12099-01-01T00:00:00Z",
    ],
)
def test_an_expiry_that_is_no_time_is_malformed(
    server: SimulatedCollection, reader: Reader, written: str
) -> None:
    server.changes[TIMESTAMP] = lambda content: content.update(expires=written)
    server.publish_timestamp()
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=5)


def test_what_has_expired_is_never_remembered_nor_used_for_a_verdict(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.content[TIMESTAMP].expires = in_days(-1)
    server.publish_timestamp()
    collection = reader.read(allow_expired=True)
    assert set(collection.expired) == {TIMESTAMP}
    assert reader.states.load(reader.gun) is None
    assert reader.cache.read(TIMESTAMP) is None
