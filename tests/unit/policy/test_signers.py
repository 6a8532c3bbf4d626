"""Step 12: who must have signed, by name and by key."""

from datetime import timedelta

import pytest

from tests.attacks.keys import GUN, NOW, bare, certified
from tests.attacks.simulator import ALICE, DIGEST, GITLAB, OTHER, RELEASES
from tests.unit.policy.material import Scene, policy_text, refused, rule

BOTH = ("gitlab", "alice")
TEAMS = "teams:\n  ci/gitlab: [gitlab]\n  org/people: [alice]\n"


def _key(name: str, gun: str = GUN) -> str:
    return bare(f"{gun} {name}").notary.canonical_id


def test_a_signer_is_accepted_by_name_and_key(scene: Scene) -> None:
    verdict = scene.by("require: {signers: [gitlab]}", names=BOTH)
    assert (verdict.verdict, verdict.digest) == ("accept", DIGEST)
    assert verdict.signers == ("gitlab", "alice")
    assert verdict.rule == GUN


def test_another_key_in_the_role_of_that_name_is_refused(scene: Scene) -> None:
    intruder = bare("intruder")
    scene.server.delegate(GITLAB, [intruder])
    scene.server.publish("targets", GITLAB)
    reason = refused(
        scene.by("require: {signers: [gitlab]}", names=BOTH), "signer-key-differs", step=12
    )
    assert intruder.notary.canonical_id[:12] in reason.message


def test_being_listed_is_not_enough_the_pinned_key_must_have_signed(scene: Scene) -> None:
    intruder, genuine = bare("intruder"), bare(f"{GUN} gitlab")
    scene.server.delegate(GITLAB, [genuine, intruder])
    scene.server.signers[GITLAB] = [intruder]
    scene.server.publish("targets", GITLAB)
    policy = "require: {signers: [gitlab]}"
    refused(scene.by(policy, names=BOTH), "signer-key-differs", step=12)
    scene.server.signers[GITLAB] = [intruder, genuine]
    scene.server.publish(GITLAB)
    assert scene.by(policy, names=BOTH).verdict == "accept"


def test_the_right_key_in_a_role_of_another_name_is_refused(scene: Scene) -> None:
    declared = f'signers:\n  bob: {{keys: ["id:{_key("gitlab")}"]}}\n'
    text = policy_text(rule(GUN, scene.root, "require: {signers: [bob]}"), before=declared)
    refused(scene.judge(text), "signer-unknown", step=12)


def test_the_key_of_another_required_signer_does_not_stand_in(scene: Scene) -> None:
    scene.server.delegate(ALICE, [bare(f"{GUN} gitlab")])
    scene.server.publish("targets", ALICE)
    refused(
        scene.by("require: {signers: [gitlab, alice]}", names=BOTH), "signer-key-differs", step=12
    )


def test_one_key_under_two_of_its_ids_is_one_signer(scene: Scene) -> None:
    key = certified("shared")
    for role in (GITLAB, ALICE):
        scene.server.delegate(role, [key])
    scene.server.publish("targets", GITLAB, ALICE)
    assert key.keyid != key.notary.canonical_id
    declared = (
        f'signers:\n  gitlab: {{keys: ["id:{key.keyid}"]}}\n'
        f'  alice: {{keys: ["id:{key.notary.canonical_id}"]}}\n'
    )
    text = policy_text(
        rule(GUN, scene.root, "require: {signers: [gitlab, alice]}"), before=declared
    )
    assert scene.judge(text).verdict == "reject"
    text = text.replace("alice]}\n", "alice], threshold: 1}\n")
    assert scene.judge(text).verdict == "accept"


@pytest.mark.parametrize(
    ("threshold", "signed", "accepted"),
    [
        (None, BOTH, True),
        (None, ("gitlab",), False),
        (2, ("gitlab",), False),
        (2, BOTH, True),
        (1, ("gitlab",), True),
        (1, ("alice",), True),
        (1, (), False),
    ],
)
def test_as_many_of_the_rules_signers_as_the_threshold_says(
    scene: Scene, threshold: int | None, signed: tuple[str, ...], accepted: bool
) -> None:
    for name in set(BOTH) - set(signed):
        del scene.server.targets(f"targets/{name}").targets["1"]
        scene.server.publish(f"targets/{name}")
    limit = f", threshold: {threshold}" if threshold else ""
    verdict = scene.by(f"require: {{signers: [gitlab, alice]{limit}}}", names=BOTH)
    assert (verdict.verdict == "accept") == accepted
    if not accepted:
        assert verdict.exit_code == 3
        assert verdict.reason is not None
        assert verdict.reason.step == 12


