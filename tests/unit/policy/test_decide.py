"""Decisions by a whole policy: which rule, which collection, which verdict."""

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from signer.constants import ROOT
from signer.errors import AuthError, NetworkError, SignerError, TrustDataError
from signer.names import ImageReference
from signer.policy.agreement import ManifestSource
from signer.policy.decide import Decider
from signer.policy.reading import Reading
from tests.attacks.keys import GUN, NOW
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, OTHER, SimulatedCollection
from tests.unit.policy.material import (
    KEY_ID,
    RELEASED,
    Readings,
    Scene,
    parse,
    policy_text,
    refused,
    rule,
)

API = "registry.example.com/shop/api"


@pytest.fixture
def readings(tmp_path: Path) -> Readings:
    web = SimulatedCollection.with_signers("gitlab")
    api = SimulatedCollection.with_signers("gitlab", gun=API)
    api.sign_tag("targets/releases", "latest", OTHER)
    api.publish("targets/releases")
    return Readings({GUN: Reader(web, tmp_path / "web"), API: Reader(api, tmp_path / "api")})


def _root(readings: Readings, gun: str) -> str:
    return f'root: {{key_ids: ["{readings.readers[gun].server.signers[ROOT][0].keyid}"]}}'


@pytest.fixture
def text(readings: Readings) -> str:
    return policy_text(
        rule(GUN, _root(readings, GUN), RELEASED),
        rule(API, _root(readings, API), RELEASED),
        rule("registry.example.com/*", "approve: false"),
        rule("registry.k8s.io/*", "approve: true"),
    )


def _decider(text: str, readings: Readings) -> Decider:
    return Decider(parse(text), readings, clock=lambda: NOW)


def _image(text: str) -> ImageReference:
    return ImageReference.parse(text)


def test_without_a_rule_the_image_is_denied_and_nothing_is_read(
    text: str, readings: Readings
) -> None:
    verdict = _decider(text, readings).decide(_image("busybox"))
    reason = refused(verdict, "no-rule", step=0)
    assert "docker.io/library/busybox" in reason.message
    assert (verdict.rule, verdict.runner_up, readings.asked) == ("", "", [])


def test_an_approving_rule_accepts_without_a_signature(text: str, readings: Readings) -> None:
    decider = _decider(text, readings)
    verdict = decider.decide(_image("registry.k8s.io/pause:3.9"))
    assert (verdict.verdict, verdict.digest, verdict.rule) == ("accept", "", "registry.k8s.io/*")
    assert {check.status for check in verdict.checks} == {"skip"}
    by_digest = decider.decide(_image(f"registry.k8s.io/pause@{DIGEST}"))
    assert by_digest.digest == DIGEST
    assert readings.asked == []


def test_a_denying_rule_refuses_whatever_is_signed(text: str, readings: Readings) -> None:
    verdict = _decider(text, readings).decide(_image("registry.example.com/other/x"))
    refused(verdict, "denied-by-rule", step=0)
    assert readings.asked == []


def test_the_narrower_rule_decides_and_the_runner_up_is_named(
    text: str, readings: Readings
) -> None:
    verdict = _decider(text, readings).decide(_image(f"{GUN}:1"))
    assert (verdict.verdict, verdict.digest) == ("accept", DIGEST)
    assert (verdict.rule, verdict.runner_up) == (GUN, "registry.example.com/*")


def test_an_approving_rule_does_not_catch_what_a_narrower_one_refuses(readings: Readings) -> None:
    text = policy_text(
        rule("registry.example.com/*", "approve: true"),
        rule(GUN, _root(readings, GUN), RELEASED),
    )
    verdict = _decider(text, readings).decide(_image(f"{GUN}:unsigned"))
    refused(verdict, "not-signed", step=10)


def test_an_image_without_tag_and_digest_is_latest(text: str, readings: Readings) -> None:
    verdict = _decider(text, readings).decide(_image(API))
    assert (verdict.image, verdict.digest) == (f"{API}:latest", OTHER)


def test_a_pin_that_does_not_accept_the_root_refuses(readings: Readings) -> None:
    text = policy_text(rule(GUN, f'root: {{key_ids: ["{KEY_ID}"]}}', RELEASED))
    refused(
        _decider(text, readings).decide(_image(f"{GUN}:1")), "pin-mismatch", step=1, exit_code=4
    )


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (NetworkError("down"), 6),
        (AuthError("no"), 7),
        (TrustDataError("forged"), 4),
        (SignerError("odd"), 1),
    ],
)
def test_a_failure_to_read_is_a_refusal(
    text: str, readings: Readings, error: SignerError, exit_code: int
) -> None:
    readings.errors = {GUN: error}
    decider = _decider(text, readings)
    for verdict in (decider.decide(_image(f"{GUN}:1")), *decider.decide_all([_image(f"{GUN}:1")])):
        assert verdict.verdict == "reject"
        assert verdict.reason is error
        assert int(verdict.exit_code) == exit_code
        assert verdict.rule == GUN


