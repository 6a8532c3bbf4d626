"""Kept collections: one update for all, nothing verified twice, nothing kept too long."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from signer.admission import collections, entry
from signer.admission.collections import KeptCollections
from signer.constants import TIMESTAMP
from signer.errors import NetworkError, NotSignedError, TrustDataError
from signer.names import Gun
from signer.policy.model import Rule
from signer.trust.state import TrustState
from tests.attacks.keys import GUN, bare
from tests.attacks.simulator import OTHER, RELEASES, SimulatedCollection
from tests.unit.admission.material import Bench, in_force, pinned_rule

DOWN = NetworkError("The server does not answer.")


def rule_of(server: SimulatedCollection, *more: str) -> Rule:
    return in_force(pinned_rule(server, *more)).policy.rules[0]


def digest(bench: Bench, rule: Rule, tag: str = "1") -> str:
    collection = bench.kept.read(Gun(GUN), rule=rule, timeout=20).collection
    target = collection.find(RELEASES, tag)
    assert target is not None
    return "sha256:" + str(target.hashes["sha256"])


def test_many_readers_cause_one_update(bench: Bench, server: SimulatedCollection) -> None:
    rule, gate = rule_of(server), threading.Event()
    server.watchers.append(lambda _request: gate.wait(20))
    with ThreadPoolExecutor(20) as threads:
        readers = [threads.submit(bench.read, rule) for _ in range(20)]
        gate.set()
        assert len({reader.result(20) for reader in readers}) == 1
    assert [request[0] for request in server.asked].count(TIMESTAMP) == 1
    assert bench.observed.count("verified") == 1


def test_what_was_just_confirmed_is_used_without_a_request(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    bench.read(rule)
    before = len(server.asked)
    bench.pass_time(entry.SOON_SECONDS - 0.1)
    bench.read(rule)
    assert len(server.asked) == before
    assert bench.observed == ["verified", "kept"]


def test_then_timestamp_and_next_root_are_asked_for_and_nothing_is_verified_again(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    first = bench.kept.read(Gun(GUN), rule=rule, timeout=20)
    server.asked.clear()
    bench.pass_time(entry.HOLD_SECONDS)
    second = bench.kept.read(Gun(GUN), rule=rule, timeout=20)
    assert sorted(server.asked) == [("root", "", 2), ("timestamp", "", 0)]
    assert second.collection is first.collection
    assert second.contacted > first.contacted


def test_a_publish_shows(bench: Bench, server: SimulatedCollection) -> None:
    rule = rule_of(server)
    assert digest(bench, rule) != OTHER
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    bench.pass_time(entry.HOLD_SECONDS)
    assert digest(bench, rule) == OTHER


def test_without_a_hold_a_publish_shows_at_once(bench: Bench, server: SimulatedCollection) -> None:
    """An engine's users sign, and run what they signed in the same moment."""
    rule = rule_of(server)
    kept = KeptCollections(bench.session, hold_seconds=0, monotonic=lambda: bench.seconds)
    try:
        first = kept.read(Gun(GUN), rule=rule, timeout=20)
        assert kept.read(Gun(GUN), rule=rule, timeout=20).collection is first.collection
        server.sign_tag(RELEASES, "1", OTHER)
        server.publish(RELEASES)
        found = kept.read(Gun(GUN), rule=rule, timeout=20).collection.find(RELEASES, "1")
    finally:
        kept.close()
    assert found is not None
    assert f"sha256:{found.hashes['sha256']}" == OTHER


