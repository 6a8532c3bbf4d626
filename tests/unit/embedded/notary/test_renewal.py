"""Timestamps and snapshots are signed anew when they are read after their expiry: NP 5.2."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import timedelta
from sqlite3 import Connection
from typing import Any

import pytest

from signer.embedded.database import Database
from tests.interop.embedded_notary.author import NOW, Author, in_days, put
from tests.unit.embedded.inprocess import InProcess


def _signed(author: Author, role: str) -> dict[str, Any]:
    found: dict[str, Any] = author.get(f"{role}.json").raise_for_status().json()["signed"]
    return found


def test_a_timestamp_is_served_unchanged_until_the_second_of_its_expiry(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    first = author.get("timestamp.json").content
    dtr.clock.now = NOW + timedelta(days=14, seconds=-1)
    assert author.get("timestamp.json").content == first
    dtr.clock.forward(seconds=1)
    assert author.get("timestamp.json").content != first


def test_an_expired_timestamp_is_renewed_for_two_weeks_over_the_same_snapshot(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    first, snapshot = _signed(author, "timestamp"), author.get("snapshot.json").content
    dtr.clock.now = NOW + timedelta(days=20)
    second = _signed(author, "timestamp")
    assert (first["version"], second["version"]) == (1, 2)
    assert second["expires"] == in_days(34)
    assert second["meta"] == first["meta"]
    assert author.get("snapshot.json").content == snapshot
    assert _signed(author, "timestamp") == second, "once is enough"


def test_a_snapshot_that_is_asked_for_renews_the_timestamp_too(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    dtr.clock.now = NOW + timedelta(days=20)
    assert _signed(author, "snapshot")["version"] == 1
    assert author.get("2.timestamp.json").status_code == 200


def test_an_expired_snapshot_of_the_servers_is_renewed_and_names_the_same_files(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    first = _signed(author, "snapshot")
    dtr.clock.now = NOW + timedelta(days=1095)
    second = _signed(author, "snapshot")
    assert (second["version"], second["expires"]) == (2, in_days(2 * 1095))
    assert second["meta"] == first["meta"]
    assert _signed(author, "timestamp")["version"] == 2


def test_an_expired_snapshot_of_a_publishers_is_served_as_it_is(
    dtr: InProcess, author: Author
) -> None:
    author.begin_with_snapshot()
    dtr.clock.now = NOW + timedelta(days=1100)
    assert _signed(author, "snapshot")["version"] == 1
    assert _signed(author, "timestamp")["version"] == 2, "it had expired as well"
    assert _signed(author, "timestamp")["version"] == 2, "and is not signed at every look"


def test_readers_that_see_the_expiry_at_once_renew_once(
    dtr: InProcess, author: Author, monkeypatch: pytest.MonkeyPatch
) -> None:
    author.begin()
    dtr.clock.now = NOW + timedelta(days=20)
    everybody, write = threading.Barrier(4, timeout=60), Database.write

    def write_once_all_have_looked(database: Database) -> AbstractContextManager[Connection]:
        everybody.wait()
        return write(database)

    def read(_number: int) -> bytes:
        with dtr.client() as client:
            reader = Author(client)
            reader.gun = author.gun
            return reader.get("timestamp.json").raise_for_status().content

    with monkeypatch.context() as patch, ThreadPoolExecutor(4) as pool:
        patch.setattr(Database, "write", write_once_all_have_looked)
        seen = set(pool.map(read, range(4)))
    assert len(seen) == 1
    assert _signed(author, "timestamp")["version"] == 2


def test_a_renewed_timestamp_is_in_the_changefeed(dtr: InProcess, author: Author) -> None:
    author.begin()
    dtr.clock.now = NOW + timedelta(days=20)
    author.get("timestamp.json")
    feed = author.ask("GET", "/v2/GUN/_trust/changefeed?records=10").json()["records"]
    assert [record["Version"] for record in feed] == [1, 2]


def test_a_publish_after_a_renewal_counts_on_from_it(dtr: InProcess, author: Author) -> None:
    author.begin()
    dtr.clock.now = NOW + timedelta(days=20)
    author.get("timestamp.json")
    assert author.publish({"targets": author.targets(2)}).status_code == 200
    assert _signed(author, "timestamp")["version"] == 3


def test_files_that_expire_sooner_are_refused_only_once_they_have(
    dtr: InProcess, author: Author
) -> None:
    author.begin()
    soon = author.targets(2, edit=put(expires=in_days(1)))
    dtr.clock.now = NOW + timedelta(days=1)
    answer = author.publish({"targets": soon})
    assert "expired" in answer.json()["errors"][0]["detail"]["Error"]["Msg"]
    dtr.clock.forward(seconds=-1)
    assert author.publish({"targets": soon}).status_code == 200
