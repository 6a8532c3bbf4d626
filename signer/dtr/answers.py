"""What DTR's API answers, as far as it is used: typed, and nothing taken for granted.

Unknown fields are ignored; a field that DTR leaves out or sets to null is None, and whoever needs
it must say what that means. A field of another type makes the whole answer unusable.

Source: dtr-ucp-ci reference, B.2, B.3, B.5.
"""

from typing import Final

import msgspec

COMPLETED: Final = 6
"""``last_scan_status``: scanned and checked. Every other number is not a result (B.3)."""

SCAN_STATES: Final = {
    0: "failed",
    1: "unscanned",
    2: "scanning",
    3: "pending",
    4: "scanned, not checked",
    5: "checking",
    COMPLETED: "completed",
}


class Repository(msgspec.Struct, frozen=True, rename="camel"):
    """A repository's settings."""

    namespace: str | None = None
    name: str | None = None
    id: str | None = None
    visibility: str | None = None
    scan_on_push: bool | None = None
    immutable_tags: bool | None = None


class PromotionRecord(msgspec.Struct, frozen=True, rename="camel"):
    """Where DTR says that a tag was promoted from."""

    policy_id: str | None = msgspec.field(name="promotionPolicyID", default=None)
    source_repository: str | None = None
    source_tag: str | None = None


class Tag(msgspec.Struct, frozen=True, rename="camel"):
    """A tag of a repository.

    ``in_notary`` says whether trust data has the tag, ``hash_mismatch`` whether it has another
    digest than the registry. ``updated_at`` is RFC 3339 text.
    """

    name: str
    digest: str | None = None
    updated_at: str | None = None
    in_notary: bool | None = None
    hash_mismatch: bool | None = None
    promotion: PromotionRecord | None = None

    @property
    def promoted(self) -> PromotionRecord | None:
        """The promotion record; DTR may show an empty one for tags that were pushed."""
        record = self.promotion
        return record if record and (record.source_repository or record.policy_id) else None


class Scan(msgspec.Struct, frozen=True):
    """The scan of one platform of a tag.

    No sample names the platform; ``os`` and ``arch`` (or ``architecture``) are taken where they are
    there. The counts are of vulnerabilities; ``check_completed_at`` is RFC 3339 text, of year 1
    where there was no check.
    """

    last_scan_status: int | None = None
    check_completed_at: str | None = None
    critical: int | None = None
    major: int | None = None
    minor: int | None = None
    tag: str | None = None
    os: str | None = None
    arch: str | None = None
    architecture: str | None = None

    @property
    def platform(self) -> tuple[str, str] | None:
        """Operating system and architecture, or None where the answer has neither."""
        architecture = self.arch or self.architecture
        return (self.os, architecture) if self.os and architecture else None


class PromotionPolicy(msgspec.Struct, frozen=True, rename="camel"):
    """A promotion policy, without its rules."""

    id: str | None = None
    enabled: bool | None = None
    target_repository: str | None = None
    tag_template: str | None = None
