"""Who is asking: tokens, basic credentials, docker's configuration, helpers, refusals."""

import base64
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.components.certificates import Authority
from tests.components.fixtures import installed
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.registry import BasicAuth, Registry
from tests.components.token_server import TokenServer
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.material import write_bundle
from tests.e2e.story import WatchedSigner

PASSWORD = "worthless-example-password"
IDENTITY = "worthless-example-identity-token"


@dataclass(frozen=True)
class Guarded:
    """A Notary server and a registry that want tokens, and a collection with an image."""

    tokens: TokenServer
    server: NotaryServer
    image: str
    bundle: Path
    root_key_id: str

    def signer(self, directory: Path) -> WatchedSigner:
        return WatchedSigner(directory, self.server)

    @property
    def sign(self) -> tuple[str | Path, ...]:
        pin = ("--root-key-id", self.root_key_id)
        return ("sign", self.image, "--key", self.bundle / "key.pem", *pin)


@pytest.fixture(scope="module")
def guarded(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    directory = tmp_path_factory.mktemp("guarded")
    accounts = {"ci": PASSWORD}
    with TokenServer(authority, accounts, identity_tokens={IDENTITY: "ci"}) as tokens:
        server = NotaryServer(directory / "server", authority, auth=tokens.auth("notary-server"))
        store = directory / "registry"
        open_registry = Registry(store, authority)
        with installed(open_registry.start):
            push_image(open_registry, "admin/flask", "1.0")
        registry = Registry(store, authority, auth=tokens.auth("registry"))
        with installed(server.start), installed(registry.start):
            bundle = write_bundle(directory / "bundle")
            gun = f"{registry.host}/admin/flask"
            admin = WatchedSigner(directory / "admin", server)
            env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD}
            made = admin.json("init", gun, "--signer", f"gitlab={bundle / 'cert.pem'}", env=env)
            yield Guarded(tokens, server, f"{gun}:1.0", bundle, made["root_key_ids"][0])


def _docker_config(signer: WatchedSigner, content: Mapping[str, object]) -> None:
    signer.config.mkdir(parents=True, exist_ok=True)
    (signer.config / "config.json").write_text(json.dumps(content))


def _basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def _helper(directory: Path, answer: str, *, status: int = 0) -> dict[str, str]:
    """Write a credential helper and return the environment that finds it."""
    directory.mkdir(parents=True)
    program = directory / "docker-credential-example"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\nprintf '%s' '{answer}'\nexit {status}\n")
    program.chmod(0o700)
    return {"PATH": f"{directory}:{os.environ['PATH']}"}


@pytest.mark.parametrize(
    "source", ["variables", "notary-auth", "auths", "identity-token", "helper", "helper-identity"]
)
def test_every_source_of_credentials_signs(guarded: Guarded, tmp_path: Path, source: str) -> None:
    signer = guarded.signer(tmp_path / "signer")
    env: dict[str, str] = {}
    hosts = (guarded.server.host, guarded.image.partition("/")[0])
    match source:
        case "variables":
            env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD}
        case "notary-auth":
            env = {"NOTARY_AUTH": _basic("ci", PASSWORD)}
            _docker_config(signer, {"auths": {hosts[1]: {"auth": _basic("ci", PASSWORD)}}})
        case "auths":
            # The registry's alone: docker uses it for the trust server, too.
            _docker_config(signer, {"auths": {hosts[1]: {"auth": _basic("ci", PASSWORD)}}})
        case "identity-token":
            entry = {"auth": _basic("ci", "x"), "identitytoken": IDENTITY}
            _docker_config(signer, {"auths": dict.fromkeys(hosts, entry)})
        case "helper":
            answer = json.dumps({"Username": "ci", "Secret": PASSWORD})
            env = _helper(tmp_path / "bin", answer)
            _docker_config(signer, {"credHelpers": dict.fromkeys(hosts, "example")})
        case _:
            answer = json.dumps({"Username": "<token>", "Secret": IDENTITY})
            env = _helper(tmp_path / "bin", answer)
            _docker_config(signer, {"credsStore": "example"})
    before = len(guarded.tokens.requests)
    done = signer(*guarded.sign, env=env)
    asked = guarded.tokens.requests[before:]
    assert {request.account for request in asked} == {"ci"}
    assert {request.service for request in asked} == {"notary-server", "registry"}
    assert all(request.granted for request in asked)
    methods = {request.method for request in asked}
    assert methods == ({"POST"} if "identity" in source else {"GET"})
    assert PASSWORD not in str(done)
    assert IDENTITY not in str(done)


def test_scopes_ask_for_no_more_than_is_done(guarded: Guarded, tmp_path: Path) -> None:
    gun, path = guarded.image.removesuffix(":1.0"), "admin/flask"
    signer = guarded.signer(tmp_path / "signer")
    env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD}
    before = len(guarded.tokens.requests)
    signer("inspect", guarded.image, "--root-key-id", guarded.root_key_id, env=env)
    asked = {scope for request in guarded.tokens.requests[before:] for scope in request.scopes}
    assert asked == {f"repository:{gun}:pull", f"repository:{path}:pull"}


