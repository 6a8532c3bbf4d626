"""Scans: what was told about images. There is no scanner here.

A scan belongs to an image's digest in its repository: a tag that moves to another image is
unscanned, and two tags of one image share its scan.

Source: dtr-ucp-ci reference, B.3.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signer.embedded.database import Database
from signer.embedded.dtr.events import Scan, TagScanned
from signer.embedded.dtr.platforms import ImagePlatform, Inspector
from signer.embedded.errors import ApiError
from signer.embedded.repositories import Repositories, Repository, utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS scans (
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    critical INTEGER NOT NULL,
    major INTEGER NOT NULL,
    minor INTEGER NOT NULL,
    checked_at TEXT NOT NULL,
    error TEXT NOT NULL,
    components TEXT NOT NULL,
    licenses TEXT NOT NULL,
    PRIMARY KEY (repository, digest)
);
"""

FAILED: Final = 0
UNSCANNED: Final = 1
PENDING: Final = 3
COMPLETED: Final = 6
ZERO_TIME: Final = "0001-01-01T00:00:00Z"
"""How Go writes that there is no time."""


@dataclass(frozen=True)
class Findings:
    """What a scan is said to have found; a failed one has an ``error``."""

    critical: int = 0
    major: int = 0
    minor: int = 0
    error: str = ""
    components: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()


class Scans:
    """The scans of all repositories.

    Args:
        database: where they are kept; its table is made here.
        repositories: told of scans that end.
        inspector: knows the platforms of an image.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        *,
        repositories: Repositories,
        inspector: Inspector,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._database = database
        self._repositories = repositories
        self._inspector = inspector
        self._now = now
        database.create(SCHEMA)

    def of(self, repository: Repository, digest: str) -> tuple[Scan, ...]:
        """Return the scans of a manifest, one for each platform, known or not.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN.
        """
        with self._database.read():
            platforms = self._inspector.platforms(repository, digest)
            return tuple(self._of_platform(repository, platform) for platform in platforms)

    def complete(
        self,
        repository: Repository,
        tag: str,
        *,
        digest: str,
        findings: Findings,
        author: str,
        platform: str = "",
    ) -> tuple[Scan, ...]:
        """Set the scans of a tag's image, and tell of them, in one transaction.

        Args:
            repository: where the tag is.
            tag: whose webhooks and promotions follow.
            digest: what the tag means.
            findings: set for each platform.
            author: the account that says so.
            platform: ``OS/ARCHITECTURE[/VARIANT]`` of the only one to be set; empty is all.

        Returns:
            The scans that were set.

        Raises:
            ApiError: 404 MANIFEST_UNKNOWN; 400 where no platform has this name.
        """
        with self._database.write():
            chosen = self._chosen(repository, digest, platform)
            for image in chosen:
                self._store(repository, image.digest, findings)
            scans = tuple(self._of_platform(repository, image) for image in chosen)
            self._repositories.happened(
                TagScanned(repository.namespace, repository.name, author, self._now(), tag, scans)
            )
        return scans

    def start(self, repository: Repository, digest: str, *, platform: str) -> tuple[Scan, ...]:
        """Note that a scan was asked for: it stays pending until somebody sets its result.

        Raises:
            ApiError: as ``complete``.
        """
        with self._database.write() as connection:
            chosen = self._chosen(repository, digest, platform)
            for image in chosen:
                connection.execute(
                    "INSERT INTO scans VALUES (?, ?, ?, 0, 0, 0, ?, '', '[]', '[]') "
                    "ON CONFLICT DO NOTHING",
                    (repository.id, image.digest, PENDING, ZERO_TIME),
                )
            return tuple(self._of_platform(repository, image) for image in chosen)

    def _chosen(
        self, repository: Repository, digest: str, platform: str
    ) -> Sequence[ImagePlatform]:
        images = self._inspector.platforms(repository, digest)
        chosen = [image for image in images if platform in {"", image.name}]
        if not chosen:
            there = ", ".join(image.name for image in images) or "none"
            raise ApiError(
                400, "NO_SUCH_PLATFORM", f"the image has no such platform; it has: {there}"
            )
        return chosen

    def _store(self, repository: Repository, digest: str, findings: Findings) -> None:
        with self._database.write() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO scans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    repository.id,
                    digest,
                    FAILED if findings.error else COMPLETED,
                    findings.critical,
                    findings.major,
                    findings.minor,
                    ZERO_TIME if findings.error else self._now(),
                    findings.error,
                    json.dumps(findings.components),
                    json.dumps(findings.licenses),
                ),
            )

    def _of_platform(self, repository: Repository, image: ImagePlatform) -> Scan:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT status, critical, major, minor, checked_at, error, components, licenses "
                "FROM scans WHERE repository = ? AND digest = ?",
                (repository.id, image.digest),
            ).fetchone()
        place = (image.digest, image.os, image.architecture)
        if row is None:
            # Where images are scanned on push, the scanner that is not here has not come yet.
            status = PENDING if repository.scan_on_push else UNSCANNED
            return Scan(*place, status, 0, 0, 0, ZERO_TIME)
        return Scan(
            *place,
            row["status"],
            row["critical"],
            row["major"],
            row["minor"],
            row["checked_at"],
            row["error"],
            tuple(json.loads(row["components"])),
            tuple(json.loads(row["licenses"])),
        )


def summary(repository: Repository, tag: str, scan: Scan) -> dict[str, Any]:
    """Return a scan as API and webhooks show it.

    Source: dtr-ucp-ci reference, B.3: the field is ``reponame``.
    """
    return {
        "namespace": repository.namespace,
        "reponame": repository.name,
        "tag": tag,
        "critical": scan.critical,
        "major": scan.major,
        "minor": scan.minor,
        "last_scan_status": scan.status,
        "check_completed_at": scan.checked_at,
        "should_rescan": False,
        "has_foreign_layers": False,
        "os": scan.os,
        "arch": scan.architecture,
    }
