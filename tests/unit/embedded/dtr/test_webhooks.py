"""Webhooks: subscriptions, and what is sent for what happens."""

from typing import Any

import msgspec
import pytest

from signer.dtr.contents import TYPES as CONTENTS
from signer.dtr.events import Promoted, Skipped, classify, decode_event
from signer.embedded.dtr.bodies import TYPES
from tests.unit.embedded.dtr.world import CLEAN, RECEIVER, SOURCE, TARGET, World
from tests.unit.embedded.inprocess import HOST, PASSWORD

_AT = "2026-11-22T01:55:20.000000Z"
_NAMES = {"namespace": "admin", "repository": "flask_build"}


def _expect(body: dict[str, Any], kind: str, location: str, contents: dict[str, Any]) -> None:
    assert body == {"type": kind, "createdAt": _AT, "contents": contents, "location": location}


def test_a_push_is_told(world: World) -> None:
    world.subscribe("TAG_PUSH")
    world.subscribe("MANIFEST_PUSH")
    digest = world.push(SOURCE, "1")
    manifest, tag = sorted(world.deliver(), key=lambda body: str(body["type"]))
    image = {"digest": digest, "os": "linux", "architecture": "amd64", "author": "admin"}
    _expect(
        tag,
        "TAG_PUSH",
        f"/repositories/{SOURCE}/tags/1",
        {**_NAMES, "tag": "1", "imageName": f"{HOST}/{SOURCE}:1", **image, "pushedAt": _AT},
    )
    _expect(
        manifest,
        "MANIFEST_PUSH",
        f"/repositories/{SOURCE}/manifests/{digest}",
        {**_NAMES, "imageName": f"{HOST}/{SOURCE}@{digest}", **image, "pushedAt": _AT},
    )


def test_a_pull_is_told(world: World) -> None:
    world.push(SOURCE, "1")
    world.subscribe("TAG_PULL")
    world.subscribe("MANIFEST_PULL")
    with world.client() as client:
        client.get(f"/v2/{SOURCE}/manifests/1").raise_for_status()
    bodies = {body["type"]: body["contents"] for body in world.deliver()}
    assert bodies["TAG_PULL"]["pulledAt"] == bodies["MANIFEST_PULL"]["pulledAt"] == _AT
    assert bodies["TAG_PULL"]["tag"] == "1"


def test_a_deletion_is_told_with_what_is_gone(world: World) -> None:
    digest = world.push(SOURCE, "1")
    world.subscribe("TAG_DELETE")
    world.subscribe("MANIFEST_DELETE")
    with world.client() as client:
        client.delete(f"/v2/{SOURCE}/manifests/{digest}").raise_for_status()
    bodies = {body["type"]: body["contents"] for body in world.deliver()}
    for kind in ("TAG_DELETE", "MANIFEST_DELETE"):
        contents = bodies[kind]
        assert (contents["digest"], contents["os"], contents["architecture"]) == (
            digest,
            "linux",
            "amd64",
        )
        assert contents["deletedAt"] == _AT


def test_a_completed_scan_is_told_without_a_digest(world: World) -> None:
    world.subscribe("SCAN_COMPLETED")
    world.push(SOURCE, "1")
    world.scan(SOURCE, "1", critical=5, major=3)
    (body,) = world.deliver()
    summary = {
        "namespace": "admin",
        "reponame": "flask_build",
        "tag": "1",
        "critical": 5,
        "major": 3,
        "minor": 0,
        "last_scan_status": 6,
        "check_completed_at": _AT,
        "should_rescan": False,
        "has_foreign_layers": False,
    }
    image = {"tag": "1", "imageName": f"{HOST}/{SOURCE}:1"}
    _expect(
        body,
        "SCAN_COMPLETED",
        f"/repositories/{SOURCE}/tags/1",
        {**_NAMES, **image, "scanSummary": summary},
    )


def test_each_platforms_scan_is_told(world: World) -> None:
    world.subscribe("SCAN_COMPLETED")
    world.push(SOURCE, "1", kind="index")
    world.scan(SOURCE, "1")
    assert [body["type"] for body in world.deliver()] == ["SCAN_COMPLETED"] * 2


