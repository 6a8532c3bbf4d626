"""The registry's token flow, as a generator of requests that does no I/O itself.

Rules:

- the server says what it wants (Bearer before Basic); a request goes out with a token at once where
  the server's wish is known from an earlier answer;
- a challenge counts only if it came from the server that was asked, not from where it redirected;
- credentials go to a token server over https alone, or to a loopback server over plain http that
  the user named; to another host than the server's only if the challenge came over https;
- a token is fetched anew when it has expired, and once when the server refuses it.

Source: the registry's token authentication specification; docker-trust A.4; NP 5.3.
"""

import base64
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

import msgspec

from signer.errors import AuthError, NetworkError, UsageError
from signer.names import printable
from signer.transport._httpx import httpx
from signer.transport.challenge import Challenge, parse_challenges
from signer.transport.credentials import Credential
from signer.transport.origin import Origin, require_encrypted
from signer.transport.tokens import TokenCache, TokenKey

CLIENT_ID: Final = "signer"
_FIELD: Final = "Authorization"
_REFUSALS: Final = (401, 403)
_TOKEN_CHARACTERS: Final = frozenset(map(chr, range(0x21, 0x7F)))

Flow = Generator[httpx.Request, httpx.Response, None]


class _TokenAnswer(msgspec.Struct):
    access_token: str | None = None
    token: str | None = None
    expires_in: float | None = None


_TOKENS: Final = msgspec.json.Decoder(_TokenAnswer)  # made here as in answers, for threads


@dataclass
class _Attempt:
    """What one request was sent with: the field's value, the scope asked for, and who we were.

    ``credential`` is None where none was found, and ``looked`` says whether one was looked for.
    """

    value: str = field(default="", repr=False)
    scope: str = ""
    credential: Credential | None = None
    looked: bool = False


