"""Tokens: what is in them, whom they are given to, and what they open."""

import base64
import json
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import load_der_x509_certificate

from tests.unit.embedded.inprocess import HOST, PASSWORD, URL, InProcess

_USER = "worthless-user-password"
_PUSH = "repository:admin/app:pull,push"


def _part(token: str, number: int) -> Any:  # noqa: ANN401 - JSON
    text = token.split(".")[number]
    return json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _tags(client: httpx.Client, path: str = "admin/app") -> int:
    return client.get(f"/v2/{path}/tags/list").status_code


def test_a_token_says_who_may_do_what_until_when(embedded_dtr: InProcess) -> None:
    token = embedded_dtr.token(_PUSH, "registry:catalog:*", service="anything")
    now = int(embedded_dtr.clock().timestamp())
    claims = _part(token, 1)
    assert claims.pop("jti")
    assert claims == {
        "iss": "dtr",
        "sub": "admin",
        "aud": "anything",
        "iat": now,
        "nbf": now - 60,
        "exp": now + 300,
        "access": [
            {"type": "repository", "name": "admin/app", "actions": ["pull", "push"]},
            {"type": "registry", "name": "catalog", "actions": ["*"]},
        ],
    }


def test_the_signature_is_by_the_certificate_in_the_header_which_the_ca_issued(
    embedded_dtr: InProcess,
) -> None:
    token = embedded_dtr.token(_PUSH)
    header = _part(token, 0)
    assert (header["typ"], header["alg"]) == ("JWT", "ES256")
    certificate = load_der_x509_certificate(base64.b64decode(header["x5c"][0]))
    certificate.verify_directly_issued_by(embedded_dtr.dtr.certificates.ca.certificate)
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    assert len(raw) == 64
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    encoded = utils.encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:]))
    key.verify(encoded, signed.encode(), ec.ECDSA(SHA256()))


def test_a_token_is_given_without_rights_and_opens_nothing(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.accounts.create("anna", password=_USER)
    answer = embedded_dtr.client("anna", _USER).get(
        "/auth/token", params={"service": HOST, "scope": _PUSH}
    )
    assert answer.status_code == 200
    assert _part(answer.json()["token"], 1)["access"][0]["actions"] == []


@pytest.mark.parametrize("password", ["wrong", ""])
def test_wrong_credentials_get_no_token(embedded_dtr: InProcess, password: str) -> None:
    answer = embedded_dtr.client("admin", password).get("/auth/token", params={"service": HOST})
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert "token" not in answer.json()


@pytest.mark.parametrize(
    "scope",
    [
        "repository:admin/app:pull,push",
        "repository:admin/app:push,pull",
        "repository:admin/app:pull",
        "repository:admin/app:*",
        "repository:admin/other:pull repository:admin/app:pull",
    ],
)
def test_a_scope_that_has_name_and_action_opens(embedded_dtr: InProcess, scope: str) -> None:
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    assert _tags(embedded_dtr.bearer(scope)) == 200


@pytest.mark.parametrize(
    "scope",
    [
        "repository:admin/app:push",
        "repository:admin/application:pull",
        "repository:admin/ap:pull",
        f"repository:{HOST}/admin/app:pull",
        "repository:admin/*:pull",
        "registry:catalog:*",
        "admin/app:pull",
        "repository:admin/app",
        "",
    ],
)
def test_any_other_scope_is_unauthorized_with_what_is_wanted(
    embedded_dtr: InProcess, scope: str
) -> None:
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    answer = embedded_dtr.bearer(scope).get("/v2/admin/app/tags/list")
    assert answer.status_code == 401
    assert answer.json()["errors"][0]["code"] == "UNAUTHORIZED"
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="{URL}/auth/token",service="{HOST}",scope="repository:admin/app:pull",'
        'error="insufficient_scope"'
    )


