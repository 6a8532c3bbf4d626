"""A real PostgreSQL cluster in a temporary directory, and Notary's tables in it."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final

from tests.components.service import (
    LOOPBACK,
    MissingComponentError,
    Service,
    StartError,
    clean_environment,
)

USER: Final = "notary"
PASSWORD: Final = "worthless-example-password"
_PACKAGE: Final = "postgresql"
_UNPRIVILEGED: Final = "postgres"
_SECONDS: Final = 60.0

NOTARY_SERVER_TABLES: Final = """
CREATE TABLE tuf_files (
    id serial PRIMARY KEY,
    created_at timestamp NULL,
    updated_at timestamp NULL,
    deleted_at timestamp NULL,
    gun varchar(255) NOT NULL,
    role varchar(255) NOT NULL,
    version integer NOT NULL,
    data bytea NOT NULL,
    sha256 char(64) NULL,
    UNIQUE (gun, role, version)
);
CREATE INDEX tuf_files_by_sha256 ON tuf_files (sha256);
CREATE TABLE change_category (category varchar(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
    id serial PRIMARY KEY,
    created_at timestamp DEFAULT now(),
    gun varchar(255) NOT NULL,
    version integer NOT NULL,
    sha256 char(64) NULL,
    category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category
);
CREATE INDEX changefeed_by_gun ON changefeed (gun);
"""
"""The tables of NP 7.1, which Debian's package of notary-server does not bring."""


class Postgres(Service):
    """One cluster on loopback with a password; its data is not kept safe from a power failure.

    It refuses to run as root: then it runs as Debian's user ``postgres``, with its data in a
    directory of that user's own, because others' temporary directories are closed to it.
    """

    name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # PostgreSQL's "fast" shutdown

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._cluster = Path()

    def configure(self) -> Sequence[str | Path]:
        """Make the cluster at the first start."""
        if self._cluster == Path():
            self._initialise()
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "fsync": "off",
            "log_min_messages": "warning",
        }
        options = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
        return [_program("postgres"), "-D", self._cluster / "data", *options]

    def user(self) -> str | None:
        """Debian's ``postgres`` where the caller is root."""
        return _UNPRIVILEGED if os.geteuid() == 0 else None

    def is_ready(self) -> bool:
        """A query is answered."""
        return self._psql("postgres", "SELECT 1;").returncode == 0

    def url(self, database: str) -> str:
        """Return the URL of a database for Go's driver."""
        return f"postgres://{USER}:{PASSWORD}@{LOOPBACK}:{self.port}/{database}?sslmode=disable"

    def create_database(self, database: str, tables: str) -> str:
        """Make a database, run the SQL ``tables`` in it, and return its URL."""
        self.query("postgres", f'CREATE DATABASE "{database}";')
        self.query(database, tables)
        return self.url(database)

    def query(self, database: str, sql: str) -> str:
        """Run SQL and return its rows, one a line, columns divided by ``|``."""
        done = self._psql(database, sql)
        if done.returncode:
            raise RuntimeError(f"psql, database {database}: {done.stderr}")
        return done.stdout

    def remove(self) -> None:
        """Stop, and remove the cluster: the next start makes an empty one."""
        self.stop()
        if self._cluster != Path():
            shutil.rmtree(self._cluster)
            self._cluster = Path()

    def __exit__(self, *_exc: object) -> None:
        self.remove()

    def _initialise(self) -> None:
        initdb = _program("initdb")
        user = self.user()
        if user is None:
            cluster = self.directory / "cluster"
            cluster.mkdir()
        else:
            _require_user(user)
            cluster = Path(tempfile.mkdtemp(prefix="signer-postgres-"))
            shutil.chown(cluster, user)
        self._cluster = cluster
        password = cluster / "password"
        password.write_text(PASSWORD)
        if user is not None:
            shutil.chown(password, user)
        done = subprocess.run(
            [
                str(initdb),
                f"--pgdata={cluster / 'data'}",
                f"--username={USER}",
                f"--pwfile={password}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
                "--no-instructions",
            ],
            env=clean_environment(cluster),
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user else None,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if done.returncode:
            raise StartError(f"initdb ended with status {done.returncode}:\n{done.stderr}")

    def _psql(self, database: str, sql: str) -> subprocess.CompletedProcess[str]:
        address = f"host={LOOPBACK} port={self.port} user={USER} dbname={database}"
        return subprocess.run(
            [
                str(_program("psql")),
                "--no-psqlrc",
                "--quiet",
                "--tuples-only",
                "--no-align",
                "--set=ON_ERROR_STOP=1",
                f"--dbname={address} connect_timeout=5",
            ],
            env=clean_environment(self.directory) | {"PGPASSWORD": PASSWORD},
            input=sql,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )


def _program(name: str) -> Path:
    """Return a program of the newest installed PostgreSQL; Debian keeps them off PATH."""
    versions = sorted(
        Path("/usr/lib/postgresql").glob(f"*/bin/{name}"),
        key=lambda path: float(path.parent.parent.name),
    )
    if not versions:
        raise MissingComponentError(f"The program {name} of PostgreSQL is missing", _PACKAGE)
    return versions[-1]


def _require_user(user: str) -> None:
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise MissingComponentError(f"There is no user {user}", _PACKAGE) from None
