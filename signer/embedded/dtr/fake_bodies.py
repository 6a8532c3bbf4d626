"""The bodies of a webhook's test: always the same, so that receivers know them.

Source: dtr-ucp-ci reference, B.4 (names foo and bar, no author, 2015-01-02T15:04:05Z).
"""

from typing import Final

from signer.embedded.dtr.bodies import Body, envelope

_TIME: Final = "2015-01-02T15:04:05Z"
_DIGEST: Final = "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
_NAMES: Final = {"namespace": "foo", "repository": "bar"}
_IMAGE: Final = {**_NAMES, "tag": "latest", "imageName": "dtr.example.com/foo/bar:latest"}
_PUSHED: Final = {"digest": _DIGEST, "os": "linux", "architecture": "amd64", "author": ""}
_MANIFEST: Final = {**_NAMES, "imageName": f"dtr.example.com/foo/bar@{_DIGEST}", **_PUSHED}
_SUMMARY: Final = {
    "namespace": "foo",
    "reponame": "bar",
    "tag": "latest",
    "critical": 5,
    "major": 3,
    "minor": 0,
    "last_scan_status": 6,
    "check_completed_at": _TIME,
    "should_rescan": False,
    "has_foreign_layers": False,
}
_MIRRORED: Final = {
    **_IMAGE,
    "mirroringPolicyID": "",
    "digest": _DIGEST,
    "remoteRepository": "foo/bar",
    "remoteTag": "latest",
}
_REPOSITORY: Final = {**_NAMES, "author": "", "data": {"namespace": "foo", "name": "bar"}}
_SCANNER: Final = {
    "scanner_version": "3",
    "scanner_updated_at": _TIME,
    "db_version": 1,
    "db_updated_at": _TIME,
    "success": True,
    "replicas": {
        "000000000000": {"db_updated_at": _TIME, "version": "1", "replica_id": "000000000000"}
    },
}
_CONTENTS: Final[dict[str, Body]] = {
    "TAG_PUSH": {**_IMAGE, **_PUSHED, "pushedAt": _TIME},
    "TAG_PULL": {**_IMAGE, **_PUSHED, "pulledAt": _TIME},
    "TAG_DELETE": {**_IMAGE, **_PUSHED, "deletedAt": _TIME},
    "MANIFEST_PUSH": {**_MANIFEST, "pushedAt": _TIME},
    "MANIFEST_PULL": {**_MANIFEST, "pulledAt": _TIME},
    "MANIFEST_DELETE": {**_MANIFEST, "deletedAt": _TIME},
    "SCAN_COMPLETED": {**_IMAGE, "scanSummary": _SUMMARY},
    "SCAN_FAILED": {**_IMAGE, "error": "worthless example"},
    "PROMOTION": {
        "promotionPolicyID": "",
        "digest": _DIGEST,
        "sourceRepository": "foo/bar",
        "sourceTag": "latest",
        "targetRepository": "foo/bar",
        "targetTag": "latest",
        "promotedAt": _TIME,
    },
    "PUSH_MIRRORING": _MIRRORED,
    "POLL_MIRRORING": _MIRRORED,
    "REPO_CREATED": {**_REPOSITORY, "event": "REPO_CREATED"},
    "REPO_UPDATED": {**_REPOSITORY, "event": "REPO_UPDATED"},
    "REPO_DELETED": {**_REPOSITORY, "event": "REPO_DELETED"},
    "REPO_EVENT": {**_REPOSITORY, "event": "REPO_CREATED"},
    "SCANNER_UPDATE_COMPLETED": _SCANNER,
}


def fake_body(kind: str) -> Body:
    """Return the body of a test."""
    location = "/repositories/foo/bar"
    if kind.startswith("MANIFEST_"):
        location += f"/manifests/{_DIGEST}"
    elif kind == "SCANNER_UPDATE_COMPLETED":
        location = ""
    elif not kind.startswith("REPO_"):
        location += "/tags/latest"
    return envelope(kind, _CONTENTS[kind], location=location, at=_TIME)