class RegistryAuth(httpx.Auth):
    """Authorises requests for one repository at one server.

    Args:
        lookup: returns the credentials for the server's ``HOST[:PORT]``, or None.
        actions: ``pull``, ``push,pull`` or ``*``.
        scope_name: the repository as the server's scopes name it: the GUN for a Notary server, the
            path without the host for a registry.
        tokens: shared between requests and threads (``HttpPool.tokens``).
        plain_http: origins that may be asked without TLS (``HttpPool.plain_http``).
        searched: where ``lookup`` looks, for the message that nothing was found.
    """

    requires_response_body = True

    def __init__(
        self,
        lookup: Callable[[str], Credential | None],
        *,
        actions: str,
        scope_name: str,
        tokens: TokenCache,
        plain_http: frozenset[Origin] = frozenset(),
        searched: str = "",
    ) -> None:
        self._lookup = lookup
        self._scope = f"repository:{scope_name}:{actions}"
        self._tokens = tokens
        self._plain_http = plain_http
        self._searched = searched

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Yield the request, and requests for tokens as needed.

        Raises:
            AuthError: the server refuses (401, 403) what we have, or there is nothing to show it;
                the token server refuses, or must not be given credentials (``insecure-realm``).
            NetworkError: the token server fails or answers with something else.
        """
        server = Origin.of(str(request.url))
        attempt = _Attempt()
        known = self._tokens.challenge(server)
        if known is not None:
            attempt = yield from self._authorise(server, known, refused="", scope=self._scope)
        answer = yield from _send(request, attempt)
        if answer.status_code == 401:
            challenge = self._challenge(server, answer)
            if challenge is not None:
                self._tokens.remember(server, challenge)
                refused, scope = attempt.value, challenge.scope or self._scope
                attempt = yield from self._authorise(
                    server, challenge, refused=refused, scope=scope
                )
                if attempt.value != refused:
                    answer = yield from _send(request, attempt)
        if answer.status_code in _REFUSALS:
            raise self._refused(server, answer, attempt)

    def _challenge(self, server: Origin, answer: httpx.Response) -> Challenge | None:
        if Origin.of(str(answer.request.url)) != server:
            return None
        challenges = parse_challenges(answer.headers.get_list("WWW-Authenticate"))
        for scheme in ("bearer", "basic"):
            for challenge in challenges:
                if challenge.scheme == scheme:
                    return challenge
        return None

    def _authorise(
        self, server: Origin, challenge: Challenge, *, refused: str, scope: str
    ) -> Generator[httpx.Request, httpx.Response, _Attempt]:
        """Find what to show ``server``; ``refused`` is the value it has just refused, if any."""
        credential = self._lookup(server.authority)
        if challenge.scheme == "basic":
            return _Attempt(_basic(credential), "", credential, looked=True)
        identity = credential.identity if credential else ""
        key = TokenKey(challenge.realm, challenge.service, scope, identity)
        value = _bearer(self._tokens.get(key))
        if not value or value == refused:
            with self._tokens.fetching(key):
                value = _bearer(self._tokens.get(key))  # another thread may have fetched it
                if not value or value == refused:
                    request = self._token_request(server, key, credential)
                    token, lifetime_seconds = _read_token(
                        (yield request), server, key, searched=self._searched
                    )
                    self._tokens.put(key, token, lifetime_seconds=lifetime_seconds)
                    value = _bearer(token)
        return _Attempt(value, scope, credential, looked=True)

    def _token_request(
        self, server: Origin, key: TokenKey, credential: Credential | None
    ) -> httpx.Request:
        try:
            realm = Origin.of(key.realm)
            require_encrypted(realm, self._plain_http)
            if server.scheme == "http" and credential and realm.host != server.host:
                raise UsageError("The challenge did not come over TLS.")
        except UsageError as error:
            raise AuthError(
                f"{server.authority} sends us to the token server {printable(key.realm)!r}, which "
                "is not asked: it is not reached safely.",
                hint="A token server must have an https URL. Is this the right server?",
                code="insecure-realm",
            ) from error
        if credential and credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": credential.identity_token,
                "client_id": CLIENT_ID,
                "service": key.service,
                "scope": key.scope,
            }
            return httpx.Request("POST", key.realm, data=form)
        url = httpx.URL(key.realm)
        parameters = [*url.params.multi_items(), ("service", key.service)]
        parameters += [("scope", part) for part in key.scope.split()]
        headers = {}
        if credential:
            parameters.append(("account", credential.username))
            headers[_FIELD] = _basic(credential)
        return httpx.Request("GET", url.copy_with(params=parameters), headers=headers)

    def _refused(self, server: Origin, answer: httpx.Response, attempt: _Attempt) -> AuthError:
        status, scope = answer.status_code, attempt.scope or self._scope
        what = f"HTTP {status}, scope {printable(scope)}"
        actual = Origin.of(str(answer.request.url))
        if actual != server:
            return AuthError(
                f"{server.authority} redirects to {actual.authority}, which refuses the request "
                f"({what}).",
                hint="Credentials are not sent to another host than the one that was asked.",
                code="redirect-refused",
            )
        if not attempt.looked:
            return AuthError(
                f"{server.authority} refuses the request, and asks for no kind of credentials that "
                f"can be given ({what}).",
                hint="Known are the challenges Bearer and Basic, and client certificates in "
                "docker's tls directory.",
                code="unauthorised" if status == 401 else "forbidden",
            )
        hint = _hint(server, known=attempt.credential is not None, searched=self._searched)
        if attempt.credential is None:
            return AuthError(
                f"{server.authority} wants credentials and none were found ({what}).",
                hint=hint,
                code="no-credentials",
            )
        return AuthError(
            f"{server.authority} refuses {attempt.credential.identity!r} ({what}).",
            hint=hint,
            code="unauthorised" if status == 401 else "forbidden",
        )


def _send(
    request: httpx.Request, attempt: _Attempt
) -> Generator[httpx.Request, httpx.Response, httpx.Response]:
    request.headers.pop(_FIELD, None)
    if attempt.value:
        request.headers[_FIELD] = attempt.value
    return (yield request)


def _basic(credential: Credential | None) -> str:
    if credential is None or not credential.username:
        return ""
    pair = f"{credential.username}:{credential.password}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _bearer(token: str) -> str:
    return f"Bearer {token}" if token else ""


def _read_token(
    answer: httpx.Response, server: Origin, key: TokenKey, *, searched: str
) -> tuple[str, float]:
    """Return the token and its lifetime in seconds (60 where the answer has none).

    Source: docker-trust A.4, step 3 (``access_token`` before ``token``, ``expires_in``).
    """
    realm = printable(key.realm)
    status = answer.status_code
    if status in _REFUSALS:
        who = f"to {key.identity!r}" if key.identity else "without credentials"
        raise AuthError(
            f"The token server {realm} of {server.authority} gives no token {who} for "
            f"{printable(key.scope)} (HTTP {status}).",
            hint=_hint(server, known=bool(key.identity), searched=searched),
            code="token-refused",
        )
    if status != 200:
        raise NetworkError(
            f"The token server {realm} of {server.authority} answered HTTP {status}.",
            hint="The server has a fault of its own; try later.",
            code="token-server-error",
        )
    try:
        decoded = _TOKENS.decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        decoded = _TokenAnswer()  # not chained: the cause may quote the content
    token = decoded.access_token or decoded.token or ""
    if not token or not _TOKEN_CHARACTERS.issuperset(token):
        raise NetworkError(
            f"The token server {realm} of {server.authority} answered with something that is no "
            "token.",
            hint="Is a proxy or login page in between?",
            code="bad-token-answer",
        )
    return token, decoded.expires_in or 0.0


def _hint(server: Origin, *, known: bool, searched: str) -> str:
    if known:
        return "Check the password or access token, and what the account may do in this repository."
    looked = f"Looked in {searched}. " if searched else ""
    return (
        f"{looked}Set DTR_USERNAME and DTR_PASSWORD, or log in with 'docker login "
        f"{server.authority}'."
    )
