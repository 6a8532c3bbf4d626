"""Webhook bodies, as DTR's documents have them, and the fake ones of its "Test" button.

Types that need what the embedded DTR has not (mirroring, a scanner's updates) can be subscribed to
and tested, and never happen.

Source: dtr-ucp-ci reference, B.4.
"""

from typing import Any, Final

from signer.embedded.dtr.events import ImagePromoted, Scan, TagScanned
from signer.embedded.dtr.platforms import ImagePlatform
from signer.embedded.dtr.scans import COMPLETED
from signer.embedded.events import (
    Event,
    ManifestDeleted,
    ManifestPulled,
    ManifestPushed,
    RepositoryCreated,
    RepositoryDeleted,
    RepositoryUpdated,
    TagDeleted,
    TagPulled,
    TagPushed,
)

Body = dict[str, Any]

TYPES: Final = (
    # of a repository
    "TAG_PUSH",
    "TAG_PULL",
    "TAG_DELETE",
    "MANIFEST_PUSH",
    "MANIFEST_PULL",
    "MANIFEST_DELETE",
    "SCAN_COMPLETED",
    "SCAN_FAILED",
    "PROMOTION",
    "PUSH_MIRRORING",
    "POLL_MIRRORING",
    # of a namespace
    "REPO_CREATED",
    "REPO_UPDATED",
    "REPO_DELETED",
    "REPO_EVENT",
    # of the registry
    "SCANNER_UPDATE_COMPLETED",
)

_REPOSITORY_EVENTS: Final[dict[type[Event], str]] = {
    RepositoryCreated: "REPO_CREATED",
    RepositoryUpdated: "REPO_UPDATED",
    RepositoryDeleted: "REPO_DELETED",
}
_TAG_EVENTS: Final[dict[type[Event], tuple[str, str]]] = {
    TagPushed: ("TAG_PUSH", "pushedAt"),
    TagPulled: ("TAG_PULL", "pulledAt"),
    TagDeleted: ("TAG_DELETE", "deletedAt"),
}
_MANIFEST_EVENTS: Final[dict[type[Event], tuple[str, str]]] = {
    ManifestPushed: ("MANIFEST_PUSH", "pushedAt"),
    ManifestPulled: ("MANIFEST_PULL", "pulledAt"),
    ManifestDeleted: ("MANIFEST_DELETE", "deletedAt"),
}


def types_of(event: Event) -> tuple[str, ...]:
    """Return the types of the webhooks that an event may start."""
    match event:
        case TagScanned():
            return ("SCAN_COMPLETED", "SCAN_FAILED")
        case ImagePromoted():
            return ("PROMOTION",)
        case RepositoryCreated() | RepositoryUpdated() | RepositoryDeleted():
            return (_REPOSITORY_EVENTS[type(event)], "REPO_EVENT")
        case _:
            known = _TAG_EVENTS.get(type(event)) or _MANIFEST_EVENTS.get(type(event))
            return known[:1] if known else ()


def envelope(kind: str, contents: Body, *, location: str, at: str) -> Body:
    """Return a whole body."""
    return {"type": kind, "createdAt": at, "contents": contents, "location": location}


def image_body(event: Event, *, host: str, platform: ImagePlatform | None) -> Body:
    """Return the body of what happened to a tag or a manifest.

    Args:
        event: a push, pull or deletion.
        host: ``HOST:PORT``.
        platform: of the image; None for an index.
    """
    path = f"{event.namespace}/{event.name}"
    contents: Body = {
        "namespace": event.namespace,
        "repository": event.name,
    }
    match event:
        case TagPushed() | TagPulled() | TagDeleted():
            kind, moment = _TAG_EVENTS[type(event)]
            contents["tag"] = event.tag
            contents["imageName"] = f"{host}/{path}:{event.tag}"
            location = f"/repositories/{path}/tags/{event.tag}"
        case ManifestPushed() | ManifestPulled() | ManifestDeleted():
            kind, moment = _MANIFEST_EVENTS[type(event)]
            contents["imageName"] = f"{host}/{path}@{event.digest}"
            location = f"/repositories/{path}/manifests/{event.digest}"
        case _:
            raise TypeError(f"{type(event).__name__} concerns no image")
    contents |= {
        "digest": event.digest,
        "os": platform.os if platform else "",
        "architecture": platform.architecture if platform else "",
        "author": event.author,
        moment: event.at,
    }
    return envelope(kind, contents, location=location, at=event.at)


def scan_bodies(event: TagScanned, *, host: str) -> list[Body]:
    """Return the bodies of a tag's scans, one for each platform."""
    return [_scan_body(event, scan, host=host) for scan in event.scans]


def _scan_body(event: TagScanned, scan: Scan, *, host: str) -> Body:
    path = f"{event.namespace}/{event.name}"
    contents: Body = {
        "namespace": event.namespace,
        "repository": event.name,
        "tag": event.tag,
        "imageName": f"{host}/{path}:{event.tag}",
    }
    if scan.status == COMPLETED:
        kind = "SCAN_COMPLETED"
        contents["scanSummary"] = {
            "namespace": event.namespace,
            "reponame": event.name,
            "tag": event.tag,
            "critical": scan.critical,
            "major": scan.major,
            "minor": scan.minor,
            "last_scan_status": scan.status,
            "check_completed_at": scan.checked_at,
            "should_rescan": False,
            "has_foreign_layers": False,
        }
    else:
        kind = "SCAN_FAILED"
        contents["error"] = scan.error
    location = f"/repositories/{path}/tags/{event.tag}"
    return envelope(kind, contents, location=location, at=event.at)


def promotion_body(event: ImagePromoted, *, promoted_at: str) -> Body:
    """Return the body of a promotion; DTR sends one more, whose ``promoted_at`` is the zero time.

    Source: dtr-ucp-ci reference, B.4, "PROMOTION in detail".
    """
    contents = {
        "promotionPolicyID": event.policy_id,
        "digest": event.digest,
        "sourceRepository": f"{event.namespace}/{event.name}",
        "sourceTag": event.source_tag,
        "targetRepository": event.target_repository,
        "targetTag": event.target_tag,
        "promotedAt": promoted_at,
    }
    location = f"/repositories/{event.target_repository}/tags/{event.target_tag}"
    return envelope("PROMOTION", contents, location=location, at=event.at)


def repository_body(event: Event, kind: str, data: Body) -> Body:
    """Return the body of what happened to a repository; ``data`` is how the API shows it."""
    contents = {
        "namespace": event.namespace,
        "repository": event.name,
        "event": _REPOSITORY_EVENTS[type(event)],
        "author": event.author,
        "data": data,
    }
    location = f"/repositories/{event.namespace}/{event.name}"
    return envelope(kind, contents, location=location, at=event.at)
