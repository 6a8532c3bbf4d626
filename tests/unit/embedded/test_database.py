"""Transactions: all or nothing, nested, on disk, and in the right order."""

import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from signer.embedded.database import Database
from signer.embedded.errors import StorageError


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "data" / "dtr.sqlite3")
    opened.create("CREATE TABLE IF NOT EXISTS things (name TEXT PRIMARY KEY)")
    yield opened
    opened.close()


def _names(database: Database) -> list[str]:
    with database.read() as connection:
        return [row["name"] for row in connection.execute("SELECT name FROM things ORDER BY name")]


def _add(database: Database, name: str) -> None:
    with database.write() as connection:
        connection.execute("INSERT INTO things VALUES (?)", (name,))


def _add_many(database: Database, prefix: str) -> None:
    for number in range(20):
        _add(database, f"{prefix}{number}")


def test_what_was_written_is_there_for_another_database_object(database: Database) -> None:
    _add(database, "a")
    other = Database(database.path)
    assert _names(other) == ["a"]
    other.close()


def test_an_exception_undoes_the_whole_transaction(database: Database) -> None:
    with pytest.raises(ValueError, match="no"), database.write():
        _add(database, "a")
        raise ValueError("no")
    assert _names(database) == []


def test_a_nested_block_is_part_of_the_outer_one(database: Database) -> None:
    with database.write():
        _add(database, "a")
        assert _names(database) == ["a"]
        other = Database(database.path)
        assert _names(other) == []
        other.close()
    assert _names(database) == ["a"]


def test_a_violated_constraint_is_an_integrity_error_and_leaves_the_rest(
    database: Database,
) -> None:
    _add(database, "a")
    with database.write():
        with pytest.raises(sqlite3.IntegrityError):
            _add(database, "a")
        _add(database, "b")
    assert _names(database) == ["a", "b"]


def test_callbacks_run_after_the_commit_of_the_outermost_block(database: Database) -> None:
    seen: list[list[str]] = []
    with database.write():
        with database.write():
            database.after_commit(lambda: seen.append(_names(database)))
        _add(database, "late")
        assert seen == []
    assert seen == [["late"]]


def test_callbacks_of_an_undone_transaction_never_run(database: Database) -> None:
    seen: list[int] = []
    with pytest.raises(ValueError, match="no"), database.write():
        database.after_commit(lambda: seen.append(1))
        raise ValueError("no")
    assert seen == []


def test_writing_inside_a_read_is_refused_because_its_view_would_be_stale(
    database: Database,
) -> None:
    with database.read(), pytest.raises(RuntimeError, match="stale"):
        _add(database, "a")


def test_a_read_sees_one_state_while_others_write(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute("SELECT count(*) FROM things").fetchone()[0] == 0
        writer = threading.Thread(target=_add, args=(database, "a"))
        writer.start()
        writer.join()
        assert connection.execute("SELECT count(*) FROM things").fetchone()[0] == 0
    assert _names(database) == ["a"]


def test_many_threads_write_and_none_is_refused(database: Database) -> None:
    threads = [
        threading.Thread(target=_add_many, args=(database, f"{number}-")) for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(_names(database)) == 160


def test_commits_are_synchronised_to_disk(database: Database) -> None:
    with database.read() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
        assert connection.execute("PRAGMA foreign_keys").fetchone()[0] == 1


def test_the_files_are_the_owners_alone(database: Database) -> None:
    _add(database, "a")
    files = sorted(database.path.parent.iterdir())
    assert len(files) >= 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_a_file_that_is_no_database_is_an_error_that_names_it(tmp_path: Path) -> None:
    file = tmp_path / "dtr.sqlite3"
    file.write_bytes(b"worthless example" * 100)
    with pytest.raises(StorageError, match=r"dtr\.sqlite3 failed: file is not a database"):
        Database(file)
