"""What DTR has promoted and nobody has signed."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signer.dtr.answers import PromotionRecord, Tag
from signer.dtr.reconcile import Plan, plan_repository
from tests.attacks.keys import NOW
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, GITLAB, OTHER, RELEASES, SimulatedCollection
from tests.unit.dtr.stub import POLICY, SOURCE, TARGET

RECORD = PromotionRecord(policy_id=POLICY, source_repository=SOURCE, source_tag="7")


def promoted(name: str = "1", digest: str | None = DIGEST, updated_at: str | None = None) -> Tag:
    return Tag(name, digest, updated_at=updated_at, promotion=RECORD)


@pytest.fixture
def server() -> SimulatedCollection:
    """A collection that has tag 1 with ``DIGEST`` in releases and gitlab."""
    return SimulatedCollection.with_signers("gitlab")


def plan(
    server: SimulatedCollection,
    directory: Path,
    *tags: Tag,
    signer: str = "",
    since: datetime | None = None,
) -> Plan:
    collection = Reader(server, directory / "trust").read()
    return plan_repository(TARGET, tags, collection, signer=signer, since=since)


def test_a_promoted_tag_that_is_signed_with_its_digest_needs_nothing(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    found = plan(server, tmp_path, promoted(), Tag("pushed", OTHER), signer="gitlab")
    assert found == Plan(TARGET, (), signed=1, not_promoted=1, older=0, unusable=())


def test_an_unsigned_tag_and_one_that_is_signed_with_another_digest_are_found_in_order(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    found = plan(server, tmp_path, promoted("2"), promoted("1", OTHER))
    assert [(item.promotion.target, item.role, item.signed_digest) for item in found.unsigned] == [
        (f"{TARGET}:2", RELEASES, ""),
        (f"{TARGET}:1", RELEASES, DIGEST),
    ]
    promotion = found.unsigned[1].promotion
    assert (promotion.digest, promotion.source, promotion.policy_id) == (
        OTHER,
        f"{SOURCE}:7",
        POLICY,
    )
    assert promotion.promoted_at is None


def test_a_signers_own_role_must_have_the_digest_too(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    server.sign_tag(GITLAB, "1", OTHER)
    server.publish(GITLAB)
    assert plan(server, tmp_path, promoted()).unsigned == ()
    (item,) = plan(server, tmp_path, promoted(), signer="gitlab").unsigned
    assert (item.role, item.signed_digest) == (GITLAB, OTHER)
    (item,) = plan(server, tmp_path, promoted(), signer="nobody").unsigned
    assert item.role == "targets/nobody"


def test_a_role_that_is_not_valid_has_signed_nothing(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    server.content[RELEASES].expires = NOW - timedelta(days=1)
    server.publish(RELEASES)
    (item,) = plan(server, tmp_path, promoted()).unsigned
    assert (item.role, item.signed_digest) == (RELEASES, "")


def test_older_tags_are_left_out_and_those_without_a_time_are_not(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    since = datetime(2026, 11, 22, tzinfo=UTC)
    found = plan(
        server,
        tmp_path,
        promoted("a", updated_at="2026-11-21T23:59:59.9Z"),
        promoted("b", updated_at="2026-11-22T00:00:00Z"),
        promoted("c", updated_at="2026-11-21T23:00:00-02:00"),
        promoted("d", updated_at="lately"),
        promoted("e"),
        since=since,
    )
    assert [item.promotion.target_tag for item in found.unsigned] == ["b", "c", "d", "e"]
    assert found.older == 1


@pytest.mark.parametrize(
    "tag",
    [
        promoted(digest=None),
        promoted(digest="sha256:0"),
        promoted("a/b"),
        Tag("1", DIGEST, promotion=PromotionRecord(POLICY, "admin/../x", "7")),
        Tag("1", DIGEST, promotion=PromotionRecord(POLICY, SOURCE, None)),
        Tag("1", DIGEST, promotion=PromotionRecord("../../x", SOURCE, "7")),
    ],
)
def test_a_record_that_cannot_be_right_is_told_and_not_signed(
    server: SimulatedCollection, tmp_path: Path, tag: Tag
) -> None:
    found = plan(server, tmp_path, tag)
    assert found.unsigned == ()
    assert len(found.unusable) == 1
