"""Servers for the tests that answer without a network."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from signer.transport.credentials import Credentials
from signer.transport.http import HttpPool
from signer.transport.tls import TlsSettings

Handler = Callable[[httpx.Request], httpx.Response]
NO_TLS = TlsSettings((), None, None)


def make_pool(handler: Handler, **settings: Any) -> HttpPool:  # noqa: ANN401 - passed on as given
    """Return a pool whose requests go to ``handler``, and whose retries do not wait."""
    settings.setdefault("sleep", lambda _seconds: None)
    return HttpPool(tls=NO_TLS, transport=httpx.MockTransport(handler), **settings)


def no_credentials(directory: Path) -> Credentials:
    return Credentials({}, directory)


def docker_login(directory: Path, host: str, auth: str) -> Credentials:
    """Credentials from a config.json as ``docker login`` writes it; ``auth`` is USER:PASSWORD."""
    entry = {"auth": base64.b64encode(auth.encode()).decode()}
    (directory / "config.json").write_text(json.dumps({"auths": {host: entry}}))
    return Credentials({}, directory)


class Chunks(httpx.SyncByteStream):
    """A body that is made while it is read, and remembers how much of it was asked for."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self.taken = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.taken += len(chunk)
            yield chunk


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class TokenWorld:
    """A server that wants tokens, and the token server that issues them.

    ``accounts`` are the passwords by user name; ``anonymous`` says whether strangers get tokens.
    A request for a token is kept in ``asked``; ``issued`` tokens are good until ``revoked``.
    """

    accounts: dict[str, str] = field(default_factory=dict)
    identity_tokens: set[str] = field(default_factory=set)
    anonymous: bool = False
    realm: str = "https://tokens.example.com/token"
    scope: str = "repository:admin/flask:pull"
    expires_in: int | None = 300
    token_field: str = "token"
    requests: list[httpx.Request] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)
    issued: list[str] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if str(request.url).startswith(self.realm):
            return self._token(request)
        # A copy: the flow sends the same request again with other headers.
        copy = httpx.Request(
            request.method, request.url, headers=request.headers.copy(), content=request.read()
        )
        self.requests.append(copy)
        if request.headers.get("Authorization", "")[len("Bearer ") :] in self.issued:
            return httpx.Response(200, content=b'{"schemaVersion":2}')
        scope = f',scope="{self.scope}"' if self.scope else ""
        challenge = f'Bearer realm="{self.realm}",service="dtr.example.com"{scope}'
        return httpx.Response(401, headers={"WWW-Authenticate": challenge})

    def revoke(self) -> None:
        self.issued.clear()

    def _token(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if not self._knows(request):
            return httpx.Response(401, json={"errors": [{"code": "UNAUTHORIZED"}]})
        token = f"issued-token-{len(self.asked)}"
        self.issued.append(token)
        answer: dict[str, object] = {self.token_field: token}
        if self.expires_in is not None:
            answer["expires_in"] = self.expires_in
        return httpx.Response(200, json=answer)

    def _knows(self, request: httpx.Request) -> bool:
        if request.method == "POST":
            form = httpx.QueryParams(request.content.decode())
            return form.get("refresh_token") in self.identity_tokens
        header = request.headers.get("Authorization")
        if header is None:
            return self.anonymous
        user, _, password = base64.b64decode(header.removeprefix("Basic ")).decode().partition(":")
        return self.accounts.get(user) == password