def test_a_newer_root_shows_though_the_timestamp_is_the_same(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    bench.read(rule)
    timestamp = server.files[TIMESTAMP]
    server.rotate_root(bare("another root"))
    server.files[TIMESTAMP] = timestamp
    bench.pass_time(entry.HOLD_SECONDS)
    with pytest.raises(TrustDataError):
        bench.read(rule)


def test_newer_versions_in_the_trust_state_refuse_an_old_server(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    bench.read(rule)
    store = bench.session.states
    known = store.load(Gun(GUN))
    assert known is not None
    store.save(Gun(GUN), TrustState(known.root, {**known.versions, TIMESTAMP: 99}, known.pins))
    bench.pass_time(entry.HOLD_SECONDS)
    with pytest.raises(TrustDataError) as caught:
        bench.read(rule)
    assert caught.value.code == "rollback"


def test_nothing_is_used_after_it_has_expired(bench: Bench, server: SimulatedCollection) -> None:
    rule = rule_of(server)
    bench.read(rule)
    bench.session.now += timedelta(days=15)
    with pytest.raises(Exception) as caught:
        bench.read(rule)
    assert "expired" in str(getattr(caught.value, "code", ""))


def test_all_is_verified_anew_from_time_to_time(bench: Bench, server: SimulatedCollection) -> None:
    rule = rule_of(server)
    bench.read(rule)
    bench.pass_time(collections.WHOLE_SECONDS)
    bench.read(rule)
    assert bench.observed == ["verified", "verified"]


def test_passing_errors_are_kept_for_a_second_and_definite_ones_longer(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    server.answers[TIMESTAMP] = DOWN
    with pytest.raises(NetworkError):
        bench.read(rule)
    with pytest.raises(NetworkError):
        bench.read(rule)
    assert [request[0] for request in server.asked].count(TIMESTAMP) == 1
    bench.pass_time(entry.PASSING_SECONDS)
    del server.answers[TIMESTAMP]
    bench.read(rule)
    kept = server.files.pop(TIMESTAMP)
    bench.pass_time(entry.HOLD_SECONDS)
    with pytest.raises(NotSignedError):
        bench.read(rule)
    server.files[TIMESTAMP] = kept
    bench.pass_time(entry.PASSING_SECONDS)
    with pytest.raises(NotSignedError):
        bench.read(rule)
    bench.pass_time(entry.DEFINITE_SECONDS)
    bench.read(rule)
    assert bench.observed[-1] == "confirmed"


def test_one_lost_request_in_the_background_refuses_nothing(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule = rule_of(server)
    bench.read(rule)
    server.answers[TIMESTAMP] = DOWN
    bench.pass_time(entry.SOON_SECONDS)
    bench.read(rule)
    bench.wait_until_landed()
    assert bench.observed[-1] == "failed"
    bench.read(rule)
    del server.answers[TIMESTAMP]
    bench.pass_time(entry.PASSING_SECONDS)
    bench.read(rule)
    bench.wait_until_landed()
    assert bench.observed[-1] == "confirmed"
    server.answers[TIMESTAMP] = DOWN
    bench.pass_time(entry.HOLD_SECONDS)
    with pytest.raises(NetworkError):
        bench.read(rule)


def test_stored_data_stand_in_for_the_grace_period_alone(
    bench: Bench, server: SimulatedCollection
) -> None:
    strict = rule_of(server)
    lenient = rule_of(server, "freshness: {grace: 1h}", "require: {released: true}")
    bench.read(strict)
    server.answers["root"] = server.answers[TIMESTAMP] = DOWN
    bench.pass_time(entry.HOLD_SECONDS)
    with pytest.raises(NetworkError):
        bench.read(strict)
    reading = bench.kept.read(Gun(GUN), rule=lenient, timeout=20)
    assert reading.unreachable is not None
    bench.pass_time(3600)
    with pytest.raises(NetworkError):
        bench.read(lenient)


def test_a_reader_gives_up_and_the_update_goes_on(
    bench: Bench, server: SimulatedCollection
) -> None:
    rule, gate = rule_of(server), threading.Event()
    server.watchers.append(lambda _request: gate.wait(20))
    with pytest.raises(NetworkError) as caught:
        bench.kept.read(Gun(GUN), rule=rule, timeout=0.05)
    assert caught.value.code == "timeout"
    gate.set()
    bench.read(rule)
    assert bench.observed.count("verified") == 1


def test_no_more_are_kept_than_allowed(
    bench: Bench, server: SimulatedCollection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collections, "MAX_KEPT", 1)
    other = SimulatedCollection.with_signers("gitlab", gun="registry.example.com/shop/other")
    bench.session.collections_by_gun[other.gun] = other
    bench.read(rule_of(server))
    bench.read(rule_of(other), gun=other.gun)
    bench.read(rule_of(server))
    assert bench.observed == ["verified"] * 3
