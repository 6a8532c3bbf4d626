"""Promotion policies, and promotions by hand, over HTTP.

Source: dtr-ucp-ci reference, B.5.
"""

from dataclasses import dataclass
from typing import Final

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from signer.embedded.database import Database
from signer.embedded.dtr.calls import Call, Calls
from signer.embedded.dtr.policies import Policies, Policy, PolicyContent
from signer.embedded.dtr.promotion import Promotions, require_target
from signer.embedded.dtr.repositories_api import REPOSITORY
from signer.embedded.dtr.templates import require_tag
from signer.embedded.repositories import Repository


class _ByHand(msgspec.Struct, rename="camel"):
    target_repository: str
    target_tag: str


_POLICY: Final = msgspec.json.Decoder(PolicyContent)
_BY_HAND: Final = msgspec.json.Decoder(_ByHand)


@dataclass(frozen=True)
class PromotionApi:
    """Policies over HTTP.

    Attributes:
        calls: callers and their rights.
        database: a policy and its first evaluation are one transaction.
        policies: the state.
        promotions: runs them.
    """

    calls: Calls
    database: Database
    policies: Policies
    promotions: Promotions

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        route = self.calls.route
        everything = REPOSITORY + "/promotionPolicies"
        one = everything + "/{policy}"
        return [
            route("GET", everything, self._list),
            route("POST", everything, self._create),
            route("GET", one, self._get),
            route("PUT", one, self._replace),
            route("DELETE", one, self._delete),
            route("POST", REPOSITORY + "/tags/{tag}/promotion", self._promote),
        ]

    def _list(self, call: Call) -> Response:
        repository = self.calls.repository(call)
        return JSONResponse([policy.shown() for policy in self.policies.of(repository)])

    def _get(self, call: Call) -> Response:
        repository = self.calls.repository(call)
        return JSONResponse(self.policies.get(repository, call.part("policy")).shown())

    def _create(self, call: Call) -> Response:
        repository = self.calls.administered(call)
        content = self._content(call)
        now = call.flag("initialEvaluation")
        with self.database.write():
            policy = self.policies.create(repository, content, author=call.identity.name)
            self._evaluate(repository, policy, now=now)
        return JSONResponse(policy.shown(), status_code=201)

    def _replace(self, call: Call) -> Response:
        repository = self.calls.administered(call)
        policy_id = call.part("policy")
        content = self._content(call)
        now = call.flag("initialEvaluation")
        with self.database.write():
            policy = self.policies.replace(
                repository, policy_id, content, author=call.identity.name
            )
            self._evaluate(repository, policy, now=now)
        return JSONResponse(policy.shown())

    def _delete(self, call: Call) -> Response:
        repository = self.calls.administered(call)
        self.policies.delete(repository, call.part("policy"))
        return Response(status_code=204)

    def _promote(self, call: Call) -> Response:
        repository, tag = self.calls.tag(call)
        wanted = call.decode(_BY_HAND)
        record = self.promotions.promote(
            repository,
            tag,
            target=wanted.target_repository,
            target_tag=require_tag(wanted.target_tag),
            identity=call.identity,
        )
        return JSONResponse(record.shown(), status_code=201)

    def _content(self, call: Call) -> PolicyContent:
        content = call.decode(_POLICY)
        require_target(self.calls.access, call.identity, content.target_repository)
        return content

    def _evaluate(self, repository: Repository, policy: Policy, *, now: bool) -> None:
        if now:
            for tag in self.calls.images.tags(repository):
                self.promotions.evaluate(repository, tag, [policy])
