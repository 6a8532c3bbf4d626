"""Promotion: policies, what they copy, and what they do not."""

import logging

import pytest

from tests.components.images import ARCHITECTURES
from tests.unit.embedded.dtr.world import CLEAN, SOURCE, TARGET, World
from tests.unit.embedded.inprocess import PASSWORD

_POLICIES = f"/repositories/{SOURCE}/promotionPolicies"


def test_a_clean_scan_promotes_and_a_critical_finding_does_not(world: World) -> None:
    policy = world.policy(CLEAN)
    world.push(SOURCE, "1")
    assert world.tags(TARGET) == {}
    world.scan(SOURCE, "1", critical=1)
    assert world.tags(TARGET) == {}
    digest = world.push(SOURCE, "2", b"clean")
    world.scan(SOURCE, "2")
    assert world.tags(TARGET) == {"2": digest}
    record = world.call("GET", f"/repositories/{TARGET}/tags/2")["promotion"]
    expected = {
        "promotionPolicyID": policy,
        "sourceRepository": SOURCE,
        "sourceTag": "2",
    }
    assert expected.items() <= record.items()
    assert world.call("GET", f"/repositories/{SOURCE}/tags/2")["promotion"] is None


def test_what_is_promoted_can_be_pulled_from_the_target(world: World) -> None:
    world.policy()
    digest = world.push(SOURCE, "1")
    with world.client() as client:
        accept = {"Accept": "*/*"}
        source = client.get(f"/v2/{SOURCE}/manifests/1", headers=accept)
        target = client.get(f"/v2/{TARGET}/manifests/1", headers=accept).raise_for_status()
        assert target.content == source.content
        assert target.headers["Docker-Content-Digest"] == digest
        manifest = target.json()
        for blob in (manifest["config"], *manifest["layers"]):
            client.get(f"/v2/{TARGET}/blobs/{blob['digest']}").raise_for_status()


def test_a_manifest_list_is_promoted_with_its_images_once_all_are_clean(world: World) -> None:
    world.policy(CLEAN)
    digest = world.push(SOURCE, "1", kind="index")
    world.scan(SOURCE, "1", platform="linux/amd64")
    world.scan(SOURCE, "1", platform="linux/arm64", critical=1)
    assert world.tags(TARGET) == {}
    world.scan(SOURCE, "1", platform="linux/arm64")
    assert world.tags(TARGET) == {"1": digest}
    with world.client() as client:
        index = client.get(f"/v2/{TARGET}/manifests/1").raise_for_status().json()
        assert len(index["manifests"]) == len(ARCHITECTURES)
        for entry in index["manifests"]:
            image = client.get(f"/v2/{TARGET}/manifests/{entry['digest']}").raise_for_status()
            for layer in image.json()["layers"]:
                client.get(f"/v2/{TARGET}/blobs/{layer['digest']}").raise_for_status()


def test_a_template_names_the_targets_tag(world: World) -> None:
    world.policy(tagTemplate="%n-%Y%m%d")
    digest = world.push(SOURCE, "66")
    assert world.tags(TARGET) == {"66-20261122": digest}
    record = world.call("GET", f"/repositories/{TARGET}/tags/66-20261122")["promotion"]
    assert record["sourceTag"] == "66"


def test_a_policy_that_is_disabled_or_not_met_promotes_nothing(world: World) -> None:
    world.policy(enabled=False)
    world.policy({"field": "tag", "operator": "starts with", "values": ["release-"]})
    world.push(SOURCE, "1")
    assert world.tags(TARGET) == {}
    digest = world.push(SOURCE, "release-1")
    assert world.tags(TARGET) == {"release-1": digest}


def test_initial_evaluation_promotes_what_is_there(world: World) -> None:
    digest = world.push(SOURCE, "1")
    policy = {"targetRepository": TARGET, "rules": []}
    made = world.call("POST", f"{_POLICIES}?initialEvaluation=false", policy, expect=201)
    assert world.tags(TARGET) == {}
    world.call("PUT", f"{_POLICIES}/{made['id']}?initialEvaluation=true", policy)
    assert world.tags(TARGET) == {"1": digest}


def test_policies_are_listed_changed_and_deleted(world: World) -> None:
    policy = world.policy(CLEAN)
    (shown,) = world.call("GET", _POLICIES)
    expected = {
        "id": policy,
        "enabled": True,
        "rules": [CLEAN],
        "targetRepository": TARGET,
        "tagTemplate": "%n",
    }
    assert expected.items() <= shown.items()
    assert world.call("GET", f"{_POLICIES}/{policy}") == shown
    changed = world.call(
        "PUT", f"{_POLICIES}/{policy}", {"enabled": False, "targetRepository": TARGET}
    )
    assert (changed["id"], changed["enabled"], changed["rules"]) == (policy, False, [])
    world.call("DELETE", f"{_POLICIES}/{policy}", expect=204)
    assert world.call("GET", _POLICIES) == []
    world.call("GET", f"{_POLICIES}/{policy}", expect=404)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"targetRepository": "flask"}, 400),
        ({"targetRepository": f"dtr.test:8443/{TARGET}"}, 400),
        ({"targetRepository": None}, 400),
        ({"tagTemplate": "%q"}, 400),
        ({"rules": [{"field": "tag", "operator": "is", "values": ["x"]}]}, 400),
        ({"rules": [{"field": "tag", "operator": "equals", "values": [1]}]}, 400),
        ({"rules": {}}, 400),
    ],
)
def test_a_policy_that_cannot_be_evaluated_is_refused(
    world: World, change: dict[str, object], status: int
) -> None:
    policy = {"targetRepository": TARGET, "rules": [CLEAN], "tagTemplate": "%n"}
    assert world.refusal("POST", _POLICIES, policy | change, expect=status)
    assert world.call("GET", _POLICIES) == []


