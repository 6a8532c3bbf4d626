"""Token authentication: ``/auth/token``, and the check of what clients then bring.

Rules:

- a token is a JWT with the signing certificate in its header (``jwt``): servers of docker
  distribution and Notary accept it with the embedded CA as ``rootcertbundle``;
- it has what was asked for and may be had, so a client gets one even without rights; the server
  that is then asked refuses it;
- a scope must match exactly: the same type and name, and every action (``*`` has them all);
- an account that is gone or inactive is refused with whatever token it still has.

Source: the registry's token authentication specification (token, oauth, jwt, scope).
"""

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from signer.embedded.access import Access
from signer.embedded.accounts import Accounts
from signer.embedded.bodies import read_body
from signer.embedded.certificates import KeyPair
from signer.embedded.errors import ApiError
from signer.embedded.identity import ANONYMOUS, Identity, Scope
from signer.embedded.jwt import Access as AccessClaim
from signer.embedded.jwt import Claims, InvalidTokenError, decode, encode
from signer.embedded.refresh_tokens import RefreshTokens
from signer.embedded.repositories import utc_now

ISSUER: Final = "dtr"
TOKEN_PATH: Final = "/auth/token"  # noqa: S105 - a path
LIFETIME_SECONDS: Final = 300
_SKEW_SECONDS: Final = 60
_LEGACY_SERVICE: Final = "dtr"
"""What DTR's documentation asks tokens for: dtr-ucp-ci B.1."""

_MAX_SCOPES: Final = 64
_MAX_FORM: Final = 64 * 2**10


