"""An embedded DTR in this process, with images to push, and a receiver of its webhooks."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, cast

import httpx

from signer.dtr.api import DtrApi
from signer.embedded.app import create_app, open_dtr
from signer.embedded.dtr.sender import Outcome
from signer.embedded.dtr.webhooks import Endpoint
from signer.embedded.notary.store import FileStore, NewFile
from signer.names import Gun, RoleName
from signer.transport.credentials import Credentials
from signer.transport.http import HttpPool
from tests.attacks.simulator import SimulatedCollection
from tests.components.images import push_image
from tests.unit.embedded.inprocess import HOST, PASSWORD, URL, Application, Clock
from tests.unit.transport.simulated import NO_TLS

if TYPE_CHECKING:
    from tests.components.web import WebService

SOURCE: Final = "admin/flask_build"
TARGET: Final = "admin/flask"
RECEIVER: Final = "http://ci.test/trigger?token=worthless"
CLEAN: Final = {"field": "vulnerability_critical", "operator": "lte", "values": ["0"]}


class Receiver:
    """Receives webhooks.

    Attributes:
        bodies: what was received.
        status: what it answers; 0 is no answer.
    """

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.endpoints: list[Endpoint] = []
        self.status = 200

    def __call__(self, endpoint: Endpoint, body: bytes) -> Outcome:
        """Receive a body, or refuse it."""
        if self.status != 200:
            return Outcome(self.status, "refused")
        self.endpoints.append(endpoint)
        self.bodies.append(json.loads(body))
        return Outcome(self.status, "")

    @property
    def types(self) -> list[str]:
        """The types of what was received."""
        return [body["type"] for body in self.bodies]


class World:
    """A DTR and its admin.

    Attributes:
        clock: its clock.
        receiver: of all webhooks.
        dtr: its parts.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock = Clock()
        self.receiver = Receiver()
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "admin-password").write_text(PASSWORD)
        self.open()

    def open(self) -> None:
        """Open the data directory."""
        self.dtr = open_dtr(self.directory, url=URL, clock=self.clock, sender=self.receiver)
        self._transport = Application(create_app(self.dtr))

    def reopen(self) -> None:
        """Close it and open it again, as a restart does."""
        self.dtr.close()
        self.open()

    def client(self, auth: tuple[str, str] | None = None) -> httpx.Client:
        """Return a client as an account, the admin's unless said."""
        return httpx.Client(
            transport=self._transport, base_url=URL, auth=auth or ("admin", PASSWORD)
        )

    def call(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        expect: int = 200,
        user: str = "admin",
    ) -> Any:  # noqa: ANN401 - JSON
        """Call the API, which must answer ``expect``; return its JSON."""
        answer = self.client((user, PASSWORD)).request(
            method,
            path if path.startswith("/embedded") else f"/api/v0{path}",
            content=json.dumps(content) if content is not None else None,
        )
        assert answer.status_code == expect, answer.text
        return answer.json() if answer.content else None

    def refusal(self, method: str, path: str, content: object = None, **options: Any) -> str:  # noqa: ANN401
        """Call the API, which must refuse; return the message."""
        message: str = self.call(method, path, content, **options)["errors"][0]["message"]
        return message

    def push(
        self,
        repository: str,
        tag: str,
        content: bytes = b"worthless example",
        *,
        kind: Literal["docker", "oci", "index"] = "docker",
    ) -> str:
        """Push an image; return its digest."""
        return push_image(cast("WebService", self), repository, tag, kind=kind, content=content)[0]

    def scan(self, repository: str, tag: str, **findings: Any) -> Any:  # noqa: ANN401
        """Set a scan, clean unless said."""
        told = {"repository": repository, "tag": tag, "critical": 0, "major": 0, "minor": 0}
        return self.call("POST", "/embedded/v0/scans", told | findings)

    def policy(self, *rules: dict[str, Any], **content: Any) -> str:  # noqa: ANN401
        """Make a policy from source to target; return its id."""
        wanted = {"enabled": True, "rules": rules, "targetRepository": TARGET, "tagTemplate": "%n"}
        made = self.call(
            "POST", f"/repositories/{SOURCE}/promotionPolicies", wanted | content, expect=201
        )
        policy_id: str = made["id"]
        return policy_id

    def subscribe(self, kind: str, key: str = SOURCE, endpoint: str = RECEIVER) -> str:
        """Subscribe the receiver; return the webhook's id."""
        wanted = {"type": kind, "key": key, "endpoint": endpoint, "skipTLSVerification": True}
        made = self.call("POST", "/webhooks", wanted, expect=201)
        webhook_id: str = made["id"]
        return webhook_id

    def deliver(self) -> list[dict[str, Any]]:
        """Send what is due; return what was received by it."""
        before = len(self.receiver.bodies)
        self.dtr.api.deliveries.send_due()
        return self.receiver.bodies[before:]

    def store(self, collection: SimulatedCollection) -> None:
        """Put a collection's files into the Notary server's store, as they are."""
        with self.dtr.database.write() as connection:
            files = FileStore(connection)
            gun = Gun(collection.gun)
            new = [
                NewFile(RoleName(role), files.current_version(gun, role) + 1, wire)
                for role, wire in collection.files.items()
            ]
            files.add(gun, new, now=self.clock())

    def tags(self, repository: str) -> dict[str, str]:
        """Return the digests of a repository's tags."""
        found = self.call("GET", f"/repositories/{repository}/tags")
        return {tag["name"]: tag["digest"] for tag in found}

    def api(self, home: Path) -> DtrApi:
        """Return the toolkit's own client."""
        variables = {"DTR_USERNAME": "admin", "DTR_PASSWORD": PASSWORD}
        pool = HttpPool(tls=NO_TLS, transport=self._transport)
        return DtrApi(pool, HOST, credentials=Credentials(variables, home))