def test_other_signers_do_not_count_for_the_threshold(scene: Scene) -> None:
    scene.server.delegate("targets/bob", [bare("bob")])
    scene.server.sign_tag("targets/bob", "1", DIGEST)
    del scene.server.targets(ALICE).targets["1"]
    scene.server.publish("targets", "targets/bob", ALICE)
    verdict = scene.by("require: {signers: [gitlab, alice], threshold: 2}", names=BOTH)
    refused(verdict, "signer-missing", step=12)


def test_all_required_signers_must_have_signed_one_digest(scene: Scene) -> None:
    scene.server.sign_tag(ALICE, "1", OTHER)
    scene.server.publish(ALICE)
    verdict = scene.by("require: {signers: [gitlab, alice]}", names=BOTH)
    reason = refused(verdict, "signer-differs", step=12)
    assert OTHER in reason.message
    assert DIGEST in reason.message


def test_a_threshold_counts_signatures_of_one_digest_only(scene: Scene) -> None:
    scene.server.delegate("targets/carol", [bare(f"{GUN} carol")])
    scene.server.sign_tag("targets/carol", "1", OTHER)
    scene.server.sign_tag(ALICE, "1", OTHER)
    scene.server.publish("targets", "targets/carol", ALICE)
    line = "require: {signers: [gitlab, alice, carol], threshold: 2, released: %s}"
    verdict = scene.by(line % "true", names=(*BOTH, "carol"))
    assert refused(verdict, "threshold-unmet", step=12).hint
    # Two agree on another digest, which is the one that is accepted where no release counts.
    assert scene.by(line % "false", names=(*BOTH, "carol")).digest == OTHER


def test_a_role_that_was_never_published_refuses_and_nothing_stands_in(scene: Scene) -> None:
    scene.server.delegate("targets/carol", [bare(f"{GUN} carol")])
    scene.server.sign_tag("targets", "1", DIGEST)
    scene.server.publish("targets")
    policy = "require: {signers: [carol]}"
    refused(scene.by(policy, names=("carol",)), "signer-missing", step=12)
    unreleased = "require: {signers: [carol], released: false}"
    refused(scene.by(unreleased, names=("carol",)), "not-signed", step=10)


def test_a_role_that_was_never_delegated_refuses(scene: Scene) -> None:
    refused(scene.by("require: {signers: [bob]}", names=("bob",)), "signer-unknown", step=12)


@pytest.mark.parametrize("released", ["true", "false"])
def test_an_expired_role_of_a_required_signer_is_expired(scene: Scene, released: str) -> None:
    scene.server.content[GITLAB].expires = NOW - timedelta(days=1)
    scene.server.publish(GITLAB)
    verdict = scene.by(f"require: {{signers: [gitlab], released: {released}}}", names=BOTH)
    assert verdict.verdict == "reject"
    assert verdict.exit_code == 5


def test_a_role_of_a_required_signer_with_a_wrong_signature_is_an_attack(scene: Scene) -> None:
    scene.server.signers[GITLAB] = [bare("intruder")]
    scene.server.publish(GITLAB)
    for line in (
        "require: {signers: [gitlab]}",
        "require: {signers: [gitlab, alice]}",
        "require: {signers: [gitlab], released: false}",
    ):
        assert scene.by(line, names=BOTH).exit_code == 4
    assert scene.by("require: {signers: [gitlab, alice], threshold: 1}", names=BOTH).digest


# Teams, by UCP's rule


def test_a_member_of_each_team_must_have_signed(scene: Scene) -> None:
    line = "require: {teams: [ci/gitlab, org/people]}"
    verdict = scene.by(line, names=BOTH, teams=TEAMS)
    assert verdict.verdict == "accept"
    del scene.server.targets(ALICE).targets["1"]
    scene.server.publish(ALICE)
    reason = refused(scene.by(line, names=BOTH, teams=TEAMS), "team-missing", step=12)
    assert "org/people" in reason.message


