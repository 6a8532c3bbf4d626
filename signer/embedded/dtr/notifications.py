"""Turns events into queued webhook bodies, in the transaction of the event.

Source: dtr-ucp-ci reference, B.4.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from signer.embedded.dtr.bodies import (
    Body,
    image_body,
    promotion_body,
    repository_body,
    scan_bodies,
    types_of,
)
from signer.embedded.dtr.deliveries import Deliveries
from signer.embedded.dtr.events import ImagePromoted, TagScanned
from signer.embedded.dtr.platforms import ImagePlatform, Inspector
from signer.embedded.dtr.scans import ZERO_TIME
from signer.embedded.dtr.webhooks import Webhooks
from signer.embedded.errors import ApiError
from signer.embedded.events import (
    Event,
    RepositoryCreated,
    RepositoryDeleted,
    RepositoryUpdated,
)
from signer.embedded.repositories import Repositories, Repository


@dataclass(frozen=True)
class Notifications:
    """Listens to everything that happens.

    Attributes:
        webhooks: who wants to know.
        deliveries: the queue.
        repositories: the state.
        inspector: knows the platform of an image.
        shown: how the API shows a repository.
        host: ``HOST:PORT``.
    """

    webhooks: Webhooks
    deliveries: Deliveries
    repositories: Repositories
    inspector: Inspector
    shown: Callable[[Repository], dict[str, Any]]
    host: str

    def on_event(self, event: Event) -> None:
        """Queue what an event's subscribers are to receive; called inside its transaction."""
        kinds = types_of(event)
        hooks = self.webhooks.matching(kinds, namespace=event.namespace, name=event.name)
        if not hooks:
            return
        bodies = self._bodies(event, kinds)
        for body in bodies:
            for hook in hooks:
                if hook.type == body["type"]:
                    self.deliveries.queue(hook, body)

    def _bodies(self, event: Event, kinds: tuple[str, ...]) -> list[Body]:
        match event:
            case TagScanned():
                return scan_bodies(event, host=self.host)
            case ImagePromoted():
                # DTR sends the second, too, and receivers must tell them apart.
                return [promotion_body(event, promoted_at=at) for at in (event.at, ZERO_TIME)]
            case RepositoryCreated() | RepositoryUpdated() | RepositoryDeleted():
                found = self.repositories.find(event.namespace, event.name)
                data = self.shown(found) if found else {}
                return [repository_body(event, kind, data) for kind in kinds]
            case _:
                return [image_body(event, host=self.host, platform=self._platform(event))]

    def _platform(self, event: Event) -> ImagePlatform | None:
        """Return the platform of an event's image; None for an index."""
        repository = self.repositories.find(event.namespace, event.name)
        digest = getattr(event, "digest", "")
        if repository is None:
            return None
        try:
            found = self.inspector.platforms(repository, digest)
        except ApiError:
            return None
        return found[0] if len(found) == 1 and found[0].digest == digest else None
