"""A token server for the real registry and notary-server: the registry token flow's third party.

It runs in a thread of the tests, not as a program, so that they can read what was asked of it.
"""

import base64
import binascii
import json
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.components.certificates import Authority
from tests.components.threaded import ThreadedServer
from tests.components.token_auth import TokenAuth

_ISSUER: Final = "worthless-example-issuer"
_COORDINATE_BYTES: Final = 32
"""Of P-256, which trustme's keys are on: RFC 7518, section 3.4."""


@dataclass(frozen=True)
class TokenRequest:
    """A token that was asked for.

    Attributes:
        method: ``GET`` with basic credentials or none, or ``POST`` with an identity token.
        account: who asked; empty for anonymous requests.
        service: the server that the token is for.
        scopes: as asked, for example ``repository:localhost:5000/a/b:push,pull``.
        granted: whether a token was given.
    """

    method: str
    account: str
    service: str
    scopes: tuple[str, ...]
    granted: bool


@dataclass
class TokenServer(ThreadedServer):
    """Issues tokens to the accounts it knows, for whatever they ask.

    Attributes:
        authority: signs the server's certificate and that of the tokens' key.
        accounts: passwords by user (worthless ones).
        identity_tokens: users by identity token.
        anonymous_actions: what those without an account may do, for example ``{"pull"}``.
        lifetime_seconds: of the tokens. Servers allow a minute's difference of clocks, so a token
            of -120 is refused at once.
        requests: everything asked so far.
    """

    authority: Authority
    accounts: Mapping[str, str]
    identity_tokens: Mapping[str, str] = field(default_factory=dict)
    anonymous_actions: frozenset[str] = frozenset()
    lifetime_seconds: int = 300
    requests: list[TokenRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._signing = self.authority.issue("token-signing", "tokens.dtr.test")
        self._port = self.listen(_handler_for(self), certificate=self.authority.server)

    @property
    def port(self) -> int:
        """The port it listens on, from the beginning."""
        return self._port

    @property
    def realm(self) -> str:
        """The URL that challenges name."""
        return f"https://localhost:{self.port}/token"

    def auth(self, service: str) -> TokenAuth:
        """Return the ``auth`` of a server that accepts this server's tokens."""
        return TokenAuth(self.realm, service, _ISSUER, self.authority.ca_file)

    def answer(
        self, method: str, account: str | None, service: str, scopes: Sequence[str]
    ) -> tuple[int, dict[str, Any]]:
        """Decide about one request: ``account`` is None for credentials that are wrong."""
        granted = account is not None
        self.requests.append(
            TokenRequest(method, account or "", service, tuple(scopes), granted=granted)
        )
        if account is None:
            return 401, {"errors": [{"code": "UNAUTHORIZED", "message": "wrong credentials"}]}
        token = self._token(account, service, scopes)
        answer: dict[str, Any] = {"token": token, "expires_in": self.lifetime_seconds}
        if method == "POST":
            answer["access_token"] = answer.pop("token")
        return 200, answer

    def _token(self, account: str, service: str, scopes: Sequence[str]) -> str:
        now = int(time.time())
        access = []
        for scope in scopes:
            kind, _, rest = scope.partition(":")
            name, _, asked = rest.rpartition(":")
            allowed = asked.split(",") if account else sorted(self._anonymous(asked))
            access.append({"type": kind, "name": name, "actions": allowed})
        claims = {
            "iss": _ISSUER,
            "sub": account,
            "aud": service,
            "exp": now + self.lifetime_seconds,
            "nbf": now - 300,
            "iat": now,
            "jti": uuid.uuid4().hex,
            "access": access,
        }
        header = {"typ": "JWT", "alg": "ES256", "x5c": _chain(self._signing.certificate)}
        signed = f"{_part(header)}.{_part(claims)}"
        return f"{signed}.{_sign(self._signing.key, signed)}"

    def _anonymous(self, asked: str) -> set[str]:
        return set(self.anonymous_actions) & set(asked.split(","))


def _handler_for(server: TokenServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            account = _basic_account(self.headers.get("Authorization", ""), server.accounts)
            self._reply(*server.answer("GET", account, _first(query, "service"), _scopes(query)))

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            form = parse_qs(self.rfile.read(length).decode())
            account = server.identity_tokens.get(_first(form, "refresh_token"))
            self._reply(*server.answer("POST", account, _first(form, "service"), _scopes(form)))

        def _reply(self, status: int, answer: dict[str, Any]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Keep the tests' output clean; requests are in ``requests``."""

    return Handler


def _basic_account(header: str, accounts: Mapping[str, str]) -> str | None:
    """Return the user, the empty name without credentials, None where they are wrong."""
    if not header:
        return ""
    try:
        decoded = base64.b64decode(header.removeprefix("Basic "), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    user, _, password = decoded.partition(":")
    return user if accounts.get(user) == password else None


def _first(values: Mapping[str, list[str]], name: str) -> str:
    return values.get(name, [""])[0]


def _scopes(values: Mapping[str, list[str]]) -> list[str]:
    """A scope may be repeated, or several be one value with blanks between."""
    return [scope for value in values.get("scope", []) for scope in value.split()]


def _chain(file: Path) -> list[str]:
    """Return the certificates of a PEM file in base64 DER, as ``x5c`` wants them."""
    blocks = file.read_text().split("-----BEGIN CERTIFICATE-----")[1:]
    return ["".join(block.split("-----END")[0].split()) for block in blocks]


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _sign(key_file: Path, signed: str) -> str:
    key = load_pem_private_key(key_file.read_bytes(), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise TypeError("the authority's keys are expected on an elliptic curve")
    r, s = utils.decode_dss_signature(key.sign(signed.encode(), ec.ECDSA(SHA256())))
    return _base64url(b"".join(n.to_bytes(_COORDINATE_BYTES, "big") for n in (r, s)))


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
