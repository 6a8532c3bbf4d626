"""Why a rule decides, what it requires, and what UCP would say."""

import pytest

from signer.names import ImageReference
from signer.policy.explain import explain
from signer.policy.match import match
from signer.policy.ucp import UcpAnswer, ask_ucp
from tests.attacks.keys import GUN, bare
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, GITLAB, OTHER, RELEASES
from tests.unit.policy.material import RELEASED, ROOTED, Scene, parse, policy_text, rule

TEXT = policy_text(
    rule("*", "approve: false"),
    rule("dtr.example.com/*"),
    rule("dtr.example.com/admin/*", ROOTED, RELEASED, "mode: warn"),
    rule("dtr.example.com/admin/flask*"),
    rule("quay.io/*", "approve: true"),
)


def test_rules_are_shown_in_the_order_in_which_they_would_decide_with_reasons() -> None:
    found = explain(parse(TEXT), ImageReference.parse("dtr.example.com/admin/flask:1"))
    assert found.rule is not None
    assert found.runner_up is not None
    assert (found.rule.name, found.rule.line) == ("dtr.example.com/admin/flask*", 14)
    assert found.runner_up.name == "dtr.example.com/admin/*"
    assert [(one.rule.line, one.matches, one.why) for one in found.considered] == [
        (14, True, "before dtr.example.com/admin/*: its path gives more characters"),
        (10, True, "before dtr.example.com/*: its path gives more characters"),
        (7, True, "before *: its host has no wildcard"),
        (5, True, ""),
        (17, False, "the host is not dtr.example.com"),
    ]


def test_a_path_that_does_not_match_is_said_to_be_it() -> None:
    found = explain(parse(TEXT), ImageReference.parse("dtr.example.com/other"))
    said = {one.rule.name: one.why for one in found.considered if not one.matches}
    assert said["dtr.example.com/admin/*"] == "the path does not match other"


@pytest.mark.parametrize(
    ("image", "outcome"),
    [
        ("busybox", "refused, whatever is signed"),
        ("quay.io/x", "without any signature"),
        ("dtr.example.com/admin/x", "only warns"),
        ("dtr.example.com/x", "if all of these hold"),
    ],
)
def test_the_outcome_is_said_in_a_sentence(image: str, outcome: str) -> None:
    assert outcome in explain(parse(TEXT), ImageReference.parse(image)).outcome


def test_without_a_rule_deny_is_meant() -> None:
    found = explain(parse(policy_text(rule("a.b/c"))), ImageReference.parse("busybox"))
    assert (found.rule, found.runner_up, found.conditions) == (None, None, ())
    assert "no-rule" in found.outcome


def test_every_condition_is_said_in_words_with_its_step(scene: Scene) -> None:
    text = policy_text(
        rule(
            GUN,
            scene.root,
            "require: {signers: [gitlab, alice], threshold: 1, teams: [ci], registry: true}",
            "freshness: {max_timestamp_age: 14d, min_remaining: 7d, grace: 1h}",
            'provenance: {promoted_from: "admin/*", policies: [p], max_critical: 0, '
            'pipeline: "https://*", sbom: required}',
        ),
        before=scene.declare("gitlab", "alice", teams="teams:\n  ci: [gitlab]\n"),
    )
    policy = parse(text, scene.directory / "policy.yaml")
    found = explain(policy, ImageReference.parse(f"{GUN}:1@{DIGEST}"))
    said = "\n".join(f"{int(one.step)} {one.text}" for one in found.conditions)
    key = bare(f"{GUN} gitlab").notary.canonical_id[:12]
    for part in (
        "1 a root in the chain is signed by key ",
        "10 tag '1' is signed in targets/releases, or else in targets",
        f"11 it is signed with {DIGEST}",
        f"12 1 of these have signed it with the same digest: gitlab (key {key}), alice",
        "12 a member of team ci has signed it, in any delegation directly below targets but "
        "targets/releases",
        "13 the timestamp is at most 14d old",
        "13 nothing that counts expires within 7d",
        "13 while the server is down, stored data count for 1h",
        "14 it was promoted from admin/*",
        "14 it was promoted by policy p",
        "14 its scan has at most 0 critical findings",
        "14 a pipeline like https://* has signed it",
        "14 its bill of materials is named",
        "15 the registry serves",
    ):
        assert part in said, said


def _ucp(scene: Scene, line: str, reference: str = ":1", *, teams: str = "") -> UcpAnswer:
    text = policy_text(
        rule(GUN, scene.root, line), before=scene.declare("gitlab", "alice", teams=teams)
    )
    policy = parse(text, scene.directory / "policy.yaml")
    image = ImageReference.parse(f"{GUN}{reference}")
    found = match(policy, image).rule
    assert found is not None
    collection = Reader(scene.server, scene.directory / "trust").read()
    return ask_ucp(policy, found, collection, image)


TEAMS = "teams:\n  ci: [gitlab]\n  people: [alice]\n"


def test_ucp_accepts_by_the_keys_in_first_level_delegations(scene: Scene) -> None:
    answer = _ucp(scene, "require: {teams: [ci]}", teams=TEAMS)
    assert (answer.accepts, answer.digest, answer.missing) == (True, DIGEST, ())
    assert [(one.role, one.signers, one.teams) for one in answer.signatures] == [
        ("targets/gitlab", ("gitlab",), ("ci",)),
        ("targets/alice", ("alice",), ("people",)),
    ]
    assert answer.signatures[0].key_id == bare(f"{GUN} gitlab").notary.canonical_id
    assert _ucp(scene, RELEASED, f"@{DIGEST}").accepts


def test_ucp_refuses_what_only_releases_or_another_team_has(scene: Scene) -> None:
    scene.server.sign_tag(RELEASES, "2", OTHER)
    scene.server.publish(RELEASES)
    answer = _ucp(scene, RELEASED, ":2")
    assert (answer.accepts, answer.digest, answer.signatures) == (False, OTHER, ())
    del scene.server.targets(GITLAB).targets["1"]
    scene.server.publish(GITLAB)
    answer = _ucp(scene, "require: {teams: [ci]}", teams=TEAMS)
    assert (answer.accepts, answer.missing) == (False, ("ci",))
    assert not _ucp(scene, RELEASED, ":unsigned").accepts
    scene.server.sign_tag(GITLAB, "3", OTHER)
    scene.server.publish(GITLAB)
    answer = _ucp(scene, RELEASED, ":3")
    assert (answer.accepts, answer.digest) == (False, ""), "docker does not look there"


def test_ucp_goes_by_the_key_and_not_by_the_roles_name(scene: Scene) -> None:
    scene.server.delegate("targets/admin", [bare(f"{GUN} gitlab")])
    scene.server.sign_tag("targets/admin", "1", DIGEST)
    scene.server.publish("targets", "targets/admin")
    roles = {one.role: one.signers for one in _ucp(scene, RELEASED).signatures}
    assert roles["targets/admin"] == ("gitlab",)
