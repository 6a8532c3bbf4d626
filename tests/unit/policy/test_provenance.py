"""Step 14: what is signed beside the digest."""

from typing import Any

import pytest

from signer.dialect.canonical import Json
from signer.errors import NotSignedError
from signer.names import Gun
from signer.policy.load import _Provenance, _Reader
from signer.policy.provenance import ProvenanceConditions, check_provenance
from tests.attacks.keys import GUN
from tests.attacks.simulator import ALICE, GITLAB, RELEASES
from tests.unit.policy.material import RELEASED, Scene, refused

POLICY_ID = "0c1d0c1d"
FULL: dict[str, Any] = {
    "pipeline": {"commit": "8f3c", "url": "https://gitlab.example.com/ci/signer/-/pipelines/7"},
    "promotion": {
        "at": "2026-11-22T01:55:19Z",
        "from": "admin/flask_build:66",
        "policy": POLICY_ID,
    },
    "sbom": {"sha256": "ab" * 32, "type": "application/vnd.cyclonedx+json"},
    "scan": {"at": "2026-11-22T01:54:02Z", "critical": 0, "major": 1, "minor": 4},
    "version": 1,
}
BOTH = ("gitlab", "alice")


def _met(conditions: dict[str, Any], provenance: Json) -> bool:
    try:
        said = check_provenance(
            ProvenanceConditions(**conditions), {"provenance": provenance}, gun=Gun(GUN), tag="1"
        )
    except NotSignedError as error:
        assert error.code == "provenance-unmet"
        return False
    assert said
    return True


@pytest.mark.parametrize(
    "conditions",
    [
        {"promoted_from": "admin/flask_build"},
        {"promoted_from": "admin/*"},
        {"promoted_from": "admin/flask_build:66"},
        {"promoted_from": "admin/flask_build:*"},
        {"policies": ("x", POLICY_ID)},
        {"max_critical": 0},
        {"max_major": 1},
        {"max_minor": 100},
        {"pipeline": "https://gitlab.example.com/ci/*"},
        {"sbom": True},
        {"promoted_from": "admin/*", "max_critical": 0, "sbom": True, "pipeline": "*"},
    ],
)
def test_a_condition_is_met(conditions: dict[str, Any]) -> None:
    assert _met(conditions, FULL)


@pytest.mark.parametrize(
    "conditions",
    [
        {"promoted_from": "admin/flask"},
        {"promoted_from": "flask_build"},
        {"promoted_from": "admin/flask_build:6"},
        {"promoted_from": "admin/flask_build:67"},
        {"promoted_from": "evil/*"},
        {"policies": ("x",)},
        {"policies": (POLICY_ID[:4],)},
        {"max_major": 0},
        {"max_minor": 3},
        {"pipeline": "https://gitlab.example.com/other/*"},
        {"pipeline": "gitlab.example.com/*"},
        {"promoted_from": "admin/*", "max_major": 0},
    ],
)
def test_a_condition_is_not_met(conditions: dict[str, Any]) -> None:
    assert not _met(conditions, FULL)


ALL: dict[str, Any] = {
    "promoted_from": "*",
    "policies": (POLICY_ID,),
    "max_critical": 0,
    "max_major": 9,
    "max_minor": 9,
    "pipeline": "*",
    "sbom": True,
}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "provenance",
    [
        None,
        {},
        [],
        "text",
        {"promotion": None, "scan": None, "pipeline": None, "sbom": None},
        {"promotion": [], "scan": [], "pipeline": [], "sbom": []},
        {"promotion": {}, "scan": {}, "pipeline": {}, "sbom": {}},
        {"promotion": {"from": "", "policy": ""}, "pipeline": {"url": ""}, "sbom": {"sha256": ""}},
        {"promotion": {"from": 1, "policy": 2}, "pipeline": {"url": 3}, "sbom": {"sha256": 4}},
        {"promotion": {"from": ["a"], "policy": [POLICY_ID]}, "sbom": {"sha256": ["a"]}},
        {"scan": {"critical": "0", "major": None, "minor": [0]}},
        {"scan": {"critical": False, "major": True, "minor": False}},
        {"scan": {"critical": -1, "major": -1, "minor": -1}},
        {"scan": {"critical": 0.0, "major": 0.0, "minor": 0.0}},
        {"scan": {"Critical": 0, "Major": 0, "Minor": 0}},
    ],
)
def test_a_part_that_is_absent_or_of_another_type_meets_nothing(
    name: str, provenance: Json
) -> None:
    assert not _met({name: ALL[name]}, provenance)


def test_every_condition_that_is_not_met_is_named() -> None:
    conditions = ProvenanceConditions(promoted_from="evil/*", max_major=0, max_minor=9)
    with pytest.raises(NotSignedError) as caught:
        check_provenance(conditions, {"provenance": FULL}, gun=Gun(GUN), tag="1")
    said = caught.value.message
    assert "admin/flask_build:66" in said
    assert "evil/*" in said
    assert "major findings: 1 (at most 0)" in said
    assert "minor" not in said


def test_the_conditions_of_a_policy_are_those_that_are_checked() -> None:
    assert set(_Provenance.__struct_fields__) == set(ALL)
    given = _Provenance(**(ALL | {"policies": [POLICY_ID], "sbom": "required"}))
    reader = _Reader.__new__(_Reader)
    assert reader._provenance("$", given) == ProvenanceConditions(**ALL)


def _say(scene: Scene, role: str, provenance: Json) -> None:
    scene.server.changes[role] = lambda content: content["targets"]["1"].update(
        custom={"provenance": provenance}
    )
    scene.server.publish(role)


LINE = 'provenance: {promoted_from: "admin/flask_build"}'


def test_the_word_of_the_required_signer_counts_and_not_that_of_releases(scene: Scene) -> None:
    line = "require: {signers: [gitlab]}"
    _say(scene, RELEASES, FULL)
    refused(scene.by(line, LINE, names=BOTH), "provenance-unmet", step=14)
    _say(scene, ALICE, FULL)
    refused(scene.by(line, LINE, names=BOTH), "provenance-unmet", step=14)
    _say(scene, GITLAB, FULL)
    verdict = scene.by(line, LINE, names=BOTH)
    assert (verdict.verdict, verdict.checks[13].status) == ("accept", "pass")


def test_the_word_of_the_teams_member_counts_and_not_that_of_releases(scene: Scene) -> None:
    line, teams = "require: {teams: [ci]}", "teams:\n  ci: [gitlab]\n"
    _say(scene, RELEASES, FULL)
    refused(scene.by(line, LINE, names=BOTH, teams=teams), "provenance-unmet", step=14)
    _say(scene, GITLAB, FULL)
    assert scene.by(line, LINE, names=BOTH, teams=teams).verdict == "accept"


def test_without_required_signers_the_word_of_the_entry_found_counts(scene: Scene) -> None:
    refused(scene.by(RELEASED, LINE), "provenance-unmet", step=14)
    _say(scene, GITLAB, FULL)
    refused(scene.by(RELEASED, LINE), "provenance-unmet", step=14)
    _say(scene, RELEASES, FULL)
    assert scene.by(RELEASED, LINE).verdict == "accept"
    assert scene.by(LINE).verdict == "accept", "provenance alone is a condition"


def test_without_a_condition_the_step_is_skipped(scene: Scene) -> None:
    assert scene.by(RELEASED).checks[13].status == "skip"
