"""Keys, atomic updates, failures of the database, and what the DTR beside it may ask."""

import base64
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from signer.embedded.database import Database
from signer.embedded.errors import StorageError
from signer.names import RoleName
from tests.interop.embedded_notary.author import Author, Content, key, meta
from tests.unit.embedded.inprocess import InProcess


def _rows(dtr: InProcess, query: str) -> list[tuple[Any, ...]]:
    with sqlite3.connect(dtr.dtr.database.path) as connection:
        return connection.execute(query).fetchall()


def test_a_refused_update_leaves_nothing_behind(dtr: InProcess, author: Author) -> None:
    author.begin(delegations={"targets/a": "a"})
    tables = ("notary_files", "notary_changes", "notary_keys")
    before = [_rows(dtr, f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - constants
    refused = author.publish(
        {
            "root": author.root(2),
            "targets": author.targets(2),
            "targets/a": author.targets(signer="stranger"),
        }
    )
    assert refused.status_code == 400
    assert before == [_rows(dtr, f"SELECT * FROM {table}") for table in tables]  # noqa: S608 - constants


def test_a_publisher_with_an_old_version_gets_version_and_changes_nothing(
    dtr: InProcess, author: Author
) -> None:
    author.begin(delegations={"targets/a": "a"})
    before = _rows(dtr, "SELECT role, version, sha256 FROM notary_files")
    late = author.publish(
        {
            "targets": author.targets(1, names=("2.0",), delegations={"targets/a": "a"}),
            "targets/a": author.targets(1, signer="a"),
        }
    )
    assert (late.status_code, late.json()["errors"][0]["code"]) == (400, "VERSION")
    assert _rows(dtr, "SELECT role, version, sha256 FROM notary_files") == before


def test_a_snapshot_key_signs_no_timestamps(author: Author) -> None:
    author.server_keys["timestamp"] = author.server_key("snapshot")
    refused = author.publish({"root": author.root(), "targets": author.targets()})
    assert "no timestamp keys" in refused.text


def test_keys_are_p256_and_only_the_owner_can_read_the_database(
    dtr: InProcess, author: Author
) -> None:
    public = author.server_key("timestamp")
    assert public.keytype == "ecdsa"
    assert getattr(public.crypto(), "key_size", 0) == 256
    assert dtr.dtr.database.path.stat().st_mode & 0o077 == 0


def test_a_private_key_is_in_no_answer(dtr: InProcess, author: Author) -> None:
    author.begin()
    stored = [row[0] for row in _rows(dtr, "SELECT private FROM notary_keys")]
    assert len(stored) == 2
    for path in ("timestamp.key", "snapshot.key", "timestamp.json"):
        assert '"private":null' in author.get(path).text or path.endswith(".json")
    with dtr.dtr.database.read():
        assert all(blob.hex() not in repr(dtr.dtr.notary) for blob in stored)


class _FullDisk:
    """A connection on which every statement about trust data fails."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, statement: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        if "notary_" in statement:
            raise StorageError("The disk is full.")
        return self._connection.execute(statement, values)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "root.json", "UNKNOWN"),
        ("GET", "timestamp.json", "UNKNOWN"),
        ("GET", "timestamp.key", "UNKNOWN"),
        ("POST", "", "UPDATING"),
        ("DELETE", "", "UNKNOWN"),
    ],
)
def test_a_database_that_fails_is_a_500_in_the_protocols_form(
    author: Author, monkeypatch: pytest.MonkeyPatch, method: str, path: str, code: str
) -> None:
    author.begin()
    files = {"targets": author.targets(2)}
    for name in ("read", "write"):
        monkeypatch.setattr(Database, name, _failing(getattr(Database, name)))
    answer = (
        author.publish(files)
        if method == "POST"
        else author.ask(method, f"/v2/GUN/_trust/tuf/{path}")
    )
    assert answer.status_code == 500
    assert answer.json()["errors"][0]["code"] == code
    assert "disk" not in answer.text


def _failing(real: Callable[[Database], Any]) -> Callable[[Database], Any]:
    @contextmanager
    def opened(database: Database) -> Iterator[_FullDisk]:
        with real(database) as connection:
            yield _FullDisk(connection)

    return opened


def test_what_is_signed_is_told_by_tag_and_role(dtr: InProcess, author: Author) -> None:
    delegations = {"targets/releases": "r", "targets/alice": "a", "targets/lost": "l"}
    author.begin(names=("1.0", "old"), delegations=delegations)
    for role, signer in delegations.items():
        answer = author.publish({role: author.targets(names=("1.0", role), signer=signer)})
        answer.raise_for_status()
    found = dtr.dtr.notary.signed_tags(author.gun)
    assert list(found["1.0"])[:2] == ["targets/releases", "targets"]
    assert set(found["1.0"]) == {"targets", *delegations}
    assert set(found["old"]) == {"targets"}
    assert found["1.0"][RoleName("targets")] == _sha256("1.0")


def _sha256(name: str) -> str:
    return base64.b64decode(meta(name.encode())["hashes"]["sha256"]).hex()


def test_a_role_without_its_key_and_a_target_outside_its_paths_count_for_nothing(
    dtr: InProcess, author: Author
) -> None:
    author.begin(delegations={"targets/a": "a", "targets/b": "b"}, names=())
    for role, signer in (("targets/a", "a"), ("targets/b", "b")):
        author.publish({role: author.targets(signer=signer)}).raise_for_status()

    def restrict(content: Content) -> None:
        one, other = content["delegations"]["roles"]
        one["paths"] = ["2."]
        other["keyids"] = [key("stranger").public_key.keyid]
        public = key("stranger").public_key
        content["delegations"]["keys"] = {
            one["keyids"][0]: content["delegations"]["keys"][one["keyids"][0]],
            public.keyid: {"keytype": public.keytype, "keyval": dict(public.keyval)},
        }

    delegations = {"targets/a": "a", "targets/b": "b"}
    changed = author.targets(2, names=(), delegations=delegations, edit=restrict)
    author.publish({"targets": changed}).raise_for_status()
    assert dtr.dtr.notary.signed_tags(author.gun) == {}


def test_a_collection_that_is_not_there_has_no_signed_tags(dtr: InProcess, author: Author) -> None:
    assert dtr.dtr.notary.signed_tags(author.gun) == {}
    assert not dtr.dtr.notary.has_collection(author.gun)
    author.begin()
    assert dtr.dtr.notary.has_collection(author.gun)


def test_signed_tags_are_told_after_the_timestamp_has_expired(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    dtr.clock.forward(days=30)
    assert set(dtr.dtr.notary.signed_tags(author.gun)) == {"1.0"}


def test_an_upload_beyond_the_limit_is_refused(
    author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signer.embedded.notary.routes.MAX_BODY", 1000)
    answer = author.publish({"root": b" " * 1001})
    assert answer.status_code == 413
    assert answer.json()["errors"][0]["code"] == "MALFORMED_UPLOAD"
