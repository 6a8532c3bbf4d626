"""Scan summaries, and the inlet by which a demonstration sets them.

Source: dtr-ucp-ci reference, B.3; the design's section 5, "Servers".
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from signer.embedded.access import split_path
from signer.embedded.dtr.calls import API, Call, Calls, invalid, no_such_repository, require_admin
from signer.embedded.dtr.events import Scan
from signer.embedded.dtr.scans import ZERO_TIME, Findings, Scans, summary
from signer.embedded.errors import ApiError
from signer.embedded.identity import PUSH
from signer.embedded.repositories import Repository

INLET: Final = "/embedded/v0/scans"
NOTICE: Final = (
    "The embedded DTR has no scanner and looked at nothing: these are the numbers it was given."
)
_Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Told(msgspec.Struct, forbid_unknown_fields=True):
    """A scan as it is told; ``platform`` is ``OS/ARCHITECTURE`` where it is of one alone."""

    repository: str
    tag: str
    critical: _Count = 0
    major: _Count = 0
    minor: _Count = 0
    platform: str = ""
    error: str = ""
    components: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()


_TOLD: Final = msgspec.json.Decoder(_Told)


@dataclass(frozen=True)
class ScansApi:
    """Scans over HTTP.

    Attributes:
        calls: callers and their rights.
        scans: the state.
    """

    calls: Calls
    scans: Scans

    def routes(self) -> list[BaseRoute]:
        """Return the routes."""
        route = self.calls.route
        place = "repositories/{namespace}/{name}/{tag}"
        started = "/imagescan/scan/{namespace}/{name}/{tag}/{os}/{architecture}"
        return [
            route("GET", f"{API}/imagescan/scansummary/{place}", self._summary),
            route("GET", f"{API}/imagescan/{place}", self._summary),
            route("POST", API + started, self._start),
            route("GET", f"{API}/imagescan/status", self._status),
            route("POST", INLET, self._tell),
        ]

    def _summary(self, call: Call) -> Response:
        repository, tag = self.calls.tag(call)
        return _answer(repository, tag.name, self.scans.of(repository, tag.digest))

    def _start(self, call: Call) -> Response:
        repository, tag = self.calls.tag(call, PUSH)
        platform = f"{call.part('os')}/{call.part('architecture')}"
        scans = self.scans.start(repository, tag.digest, platform=platform)
        return _answer(repository, tag.name, scans)

    def _status(self, _call: Call) -> Response:
        return JSONResponse(
            {
                "scanner_version": "",
                "scanner_updated_at": ZERO_TIME,
                "db_version": 0,
                "db_updated_at": ZERO_TIME,
                "success": False,
                "replicas": {},
                "notice": NOTICE,
            }
        )

    def _tell(self, call: Call) -> Response:
        require_admin(call)
        told = call.decode(_TOLD)
        path = split_path(told.repository) if told.repository.count("/") == 1 else None
        if path is None:
            raise invalid("repository is NAMESPACE/NAME")
        repository = self.calls.repositories.find(*path)
        if repository is None:
            raise no_such_repository(told.repository)
        tag = self.calls.images.find_tag(repository, told.tag)
        if tag is None:
            raise ApiError(404, "NO_SUCH_TAG", "A tag with the given name does not exist.")
        scans = self.scans.complete(
            repository,
            tag.name,
            digest=tag.digest,
            findings=Findings(
                told.critical, told.major, told.minor, told.error, told.components, told.licenses
            ),
            author=call.identity.name,
            platform=told.platform,
        )
        shown = _shown(repository, tag.name, scans)
        return JSONResponse({"scanner": "none", "notice": NOTICE, "scans": shown})


def _shown(repository: Repository, tag: str, scans: tuple[Scan, ...]) -> list[dict[str, Any]]:
    return [summary(repository, tag, scan) for scan in scans]


def _answer(repository: Repository, tag: str, scans: tuple[Scan, ...]) -> Response:
    return JSONResponse(_shown(repository, tag, scans))
