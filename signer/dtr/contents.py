"""What DTR's events carry, by type.

Unknown fields are ignored, a field of another type is refused. Types of which no sample is known
(``TAG_PULL``, ``MANIFEST_PULL``, mirroring, Helm) and types that are not known at all have no
struct here: of them the envelope alone is read, and nothing is ever signed on their word.

Source: dtr-ucp-ci reference, B.4.
"""

from typing import Any, Final

import msgspec


class _Contents(msgspec.Struct, frozen=True, rename="camel"):
    pass


class TagContents(_Contents, frozen=True):
    """``TAG_PUSH`` and ``TAG_DELETE``."""

    namespace: str
    repository: str
    tag: str
    digest: str = ""
    image_name: str = ""
    os: str = ""
    architecture: str = ""
    author: str = ""
    pushed_at: str = ""
    deleted_at: str = ""


class ManifestContents(_Contents, frozen=True):
    """``MANIFEST_PUSH`` and ``MANIFEST_DELETE``."""

    namespace: str
    repository: str
    digest: str
    tag: str = ""
    image_name: str = ""
    os: str = ""
    architecture: str = ""
    author: str = ""
    pushed_at: str = ""
    deleted_at: str = ""


class ScanSummary(msgspec.Struct, frozen=True):
    """The counts in ``SCAN_COMPLETED``; documents say ``repository``, real bodies ``reponame``."""

    last_scan_status: int
    check_completed_at: str
    critical: int
    major: int
    minor: int
    namespace: str = ""
    reponame: str = ""
    repository: str = ""
    tag: str = ""
    should_rescan: bool = False
    has_foreign_layers: bool = False


class ScanCompletedContents(_Contents, frozen=True):
    """``SCAN_COMPLETED``. It has no digest: whatever it says may be of another image by now."""

    namespace: str
    repository: str
    tag: str
    scan_summary: ScanSummary
    image_name: str = ""


class ScanFailedContents(_Contents, frozen=True):
    """``SCAN_FAILED``."""

    namespace: str
    repository: str
    tag: str
    error: str = ""
    image_name: str = ""


class PromotionContents(_Contents, frozen=True):
    """``PROMOTION``: repositories are ``NAMESPACE/REPO``; there is no host and no image name."""

    policy_id: str = msgspec.field(name="promotionPolicyID")
    digest: str
    source_repository: str
    source_tag: str
    target_repository: str
    target_tag: str
    promoted_at: str


class RepositoryContents(_Contents, frozen=True):
    """``REPO_CREATED``, ``REPO_UPDATED``, ``REPO_DELETED``, and ``REPO_EVENT`` of DTR 2.2."""

    namespace: str
    repository: str
    event: str = ""
    author: str = ""
    data: dict[str, Any] | None = None


class ScannerReplica(msgspec.Struct, frozen=True):
    """One replica of the scanner."""

    db_updated_at: str = ""
    version: str = ""
    replica_id: str = ""


class ScannerUpdateContents(msgspec.Struct, frozen=True):
    """``SCANNER_UPDATE_COMPLETED``."""

    scanner_version: str = ""
    scanner_updated_at: str = ""
    db_version: int = 0
    db_updated_at: str = ""
    success: bool = False
    replicas: dict[str, ScannerReplica] = msgspec.field(default_factory=dict)


Contents = (
    TagContents
    | ManifestContents
    | ScanCompletedContents
    | ScanFailedContents
    | PromotionContents
    | RepositoryContents
    | ScannerUpdateContents
)
"""The contents of any event whose fields are known."""

TYPES: Final[dict[str, type[Contents]]] = {
    "TAG_PUSH": TagContents,
    "TAG_DELETE": TagContents,
    "MANIFEST_PUSH": ManifestContents,
    "MANIFEST_DELETE": ManifestContents,
    "SCAN_COMPLETED": ScanCompletedContents,
    "SCAN_FAILED": ScanFailedContents,
    "PROMOTION": PromotionContents,
    "REPO_CREATED": RepositoryContents,
    "REPO_UPDATED": RepositoryContents,
    "REPO_DELETED": RepositoryContents,
    "REPO_EVENT": RepositoryContents,
    "SCANNER_UPDATE_COMPLETED": ScannerUpdateContents,
}
"""Contents by the event's ``type``."""