def test_a_team_looks_at_the_key_and_not_at_the_roles_name(scene: Scene) -> None:
    scene.server.delegate("targets/admin", [bare(f"{GUN} carol")])
    scene.server.sign_tag("targets/admin", "1", DIGEST)
    scene.server.publish("targets", "targets/admin")
    teams = "teams:\n  org/ops: [carol]\n"
    verdict = scene.by("require: {teams: [org/ops]}", names=("carol",), teams=teams)
    assert verdict.verdict == "accept"
    assert any("targets/admin" in check.detail for check in verdict.checks)


def test_releases_never_counts_for_a_team_or_a_signer(scene: Scene) -> None:
    for name in BOTH:
        del scene.server.targets(f"targets/{name}").targets["1"]
    scene.server.publish(GITLAB, ALICE)
    line = "require: {teams: [ci/gitlab]}"
    refused(scene.by(line, names=BOTH, teams=TEAMS), "team-missing", step=12)
    refused(scene.by("require: {signers: [gitlab]}", names=BOTH), "signer-missing", step=12)


def test_neither_targets_nor_a_nested_delegation_counts_for_a_team(scene: Scene) -> None:
    gitlab = bare(f"{GUN} gitlab")
    del scene.server.targets(GITLAB).targets["1"]
    scene.server.sign_tag("targets", "1", DIGEST)
    scene.server.delegate("targets/alice/deep", [gitlab])
    scene.server.sign_tag("targets/alice/deep", "1", DIGEST)
    scene.server.publish("targets", GITLAB, ALICE, "targets/alice/deep")
    line = "require: {teams: [ci/gitlab]}"
    refused(scene.by(line, names=BOTH, teams=TEAMS), "team-missing", step=12)


def test_a_team_member_must_have_signed_the_digest_that_is_deployed(scene: Scene) -> None:
    scene.server.sign_tag(GITLAB, "1", OTHER)
    scene.server.publish(GITLAB)
    line = "require: {teams: [ci/gitlab]}"
    refused(scene.by(line, names=BOTH, teams=TEAMS), "team-missing", step=12)


def test_a_team_members_key_that_is_only_listed_does_not_count(scene: Scene) -> None:
    intruder = bare("intruder")
    scene.server.delegate("targets/x", [bare(f"{GUN} carol"), intruder])
    scene.server.signers["targets/x"] = [intruder]
    scene.server.sign_tag("targets/x", "1", DIGEST)
    scene.server.publish("targets", "targets/x")
    teams = "teams:\n  org/ops: [carol]\n"
    verdict = scene.by("require: {teams: [org/ops]}", names=("carol",), teams=teams)
    refused(verdict, "team-missing", step=12)


# Released, or not


def test_a_signer_alone_is_not_enough_where_a_release_is_wanted(scene: Scene) -> None:
    scene.server.sign_tag(GITLAB, "2", OTHER)
    scene.server.publish(GITLAB)
    text = policy_text(
        rule(GUN, scene.root, "require: {signers: [gitlab]}"), before=scene.declare("gitlab")
    )
    refused(scene.judge(text, ":2"), "not-signed", step=10)
    text = text.replace("gitlab]}", "gitlab], released: false}")
    assert scene.judge(text, ":2").digest == OTHER
    assert scene.judge(text, f"@{OTHER}").digest == OTHER
    refused(scene.judge(text, f":2@{DIGEST}"), "digest-differs", step=11)


def test_an_unreleased_tag_of_somebody_else_is_not_accepted(scene: Scene) -> None:
    scene.server.sign_tag(ALICE, "2", OTHER)
    scene.server.publish(ALICE)
    text = policy_text(
        rule(GUN, scene.root, "require: {signers: [gitlab], released: false}"),
        before=scene.declare("gitlab"),
    )
    refused(scene.judge(text, ":2"), "not-signed", step=10)
    refused(scene.judge(text, f"@{OTHER}"), "not-signed", step=10)


def test_a_digest_alone_is_found_under_whatever_tag_fulfils_the_rule(scene: Scene) -> None:
    scene.server.sign_tag(RELEASES, "0", DIGEST)  # released, but not signed by gitlab under 0
    scene.server.publish(RELEASES)
    text = policy_text(
        rule(GUN, scene.root, "require: {signers: [gitlab]}"), before=scene.declare("gitlab")
    )
    assert scene.judge(text, f"@{DIGEST}").digest == DIGEST
    refused(scene.judge(text, ":0"), "signer-missing", step=12)