def test_a_failed_scan_is_told(world: World) -> None:
    world.subscribe("SCAN_COMPLETED")
    world.subscribe("SCAN_FAILED")
    world.push(SOURCE, "1")
    world.scan(SOURCE, "1", error="out of memory")
    (body,) = world.deliver()
    image = {"tag": "1", "imageName": f"{HOST}/{SOURCE}:1"}
    _expect(
        body,
        "SCAN_FAILED",
        f"/repositories/{SOURCE}/tags/1",
        {**_NAMES, **image, "error": "out of memory"},
    )


def test_a_promotion_is_told_on_the_source_with_a_copy_of_no_time(world: World) -> None:
    policy = world.policy(CLEAN)
    world.subscribe("PROMOTION")
    world.subscribe("PROMOTION", TARGET)
    digest = world.push(SOURCE, "66")
    world.scan(SOURCE, "66")
    real, copy = world.deliver()
    contents = {
        "promotionPolicyID": policy,
        "digest": digest,
        "sourceRepository": SOURCE,
        "sourceTag": "66",
        "targetRepository": TARGET,
        "targetTag": "66",
    }
    location = f"/repositories/{TARGET}/tags/66"
    _expect(real, "PROMOTION", location, {**contents, "promotedAt": _AT})
    _expect(copy, "PROMOTION", location, {**contents, "promotedAt": "0001-01-01T00:00:00Z"})


def test_the_signing_job_takes_the_promotion_and_skips_its_copy(world: World) -> None:
    world.policy()
    world.subscribe("PROMOTION")
    digest = world.push(SOURCE, "66")
    outcomes = [
        classify(decode_event(msgspec.json.encode(body), source="webhook"))
        for body in world.deliver()
    ]
    real, copy = outcomes
    assert isinstance(real, Promoted)
    assert (real.promotion.target, real.promotion.digest) == (f"{TARGET}:66", digest)
    assert isinstance(copy, Skipped)
    assert copy.code == "zero-time"


def test_a_push_is_told_before_the_promotion_that_follows(world: World) -> None:
    world.policy()
    for kind, key in (("PROMOTION", SOURCE), ("TAG_PUSH", "admin")):
        world.subscribe(kind, key)
    world.push(SOURCE, "1")
    world.deliver()
    pushes = [body for body in world.receiver.bodies if body["type"] == "TAG_PUSH"]
    assert [body["contents"]["repository"] for body in pushes] == ["flask_build", "flask"]


def test_what_happens_to_repositories_is_told_to_their_namespace(world: World) -> None:
    for kind in ("REPO_CREATED", "REPO_UPDATED", "REPO_DELETED", "REPO_EVENT"):
        world.subscribe(kind, "admin")
    world.subscribe("REPO_CREATED", "ci")
    made = world.call("POST", "/repositories/admin", {"name": "app"}, expect=201)
    created, event = world.deliver()
    contents = {
        "namespace": "admin",
        "repository": "app",
        "event": "REPO_CREATED",
        "author": "admin",
        "data": made,
    }
    _expect(created, "REPO_CREATED", "/repositories/admin/app", contents)
    assert (event["type"], event["contents"]) == ("REPO_EVENT", contents)
    world.call("PATCH", "/repositories/admin/app", {"scanOnPush": True})
    updated = next(body for body in world.deliver() if body["type"] == "REPO_UPDATED")
    assert updated["contents"]["data"]["scanOnPush"] is True
    world.call("DELETE", "/repositories/admin/app", expect=204)
    deleted = next(body for body in world.deliver() if body["type"] == "REPO_DELETED")
    assert deleted["contents"]["data"]["name"] == "app"


@pytest.mark.parametrize(
    ("key", "is_told"),
    [(SOURCE, True), ("admin", True), ("", True), (TARGET, False), ("flask_build", False)],
)
def test_a_key_is_a_repository_a_namespace_or_everything(
    world: World, key: str, is_told: bool
) -> None:
    world.subscribe("TAG_PUSH", key)
    world.push(SOURCE, "1")
    assert [body["type"] for body in world.deliver()] == ["TAG_PUSH"] * is_told


