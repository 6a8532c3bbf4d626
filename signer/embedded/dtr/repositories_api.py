"""Repositories: their settings, and which teams have them.

Source: dtr-ucp-ci reference, B.2.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from signer.embedded.access import split_path
from signer.embedded.accounts import Accounts
from signer.embedded.dtr.calls import (
    API,
    Call,
    Calls,
    invalid,
    not_authorized,
    paged,
)
from signer.embedded.repositories import Repository

REPOSITORY: Final = API + "/repositories/{namespace}/{name}"
_MAX_SHORT: Final = 140
_MAX_LIMIT: Final = 2**31 - 1


class _Settings(msgspec.Struct, rename="camel", omit_defaults=True):
    """Settings as they are sent; what is left out stays as it is."""

    visibility: Literal["public", "private"] | None = None
    scan_on_push: bool | None = None
    immutable_tags: bool | None = None
    tag_limit: int | None = None
    short_description: str | None = None
    long_description: str | None = None


class _NewRepository(_Settings, rename="camel", kw_only=True):
    name: str


class _TeamAccess(msgspec.Struct, rename="camel"):
    access_level: str


_CHANGES: Final = msgspec.json.Decoder(_Settings)
_NEW: Final = msgspec.json.Decoder(_NewRepository)
_TEAM_ACCESS: Final = msgspec.json.Decoder(_TeamAccess)


@dataclass(frozen=True)
class RepositoriesApi:
    """Repositories over HTTP.

    Attributes:
        calls: callers and their rights.
        accounts: who owns a namespace.
    """

    calls: Calls
    accounts: Accounts

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        route = self.calls.route
        namespace = API + "/repositories/{namespace}"
        team = REPOSITORY + "/teamAccess/{team}"
        everything = API + "/repositoryNamespaces/{namespace}/teamAccess/{team}"
        return [
            route("GET", API + "/repositories", self._list_all),
            route("GET", namespace, self._list),
            route("POST", namespace, self._create),
            route("GET", REPOSITORY, self._get),
            route("PATCH", REPOSITORY, self._change),
            route("DELETE", REPOSITORY, self._delete),
            route("GET", REPOSITORY + "/teamAccess", self._teams),
            route("PUT", team, self._set_team),
            route("DELETE", team, self._remove_team),
            route("PUT", everything, self._set_namespace_team),
        ]

    def _list_all(self, call: Call) -> Response:
        return self._listed(call, "")

    def _list(self, call: Call) -> Response:
        return self._listed(call, call.part("namespace"))

    def _listed(self, call: Call, namespace: str) -> Response:
        found = [
            repository
            for repository in self.calls.repositories.find_all(namespace)
            if self.calls.may(call, "pull", repository)
        ]
        found.sort(key=lambda repository: repository.path)
        return paged(call, found, key=lambda repository: repository.path, shown=self.shown)

    def _create(self, call: Call) -> Response:
        namespace = call.part("namespace")
        self._require_owner(call, namespace)
        wanted = call.decode(_NEW)
        if split_path(f"{namespace}/{wanted.name}") is None or "/" in wanted.name:
            raise invalid("the name of a repository has lower-case letters, digits, '.', '_', '-'")
        made = self.calls.repositories.create(
            namespace, wanted.name, author=call.identity.name, **_settings(wanted)
        )
        return JSONResponse(self.shown(made), status_code=201)

    def _get(self, call: Call) -> Response:
        return JSONResponse(self.shown(self.calls.repository(call)))

    def _change(self, call: Call) -> Response:
        found = self.calls.administered(call)
        changed = self.calls.repositories.update(
            found.namespace,
            found.name,
            author=call.identity.name,
            **_settings(call.decode(_CHANGES)),
        )
        return JSONResponse(self.shown(changed))

    def _delete(self, call: Call) -> Response:
        found = self.calls.administered(call)
        self.calls.repositories.delete(found.namespace, found.name, author=call.identity.name)
        return Response(status_code=204)

    def _teams(self, call: Call) -> Response:
        found = self.calls.administered(call)
        levels = self.calls.access.team_levels(found.namespace, found.name)
        return JSONResponse(
            [{"team": team, "accessLevel": level} for team, level in levels.items()]
        )

    def _set_team(self, call: Call) -> Response:
        found = self.calls.administered(call)
        return self._set_level(call, name=found.name, level=call.decode(_TEAM_ACCESS).access_level)

    def _remove_team(self, call: Call) -> Response:
        found = self.calls.administered(call)
        self._set_level(call, name=found.name, level="")
        return Response(status_code=204)

    def _set_namespace_team(self, call: Call) -> Response:
        self._require_owner(call, call.part("namespace"))
        return self._set_level(call, name="", level=call.decode(_TEAM_ACCESS).access_level)

    def _set_level(self, call: Call, *, name: str, level: str) -> Response:
        namespace, team = call.part("namespace"), call.part("team")
        self.calls.access.set_team_level(namespace, team, name=name, level=level)
        return JSONResponse({"team": team, "accessLevel": level})

    def _require_owner(self, call: Call, namespace: str) -> None:
        if not self.calls.access.owns(call.identity, namespace):
            raise not_authorized(f"namespace {namespace}")

    def shown(self, repository: Repository) -> dict[str, Any]:
        """Return a repository as the API shows it."""
        owner = self.accounts.find(repository.namespace)
        return {
            "id": repository.id,
            "namespace": repository.namespace,
            "namespaceType": "organization" if owner and owner.is_org else "user",
            "name": repository.name,
            "shortDescription": repository.short_description,
            "longDescription": repository.long_description,
            "visibility": repository.visibility,
            "scanOnPush": repository.scan_on_push,
            "immutableTags": repository.immutable_tags,
            "enableManifestLists": True,
            "tagLimit": repository.tag_limit,
            "pulls": repository.pulls,
            "pushes": repository.pushes,
            "createdAt": repository.created_at,
        }


def _settings(wanted: _Settings) -> dict[str, str | int]:
    given = {
        name: getattr(wanted, name)
        for name in _Settings.__struct_fields__
        if getattr(wanted, name) is not None
    }
    if len(given.get("short_description", "")) > _MAX_SHORT:
        raise invalid(f"shortDescription has {_MAX_SHORT} characters or fewer")
    if not 0 <= given.get("tag_limit", 0) <= _MAX_LIMIT:
        raise invalid("tagLimit is 0 (no limit) or above")
    return given
