"""A DTR and its registry that answer without a network, by the reference's samples (B.2 to B.5)."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from signer.transport.registry import DOCKER_LIST, DOCKER_MANIFEST

HOST: Final = "dtr.example.com"
SOURCE: Final = "admin/flask_build"
TARGET: Final = "admin/flask"
TAG: Final = "66"
POLICY: Final = "0c1d2e3f-0000-4000-8000-000000000066"
API: Final = "/api/v0"


def manifest(name: str = "image") -> bytes:
    """Return the bytes of a small manifest, another for each name."""
    return json.dumps(
        {"schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": {"name": name}, "layers": []}
    ).encode()


def index(*platforms: dict[str, Any] | None, **members: object) -> bytes:
    """Return the bytes of a manifest list of these platforms."""
    entries = [{"platform": platform, "digest": "sha256:" + "0" * 64} for platform in platforms]
    content = {"schemaVersion": 2, "mediaType": DOCKER_LIST, "manifests": entries, **members}
    return json.dumps(content).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def scan(**changes: object) -> dict[str, Any]:
    """Return a completed scan without findings."""
    return {
        "namespace": "admin",
        "reponame": "flask_build",
        "tag": TAG,
        "critical": 0,
        "major": 1,
        "minor": 4,
        "last_scan_status": 6,
        "check_completed_at": "2026-11-22T01:54:02.25Z",
        "should_rescan": False,
        "has_foreign_layers": False,
        **changes,
    }


@dataclass
class StubDtr:
    """One image that was promoted by the book, until a test changes something.

    Attributes:
        tags: API objects by ``REPO:TAG``.
        scans: scan summaries by ``REPO:TAG``.
        policies: by ``REPO/ID``.
        manifests: the registry's bytes by ``REPO:TAG``.
        answers: what is answered instead, by URL path.
        asked: every request.
    """

    tags: dict[str, Any] = field(default_factory=dict)
    scans: dict[str, Any] = field(default_factory=dict)
    policies: dict[str, Any] = field(default_factory=dict)
    manifests: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, httpx.Response] = field(default_factory=dict)
    asked: list[httpx.Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Promote the image."""
        self.policies[f"{SOURCE}/{POLICY}"] = {
            "id": POLICY,
            "enabled": True,
            "rules": [{"field": "vulnerability_critical", "operator": "lte", "values": ["0"]}],
            "targetRepository": TARGET,
            "tagTemplate": "%n",
        }
        self.promote(TAG, manifest())

    def promote(self, tag: str, content: bytes) -> str:
        """Push, scan and promote an image; return its digest."""
        digest = digest_of(content)
        for repository in (SOURCE, TARGET):
            self.manifests[f"{repository}:{tag}"] = content
            self.tags[f"{repository}:{tag}"] = {
                "name": tag,
                "digest": digest,
                "author": "admin",
                "updatedAt": "2026-11-22T01:55:19.471Z",
                "inNotary": False,
                "hashMismatch": False,
                "manifest": {"digest": digest, "size": 4711, "dockerfile": []},
                "promotion": None,
            }
        self.tags[f"{TARGET}:{tag}"]["promotion"] = {
            "promotionPolicyID": POLICY,
            "sourceRepository": SOURCE,
            "sourceTag": tag,
            "string": "",
        }
        self.scans[f"{SOURCE}:{tag}"] = [scan(tag=tag)]
        return digest

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(request)
        path = request.url.path
        if path in self.answers:
            return self.answers[path]
        if path.startswith("/v2/") and "/manifests/" in path:
            return self._manifest(path)
        found = self._api(path.removeprefix(API)) if path.startswith(API) else None
        if found is None:
            return httpx.Response(404, json={"errors": [{"code": "NO_SUCH", "message": "no"}]})
        return httpx.Response(200, json=found)

    def _manifest(self, path: str) -> httpx.Response:
        repository, _, tag = path.removeprefix("/v2/").partition("/manifests/")
        content = self.manifests.get(f"{repository}:{tag}")
        if content is None:
            return httpx.Response(404, json={"errors": [{"code": "MANIFEST_UNKNOWN"}]})
        kind = json.loads(content)["mediaType"]
        return httpx.Response(200, content=content, headers={"Content-Type": kind})

    def _api(self, path: str) -> object:
        parts = path.strip("/").split("/")
        match parts:
            case ["repositories", namespace, name, "tags", tag]:
                return self.tags.get(f"{namespace}/{name}:{tag}")
            case ["repositories", namespace, name, "tags"]:
                prefix = f"{namespace}/{name}:"
                return [tag for name, tag in self.tags.items() if name.startswith(prefix)]
            case ["repositories", namespace, name, "promotionPolicies", policy]:
                return self.policies.get(f"{namespace}/{name}/{policy}")
            case ["imagescan", "scansummary", "repositories", namespace, name, tag]:
                return self.scans.get(f"{namespace}/{name}:{tag}")
            case _:
                return None
