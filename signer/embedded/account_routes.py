"""The API of accounts, organisations and teams, at DTR's own paths below ``/enzi/v0``.

Rules:

- a registry's admin makes and deletes accounts; an organisation's admin changes its members and
  teams; everybody who is known may look;
- no answer has anything of a password.

Source: dtr-ucp-ci B.2 (paths); DTR's account service for the names of the fields.
"""

from typing import Any, Final, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from signer.embedded.access import Access
from signer.embedded.accounts import ADMIN, Account, Accounts
from signer.embedded.bodies import read_body
from signer.embedded.errors import ApiError
from signer.embedded.identity import Authenticate, Identity
from signer.embedded.teams import Team, Teams

_BASE: Final = "/enzi/v0/accounts"
_MAX_BODY: Final = 64 * 2**10
_Body = TypeVar("_Body")


class _NewAccount(msgspec.Struct, rename="camel"):
    name: str
    password: str = ""
    full_name: str = ""
    type: str = "user"
    is_org: bool = False
    is_admin: bool = False


class _NewTeam(msgspec.Struct):
    name: str
    description: str = ""


class _Membership(msgspec.Struct, rename="camel"):
    is_admin: bool = False


class _NewPassword(msgspec.Struct, rename="camel"):
    new_password: str
    old_password: str = ""


# Made once, in the main thread: msgspec crashes where two threads first use a type.
_NEW_ACCOUNTS: Final = msgspec.json.Decoder(_NewAccount)
_NEW_TEAMS: Final = msgspec.json.Decoder(_NewTeam)
_MEMBERSHIPS: Final = msgspec.json.Decoder(_Membership)
_NEW_PASSWORDS: Final = msgspec.json.Decoder(_NewPassword)


