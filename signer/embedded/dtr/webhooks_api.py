"""Subscriptions, their tests, and the record of deliveries, over HTTP.

Source: dtr-ucp-ci reference, B.4.
"""

import json
from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from signer.embedded.dtr.calls import (
    API,
    Call,
    Calls,
    not_authorized,
    paged,
    require_admin,
)
from signer.embedded.dtr.deliveries import Deliveries
from signer.embedded.dtr.fake_bodies import fake_body
from signer.embedded.dtr.repositories_api import REPOSITORY
from signer.embedded.dtr.sender import Send
from signer.embedded.dtr.webhooks import Endpoint, Webhook, Webhooks, check_type, no_such_webhook
from signer.embedded.errors import ApiError
from signer.embedded.identity import EVERYTHING


class _Test(msgspec.Struct, rename="camel"):
    type: str
    endpoint: str
    tls_cert: str | None = None
    skip_tls_verification: bool = msgspec.field(default=False, name="skipTLSVerification")

    def target(self) -> Endpoint:
        return Endpoint(self.endpoint, self.tls_cert or "", self.skip_tls_verification)


class _New(_Test, kw_only=True):
    key: str = ""


_TEST: Final = msgspec.json.Decoder(_Test)
_NEW: Final = msgspec.json.Decoder(_New)


@dataclass(frozen=True)
class WebhooksApi:
    """Webhooks over HTTP.

    Attributes:
        calls: callers and their rights.
        webhooks: the state.
        deliveries: what was sent.
        send: sends a test.
    """

    calls: Calls
    webhooks: Webhooks
    deliveries: Deliveries
    send: Send

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        route = self.calls.route
        one = API + "/webhooks/{webhook}"
        return [
            route("GET", API + "/webhooks", self._list),
            route("POST", API + "/webhooks", self._create),
            route("POST", API + "/webhooks/test", self._test),
            route("GET", one, self._get),
            route("DELETE", one, self._delete),
            route("GET", one + "/deliveries", self._deliveries),
            route("GET", REPOSITORY + "/webhooks", self._list_of_repository),
            route("GET", API + "/repositories/{namespace}/webhooks", self._list_of_namespace),
        ]

    def _create(self, call: Call) -> Response:
        wanted = call.decode(_NEW)
        check_type(wanted.type)
        self._require_rights(call, wanted.key)
        made = self.webhooks.create(
            wanted.type, wanted.key, wanted.target(), author=call.identity.name
        )
        return JSONResponse(made.shown(), status_code=201)

    def _test(self, call: Call) -> Response:
        wanted = call.decode(_TEST)
        check_type(wanted.type)
        endpoint = wanted.target()
        endpoint.check()
        outcome = self.send(endpoint, json.dumps(fake_body(wanted.type)).encode())
        if not outcome.is_received:
            raise ApiError(
                400,
                "WEBHOOK_TEST_FAILED",
                f"The test was not received: {outcome.error}.",
                detail={"responseStatus": outcome.status},
            )
        return JSONResponse({"responseStatus": outcome.status})

    def _list(self, call: Call) -> Response:
        return self._listed(call, self.webhooks.find_all())

    def _list_of_namespace(self, call: Call) -> Response:
        return self._listed(call, self.webhooks.find_all(call.part("namespace")))

    def _list_of_repository(self, call: Call) -> Response:
        repository = self.calls.repository(call)
        return self._listed(call, self.webhooks.find_all(repository.path))

    def _listed(self, call: Call, hooks: list[Webhook]) -> Response:
        allowed = [hook for hook in hooks if self._may(call, hook)]
        allowed.sort(key=_cursor)
        return paged(call, allowed, key=_cursor, shown=Webhook.shown)

    def _get(self, call: Call) -> Response:
        return JSONResponse(self._found(call).shown())

    def _delete(self, call: Call) -> Response:
        self.webhooks.delete(self._found(call).id)
        return Response(status_code=204)

    def _deliveries(self, call: Call) -> Response:
        found = self.deliveries.of(self._found(call))
        return paged(call, found, key=lambda one: f"{one.id:019d}", shown=lambda one: one.shown())

    def _found(self, call: Call) -> Webhook:
        found = self.webhooks.get(call.part("webhook"))
        if not self._may(call, found):
            raise no_such_webhook()
        return found

    def _may(self, call: Call, hook: Webhook) -> bool:
        try:
            self._require_rights(call, hook.key, exists=False)
        except ApiError:
            return False
        return True

    def _require_rights(self, call: Call, key: str, *, exists: bool = True) -> None:
        """Let pass who administers what a key names: a repository, a namespace, everything.

        A webhook's URL holds its receiver's token, so nobody else sees it either.
        """
        namespace, slash, name = key.partition("/")
        if not key:
            require_admin(call)
        elif not slash:
            if not self.calls.access.owns(call.identity, namespace):
                raise not_authorized(f"namespace {namespace}")
        elif exists:
            self.calls.visible(call, namespace, name, EVERYTHING)
        elif not self.calls.access.may(call.identity, EVERYTHING, namespace=namespace, name=name):
            raise not_authorized(f"repository {key}")


def _cursor(hook: Webhook) -> str:
    return f"{hook.created_at} {hook.id}"
