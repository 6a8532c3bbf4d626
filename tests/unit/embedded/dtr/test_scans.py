"""Scan summaries, and the inlet that sets them."""

import json
from pathlib import Path

import httpx
import pytest

from signer.embedded.dtr.scans import ZERO_TIME
from tests.components.images import ARCHITECTURES
from tests.unit.embedded.dtr.world import SOURCE, World

_SUMMARY = f"/imagescan/scansummary/repositories/{SOURCE}/1"


def test_what_was_not_scanned_has_the_zero_time(world: World) -> None:
    world.push(SOURCE, "1")
    (scan,) = world.call("GET", _SUMMARY)
    assert scan["check_completed_at"] == "0001-01-01T00:00:00Z" == ZERO_TIME
    assert scan["last_scan_status"] == 1
    world.call("PATCH", f"/repositories/{SOURCE}", {"scanOnPush": True})
    (scan,) = world.call("GET", _SUMMARY)
    assert (scan["last_scan_status"], scan["check_completed_at"]) == (3, ZERO_TIME)


def test_a_scan_that_is_told_is_completed_and_the_answer_says_that_nobody_scanned(
    world: World,
) -> None:
    world.push(SOURCE, "1")
    world.clock.forward(seconds=5)
    answer = world.scan(SOURCE, "1", critical=1, major=2, minor=3)
    assert "no scanner" in answer["notice"]
    assert answer["scanner"] == "none"
    (scan,) = world.call("GET", _SUMMARY)
    assert answer["scans"] == [scan]
    expected = {
        "namespace": "admin",
        "reponame": "flask_build",
        "tag": "1",
        "critical": 1,
        "major": 2,
        "minor": 3,
        "last_scan_status": 6,
        "check_completed_at": "2026-11-22T01:55:25.000000Z",
        "should_rescan": False,
        "has_foreign_layers": False,
    }
    assert expected.items() <= scan.items()
    assert world.call("GET", f"/imagescan/repositories/{SOURCE}/1") == [scan]


def test_every_platform_of_a_list_gets_a_scan(world: World, tmp_path: Path) -> None:
    world.push(SOURCE, "1", kind="index")
    assert [scan["last_scan_status"] for scan in world.call("GET", _SUMMARY)] == [1, 1]
    world.scan(SOURCE, "1")
    scans = world.api(tmp_path).scan_summary(SOURCE, "1")
    assert [scan.platform for scan in scans] == [("linux", name) for name in ARCHITECTURES]
    assert [scan.last_scan_status for scan in scans] == [6, 6]


def test_one_platform_can_be_scanned_alone(world: World) -> None:
    world.push(SOURCE, "1", kind="index")
    world.scan(SOURCE, "1", platform="linux/arm64", critical=4)
    scans = world.call("GET", _SUMMARY)
    assert {scan["arch"]: scan["last_scan_status"] for scan in scans} == {"amd64": 1, "arm64": 6}
    refused = world.refusal(
        "POST",
        "/embedded/v0/scans",
        {"repository": SOURCE, "tag": "1", "platform": "linux/s390x"},
        expect=400,
    )
    assert "linux/amd64, linux/arm64" in refused


def test_a_tag_that_moves_is_unscanned(world: World) -> None:
    world.push(SOURCE, "1")
    world.scan(SOURCE, "1")
    world.push(SOURCE, "1", b"another")
    (scan,) = world.call("GET", _SUMMARY)
    assert scan["last_scan_status"] == 1


def test_a_scan_can_fail(world: World) -> None:
    world.push(SOURCE, "1")
    world.scan(SOURCE, "1", error="out of memory")
    (scan,) = world.call("GET", _SUMMARY)
    assert (scan["last_scan_status"], scan["check_completed_at"]) == (0, ZERO_TIME)


def test_a_scan_that_is_asked_for_stays_pending(world: World) -> None:
    world.push(SOURCE, "1")
    asked = world.call("POST", f"/imagescan/scan/{SOURCE}/1/linux/amd64")
    assert [scan["last_scan_status"] for scan in asked] == [3]
    assert "no scanner" in world.call("GET", "/imagescan/status")["notice"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"repository": "admin/none"}, 404),
        ({"repository": "flask"}, 400),
        ({"repository": f"dtr.test:8443/{SOURCE}"}, 400),
        ({"tag": "none"}, 404),
        ({"critical": -1}, 400),
        ({"critical": "0"}, 400),
        ({"critical": True}, 400),
        ({"severe": 1}, 400),
    ],
)
def test_what_cannot_be_told_is_refused(
    world: World, change: dict[str, object], status: int
) -> None:
    world.push(SOURCE, "1")
    told = {"repository": SOURCE, "tag": "1", "critical": 0, "major": 0, "minor": 0}
    assert world.refusal("POST", "/embedded/v0/scans", told | change, expect=status)
    assert world.call("GET", _SUMMARY)[0]["last_scan_status"] == 1


def test_attestations_beside_images_are_no_platforms(world: World) -> None:
    world.push(SOURCE, "base", kind="index")
    with world.client() as client:
        digest = world.tags(SOURCE)["base"]
        index = client.get(f"/v2/{SOURCE}/manifests/{digest}").json()
        attestation = index["manifests"][0] | {
            "platform": {"os": "unknown", "architecture": "unknown"},
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        }
        index["manifests"] = [index["manifests"][1], attestation]
        _put(client, json.dumps(index).encode(), index["mediaType"])
    assert [scan["arch"] for scan in world.call("GET", _SUMMARY)] == ["arm64"]


def _put(client: httpx.Client, content: bytes, kind: str) -> None:
    client.put(
        f"/v2/{SOURCE}/manifests/1", content=content, headers={"Content-Type": kind}
    ).raise_for_status()