@pytest.mark.parametrize(
    ("case", "code", "said"),
    [
        ("none", "no-credentials", "docker login"),
        ("wrong", "token-refused", "'ci'"),
        ("half", "credentials-incomplete", "DTR_PASSWORD"),
        ("bad-helper", "credential-helper", "docker-credential-example"),
        ("no-helper", "credential-helper", "docker-credential-example"),
        ("bad-notary-auth", "credentials-incomplete", "NOTARY_AUTH"),
    ],
)
def test_refused_credentials_are_said_with_what_to_do(
    guarded: Guarded, tmp_path: Path, case: str, code: str, said: str
) -> None:
    signer = guarded.signer(tmp_path / "signer")
    env = {
        "none": {},
        "wrong": {"DTR_USERNAME": "ci", "DTR_PASSWORD": "wrong-example-password"},
        "half": {"DTR_USERNAME": "ci", "DTR_PASSWORD": ""},
        "bad-helper": {},
        "no-helper": {},
        "bad-notary-auth": {"NOTARY_AUTH": "not base64 at all"},
    }[case]
    if case.endswith("helper"):
        _docker_config(signer, {"credsStore": "example"})
    if case == "bad-notary-auth":
        registry = guarded.image.partition("/")[0]
        _docker_config(signer, {"auths": {registry: {"auth": _basic("ci", PASSWORD)}}})
    if case == "bad-helper":
        secret = json.dumps({"Username": "ci", "Secret": PASSWORD})
        env = _helper(tmp_path / "bin", secret, status=1)
    error = signer.json(*guarded.sign, env=env, expect=7)
    assert error["code"] == code, error
    assert said in error["message"] + error["hint"], error
    assert PASSWORD not in error["message"] + error["hint"]


def test_a_refused_init_leaves_no_keys(guarded: Guarded, tmp_path: Path) -> None:
    signer = guarded.signer(tmp_path / "signer")
    env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": "wrong-example-password"}
    gun = guarded.image.removesuffix(":1.0") + "-other"
    signer.json("init", gun, env=env, expect=7)
    assert not list(signer.trust_directory.rglob("*.key"))


@pytest.mark.parametrize("lifetime", [-120, 1])
def test_tokens_that_expire_are_asked_for_again(
    authority: Authority, tmp_path: Path, lifetime: int
) -> None:
    """With -120 every token is refused at once: that is said; with 1 each is asked for anew."""
    tokens = TokenServer(authority, {"ci": PASSWORD}, lifetime_seconds=lifetime)
    with tokens:
        server = NotaryServer(tmp_path / "server", authority, auth=tokens.auth("notary-server"))
        with installed(server.start):
            signer = WatchedSigner(tmp_path / "signer", server)
            env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD}
            expected = 0 if lifetime > 0 else 7
            answer = signer.json("init", "dtr.test/admin/flask", env=env, expect=expected)
    if lifetime > 0:
        assert answer["status"] == "initialised"
    else:
        assert answer["code"] == "unauthorised"
        assert len(tokens.requests) <= 4, "no endless loop"


def test_a_registry_with_basic_credentials(
    notary_server: NotaryServer, authority: Authority, tmp_path: Path
) -> None:
    registry = Registry(tmp_path / "registry", authority, auth=BasicAuth({"ci": PASSWORD}))
    with installed(registry.start):
        push_image(registry, "admin/flask", "1.0", auth=("ci", PASSWORD))
        signer = WatchedSigner(tmp_path / "signer", notary_server)
        gun = f"{registry.host}/admin/flask"
        signer("init", gun)
        error = signer.json("sign", f"{gun}:1.0", expect=7)
        assert error["code"] == "no-credentials"
        wrong = {"DTR_USERNAME": "ci", "DTR_PASSWORD": "wrong-example-password"}
        error = signer.json("sign", f"{gun}:1.0", env=wrong, expect=7)
        assert error["code"] == "unauthorised"
        signer("sign", f"{gun}:1.0", env={"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD})


def test_credentials_do_not_follow_a_redirect_to_another_host(
    guarded: Guarded, tmp_path: Path
) -> None:
    """The thief stands on another port, which is another host."""
    seen: list[dict[str, str]] = []

    def steal(exchange: Exchange) -> None:
        seen.append(exchange.headers)
        exchange.forward(guarded.server)

    with FaultyServer(guarded.server.authority, steal) as thief:

        def send_away(exchange: Exchange) -> None:
            exchange.reply(307, headers={"Location": f"{thief.url}{exchange.path}"})

        with FaultyServer(guarded.server.authority, send_away) as server:
            signer = guarded.signer(tmp_path / "signer")
            env = {"DTR_USERNAME": "ci", "DTR_PASSWORD": PASSWORD}
            command = ("inspect", guarded.image, "--root-key-id", guarded.root_key_id)
            error = signer.json(*command, "--server", server.url, env=env, expect=7)
    assert error["code"] == "redirect-refused"
    assert seen
    assert not [fields for fields in seen if "authorization" in fields]
