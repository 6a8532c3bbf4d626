"""What is signed beside the digest: where the image came from, its scan, and who signed it when.

Only what Go's JSON survives unescaped: sorted names, whole numbers, text of printable ASCII. A part
that is not known is left out. The promotion, the policy and the scan are those that the gate has
seen; the promotion's time is the event's word, pipeline and commit are the CI host's.

Source: the design, "Provenance" and decision 9; NP section 0, item 2.
"""

import re
import urllib.parse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from signer import __version__
from signer.constants import MAX_INTEGER
from signer.dialect.canonical import Json
from signer.dialect.time import format_time, parse_time
from signer.dtr.answers import Scan
from signer.dtr.promotion import Promotion
from signer.dtr.sbom import Sbom

VERSION: Final = 1
"""Of the form of the provenance."""

NAME: Final = "provenance"
"""Its name in a target's custom data."""

_COMMIT = re.compile(r"[0-9a-f]{7,64}")
_UNESCAPED: Final = "!#$%'()*+,-./:;=?@[]_~"
"""Kept in URLs beside letters and digits: all that JSON writers of Go leave as it is."""

_MAX_URL: Final = 2000
_VOLATILE: Final = ("pipeline", "signer")


@dataclass(frozen=True)
class Pipeline:
    """The CI run that signs."""

    url: str = ""
    commit: str = ""
    """The commit of the signing project, as hex."""


def pipeline_of(environment: Mapping[str, str]) -> Pipeline:
    """Return the pipeline by its host's variables: GitLab, GitHub Actions or Jenkins.

    Source: dtr-ucp-ci reference, D.2 to D.4.
    """

    def value(name: str) -> str:
        return environment.get(name, "")

    if value("GITLAB_CI"):
        return Pipeline(value("CI_PIPELINE_URL"), value("CI_COMMIT_SHA"))
    if value("GITHUB_ACTIONS"):
        parts = [
            value(name) for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
        ]
        url = "{}/{}/actions/runs/{}".format(*parts) if all(parts) else ""
        return Pipeline(url, value("GITHUB_SHA"))
    if value("JENKINS_URL"):
        return Pipeline(value("BUILD_URL"), value("GIT_COMMIT"))
    return Pipeline()


def provenance(
    promotion: Promotion | None,
    *,
    scans: Sequence[Scan] = (),
    pipeline: Pipeline | None = None,
    sbom: Sbom | None = None,
) -> dict[str, Json]:
    """Return the custom data ``{"provenance": {...}}`` of a promotion that passed the gate.

    For an image that was named, not promoted, there is no promotion and no scan to tell of.

    Of several platforms the highest count of each severity and the oldest check are named.

    Source: the design, "Provenance".
    """
    pipeline = pipeline or Pipeline()
    parts: dict[str, Json] = {
        "pipeline": {
            "commit": pipeline.commit if _COMMIT.fullmatch(pipeline.commit) else "",
            "url": go_safe_url(pipeline.url),
        },
        "promotion": _promotion_part(promotion),
        "sbom": {"sha256": sbom.sha256, "type": sbom.media_type} if sbom else {},
        "scan": _scan_part(scans),
        "signer": __version__,
        "version": VERSION,
    }
    return {NAME: _without_absent(parts)}


def is_same_provenance(custom: Json, other: Json) -> bool:
    """Tell whether two custom data differ in nothing but who signed: pipeline and version.

    An event that is delivered twice then changes nothing in the collection.
    """
    same: bool = _lasting(custom) == _lasting(other)
    return same


def go_safe_url(url: str) -> str:
    """Return an http or https URL without user information, escaped so that Go leaves it alone.

    Anything else, or a URL longer than 2000 characters, becomes an empty string.
    """
    try:
        parts = urllib.parse.urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        return ""
    host = parts.netloc.rpartition("@")[2]
    try:
        safe = urllib.parse.quote(parts._replace(netloc=host).geturl(), safe=_UNESCAPED)
    except UnicodeEncodeError:
        return ""
    return safe if len(safe) <= _MAX_URL else ""


def _promotion_part(promotion: Promotion | None) -> dict[str, Json]:
    if promotion is None:
        return {}
    return {
        "at": format_time(promotion.promoted_at) if promotion.promoted_at else "",
        "from": promotion.source,
        "policy": promotion.policy_id,
    }


def _scan_part(scans: Sequence[Scan]) -> dict[str, Json]:
    part: dict[str, Json] = {}
    for name in ("critical", "major", "minor"):
        counts = [getattr(scan, name) for scan in scans]
        if counts and all(isinstance(count, int) and 0 <= count <= MAX_INTEGER for count in counts):
            part[name] = max(counts)
    try:
        times = [parse_time(scan.check_completed_at or "") for scan in scans]
    except ValueError:
        times = []
    if times:
        part["at"] = format_time(min(times))
    return part


def _without_absent(part: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out empty texts and parts; 0 is a count, and stays."""
    kept: dict[str, Json] = {}
    for name in sorted(part):
        value = part[name]
        if isinstance(value, dict):
            value = _without_absent(value)
        if value not in ("", {}):
            kept[name] = value
    return kept


def _lasting(custom: Json) -> Json:
    inner = custom.get(NAME) if isinstance(custom, dict) else None
    if not isinstance(inner, dict):
        return custom
    kept = {name: value for name, value in inner.items() if name not in _VOLATILE}
    return {**custom, NAME: kept}