@pytest.mark.parametrize("reference", [f"{GUN}:unsigned", f"{GUN}:1@{OTHER}"])
def test_a_rule_that_only_warns_lets_refusals_through_with_the_reason(
    readings: Readings, reference: str
) -> None:
    text = policy_text(rule(GUN, _root(readings, GUN), RELEASED, "mode: warn"))
    decider = _decider(text, readings)
    verdict = decider.decide(_image(reference))
    assert (verdict.verdict, verdict.digest, int(verdict.exit_code)) == ("warn", "", 0)
    assert verdict.reason is not None
    assert decider.decide(_image(f"{GUN}:1")).verdict == "accept"
    readings.errors = {GUN: NetworkError("down")}
    assert decider.decide(_image(f"{GUN}:1")).verdict == "warn"


def test_no_rule_is_a_refusal_whatever_other_rules_warn(readings: Readings) -> None:
    text = policy_text(rule(GUN, _root(readings, GUN), RELEASED, "mode: warn"))
    assert _decider(text, readings).decide(_image("busybox")).verdict == "reject"


def test_stored_data_stand_in_for_a_server_that_is_down_with_a_warning(
    text: str, readings: Readings
) -> None:
    down = NetworkError("The server is down.")
    readings.reading = lambda reading: replace(reading, unreachable=down)
    verdict = _decider(text, readings).decide(_image(f"{GUN}:1"))
    assert (verdict.verdict, verdict.digest, verdict.reason) == ("warn", DIGEST, down)
    refused(_decider(text, readings).decide(_image(f"{GUN}:2")), "not-signed", step=10)


def test_freshness_is_judged_by_the_clock_and_not_by_the_reading(readings: Readings) -> None:
    text = policy_text(
        rule(GUN, _root(readings, GUN), RELEASED, "freshness: {max_timestamp_age: 1d}")
    )
    late = Decider(parse(text), readings, clock=lambda: NOW + timedelta(days=2))
    refused(late.decide(_image(f"{GUN}:1")), "timestamp-too-old", step=13)


@pytest.fixture(params=["alone", "threads"])
def executor(request: pytest.FixtureRequest) -> Iterator[Executor | None]:
    if request.param == "alone":
        yield None
        return
    with ThreadPoolExecutor(4) as threads:
        yield threads


def test_several_images_are_decided_in_order_and_each_collection_is_read_once(
    text: str, readings: Readings, executor: Executor | None
) -> None:
    images = [f"{GUN}:1", "busybox", f"{API}", f"{GUN}:2", f"{GUN}@{DIGEST}", "registry.k8s.io/a:1"]
    verdicts = _decider(text, readings).decide_all(
        [_image(image) for image in images], executor=executor
    )
    assert [verdict.verdict for verdict in verdicts] == [
        *("accept", "reject", "accept", "reject", "accept", "accept")
    ]
    assert [verdict.digest for verdict in verdicts] == [DIGEST, "", OTHER, "", DIGEST, ""]
    assert sorted(readings.asked) == [(API, API), (GUN, GUN)]


def test_one_collection_that_cannot_be_read_fails_no_other(
    text: str, readings: Readings, executor: Executor | None
) -> None:
    readings.errors = {API: NetworkError("down")}
    verdicts = _decider(text, readings).decide_all(
        [_image(f"{API}:1"), _image(f"{GUN}:1"), _image(f"{API}:2")], executor=executor
    )
    assert [int(verdict.exit_code) for verdict in verdicts] == [6, 0, 6]


def test_a_registry_that_cannot_even_be_named_is_a_refusal(scene: Scene) -> None:
    def nowhere(_: ImageReference) -> ManifestSource:
        raise SignerError("no such registry")

    def decide(line: str) -> str:
        policy = parse(policy_text(rule(GUN, scene.root, line)))
        reader = Readings({GUN: Reader(scene.server, scene.directory / "trust")})
        decider = Decider(policy, reader, clock=lambda: NOW, registry=nowhere)
        return decider.decide(_image(f"{GUN}:1")).verdict

    assert decide("require: {released: true, registry: true}") == "reject"
    assert decide(RELEASED) == "accept", "a rule that does not want it needs no registry"


def test_a_reading_says_when_the_server_confirmed_it(readings: Readings) -> None:
    found = parse(policy_text(rule(GUN, _root(readings, GUN), RELEASED))).rules[0]
    reading = readings.read(readings.readers[GUN].gun, rule=found)
    assert isinstance(reading, Reading)
    assert reading.unreachable is None
