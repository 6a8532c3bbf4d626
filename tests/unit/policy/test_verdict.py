"""Verdicts as callers see them."""

from datetime import timedelta
from pathlib import Path

import pytest

from signer.errors import ExitCode, NotSignedError, SignerError, UsageError
from signer.policy.requirement import Requirement
from signer.policy.verdict import Verdict
from signer.trust.steps import COLLECTION_STEPS, IMAGE_STEPS, Step
from tests.attacks.keys import NOW
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, RELEASES, SimulatedCollection


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    return Reader(SimulatedCollection.with_signers("gitlab"), tmp_path)


def test_steps_are_numbered_as_the_documents_have_them() -> None:
    assert [step.code for step in Step] == [
        "root-pinned",
        "root-threshold",
        "root-chain",
        "root-valid",
        "timestamp",
        "snapshot",
        "root-named",
        "targets",
        "delegations",
        "target",
        "digest",
        "signers",
        "freshness",
        "provenance",
        "registry",
    ]
    assert [int(step) for step in (*COLLECTION_STEPS, *IMAGE_STEPS)] == list(range(1, 16))


def test_an_acceptance_lists_every_check_with_what_was_seen(reader: Reader) -> None:
    verdict = reader.judge(":1", "gitlab")
    assert [int(check.step) for check in verdict.checks] == list(range(1, 16))
    assert [check.status for check in verdict.checks] == ["pass"] * 12 + ["skip"] * 3
    assert all(check.detail for check in verdict.checks)
    assert verdict.reason is None
    assert verdict.require_accepted() == DIGEST


def test_without_required_signers_their_check_is_skipped(reader: Reader) -> None:
    assert [check.status for check in reader.judge().checks][11] == "skip"


def test_a_rejection_lists_what_passed_what_failed_and_what_was_not_reached(
    reader: Reader,
) -> None:
    verdict = reader.judge(":missing", "gitlab")
    assert [check.status for check in verdict.checks] == ["pass"] * 9 + ["fail"] + ["skip"] * 5
    with pytest.raises(NotSignedError):
        verdict.require_accepted()
    assert (verdict.digest, verdict.signers, verdict.role) == ("", (), "")


def test_a_reason_that_several_verdicts_share_keeps_its_own_step(reader: Reader) -> None:
    server = reader.server
    server.content[RELEASES].expires = NOW - timedelta(days=1)
    server.publish(RELEASES)
    collection = reader.read()
    before = collection.invalid[RELEASES].step  # type: ignore[index] # a role's name
    assert reader.judge().reason is not None
    assert collection.invalid[RELEASES].step == before == 0  # type: ignore[index] # the same


def test_a_verdict_without_digest_is_never_accepted() -> None:
    with pytest.raises(SignerError):
        Verdict("image", "accept").require_accepted()
    with pytest.raises(SignerError):
        Verdict("image", "reject", digest=DIGEST).require_accepted()
    assert Verdict("image", "reject").exit_code == ExitCode.NOT_SIGNED
    assert Verdict("image", "warn", digest=DIGEST).exit_code == ExitCode.OK


@pytest.mark.parametrize("name", ["", "releases", "Alice", "a/b", "../root", "a\nb", "targets/a"])
def test_a_requirement_of_somebody_who_cannot_be_a_signer_is_wrong_usage(name: str) -> None:
    with pytest.raises(UsageError):
        Requirement.of_names([name])


def test_what_is_signed_beside_the_digest_is_handed_on(reader: Reader) -> None:
    server = reader.server
    server.changes[RELEASES] = lambda content: content["targets"]["1"].update(
        custom={"provenance": {"version": 1}}
    )
    server.publish(RELEASES)
    assert reader.judge().custom == {"provenance": {"version": 1}}