def test_a_subscription_is_shown_with_documented_fields_and_can_be_deleted(world: World) -> None:
    made = world.call(
        "POST",
        "/webhooks",
        {"type": "TAG_PUSH", "key": SOURCE, "endpoint": RECEIVER, "skipTLSVerification": True},
        expect=201,
    )
    webhook_id = made.pop("id")
    assert made == {
        "type": "TAG_PUSH",
        "key": SOURCE,
        "endpoint": RECEIVER,
        "authorID": "admin",
        "createdAt": _AT,
        "lastSuccessfulAt": "0001-01-01T00:00:00Z",
        "inactive": False,
        "tlsCert": "",
        "skipTLSVerification": True,
    }
    shown = {"id": webhook_id, **made}
    assert world.call("GET", "/webhooks") == [shown]
    assert world.call("GET", f"/repositories/{SOURCE}/webhooks") == [shown]
    assert world.call("GET", f"/repositories/{TARGET}/webhooks") == []
    assert world.call("GET", "/repositories/admin/webhooks") == []
    world.push(SOURCE, "1")
    world.deliver()
    assert world.call("GET", f"/webhooks/{webhook_id}")["lastSuccessfulAt"] == _AT
    world.call("DELETE", f"/webhooks/{webhook_id}", expect=204)
    assert world.call("GET", "/webhooks") == []
    world.call("DELETE", f"/webhooks/{webhook_id}", expect=404)


@pytest.mark.parametrize(
    "change",
    [
        {"skipTLSVerification": False},
        {"type": "TAG_PUSHED"},
        {"endpoint": "ftp://ci.test/"},
        {"endpoint": "ci.test"},
        {"endpoint": "http://"},
        {"endpoint": "http://ci.test:port/"},
        {"endpoint": "https://ci.test/", "tlsCert": "no certificate"},
        {"skipTLSVerification": "true"},
    ],
)
def test_a_subscription_that_cannot_work_is_refused(
    world: World, change: dict[str, object]
) -> None:
    wanted = {
        "type": "TAG_PUSH",
        "key": SOURCE,
        "endpoint": RECEIVER,
        "skipTLSVerification": True,
    }
    assert world.refusal("POST", "/webhooks", wanted | change, expect=400)
    assert world.call("GET", "/webhooks") == []


def test_only_who_administers_it_sees_and_makes_a_webhook(world: World) -> None:
    world.dtr.accounts.create("anna", password=PASSWORD)
    world.call("PATCH", f"/repositories/{SOURCE}", {"visibility": "public"})
    webhook_id = world.subscribe("TAG_PUSH")
    assert world.call("GET", "/webhooks", user="anna") == []
    for path in (f"/webhooks/{webhook_id}", f"/webhooks/{webhook_id}/deliveries"):
        world.call("GET", path, user="anna", expect=404)
    world.call("DELETE", f"/webhooks/{webhook_id}", user="anna", expect=404)
    wanted = {"type": "TAG_PUSH", "endpoint": RECEIVER, "skipTLSVerification": True}
    for key in (SOURCE, "admin", ""):
        world.call("POST", "/webhooks", wanted | {"key": key}, user="anna", expect=403)
    world.call("POST", "/webhooks", wanted | {"key": "anna"}, user="anna", expect=201)


@pytest.mark.parametrize("kind", TYPES)
def test_the_test_of_each_type_is_a_body_that_receivers_know(world: World, kind: str) -> None:
    wanted = {"type": kind, "endpoint": RECEIVER, "skipTLSVerification": True}
    world.call("POST", "/webhooks/test", wanted)
    (body,) = world.receiver.bodies
    assert list(body) == ["type", "createdAt", "contents", "location"]
    assert body["type"] == kind
    if kind in CONTENTS:
        msgspec.convert(body["contents"], CONTENTS[kind])
    if kind in {"TAG_PUSH", "TAG_DELETE", "MANIFEST_PUSH", "SCAN_COMPLETED", "PROMOTION"}:
        assert decode_event(msgspec.json.encode(body), source="test").is_test
    if "author" in body["contents"]:
        assert body["contents"]["author"] == ""


def test_a_test_that_is_not_received_says_so(world: World) -> None:
    world.receiver.status = 500
    wanted = {"type": "TAG_PUSH", "endpoint": RECEIVER, "skipTLSVerification": True}
    message = world.refusal("POST", "/webhooks/test", wanted, expect=400)
    assert "not received" in message
    assert "worthless" not in message
    wanted["skipTLSVerification"] = False
    assert "skipTLS" in world.refusal("POST", "/webhooks/test", wanted, expect=400)
