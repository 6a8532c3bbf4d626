"""Step 13: how recent trust data must be, and how long they must stay valid."""

from datetime import timedelta

import pytest

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from tests.attacks.keys import NOW
from tests.attacks.simulator import ALICE, GITLAB, RELEASES
from tests.unit.policy.material import RELEASED, Scene, refused

BOTH = ("gitlab", "alice")


def _age(scene: Scene, days: float) -> None:
    """Have the server's timestamp be as old as this, of the 14 days that it is signed for."""
    scene.server.content[TIMESTAMP].expires = NOW + timedelta(days=14 - days)
    scene.server.publish_timestamp()


@pytest.mark.parametrize(
    ("days", "limit", "accepted"),
    [(0, "1d", True), (1, "1d", True), (1.001, "1d", False), (13, "14d", True), (2, "47h", False)],
)
def test_a_timestamp_may_be_as_old_as_the_policy_says(
    scene: Scene, days: float, limit: str, accepted: bool
) -> None:
    _age(scene, days)
    verdict = scene.by(RELEASED, f"freshness: {{max_timestamp_age: {limit}}}")
    if accepted:
        assert verdict.verdict == "accept"
        assert verdict.checks[12].status == "pass"
    else:
        refused(verdict, "timestamp-too-old", step=13)


def test_a_replayed_timestamp_is_refused_though_it_has_not_expired(scene: Scene) -> None:
    old = scene.server.save()
    scene.now = NOW + timedelta(days=5)
    scene.server.serve(old)
    assert scene.by(RELEASED).verdict == "accept"
    refused(scene.by(RELEASED, "freshness: {max_timestamp_age: 4d}"), "timestamp-too-old", step=13)


@pytest.mark.parametrize("role", [TARGETS, SNAPSHOT, ROOT, RELEASES, GITLAB])
def test_every_role_that_counts_must_stay_valid(scene: Scene, role: str) -> None:
    scene.server.content[role].expires = NOW + timedelta(days=3)
    scene.server.publish(role)
    line = "require: {signers: [gitlab]}"
    assert scene.by(line, "freshness: {min_remaining: 3d}", names=BOTH).verdict == "accept"
    verdict = scene.by(line, "freshness: {min_remaining: 73h}", names=BOTH)
    assert role in refused(verdict, "expires-soon", step=13).message


def test_roles_that_say_nothing_about_the_image_do_not_count(scene: Scene) -> None:
    scene.server.content[ALICE].expires = NOW + timedelta(days=1)
    scene.server.content[TIMESTAMP].expires = NOW + timedelta(days=1)
    scene.server.publish(ALICE)
    line = "require: {signers: [gitlab]}"
    assert scene.by(line, "freshness: {min_remaining: 30d}", names=BOTH).verdict == "accept"


def test_the_role_in_which_a_team_has_signed_counts(scene: Scene) -> None:
    scene.server.content[GITLAB].expires = NOW + timedelta(days=1)
    scene.server.publish(GITLAB)
    verdict = scene.by(
        "require: {teams: [ci]}",
        "freshness: {min_remaining: 30d}",
        names=BOTH,
        teams="teams:\n  ci: [gitlab]\n",
    )
    refused(verdict, "expires-soon", step=13)


def test_without_a_limit_the_step_is_skipped(scene: Scene) -> None:
    _age(scene, 13)
    verdict = scene.by(RELEASED)
    assert (verdict.verdict, verdict.checks[12].status) == ("accept", "skip")
