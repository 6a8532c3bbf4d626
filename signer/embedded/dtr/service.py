"""Puts the parts of the API together, and connects them to what happens in the registry."""

from collections.abc import Callable
from dataclasses import dataclass

from starlette.routing import BaseRoute

from signer.embedded.access import Access
from signer.embedded.accounts import Accounts
from signer.embedded.blobs import Blobs
from signer.embedded.database import Database
from signer.embedded.dtr.calls import Calls
from signer.embedded.dtr.deliveries import Deliveries
from signer.embedded.dtr.notifications import Notifications
from signer.embedded.dtr.platforms import Inspector
from signer.embedded.dtr.policies import Policies
from signer.embedded.dtr.promotion import Promotions
from signer.embedded.dtr.promotion_api import PromotionApi
from signer.embedded.dtr.repositories_api import RepositoriesApi
from signer.embedded.dtr.scans import Scans
from signer.embedded.dtr.scans_api import ScansApi
from signer.embedded.dtr.sender import Send, send
from signer.embedded.dtr.tags_api import TagsApi
from signer.embedded.dtr.trust import TrustData
from signer.embedded.dtr.webhooks import Webhooks
from signer.embedded.dtr.webhooks_api import WebhooksApi
from signer.embedded.identity import Authenticate
from signer.embedded.images import Images
from signer.embedded.repositories import Repositories
from signer.embedded.tag_limit import TagLimit


@dataclass(frozen=True)
class DtrService:
    """The API and what works behind it.

    Attributes:
        deliveries: the queue of webhooks, which its owner starts and stops.
        routes: the API's.
    """

    deliveries: Deliveries
    routes: tuple[BaseRoute, ...]


def open_service(
    database: Database,
    *,
    host: str,
    authenticate: Authenticate,
    access: Access,
    accounts: Accounts,
    repositories: Repositories,
    images: Images,
    blobs: Blobs,
    now: Callable[[], str],
    clock: Callable[[], float],
    sender: Send = send,
) -> DtrService:
    """Open the API on an open data directory, and let it hear of every event.

    Args:
        database: everybody's.
        host: ``HOST:PORT``, as image references and GUNs begin.
        authenticate: checks Basic credentials.
        access: who may do what.
        accounts: users, organisations, teams.
        repositories: told of, and telling of, events.
        images: manifests and tags.
        blobs: layers and configurations.
        now: the clock, as the database writes times.
        clock: the same in seconds since 1970.
        sender: sends webhooks.
    """
    calls = Calls(authenticate, access, repositories, images)
    inspector = Inspector(images, blobs)
    trust = TrustData(database, host)
    scans = Scans(database, repositories=repositories, inspector=inspector, now=now)
    policies = Policies(database, now=now)
    promotions = Promotions(
        database,
        repositories=repositories,
        images=images,
        blobs=blobs,
        access=access,
        accounts=accounts,
        policies=policies,
        scans=scans,
        now=now,
    )
    webhooks = Webhooks(database, now=now)
    deliveries = Deliveries(database, webhooks, sender=sender, now=now, clock=clock)
    repositories_api = RepositoriesApi(calls, accounts)
    notifications = Notifications(
        webhooks, deliveries, repositories, inspector, repositories_api.shown, host
    )
    repositories.guard_deletion(trust.guard_deletion)
    # In this order: a push is told before the promotion that follows from it.
    repositories.in_transaction(notifications.on_event)
    repositories.in_transaction(promotions.on_event)
    repositories.on_event(TagLimit(database, repositories, images).on_event)
    return DtrService(
        deliveries,
        (
            *TagsApi(calls, inspector, promotions, scans, trust).routes(),
            *ScansApi(calls, scans).routes(),
            *PromotionApi(calls, database, policies, promotions).routes(),
            *WebhooksApi(calls, webhooks, deliveries, sender).routes(),
            *repositories_api.routes(),
        ),
    )