class Tokens:
    """Issues tokens, and checks those of requests.

    Args:
        accounts: who is who.
        refresh_tokens: what clients keep instead of a password.
        access: who may do what.
        signing: the key and certificate of tokens.
        url: the server's, ``https://HOST:PORT``.
        clock: seconds since 1970.
    """

    def __init__(
        self,
        accounts: Accounts,
        *,
        refresh_tokens: RefreshTokens,
        access: Access,
        signing: KeyPair,
        url: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._accounts = accounts
        self._refresh_tokens = refresh_tokens
        self._access = access
        self._signing = signing
        self._realm = f"{url}{TOKEN_PATH}"
        self._service = url.partition("://")[2]
        self._clock = clock

    def authorise(self, request: Request, scope: Scope | None) -> Identity:
        """Check that a request may have ``scope``; without one any account will do.

        A Bearer token must have the scope; Basic credentials are checked for the rights.

        Raises:
            ApiError: 401 UNAUTHORIZED with a challenge; 403 DENIED for an account that is known
                and has no right.
        """
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            known = self._basic(value, scope)
            if scope is None or self._access.granted(known, scope) == scope:
                return known
            raise ApiError(
                403, "DENIED", "requested access to the resource is denied", detail=_detail(scope)
            )
        if scheme.lower() != "bearer":
            raise self._challenge(scope)
        try:
            claims = decode(value.strip(), self._signing.certificate.public_key())  # type: ignore[arg-type] # made by us
        except InvalidTokenError as error:
            raise self._challenge(scope, error="invalid_token") from error
        identity = self._of_claims(claims)
        if identity is None:
            raise self._challenge(scope, error="invalid_token")
        if scope is not None and not claims.grants(scope):
            raise self._challenge(scope, error="insufficient_scope")
        return identity

    def authenticate(self, request: Request) -> Identity:
        """Check the Basic credentials of a request to the API.

        Raises:
            ApiError: 401 UNAUTHORIZED.
        """
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        identity = self._password(value) if scheme.lower() == "basic" else None
        if identity is None:
            raise ApiError(
                401,
                "NOT_AUTHENTICATED",
                "The client is not authenticated.",
                headers={"WWW-Authenticate": 'Basic realm="dtr"'},
            )
        return identity

    def issue(self, identity: Identity, *, service: str, scopes: Sequence[Scope]) -> str:
        """Return a token with what of ``scopes`` the account has."""
        now = int(self._clock())
        granted = [self._access.granted(identity, scope) for scope in scopes]
        access = [AccessClaim(one.kind, one.name, list(one.actions)) for one in granted]
        return encode(
            Claims(
                iss=ISSUER,
                sub=identity.name,
                aud=service,
                exp=now + LIFETIME_SECONDS,
                nbf=now - _SKEW_SECONDS,
                iat=now,
                jti=secrets.token_hex(16),
                access=access,
            ),
            self._signing,
        )

    def routes(self) -> list[BaseRoute]:
        """Return the routes of the token server."""
        return [
            Route(TOKEN_PATH, self._get, methods=["GET"]),
            Route(TOKEN_PATH, self._post, methods=["POST"]),
        ]

    def _get(self, request: Request) -> Response:
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        identity: Identity | None = ANONYMOUS
        if scheme.lower() == "basic":
            identity = self._password(value)
        elif scheme:
            identity = None
        if identity is None:
            raise self._wrong_credentials()
        query = request.query_params
        offline = query.get("offline_token", "").lower() in {"1", "true"}
        return self._answer(
            identity,
            service=query.get("service", ""),
            scopes=query.getlist("scope"),
            offline=offline,
        )

    async def _post(self, request: Request) -> Response:
        form = _parse_form(await read_body(request, limit=_MAX_FORM))
        return await run_in_threadpool(self._posted, form)

    def _posted(self, form: dict[str, list[str]]) -> Response:
        def value(name: str) -> str:
            return form.get(name, [""])[0]

        refresh = value("refresh_token")
        match value("grant_type"):
            case "password":
                identity = self._accounts.check_password(value("username"), value("password"))
            case "refresh_token":
                identity = self._refresh_tokens.identity(refresh)
            case _:
                raise ApiError(400, "UNSUPPORTED", "grant_type is password or refresh_token")
        if identity is None:
            raise self._wrong_credentials()
        return self._answer(
            identity,
            service=value("service"),
            scopes=form.get("scope", []),
            offline=value("access_type") == "offline",
            refresh=refresh,
        )

    def _answer(
        self,
        identity: Identity,
        *,
        service: str,
        scopes: Sequence[str],
        offline: bool,
        refresh: str = "",
    ) -> Response:
        asked = [Scope.parse(text) for several in scopes for text in several.split()]
        wanted = [scope for scope in asked if scope is not None][:_MAX_SCOPES]
        token = self.issue(identity, service=service or self._service, scopes=wanted)
        content: dict[str, Any] = {
            "token": token,
            "access_token": token,
            "expires_in": LIFETIME_SECONDS,
            "issued_at": utc_now(),
            "scope": " ".join(str(self._access.granted(identity, scope)) for scope in wanted),
        }
        if offline and not identity.is_anonymous:
            content["refresh_token"] = refresh or self._refresh_tokens.create(identity)
        elif refresh:
            content["refresh_token"] = refresh
        return JSONResponse(content, headers={"Cache-Control": "no-store"})

    def _basic(self, value: str, scope: Scope | None) -> Identity:
        identity = self._password(value)
        if identity is None:
            raise self._challenge(scope)
        return identity

    def _password(self, value: str) -> Identity | None:
        try:
            decoded = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return None
        name, _, password = decoded.partition(":")
        return self._accounts.check_password(name, password)

    def _of_claims(self, claims: Claims) -> Identity | None:
        now = self._clock()
        ours = claims.iss == ISSUER and claims.aud in {self._service, _LEGACY_SERVICE}
        if not ours or not claims.nbf - _SKEW_SECONDS <= now < claims.exp:
            return None
        return self._accounts.identity(claims.sub) if claims.sub else ANONYMOUS

    def _challenge(self, scope: Scope | None, *, error: str = "") -> ApiError:
        parameters = {"realm": self._realm, "service": self._service}
        if scope is not None:
            parameters["scope"] = str(scope)
        if error:
            parameters["error"] = error
        value = ",".join(f'{name}="{_quotable(text)}"' for name, text in parameters.items())
        return ApiError(
            401,
            "UNAUTHORIZED",
            "authentication required",
            detail=_detail(scope),
            headers={"WWW-Authenticate": f"Bearer {value}"},
        )

    def _wrong_credentials(self) -> ApiError:
        return ApiError(
            401,
            "UNAUTHORIZED",
            "authentication required: wrong user name or password",
            headers={"WWW-Authenticate": 'Basic realm="dtr"'},
        )


def _quotable(text: str) -> str:
    """Return text for a quoted string: names come from paths, and may have anything in them."""
    return "".join(ch if " " <= ch <= "~" and ch not in '"\\' else "?" for ch in text)


def _detail(scope: Scope | None) -> list[dict[str, str]] | None:
    if scope is None:
        return None
    return [
        {"Type": scope.kind, "Class": "", "Name": scope.name, "Action": action}
        for action in scope.actions
    ]


def _parse_form(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode(), max_num_fields=_MAX_SCOPES * 2)
    except ValueError as error:
        raise ApiError(400, "MALFORMED_FORM", "the form cannot be read") from error
