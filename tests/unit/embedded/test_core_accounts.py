"""Accounts, passwords, teams, and what follows for repositories."""

import hashlib
import stat
from pathlib import Path
from typing import Final

import pytest

from signer.embedded.access import split_path
from signer.embedded.errors import ApiError
from signer.embedded.identity import ANONYMOUS, Identity, Scope
from tests.unit.embedded.inprocess import PASSWORD, InProcess, in_process

_USER = "worthless-user-password"
_SCRYPT: Final = hashlib.scrypt


def _user(embedded: InProcess, name: str) -> Identity:
    embedded.dtr.accounts.create(name, password=_USER)
    return Identity(name)


def test_the_first_start_makes_an_admin_with_a_password_that_only_the_owner_reads(
    tmp_path: Path,
) -> None:
    with in_process(tmp_path / "data"):
        file = tmp_path / "data" / "admin-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().strip() == PASSWORD


def test_a_password_is_made_where_none_was_given_and_stays(tmp_path: Path) -> None:
    from signer.embedded.app import open_dtr

    passwords = []
    for _ in range(2):
        dtr = open_dtr(tmp_path / "data", url="https://dtr.test")
        passwords.append((tmp_path / "data" / "admin-password").read_text().strip())
        assert dtr.accounts.check_password("admin", passwords[-1]) == Identity("admin", True)
        dtr.close()
    assert passwords[0] == passwords[1]
    assert len(passwords[0]) >= 24


def test_no_password_is_stored_in_the_clear(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as embedded:
        _user(embedded, "anna")
    stored = b"".join(file.read_bytes() for file in (tmp_path / "data").glob("dtr.sqlite3*"))
    assert b"anna" in stored
    assert PASSWORD.encode() not in stored
    assert _USER.encode() not in stored


@pytest.mark.parametrize(
    ("name", "password"), [("admin", "wrong"), ("admin", ""), ("nobody", PASSWORD), ("org", "")]
)
def test_wrong_credentials_are_nobody(embedded_dtr: InProcess, name: str, password: str) -> None:
    embedded_dtr.dtr.accounts.create("org", is_org=True)
    assert embedded_dtr.dtr.accounts.check_password(name, password) is None


def test_a_password_is_hashed_once_and_again_for_every_other_one(
    embedded_dtr: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    guesses: list[str] = []

    def scrypt(password: bytes, *, salt: bytes, **settings: int) -> bytes:
        guesses.append(password.decode())
        return _SCRYPT(password, salt=salt, **settings)

    _user(embedded_dtr, "anna")
    monkeypatch.setattr("hashlib.scrypt", scrypt)
    check = embedded_dtr.dtr.accounts.check_password
    for _ in range(3):
        assert check("anna", _USER) == Identity("anna")
        assert check("anna", "wrong-password") is None
        assert check("nobody", _USER) is None
    assert guesses == [_USER, *["wrong-password", _USER] * 3]


def test_a_password_that_was_good_is_not_once_it_changed(embedded_dtr: InProcess) -> None:
    accounts = embedded_dtr.dtr.accounts
    _user(embedded_dtr, "anna")
    assert accounts.check_password("anna", _USER) == Identity("anna")
    accounts.set_password("anna", "another-password")
    assert accounts.check_password("anna", _USER) is None
    assert accounts.check_password("anna", "another-password") == Identity("anna")
    accounts.delete("anna")
    assert accounts.check_password("anna", "another-password") is None


@pytest.mark.parametrize("name", ["", "Anna", "a/b", "-a", "a..b", "x" * 65, "a b"])
def test_a_name_that_is_no_namespace_is_refused(embedded_dtr: InProcess, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        embedded_dtr.dtr.accounts.create(name, password=_USER)
    assert refused.value.status == 400


def test_a_short_password_and_a_taken_name_are_refused(embedded_dtr: InProcess) -> None:
    accounts = embedded_dtr.dtr.accounts
    with pytest.raises(ApiError, match="8 characters"):
        accounts.create("anna", password="short")
    with pytest.raises(ApiError) as taken:
        accounts.create("admin", password=_USER)
    assert (taken.value.status, taken.value.code) == (409, "ACCOUNT_EXISTS")


def test_users_have_every_right_in_their_own_namespace_and_none_in_others(
    embedded_dtr: InProcess,
) -> None:
    anna = _user(embedded_dtr, "anna")
    access = embedded_dtr.dtr.access
    embedded_dtr.dtr.repositories.create("admin", "secret", author="admin")
    assert access.level(anna, "anna", "new") == "admin"
    assert access.level(anna, "admin", "secret") == ""
    assert access.level(Identity("admin", True), "anna", "new") == "admin"


def test_everybody_pulls_from_public_repositories_and_nobody_pushes(
    embedded_dtr: InProcess,
) -> None:
    anna = _user(embedded_dtr, "anna")
    embedded_dtr.dtr.repositories.create("admin", "open", author="admin", visibility="public")
    for who in (anna, ANONYMOUS):
        granted = embedded_dtr.dtr.access.granted(
            who, Scope.repository("admin/open", "pull", "push")
        )
        assert granted.actions == ("pull",)


def test_a_team_has_what_its_level_says_for_one_repository_or_all(
    embedded_dtr: InProcess,
) -> None:
    dtr = embedded_dtr.dtr
    anna = _user(embedded_dtr, "anna")
    dtr.accounts.create("ci", is_org=True)
    dtr.teams.create("ci", "gitlab")
    dtr.teams.join("ci", "gitlab", "anna")
    assert dtr.teams.get("ci", "gitlab").members == ("anna",)
    assert dtr.access.level(anna, "ci", "app") == ""
    dtr.access.set_team_level("ci", "gitlab", name="app", level="read-write")
    dtr.access.set_team_level("ci", "gitlab", name="", level="read-only")
    assert dtr.access.level(anna, "ci", "app") == "read-write"
    assert dtr.access.level(anna, "ci", "other") == "read-only"
    assert dtr.access.team_levels("ci", "app") == {"gitlab": "read-write"}
    dtr.teams.leave("ci", "gitlab", "anna")
    assert dtr.access.level(anna, "ci", "app") == ""


def test_an_organisations_admin_owns_its_namespace_and_a_member_does_not(
    embedded_dtr: InProcess,
) -> None:
    dtr = embedded_dtr.dtr
    anna, bert = _user(embedded_dtr, "anna"), _user(embedded_dtr, "bert")
    dtr.accounts.create("ci", is_org=True)
    dtr.teams.add_member("ci", "anna", is_admin=True)
    dtr.teams.add_member("ci", "bert")
    assert dtr.access.level(anna, "ci", "app") == "admin"
    assert dtr.access.level(bert, "ci", "app") == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("admin/app", ("admin", "app")),
        ("localhost:5000/admin/app", ("admin", "app")),
        ("dtr.example.com/admin/app", ("admin", "app")),
        ("app", None),
        ("a/b/c", None),
        ("dtr.example.com/a/b/c", None),
        ("admin/App", None),
        ("admin/app:1", None),
        ("../admin/app", None),
        ("dtr.example.com/admin", ("dtr.example.com", "admin")),
        ("", None),
    ],
)
def test_names_of_scopes_are_split_with_or_without_a_host(
    name: str, expected: tuple[str, str] | None
) -> None:
    assert split_path(name) == expected
