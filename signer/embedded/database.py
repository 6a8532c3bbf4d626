"""SQLite: durable transactions for worker threads.

Rules:

- one file, write-ahead log, ``synchronous=FULL``: what was committed survives the process's death
  and a power failure;
- a thread holds one connection while it is inside ``write`` or ``read``; blocks nest, and the
  outermost one is the transaction;
- one writer at a time, waiting on a lock of the process: no busy loop, no "database is locked".
"""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from signer.embedded.errors import StorageError
from signer.files import make_private_directory

_BUSY_SECONDS: Final = 30.0
_MAX_IDLE: Final = 16


class _Block(threading.local):
    """What a thread is in the middle of."""

    connection: sqlite3.Connection | None = None
    writing: bool = False
    after_commit: list[Callable[[], None]] | None = None


class Database:
    """A database file that many threads use.

    Rows are ``sqlite3.Row``. A violated constraint is ``sqlite3.IntegrityError``; every other
    failure of SQLite is a `StorageError`.

    Attributes:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        """Open the file, or make it.

        Raises:
            StorageError: it is no database, or cannot be opened.
        """
        self.path = path
        self._writer = threading.Lock()
        self._pool_lock = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._closed = False
        self._block = _Block()
        make_private_directory(path.parent)
        # It holds private keys. SQLite gives its other files the mode of this one.
        with suppress(OSError):
            path.touch(mode=0o600)
        with self.read():
            pass

    def create(self, schema: str) -> None:
        """Run a module's ``CREATE ... IF NOT EXISTS`` statements in one transaction."""
        with self._writer, self._borrowed() as connection:
            connection.executescript(f"BEGIN IMMEDIATE;\n{schema}\n;COMMIT;")

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Run one transaction that may change things; it is on disk when the block has ended.

        Inside another ``write`` of the same thread the block is a part of that one. An exception
        undoes everything.

        Raises:
            StorageError: SQLite failed; nothing was changed.
        """
        block = self._block
        if block.connection is not None:
            if not block.writing:
                raise RuntimeError("write() inside read(): the read's view would be stale")
            yield block.connection
            return
        callbacks: list[Callable[[], None]] = []
        with self._writer, self._borrowed() as connection:
            connection.execute("BEGIN IMMEDIATE")
            block.connection, block.writing, block.after_commit = connection, True, callbacks
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                block.connection, block.writing, block.after_commit = None, False, None
        for callback in callbacks:
            callback()

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Run several queries on one state of the database."""
        block = self._block
        if block.connection is not None:
            yield block.connection
            return
        with self._borrowed() as connection:
            connection.execute("BEGIN")
            block.connection = connection
            try:
                yield connection
            finally:
                block.connection = None
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` in this thread once the ``write`` around it is on disk.

        It is not called where the transaction is undone.
        """
        if self._block.after_commit is None:
            raise RuntimeError("after_commit() belongs inside write()")
        self._block.after_commit.append(callback)

    def close(self) -> None:
        """Close the file; blocks that still run close their own connection."""
        with self._pool_lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def _borrowed(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection of the pool, and translate what SQLite raises."""
        connection = None
        try:
            with self._pool_lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connect()
            yield connection
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise StorageError(
                f"The database {self.path} failed: {error}.",
                hint="Check free space and permissions of the directory.",
            ) from error
        finally:
            if connection is not None:
                self._give_back(connection)

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._pool_lock:
            keep = (
                not self._closed and not connection.in_transaction and len(self._idle) < _MAX_IDLE
            )
            if keep:
                self._idle.append(connection)
        if not keep:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path,
            timeout=_BUSY_SECONDS,
            isolation_level=None,  # transactions are begun and ended here, by name
            check_same_thread=False,  # a connection has one user at a time: see _borrowed
        )
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except sqlite3.Error:
            connection.close()
            raise
        return connection