def test_a_token_ends_when_it_says(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    client = embedded_dtr.bearer(_PUSH)
    embedded_dtr.clock.forward(seconds=299)
    assert _tags(client) == 200
    embedded_dtr.clock.forward(seconds=1)
    assert _tags(client) == 401


def test_a_token_for_another_service_is_refused(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    for service, status in [(HOST, 200), ("dtr", 200), ("another", 401)]:
        token = embedded_dtr.token(_PUSH, service=service)
        client = embedded_dtr.client(user="")
        client.headers["Authorization"] = f"Bearer {token}"
        assert _tags(client) == status


def _forged(token: str, change: str) -> str:
    header, claims, signature = token.split(".")
    match change:
        case "claims":
            wider = _part(token, 1) | {"sub": "root"}
            claims = base64.urlsafe_b64encode(json.dumps(wider).encode()).rstrip(b"=").decode()
        case "signature":
            signature = base64.urlsafe_b64encode(bytes(64)).rstrip(b"=").decode()
        case "none":
            header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
            signature = ""
        case "truncated":
            return f"{header}.{claims}"
        case "garbage":
            return "not a token"
    return f"{header}.{claims}.{signature}"


@pytest.mark.parametrize("change", ["claims", "signature", "none", "truncated", "garbage"])
def test_a_forged_token_is_refused(embedded_dtr: InProcess, change: str) -> None:
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    client = embedded_dtr.client(user="")
    client.headers["Authorization"] = f"Bearer {_forged(embedded_dtr.token(_PUSH), change)}"
    assert _tags(client) == 401


def test_a_token_of_another_dtr_is_refused(embedded_dtr: InProcess, tmp_path: Any) -> None:  # noqa: ANN401
    from tests.unit.embedded.inprocess import in_process

    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    with in_process(tmp_path / "other") as other:
        foreign = other.token(_PUSH)
    client = embedded_dtr.client(user="")
    client.headers["Authorization"] = f"Bearer {foreign}"
    assert _tags(client) == 401


def test_an_account_that_is_gone_is_refused_with_its_token(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.accounts.create("anna", password=_USER)
    embedded_dtr.dtr.repositories.create("anna", "app", author="anna")
    token = (
        embedded_dtr.client("anna", _USER)
        .get("/auth/token", params={"service": HOST, "scope": "repository:anna/app:pull"})
        .json()["token"]
    )
    client = embedded_dtr.client(user="")
    client.headers["Authorization"] = f"Bearer {token}"
    assert _tags(client, "anna/app") == 200
    embedded_dtr.dtr.accounts.delete("anna")
    assert _tags(client, "anna/app") == 401


def _refresh(embedded: InProcess, token: str) -> httpx.Response:
    form = {
        "grant_type": "refresh_token",
        "refresh_token": token,
        "client_id": "docker",
        "service": HOST,
        "scope": _PUSH,
    }
    return embedded.client(user="").post("/auth/token", data=form)


def _new_refresh_token(embedded: InProcess) -> str:
    form = {
        "grant_type": "password",
        "username": "admin",
        "password": PASSWORD,
        "access_type": "offline",
        "client_id": "docker",
        "service": HOST,
    }
    token: str = embedded.client(user="").post("/auth/token", data=form).json()["refresh_token"]
    return token


def test_a_refresh_token_gets_tokens_until_the_password_changes(embedded_dtr: InProcess) -> None:
    refresh = _new_refresh_token(embedded_dtr)
    answer = _refresh(embedded_dtr, refresh)
    assert answer.status_code == 200
    assert answer.json()["scope"] == _PUSH
    assert _part(answer.json()["access_token"], 1)["sub"] == "admin"
    embedded_dtr.dtr.accounts.set_password("admin", "another worthless password")
    assert _refresh(embedded_dtr, refresh).status_code == 401


def test_a_refresh_token_is_given_only_where_it_is_asked_for(embedded_dtr: InProcess) -> None:
    client = embedded_dtr.client()
    assert "refresh_token" not in client.get("/auth/token").json()
    asked = client.get("/auth/token", params={"offline_token": "true"}).json()
    assert _refresh(embedded_dtr, asked["refresh_token"]).status_code == 200
    nobody = embedded_dtr.client(user="").get("/auth/token", params={"offline_token": "true"})
    assert "refresh_token" not in nobody.json()


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"grant_type": "refresh_token", "refresh_token": "worthless"}, 401),
        ({"grant_type": "refresh_token"}, 401),
        ({"grant_type": "password", "username": "admin", "password": "wrong"}, 401),
        ({"grant_type": "authorization_code"}, 400),
        ({}, 400),
        ({"grant_type": "x" * 100_000}, 413),
    ],
)
def test_other_forms_get_no_token(
    embedded_dtr: InProcess, form: dict[str, str], status: int
) -> None:
    assert embedded_dtr.client(user="").post("/auth/token", data=form).status_code == status


def test_basic_credentials_open_what_the_account_may_and_no_more(embedded_dtr: InProcess) -> None:
    embedded_dtr.dtr.accounts.create("anna", password=_USER)
    embedded_dtr.dtr.repositories.create("admin", "app", author="admin")
    assert _tags(embedded_dtr.client()) == 200
    refused = embedded_dtr.client("anna", _USER).get("/v2/admin/app/tags/list")
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "DENIED")
    assert _tags(embedded_dtr.client("anna", "wrong")) == 401


def test_an_anonymous_token_pulls_what_is_public(embedded_dtr: InProcess) -> None:
    repositories = embedded_dtr.dtr.repositories
    repositories.create("admin", "open", author="admin", visibility="public")
    repositories.create("admin", "shut", author="admin")
    for name, status in [("open", 200), ("shut", 401)]:
        client = embedded_dtr.bearer(f"repository:admin/{name}:pull", user="")
        assert _tags(client, f"admin/{name}") == status


def test_without_credentials_the_base_asks_for_a_token(embedded_dtr: InProcess) -> None:
    answer = embedded_dtr.client(user="").get("/v2/")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == (
        f'Bearer realm="{URL}/auth/token",service="{HOST}"'
    )
    assert answer.headers["Docker-Distribution-Api-Version"] == "registry/2.0"
    assert embedded_dtr.bearer("").get("/v2/").json() == {}
