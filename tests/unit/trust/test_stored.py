"""Deciding by what is stored: what is served, what is missing, and when a server was last there."""

from datetime import timedelta
from pathlib import Path

import pytest

from signer.constants import BASE_ROLES, ROOT, SNAPSHOT, TIMESTAMP
from signer.errors import ExitCode, NetworkError, NotFoundError, SignerError
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import Downloads
from signer.trust.pinning import Pins
from signer.trust.stored import NotStoredError, StoredSource
from tests.attacks.keys import NOW, bare, certified
from tests.attacks.reading import AtOnce, Reader
from tests.attacks.simulator import DIGEST, GITLAB, OTHER, RELEASES, SimulatedCollection


@pytest.fixture
def server() -> SimulatedCollection:
    return SimulatedCollection.with_signers("gitlab")


@pytest.fixture
def reader(server: SimulatedCollection, tmp_path: Path) -> Reader:
    return Reader(server, tmp_path / "trust")


def offline(reader: Reader, pins: Pins | None = None) -> TrustedCollection:
    """Read without the server."""
    return TrustClient(
        reader.gun,
        Downloads(StoredSource(reader.gun, cache=reader.cache, states=reader.states), AtOnce()),
        cache=reader.cache,
        states=reader.states,
        pins=pins or Pins(),
        clock=lambda: reader.now,
        live=False,
    ).update()


def not_stored(reader: Reader, pins: Pins | None = None) -> SignerError:
    with pytest.raises(NotStoredError) as caught:
        offline(reader, pins)
    assert (caught.value.code, caught.value.exit_code) == ("not-stored", ExitCode.NETWORK)
    assert isinstance(caught.value, NetworkError)
    assert "--bundle" in caught.value.hint
    return caught.value


def test_what_was_read_with_the_network_is_read_without_it(reader: Reader) -> None:
    online = reader.read()
    reader.server.asked.clear()
    stored = offline(reader)
    assert {name: role.wire for name, role in stored.roles.items()} == {
        name: role.wire for name, role in online.roles.items()
    }
    assert reader.server.asked == []


def test_with_nothing_stored_the_reason_is_not_that_there_is_no_trust_data(reader: Reader) -> None:
    assert str(not_stored(reader)) == f"Nothing is stored for {reader.gun}."
    assert reader.pins is not None
    not_stored(reader, reader.pins)


def test_with_the_cache_deleted_nothing_is_decided_by_the_root_alone(reader: Reader) -> None:
    reader.read()
    reader.forget_cache()
    assert str(not_stored(reader)) == f"Nothing is stored for {reader.gun}."


@pytest.mark.parametrize("role", [SNAPSHOT, "targets", RELEASES, GITLAB])
def test_a_file_that_is_missing_or_of_another_publish_is_no_attack(
    reader: Reader, role: str
) -> None:
    """As a process leaves it that was killed between two files."""
    reader.read()
    path = reader.cache.directory / f"{role}.json"
    older = path.read_bytes()
    path.unlink()
    assert role in str(not_stored(reader))
    path.write_bytes(older + b" ")
    assert role in str(not_stored(reader))


def test_an_expired_timestamp_is_expired_without_the_network_too(reader: Reader) -> None:
    reader.read()
    reader.now = NOW + timedelta(days=15)
    with pytest.raises(SignerError) as caught:
        offline(reader)
    assert caught.value.exit_code == ExitCode.EXPIRED


def test_stored_files_older_than_what_was_seen_are_a_rollback(reader: Reader) -> None:
    reader.read()
    old = {
        path: path.read_bytes() for path in reader.cache.directory.rglob("*.json") if path.is_file()
    }
    reader.server.sign_tag(RELEASES, "1", OTHER)
    reader.server.publish(RELEASES)
    reader.read()
    for path, content in old.items():
        path.write_bytes(content)
    with pytest.raises(SignerError) as caught:
        offline(reader)
    assert caught.value.code == "rollback"


def test_a_pin_holds_for_files_that_another_program_has_cached(reader: Reader) -> None:
    """``docker`` and ``notary`` keep no state of ours beside their files."""
    reader.read()
    reader.states.forget(reader.gun)
    assert reader.pins is not None
    assert offline(reader, reader.pins).find(RELEASES, "1")
    reader.states.forget(reader.gun)
    with pytest.raises(SignerError) as caught:
        offline(reader, Pins.load(["0" * 64]))
    assert caught.value.code == "pin-mismatch"
    with pytest.raises(SignerError) as caught:
        offline(reader)
    assert caught.value.code == "no-pin"


def test_a_root_that_another_program_has_cached_is_the_next_one(reader: Reader) -> None:
    reader.read()
    state = reader.states.load(reader.gun)
    assert state is not None
    reader.server.rotate_root(certified("next root"))
    other = Reader(reader.server, reader.trust_dir.parent / "other")
    other.read()
    for path in other.cache.directory.rglob("*.json"):
        (reader.cache.directory / path.relative_to(other.cache.directory)).write_bytes(
            path.read_bytes()
        )
    assert offline(reader).root.version == 2


def test_a_source_serves_by_role_hash_and_version(reader: Reader) -> None:
    reader.read()
    source = StoredSource(reader.gun, cache=reader.cache, states=reader.states)
    for role in BASE_ROLES:
        wire = reader.server.files[role]
        assert source.get_metadata(role, max_bytes=len(wire)) == wire
        with pytest.raises(SignerError) as caught:
            source.get_metadata(role, max_bytes=len(wire) - 1)
        assert caught.value.code == "too-large"
        with pytest.raises(NotStoredError):
            source.get_metadata(role, sha256="0" * 64, max_bytes=len(wire))
    assert source.get_metadata(ROOT, version=1, max_bytes=10**6) == reader.server.files[ROOT]
    with pytest.raises(NotFoundError):
        source.get_metadata(ROOT, version=2, max_bytes=10**6)


def test_an_answer_of_the_server_confirms_the_cache_and_others_do_not(reader: Reader) -> None:
    assert reader.cache.confirmed() is None
    reader.read()
    assert reader.cache.confirmed() == NOW
    reader.now = NOW + timedelta(hours=1)
    offline(reader)
    assert reader.cache.confirmed() == NOW
    reader.read()
    assert reader.cache.confirmed() == NOW + timedelta(hours=1)
    reader.now = NOW + timedelta(hours=2)
    reader.server.answers[TIMESTAMP] = NetworkError("The server is down.")
    with pytest.raises(NetworkError):
        reader.read()
    assert reader.cache.confirmed() == NOW + timedelta(hours=1)


def test_a_refused_answer_confirms_nothing(reader: Reader) -> None:
    reader.read()
    reader.now = NOW + timedelta(hours=1)
    reader.server.signers[TIMESTAMP] = [bare("a stranger")]
    reader.server.publish_timestamp()
    with pytest.raises(SignerError):
        reader.read()
    assert reader.cache.confirmed() == NOW


def test_new_files_that_no_server_sent_leave_the_confirmation_as_it_was(reader: Reader) -> None:
    reader.read()
    reader.server.sign_tag(RELEASES, "1", DIGEST)
    reader.server.publish(RELEASES)
    client = reader.client()
    client.live = False
    reader.now = NOW + timedelta(hours=1)
    client.update()
    assert reader.cache.read(TIMESTAMP) == reader.server.files[TIMESTAMP]
    assert reader.cache.confirmed() == NOW
    reader.forget_cache()
    client = reader.client()
    client.live = False
    client.update()
    assert reader.cache.confirmed() is None
