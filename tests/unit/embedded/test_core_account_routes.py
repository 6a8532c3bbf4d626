"""The API of accounts: who may change what, and that passwords never come out."""

from typing import Final

import httpx
import pytest

from tests.unit.embedded.inprocess import PASSWORD, InProcess

_USER: Final = "worthless-user-password"
_BASE: Final = "/enzi/v0/accounts"


def _make(client: httpx.Client, name: str, **fields: object) -> httpx.Response:
    return client.post(_BASE, json={"name": name, "password": _USER} | fields)


@pytest.fixture
def admin(embedded_dtr: InProcess) -> httpx.Client:
    client = embedded_dtr.client()
    assert _make(client, "anna").status_code == 201
    assert _make(client, "bert").status_code == 201
    assert _make(client, "ci", isOrg=True).status_code == 201
    return client


def test_an_account_is_made_by_the_admin_and_can_log_in(
    embedded_dtr: InProcess, admin: httpx.Client
) -> None:
    shown = admin.get(f"{_BASE}/anna").json()
    assert shown.pop("id")
    assert shown == {
        "name": "anna",
        "fullName": "",
        "isOrg": False,
        "isAdmin": False,
        "isActive": True,
    }
    user = embedded_dtr.client("anna", _USER)
    names = [account["name"] for account in user.get(_BASE).json()["accounts"]]
    assert names == ["admin", "anna", "bert", "ci"]


def test_an_organisations_admin_makes_teams_and_their_members_get_its_rights(
    embedded_dtr: InProcess, admin: httpx.Client
) -> None:
    assert admin.put(f"{_BASE}/ci/members/anna", json={"isAdmin": True}).status_code == 200
    anna, bert = (embedded_dtr.client(name, _USER) for name in ("anna", "bert"))
    assert anna.post(f"{_BASE}/ci/teams", json={"name": "gitlab"}).status_code == 201
    assert anna.put(f"{_BASE}/ci/teams/gitlab/members/bert").status_code == 200
    assert [team["name"] for team in bert.get(f"{_BASE}/ci/teams").json()["teams"]] == ["gitlab"]
    members = bert.get(f"{_BASE}/ci/teams/gitlab/members").json()["members"]
    assert [entry["member"]["name"] for entry in members] == ["bert"]
    everybody = bert.get(f"{_BASE}/ci/members").json()["members"]
    assert {entry["member"]["name"]: entry["isAdmin"] for entry in everybody} == {
        "anna": True,
        "bert": False,
    }
    embedded_dtr.dtr.access.set_team_level("ci", "gitlab", name="app", level="read-write")
    assert bert.post("/v2/ci/app/blobs/uploads/").status_code == 202
    assert anna.delete(f"{_BASE}/ci/teams/gitlab/members/bert").status_code == 204
    assert bert.post("/v2/ci/app/blobs/uploads/").status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "", {"name": "eve", "password": _USER, "isAdmin": True}),
        ("DELETE", "/anna", None),
        ("POST", "/ci/teams", {"name": "mine"}),
        ("PUT", "/ci/members/bert", {"isAdmin": True}),
        ("POST", "/anna/changePassword", {"newPassword": "worthless-changed"}),
    ],
)
def test_others_change_nothing(
    embedded_dtr: InProcess, admin: httpx.Client, method: str, path: str, body: object
) -> None:
    before = admin.get(_BASE).json()
    answer = embedded_dtr.client("bert", _USER).request(method, f"{_BASE}{path}", json=body)
    assert answer.status_code == 403
    anonymous = embedded_dtr.client(user="").request(method, f"{_BASE}{path}", json=body)
    assert anonymous.status_code == 401
    assert admin.get(_BASE).json() == before
    assert embedded_dtr.dtr.accounts.check_password("anna", _USER) is not None


def test_a_user_changes_its_password_with_the_old_one(
    embedded_dtr: InProcess, admin: httpx.Client
) -> None:
    anna = embedded_dtr.client("anna", _USER)
    new = {"newPassword": "worthless-changed"}
    wrong = anna.post(f"{_BASE}/anna/changePassword", json=new | {"oldPassword": "x"})
    assert wrong.status_code == 400
    right = anna.post(f"{_BASE}/anna/changePassword", json=new | {"oldPassword": _USER})
    assert right.status_code == 200
    assert anna.get(_BASE).status_code == 401
    assert admin.post(f"{_BASE}/anna/changePassword", json=new).status_code == 200
    assert admin.post(f"{_BASE}/admin/changePassword", json=new).status_code == 400
    assert embedded_dtr.dtr.accounts.check_password("admin", PASSWORD) is not None


def test_the_admin_stays(admin: httpx.Client) -> None:
    assert admin.delete(f"{_BASE}/admin").status_code == 403
    assert admin.delete(f"{_BASE}/anna").status_code == 204
    assert admin.get(f"{_BASE}/anna").status_code == 404


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'{"name": 1}', b'{"name": "x", "password": 12345678}', b"\xff" * 10],
)
def test_bad_bodies_are_refused_without_repeating_them(
    embedded_dtr: InProcess, body: bytes
) -> None:
    answer = embedded_dtr.client().post(_BASE, content=body)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "INVALID_JSON")
    assert "12345678" not in answer.text


def test_no_answer_has_anything_of_a_password(admin: httpx.Client) -> None:
    for path in (_BASE, f"{_BASE}/anna", f"{_BASE}/ci/members"):
        text = admin.get(path).text
        assert "password" not in text.lower()
        assert "scrypt" not in text