def test_an_immutable_tag_is_not_overwritten_by_a_promotion(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.policy()
    world.call("PATCH", f"/repositories/{TARGET}", {"immutableTags": True})
    world.subscribe("PROMOTION")
    first = world.push(SOURCE, "1")
    world.deliver()
    with caplog.at_level(logging.WARNING):
        world.push(SOURCE, "1", b"second")
    assert world.tags(TARGET) == {"1": first}
    assert "immutable" in caplog.text
    assert world.deliver() == []
    assert world.call("GET", f"/repositories/{TARGET}/tags/1")["promotion"]["sourceTag"] == "1"


def test_the_record_goes_when_the_tag_is_pushed_over(world: World) -> None:
    world.policy()
    world.push(SOURCE, "1")
    world.push(TARGET, "1", b"another")
    assert world.call("GET", f"/repositories/{TARGET}/tags/1")["promotion"] is None


def test_policies_follow_each_other_and_end(world: World) -> None:
    world.policy()
    world.call("POST", "/repositories/admin", {"name": "prod"}, expect=201)
    for repository, goal in ((TARGET, "admin/prod"), ("admin/prod", SOURCE)):
        world.call(
            "POST",
            f"/repositories/{repository}/promotionPolicies",
            {"targetRepository": goal, "rules": [], "tagTemplate": "%n-x"},
            expect=201,
        )
    digest = world.push(SOURCE, "1")
    assert world.tags(TARGET) == {"1": digest}
    assert world.tags("admin/prod") == {"1-x": digest}
    assert world.tags(SOURCE) == {"1": digest, "1-x-x": digest}


def test_a_policy_pushes_with_its_authors_rights(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.dtr.accounts.create("anna", password=PASSWORD)
    world.call("POST", "/repositories/anna", {"name": "build"}, user="anna", expect=201)
    policies = "/repositories/anna/build/promotionPolicies"
    policy = {"targetRepository": TARGET, "rules": []}
    world.call("POST", policies, policy, user="anna", expect=403)
    world.call("POST", policies, policy | {"targetRepository": "anna/app"}, user="anna", expect=201)
    digest = world.push("anna/build", "1")
    assert world.tags("anna/app") == {"1": digest}
    world.dtr.accounts.delete("anna")
    with caplog.at_level(logging.WARNING):
        world.push("anna/build", "2")
    assert world.tags("anna/app") == {"1": digest}
    assert "no account" in caplog.text


def test_a_policy_whose_author_lost_the_right_to_push_promotes_nothing(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.dtr.accounts.create("anna", password=PASSWORD)
    world.dtr.accounts.create("ci", is_org=True)
    world.dtr.teams.add_member("ci", "anna", is_admin=True)
    world.call("POST", "/repositories/ci", {"name": "app"}, expect=201)
    world.call("POST", "/repositories/anna", {"name": "build"}, user="anna", expect=201)
    policy = {"targetRepository": "ci/app", "rules": []}
    world.call(
        "POST", "/repositories/anna/build/promotionPolicies", policy, user="anna", expect=201
    )
    digest = world.push("anna/build", "1")
    world.dtr.teams.add_member("ci", "anna", is_admin=False)
    with caplog.at_level(logging.WARNING):
        world.push("anna/build", "2")
    assert world.tags("ci/app") == {"1": digest}
    assert "anna may not push to ci/app" in caplog.text


def test_an_image_can_be_promoted_by_hand(world: World) -> None:
    digest = world.push(SOURCE, "1")
    world.call(
        "POST",
        f"/repositories/{SOURCE}/tags/1/promotion",
        {"targetRepository": TARGET, "targetTag": "released"},
        expect=201,
    )
    assert world.tags(TARGET) == {"released": digest}
    record = world.call("GET", f"/repositories/{TARGET}/tags/released")["promotion"]
    assert (record["promotionPolicyID"], record["sourceTag"]) == ("", "1")


def test_what_was_promoted_survives_a_restart(world: World) -> None:
    policy = world.policy(CLEAN)
    world.push(SOURCE, "1")
    world.scan(SOURCE, "1")
    world.reopen()
    record = world.call("GET", f"/repositories/{TARGET}/tags/1")["promotion"]
    assert record["promotionPolicyID"] == policy
    assert world.call("GET", _POLICIES)[0]["rules"] == [CLEAN]
    summary = world.call("GET", f"/imagescan/scansummary/repositories/{SOURCE}/1")
    assert summary[0]["last_scan_status"] == 6
