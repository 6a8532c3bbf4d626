"""Tags: what they mean, where they were promoted from, and whether they are signed.

Source: dtr-ucp-ci reference, B.2.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from signer.embedded.dtr.calls import Call, Calls, paged
from signer.embedded.dtr.events import Scan
from signer.embedded.dtr.platforms import Inspector
from signer.embedded.dtr.promotion import Promotions
from signer.embedded.dtr.repositories_api import REPOSITORY
from signer.embedded.dtr.scans import Scans
from signer.embedded.dtr.trust import TrustData
from signer.embedded.identity import DELETE
from signer.embedded.images import Tag
from signer.embedded.repositories import Repository


@dataclass(frozen=True)
class TagsApi:
    """Tags over HTTP.

    Attributes:
        calls: callers and their rights.
        inspector: what images say of themselves.
        promotions: where they come from.
        scans: what is known of them.
        trust: who signed them.
    """

    calls: Calls
    inspector: Inspector
    promotions: Promotions
    scans: Scans
    trust: TrustData

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        everything = REPOSITORY + "/tags"
        one = everything + "/{tag}"
        return [
            self.calls.route("GET", everything, self._list),
            self.calls.route("GET", one, self._get),
            self.calls.route("DELETE", one, self._delete),
        ]

    def _list(self, call: Call) -> Response:
        repository = self.calls.repository(call)
        with_manifests = call.flag("includeManifests", default=True)
        tags = self.calls.images.tags(repository)
        shown = self._shower(repository, with_manifests=with_manifests)
        return paged(call, tags, key=lambda tag: tag.name, shown=shown)

    def _get(self, call: Call) -> Response:
        repository, tag = self.calls.tag(call)
        return JSONResponse(self._shower(repository, with_manifests=True)(tag))

    def _delete(self, call: Call) -> Response:
        repository, tag = self.calls.tag(call, DELETE)
        self.calls.images.delete_tag(repository, tag.name, author=call.identity.name)
        return Response(status_code=204)

    def _shower(
        self, repository: Repository, *, with_manifests: bool
    ) -> Callable[[Tag], dict[str, Any]]:
        """Return what shows a tag; what concerns the whole repository is looked up once."""
        signed = self.trust.signed_tags(repository)
        promoted = self.promotions.records(repository)

        def shown(tag: Tag) -> dict[str, Any]:
            record = promoted.get((tag.name, tag.digest))
            trusted = signed.digest(tag.name)
            content = {
                "name": tag.name,
                "digest": tag.digest,
                "author": tag.author,
                "createdAt": tag.created_at,
                "updatedAt": tag.updated_at,
                "inNotary": bool(trusted),
                "hashMismatch": bool(trusted) and trusted != tag.digest,
                "promotion": record.shown() if record else None,
                "mirroring": None,
                "vuln_summary": _worst(self.scans.of(repository, tag.digest)),
            }
            if with_manifests:
                manifest = self.calls.images.manifest(repository, tag.digest)
                content["manifest"] = self.inspector.describe(repository, manifest)
            return content

        return shown


def _worst(scans: tuple[Scan, ...]) -> dict[str, Any] | None:
    """Return the counts of the platform with the most, and the state that is the farthest back."""
    if not scans:
        return None
    worst = max(scans, key=lambda scan: (scan.critical, scan.major, scan.minor))
    last = min(scans, key=lambda scan: scan.status)
    return {
        "critical": worst.critical,
        "major": worst.major,
        "minor": worst.minor,
        "last_scan_status": last.status,
        "check_completed_at": last.checked_at,
    }