class AccountRoutes:
    """Accounts over HTTP.

    Args:
        accounts: the state.
        teams: the state.
        access: who administers what.
        authenticate: checks Basic credentials.
    """

    def __init__(
        self, accounts: Accounts, *, teams: Teams, access: Access, authenticate: Authenticate
    ) -> None:
        self._accounts = accounts
        self._teams = teams
        self._access = access
        self._authenticate = authenticate

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        one, teams = f"{_BASE}/{{account}}", f"{_BASE}/{{account}}/teams"
        members, team = f"{one}/members", f"{teams}/{{team}}"
        return [
            Route(_BASE, self._list, methods=["GET"]),
            Route(_BASE, self._create, methods=["POST"]),
            Route(one, self._get, methods=["GET"]),
            Route(one, self._delete, methods=["DELETE"]),
            Route(f"{one}/changePassword", self._change_password, methods=["POST"]),
            Route(members, self._members, methods=["GET"]),
            Route(f"{members}/{{member}}", self._add_member, methods=["PUT"]),
            Route(teams, self._list_teams, methods=["GET"]),
            Route(teams, self._create_team, methods=["POST"]),
            Route(team, self._get_team, methods=["GET"]),
            Route(f"{team}/members", self._team_members, methods=["GET"]),
            Route(f"{team}/members/{{member}}", self._join, methods=["PUT"]),
            Route(f"{team}/members/{{member}}", self._leave, methods=["DELETE"]),
        ]

    def _list(self, request: Request) -> Response:
        self._authenticate(request)
        found = [_account(account) for account in self._accounts.find_all()]
        return JSONResponse({"accounts": found, "nextPageStart": ""})

    async def _create(self, request: Request) -> Response:
        body = await read_body(request, limit=_MAX_BODY)

        def create() -> Response:
            self._require_admin(request)
            new = _decode(body, _NEW_ACCOUNTS)
            made = self._accounts.create(
                new.name,
                password=new.password,
                is_org=new.is_org or new.type == "organization",
                is_admin=new.is_admin,
                full_name=new.full_name,
            )
            return JSONResponse(_account(made), status_code=201)

        return await run_in_threadpool(create)

    def _get(self, request: Request) -> Response:
        self._authenticate(request)
        return JSONResponse(_account(self._accounts.get(request.path_params["account"])))

    def _delete(self, request: Request) -> Response:
        self._require_admin(request)
        name = request.path_params["account"]
        if name == ADMIN:
            raise ApiError(403, "DENIED", "the account admin cannot be deleted")
        self._accounts.delete(name)
        return Response(status_code=204)

    async def _change_password(self, request: Request) -> Response:
        body = await read_body(request, limit=_MAX_BODY)

        def change() -> Response:
            who, name = self._authenticate(request), request.path_params["account"]
            if who.name != name and not who.is_admin:
                raise _denied()
            new = _decode(body, _NEW_PASSWORDS)
            known = self._accounts.check_password(name, new.old_password)
            if known is None and not (who.is_admin and who.name != name):
                raise ApiError(400, "INVALID_FORM_FIELD", "oldPassword is wrong")
            self._accounts.set_password(name, new.new_password)
            return JSONResponse(_account(self._accounts.get(name)))

        return await run_in_threadpool(change)

    def _members(self, request: Request) -> Response:
        self._authenticate(request)
        members = self._teams.members(request.path_params["account"])
        return JSONResponse({"members": [self._member(*one) for one in members.items()]})

    async def _add_member(self, request: Request) -> Response:
        body = await read_body(request, limit=_MAX_BODY)

        def add() -> Response:
            organisation, member = self._administered(request), request.path_params["member"]
            given = _decode(body or b"{}", _MEMBERSHIPS)
            self._teams.add_member(organisation, member, is_admin=given.is_admin)
            return JSONResponse(self._member(member, given.is_admin))

        return await run_in_threadpool(add)

    def _list_teams(self, request: Request) -> Response:
        self._authenticate(request)
        teams = self._teams.find_all(request.path_params["account"])
        return JSONResponse({"teams": [_team(team) for team in teams], "nextPageStart": ""})

    async def _create_team(self, request: Request) -> Response:
        body = await read_body(request, limit=_MAX_BODY)

        def create() -> Response:
            organisation, new = self._administered(request), _decode(body, _NEW_TEAMS)
            made = self._teams.create(organisation, new.name, description=new.description)
            return JSONResponse(_team(made), status_code=201)

        return await run_in_threadpool(create)

    def _get_team(self, request: Request) -> Response:
        self._authenticate(request)
        return JSONResponse(_team(self._team(request)))

    def _team_members(self, request: Request) -> Response:
        self._authenticate(request)
        members = [self._member(name, False) for name in self._team(request).members]
        return JSONResponse({"members": members, "nextPageStart": ""})

    def _join(self, request: Request) -> Response:
        organisation, member = self._administered(request), request.path_params["member"]
        self._teams.join(organisation, request.path_params["team"], member)
        return JSONResponse(self._member(member, False))

    def _leave(self, request: Request) -> Response:
        organisation, member = self._administered(request), request.path_params["member"]
        self._teams.leave(organisation, request.path_params["team"], member)
        return Response(status_code=204)

    def _team(self, request: Request) -> Team:
        return self._teams.get(request.path_params["account"], request.path_params["team"])

    def _member(self, name: str, is_admin: bool) -> dict[str, Any]:
        return {"member": _account(self._accounts.get(name)), "isAdmin": is_admin}

    def _administered(self, request: Request) -> str:
        organisation: str = request.path_params["account"]
        if not self._access.owns(self._authenticate(request), organisation):
            raise _denied()
        return organisation

    def _require_admin(self, request: Request) -> Identity:
        identity = self._authenticate(request)
        if not identity.is_admin:
            raise _denied()
        return identity


def _decode(content: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    try:
        return decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Not chained: the cause may quote a password.
        raise ApiError(400, "INVALID_JSON", "the body is not what it should be") from None


def _denied() -> ApiError:
    return ApiError(403, "NOT_AUTHORIZED", "The client is not authorized.")


def _account(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "fullName": account.full_name,
        "isOrg": account.is_org,
        "isAdmin": account.is_admin,
        "isActive": account.is_active,
    }


def _team(team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "description": team.description,
        "membersCount": len(team.members),
    }
