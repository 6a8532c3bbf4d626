"""The API of a running embedded DTR, as its admin uses it."""

from typing import Any, Final

from tests.components.embedded import EmbeddedDtr

_CLEAN: Final = {"field": "vulnerability_critical", "operator": "lte", "values": ["0"]}


class Api:
    """The API of a running DTR, as its admin.

    Attributes:
        dtr: the server.
        source: a build repository of its own for the test, with a policy that promotes to `target`.
        target: the repository that is deployed from.
        policy: the policy's id.
    """

    def __init__(self, dtr: EmbeddedDtr, repository: str) -> None:
        self.dtr = dtr
        self.target, self.source = repository, f"{repository}_build"
        for path in (self.target, self.source):
            namespace, _, name = path.partition("/")
            self("POST", f"/repositories/{namespace}", {"name": name}, expect=201)
        policy = {"enabled": True, "rules": [_CLEAN], "targetRepository": self.target}
        path = f"/repositories/{self.source}/promotionPolicies"
        self.policy: str = self("POST", path, policy | {"tagTemplate": "%n"}, expect=201)["id"]

    def __call__(self, method: str, path: str, content: object = None, *, expect: int = 200) -> Any:  # noqa: ANN401 - JSON
        """Call the API, which must answer ``expect``; return its JSON."""
        with self.dtr.client() as client:
            url = path if path.startswith("/embedded") else f"/api/v0{path}"
            answer = client.request(method, url, json=content)
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    def scan(self, tag: str, *, critical: int = 0) -> None:
        """Set the scan of a tag of the source."""
        told = {"repository": self.source, "tag": tag, "critical": critical, "major": 0, "minor": 0}
        self("POST", "/embedded/v0/scans", told)

    def subscribe(self, kind: str, endpoint: str, **settings: object) -> str:
        """Subscribe to the source; return the webhook's id."""
        wanted = {"type": kind, "key": self.source, "endpoint": endpoint, **settings}
        webhook_id: str = self("POST", "/webhooks", wanted, expect=201)["id"]
        return webhook_id

    def tag(self, repository: str, tag: str) -> dict[str, Any]:
        """Return a tag."""
        found: dict[str, Any] = self("GET", f"/repositories/{repository}/tags/{tag}")
        return found

    def deliveries(self, webhook_id: str) -> list[dict[str, Any]]:
        """Return the record of a webhook."""
        found: list[dict[str, Any]] = self("GET", f"/webhooks/{webhook_id}/deliveries")
        return found
