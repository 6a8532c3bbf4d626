"""Decisions of a server: in time, the right one for each, kept for a moment under the policy."""

import threading

from signer.admission import decision
from signer.admission.decision import Decisions
from signer.errors import NetworkError
from tests.attacks.keys import GUN
from tests.attacks.simulator import DIGEST, OTHER, RELEASES, SimulatedCollection
from tests.unit.admission.material import Bench, decide, in_force, pinned_rule

APPROVE = '  - match: "registry.k8s.io/*"\n    approve: true\n'


def decisions_of(bench: Bench) -> Decisions:
    return Decisions(bench.kept, clock=bench.session.clock, monotonic=lambda: bench.seconds)


def test_each_image_gets_its_own_digest(bench: Bench, server: SimulatedCollection) -> None:
    for number in range(50):
        server.sign_tag(RELEASES, f"v{number}", f"sha256:{number:064x}")
    server.publish(RELEASES)
    texts = [f"{GUN}:v{number}" for number in range(50)]
    found = decide(decisions_of(bench), in_force(pinned_rule(server)), *texts)
    assert [one.verdict.digest for one in found] == [f"sha256:{n:064x}" for n in range(50)]


def test_a_decision_is_kept_for_this_policy_and_this_content(
    bench: Bench, server: SimulatedCollection
) -> None:
    decisions, text = decisions_of(bench), f"{GUN}:1"
    policy = in_force(pinned_rule(server))
    assert [decide(decisions, policy, text)[0].cached for _ in range(2)] == [False, True]
    tightened = in_force(pinned_rule(server, "require: {released: true, signers: [x]}"),
                         before=f'signers: {{x: {{keys: ["id:{"ab" * 32}"]}}}}\n')  # fmt: skip
    assert decide(decisions, tightened, text)[0].verdict.verdict == "reject"
    other_certificates = in_force(pinned_rule(server), number=2)
    assert not decide(decisions, other_certificates, text)[0].cached
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    bench.pass_time(10)
    again = decide(decisions, policy, text)[0]
    assert (again.cached, again.verdict.digest) == (False, OTHER)


def test_a_decision_about_former_content_does_not_outlive_it(
    bench: Bench, server: SimulatedCollection
) -> None:
    decisions, policy = decisions_of(bench), in_force(pinned_rule(server))
    decide(decisions, policy, f"{GUN}:1")
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    bench.pass_time(5)  # the decision is made anew, and the collection read in the background
    assert decide(decisions, policy, f"{GUN}:1")[0].verdict.digest == DIGEST
    bench.wait_until_landed()
    found = decide(decisions, policy, f"{GUN}:1")[0]
    assert (found.cached, found.verdict.digest) == (False, OTHER)


def test_a_decision_is_made_anew_after_a_moment(bench: Bench, server: SimulatedCollection) -> None:
    decisions, policy = decisions_of(bench), in_force(pinned_rule(server))
    decide(decisions, policy, f"{GUN}:1")
    bench.seconds += decision.KEEP_SECONDS - 0.5
    assert decide(decisions, policy, f"{GUN}:1")[0].cached
    bench.seconds += 0.5
    assert not decide(decisions, policy, f"{GUN}:1")[0].cached


def test_what_hangs_is_refused_in_time_and_delays_nothing_else(
    bench: Bench, server: SimulatedCollection
) -> None:
    gate = threading.Event()
    server.watchers.append(lambda _request: gate.wait(20))
    policy = in_force(pinned_rule(server), APPROVE)
    found = decide(decisions_of(bench), policy, f"{GUN}:1", "registry.k8s.io/pause", seconds=0.05)
    gate.set()
    reason = found[0].verdict.reason
    assert found[0].verdict.verdict == "reject"
    assert reason is not None
    assert (reason.code, "timed out" in reason.message) == ("timeout", True)
    assert found[1].verdict.verdict == "accept"


def test_a_rule_that_only_warns_lets_a_timeout_through_with_a_warning(
    bench: Bench, server: SimulatedCollection
) -> None:
    gate = threading.Event()
    server.watchers.append(lambda _request: gate.wait(20))
    policy = in_force(pinned_rule(server, "mode: warn", "require: {released: true}"))
    found = decide(decisions_of(bench), policy, f"{GUN}:1", seconds=0.05)
    gate.set()
    assert found[0].verdict.verdict == "warn"


def test_a_server_that_is_down_is_a_refusal_of_its_own(
    bench: Bench, server: SimulatedCollection
) -> None:
    server.answers["timestamp"] = NetworkError("The server does not answer.")
    found = decide(decisions_of(bench), in_force(pinned_rule(server)), f"{GUN}:1")[0]
    assert found.verdict.verdict == "reject"
    assert isinstance(found.verdict.reason, NetworkError)


def test_blank_and_malformed_images_are_refused(bench: Bench, server: SimulatedCollection) -> None:
    texts = ["", " ", "UPPER/Case:1", f"{GUN}:1@sha256:short", "a" * 64, "x\n"]
    found = decide(decisions_of(bench), in_force(pinned_rule(server), APPROVE), *texts)
    assert {one.verdict.verdict for one in found} == {"reject"}
    assert [one.verdict.reason.code for one in found if one.verdict.reason][:2] == [
        "blank-image",
        "blank-image",
    ]


def test_a_digest_must_be_the_signed_one(bench: Bench, server: SimulatedCollection) -> None:
    policy = in_force(pinned_rule(server))
    texts = [f"{GUN}:1@{DIGEST}", f"{GUN}@{DIGEST}", f"{GUN}:1@{OTHER}", f"{GUN}@{OTHER}"]
    found = decide(decisions_of(bench), policy, *texts)
    assert [one.verdict.verdict for one in found] == ["accept", "accept", "reject", "reject"]


def test_too_many_repositories_in_one_request_are_refused(
    bench: Bench, server: SimulatedCollection
) -> None:
    texts = [f"registry.example.com/many/n{number}:1" for number in range(250)]
    for text in texts:
        bench.session.collections_by_gun[text.rpartition(":")[0]] = server
    policy = in_force(pinned_rule(server, match="registry.example.com/many/*"))
    found = decide(decisions_of(bench), policy, *texts)
    codes = [one.verdict.reason.code for one in found if one.verdict.reason]
    assert codes.count("too-many-repositories") == 250 - decision.MAX_COLLECTIONS
    assert {one.verdict.verdict for one in found} == {"reject"}
