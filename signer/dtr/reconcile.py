"""Reconciliation: what DTR has promoted and nobody has signed. Webhooks are sent and forgotten.

This plans; ``signing_job`` passes every promotion through the gate before it is signed.

Source: dtr-ucp-ci reference, B.2 (a tag's ``promotion``), D.1 ("DTR records only ...").
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from signer.constants import DELEGATION_PREFIX, RELEASES, TARGETS
from signer.dialect.time import parse_time
from signer.dtr.answers import Tag
from signer.dtr.promotion import Promotion, is_digest, is_policy_id, is_repository, is_tag
from signer.names import printable
from signer.trust.collection import TrustedCollection


@dataclass(frozen=True)
class Unsigned:
    """A promoted tag without a valid signature of its digest."""

    promotion: Promotion
    """As DTR's record says."""

    signed_digest: str
    """``sha256:HEX`` that is signed instead in the first role that differs; or empty."""

    role: str
    """That role."""


@dataclass(frozen=True)
class Plan:
    """What is to be done in one repository."""

    repository: str
    """``NAMESPACE/REPO``."""

    unsigned: tuple[Unsigned, ...]
    """In the order in which DTR lists the tags."""

    signed: int
    """How many promoted tags are signed as they should be."""

    not_promoted: int
    """How many tags have no promotion record."""

    older: int
    """How many were last changed before the time asked for."""

    unusable: tuple[str, ...]
    """What DTR says of tags and cannot be right, a sentence each."""


def plan_repository(
    repository: str,
    tags: Iterable[Tag],
    collection: TrustedCollection,
    *,
    signer: str = "",
    since: datetime | None = None,
) -> Plan:
    """Find the promoted tags of a repository that are not signed with their digest.

    Args:
        repository: ``NAMESPACE/REPO``, whose tags these are.
        tags: all tags that DTR lists.
        collection: the repository's verified collection; invalid roles count as unsigned.
        signer: a signer's name whose role must have the digest, too.
        since: leave out tags that DTR says were last changed before this.
    """
    unsigned: list[Unsigned] = []
    unusable: list[str] = []
    signed = not_promoted = older = 0
    for tag in tags:
        if tag.promoted is None:
            not_promoted += 1
        elif since is not None and _is_older(tag, since):
            older += 1
        else:
            promotion = _promotion(repository, tag)
            if promotion is None:
                unusable.append(f"DTR's record of {repository}:{printable(tag.name)} is unusable.")
                continue
            differing = _differing(collection, promotion, signer=signer)
            if differing is None:
                signed += 1
            else:
                unsigned.append(Unsigned(promotion, signed_digest=differing[1], role=differing[0]))
    return Plan(
        repository=repository,
        unsigned=tuple(unsigned),
        signed=signed,
        not_promoted=not_promoted,
        older=older,
        unusable=tuple(unusable),
    )


def _is_older(tag: Tag, since: datetime) -> bool:
    """Compare a tag's time; one that DTR does not say is never too old."""
    try:
        return parse_time(tag.updated_at or "") < since
    except ValueError:
        return False


def _promotion(repository: str, tag: Tag) -> Promotion | None:
    record = tag.promoted
    if record is None:
        return None
    promotion = Promotion(
        policy_id=record.policy_id or "",
        digest=tag.digest or "",
        source_repository=record.source_repository or "",
        source_tag=record.source_tag or "",
        target_repository=repository,
        target_tag=tag.name,
    )
    usable = (
        (not promotion.policy_id or is_policy_id(promotion.policy_id))
        and is_digest(promotion.digest)
        and is_repository(promotion.source_repository)
        and is_tag(promotion.source_tag)
        and is_tag(promotion.target_tag)
    )
    return promotion if usable else None


def _differing(
    collection: TrustedCollection, promotion: Promotion, *, signer: str
) -> tuple[str, str] | None:
    """Return the first role that lacks the digest, with the digest it has; None where all agree."""
    released = RELEASES if RELEASES in collection.delegations else TARGETS
    roles = [released, *([DELEGATION_PREFIX + signer] if signer else [])]
    for role in roles:
        digest = signed_digest(collection, role, tag=promotion.target_tag)
        if digest != promotion.digest:
            return role, digest
    return None


def signed_digest(collection: TrustedCollection, role: str, *, tag: str) -> str:
    """Return ``sha256:HEX`` that a valid role has for a tag, or an empty string."""
    entry = collection.find(role, tag)
    sha256 = entry.hashes.get("sha256", "") if entry else ""
    return f"sha256:{sha256}" if sha256 else ""
