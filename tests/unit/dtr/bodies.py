"""Webhook bodies as the reference has them (dtr-ucp-ci B.4), and variations of the promotion."""

import json
from typing import Any

DIGEST = "sha256:5b4930b1a9f0d4bd0f9d5dc9a0a3cdb2ddc2a5eba5c70a3b9bf1bd65dc1c8dd6"
OTHER = "sha256:" + "0c" * 32
POLICY = "0c1d2e3f-0000-4000-8000-000000000066"

PROMOTION: dict[str, Any] = {
    "type": "PROMOTION",
    "createdAt": "2019-05-22T01:55:20.471286995Z",
    "contents": {
        "promotionPolicyID": POLICY,
        "digest": DIGEST,
        "sourceRepository": "admin/flask_build",
        "sourceTag": "66",
        "targetRepository": "admin/flask",
        "targetTag": "66",
        "promotedAt": "2019-05-22T01:55:19.3Z",
    },
    "location": "/repositories/admin/flask/tags/66",
}

TAG_PUSH: dict[str, Any] = {
    "type": "TAG_PUSH",
    "createdAt": "2017-12-18T02:33:45.452418977Z",
    "contents": {
        "namespace": "admin",
        "repository": "flask_build",
        "tag": "latest",
        "digest": DIGEST,
        "imageName": "dtr.example.com/admin/flask_build:latest",
        "os": "linux",
        "architecture": "amd64",
        "author": "",
        "pushedAt": "2017-12-18T02:33:45Z",
    },
    "location": "/repositories/admin/flask_build/tags/latest",
}

SCAN_COMPLETED: dict[str, Any] = {
    "type": "SCAN_COMPLETED",
    "createdAt": "2017-12-18T02:33:45.452418977Z",
    "contents": {
        "namespace": "admin",
        "repository": "flask_build",
        "tag": "latest",
        "imageName": "dtr.example.com/admin/flask_build:latest",
        "scanSummary": {
            "namespace": "admin",
            "reponame": "flask_build",
            "tag": "latest",
            "critical": 5,
            "major": 3,
            "minor": 0,
            "last_scan_status": 6,
            "check_completed_at": "2017-12-18T02:33:44Z",
            "should_rescan": False,
            "has_foreign_layers": False,
        },
    },
    "location": "/repositories/admin/flask_build/tags/latest",
}

OTHERS: list[dict[str, Any]] = [
    TAG_PUSH,
    SCAN_COMPLETED,
    {
        "type": "TAG_DELETE",
        "contents": {
            "namespace": "admin",
            "repository": "flask",
            "tag": "1",
            "deletedAt": "2017-12-18T02:33:45Z",
        },
    },
    {
        "type": "MANIFEST_PUSH",
        "contents": {"namespace": "admin", "repository": "flask", "digest": DIGEST},
    },
    {
        "type": "MANIFEST_DELETE",
        "contents": {"namespace": "admin", "repository": "flask", "digest": DIGEST},
    },
    {
        "type": "SCAN_FAILED",
        "contents": {"namespace": "admin", "repository": "flask", "tag": "1", "error": "no"},
    },
    {
        "type": "REPO_CREATED",
        "contents": {
            "namespace": "admin",
            "repository": "flask",
            "event": "x",
            "data": {"id": "1"},
        },
    },
    {"type": "REPO_EVENT", "contents": {"namespace": "admin", "repository": "flask"}},
    {
        "type": "SCANNER_UPDATE_COMPLETED",
        "contents": {
            "scanner_version": "3",
            "db_version": 344,
            "success": True,
            "replicas": {"000000000000": {"version": "344"}},
        },
    },
    # By their envelope alone: no sample of their contents is known.
    {"type": "TAG_PULL", "contents": {"namespace": 1}},
    {"type": "MANIFEST_PULL", "contents": []},
    {"type": "PUSH_MIRRORING", "contents": {"mirroringPolicyID": "1"}},
    {"type": "POLL_MIRRORING"},
    {"type": "HELM_CHART_PUSHED", "contents": None},
    {"type": "PUSH_ARTIFACT", "event_data": {"resources": []}},
]


def promotion(**changes: object) -> dict[str, Any]:
    """Return the promotion with other contents."""
    return {**PROMOTION, "contents": {**PROMOTION["contents"], **changes}}


def text(body: object) -> bytes:
    return json.dumps(body).encode()
