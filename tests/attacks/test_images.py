"""From a verified collection to an image (check matrix, rows 23 to 30): steps 10 to 12."""

import pytest

from signer.constants import TARGETS
from signer.errors import ExitCode
from tests.attacks.keys import bare
from tests.attacks.reading import Reader
from tests.attacks.simulator import (
    ALICE,
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    SimulatedCollection,
    in_days,
)

UNSIGNED = "sha256:" + "3c" * 32


# Step 10: where the tag is found


def test_a_tag_that_nobody_signed_is_refused(reader: Reader) -> None:
    reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=":2")


@pytest.mark.parametrize("tag", ["1 ", "\uff11", "01", "1.0", "latest"])
def test_only_the_very_tag_counts(server: SimulatedCollection, reader: Reader, tag: str) -> None:
    server.sign_tag(RELEASES, tag, OTHER)
    server.publish(RELEASES)
    assert reader.accepts(":1") == DIGEST


def test_releases_comes_before_targets(server: SimulatedCollection, reader: Reader) -> None:
    server.sign_tag(TARGETS, "1", OTHER)
    server.sign_tag(TARGETS, "2", OTHER)
    server.publish(TARGETS)
    assert reader.accepts(":1") == DIGEST
    assert reader.accepts(":2") == OTHER
    assert reader.judge(":2").role == TARGETS


def test_a_tag_in_a_signers_role_alone_is_not_released_and_the_message_says_so(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.sign_tag(ALICE, "2", DIGEST)
    server.publish(TARGETS, ALICE)
    error = reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=":2")
    assert ALICE in error.message
    reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=":2", signers=("alice",))


@pytest.mark.parametrize("fault", ["expired", "unsigned", "malformed"])
def test_invalid_releases_are_refused_and_targets_is_no_silent_fallback(
    server: SimulatedCollection, reader: Reader, fault: str
) -> None:
    server.sign_tag(TARGETS, "1", OTHER)
    if fault == "expired":
        server.content[RELEASES].expires = in_days(-1)
    elif fault == "unsigned":
        server.signers[RELEASES] = [bare("stranger")]
    else:
        server.changes[RELEASES] = lambda content: content.pop("targets")
    server.publish(TARGETS, RELEASES)
    code, exit_code = {
        "expired": ("metadata-expired", ExitCode.EXPIRED),
        "unsigned": ("threshold-not-met", ExitCode.TRUST_DATA),
        "malformed": ("malformed", ExitCode.TRUST_DATA),
    }[fault]
    reader.rejects(code, exit_code, step=10)
    reader.rejects(code, exit_code, step=10, reference=f"@{OTHER}")


def test_releases_that_were_never_published_leave_targets(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.unpublished.add(RELEASES)
    server.sign_tag(TARGETS, "1", OTHER)
    server.publish(TARGETS)
    assert reader.accepts() == OTHER


# Step 11: the digest


def test_tag_and_digest_must_agree(reader: Reader) -> None:
    assert reader.accepts(f":1@{DIGEST}", "gitlab") == DIGEST
    error = reader.rejects(
        "digest-differs", ExitCode.NOT_SIGNED, step=11, reference=f":1@{UNSIGNED}"
    )
    assert DIGEST in error.message
    assert UNSIGNED in error.message


def test_a_digest_signed_under_another_tag_does_not_serve_this_tag(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.sign_tag(RELEASES, "2", OTHER)
    server.publish(RELEASES)
    reader.rejects("digest-differs", ExitCode.NOT_SIGNED, step=11, reference=f":1@{OTHER}")


@pytest.mark.parametrize(
    "hashes", [{}, {"sha512": "AA==" * 22}, {"md5": "AAAAAAAAAAAAAAAAAAAAAA=="}]
)
@pytest.mark.parametrize("role", [RELEASES, TARGETS])
def test_an_entry_without_sha256_accepts_nothing(
    server: SimulatedCollection, reader: Reader, role: str, hashes: dict[str, str]
) -> None:
    if "sha512" in hashes:
        import base64

        hashes = {"sha512": base64.b64encode(bytes(64)).decode("ascii")}
    server.sign_tag(role, "2", DIGEST)
    server.changes[role] = lambda content: content["targets"]["2"].update(hashes=hashes)
    server.publish(role)
    if hashes:
        reader.rejects("trust-data-invalid", ExitCode.TRUST_DATA, step=11, reference=":2")
    elif role == TARGETS:
        reader.refuses("malformed", ExitCode.TRUST_DATA, step=8)
    else:
        reader.rejects("malformed", ExitCode.TRUST_DATA, step=10, reference=":2")


@pytest.mark.parametrize(
    "value", ["", "AA==", "A" * 43, "A" * 43 + "=\n", "-" * 43 + "=", "A" * 88, None, 1, ["x"]]
)
def test_a_sha256_that_is_none_is_malformed(
    server: SimulatedCollection, reader: Reader, value: object
) -> None:
    server.changes[RELEASES] = lambda content: content["targets"]["1"].update(
        hashes={"sha256": value}
    )
    server.publish(RELEASES)
    reader.rejects("malformed", ExitCode.TRUST_DATA, step=10)


# A digest alone


def test_a_digest_alone_is_found_among_the_released_tags(
    server: SimulatedCollection, reader: Reader
) -> None:
    assert reader.accepts(f"@{DIGEST}", "gitlab") == DIGEST
    server.sign_tag(TARGETS, "x", OTHER)
    server.publish(TARGETS)
    assert reader.accepts(f"@{OTHER}") == OTHER


def test_a_digest_that_nobody_released_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=f"@{UNSIGNED}")
    server.sign_tag(GITLAB, "2", UNSIGNED)
    server.publish(GITLAB)
    reader.rejects(
        "not-signed", ExitCode.NOT_SIGNED, step=10, reference=f"@{UNSIGNED}", signers=("gitlab",)
    )


def test_of_several_tags_with_a_digest_one_that_the_signer_signed_suffices(
    server: SimulatedCollection, reader: Reader
) -> None:
    for tag in ("a", "z"):
        server.sign_tag(RELEASES, tag, OTHER)
    server.publish(RELEASES)
    reader.rejects(
        "signer-missing",
        ExitCode.NOT_SIGNED,
        step=12,
        reference=f"@{OTHER}",
        signers=("gitlab",),
    )
    server.sign_tag(GITLAB, "z", OTHER)
    server.publish(GITLAB)
    assert reader.accepts(f"@{OTHER}", "gitlab") == OTHER
    assert reader.judge(f"@{OTHER}", "gitlab").signers == ("gitlab",)


def test_two_signers_must_have_signed_the_digest_under_one_tag(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    for tag in ("a", "z"):
        server.sign_tag(RELEASES, tag, OTHER)
    server.sign_tag(GITLAB, "a", OTHER)
    server.sign_tag(ALICE, "z", OTHER)
    server.publish(TARGETS, RELEASES, GITLAB, ALICE)
    reader.rejects(
        "signer-missing",
        ExitCode.NOT_SIGNED,
        step=12,
        reference=f"@{OTHER}",
        signers=("gitlab", "alice"),
    )


# Step 12: required signers


def test_every_required_signer_must_have_signed_the_same_digest(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.sign_tag(ALICE, "1", OTHER)
    server.publish(TARGETS, ALICE)
    error = reader.rejects(
        "signer-differs", ExitCode.NOT_SIGNED, step=12, signers=("gitlab", "alice")
    )
    assert "alice" in error.message
    assert OTHER in error.message
    server.sign_tag(ALICE, "1", DIGEST)
    server.publish(ALICE)
    assert reader.accepts(":1", "gitlab", "alice") == DIGEST
    assert reader.judge().signers == ("gitlab", "alice")


def test_a_required_signer_who_never_published_has_not_signed(
    server: SimulatedCollection, reader: Reader
) -> None:
    """The bypass of other verifiers: an unpublished role fell back to plain targets."""
    server.delegate(ALICE, [bare("alice")])
    server.sign_tag(TARGETS, "1", DIGEST)
    server.publish(TARGETS)
    reader.rejects("signer-missing", ExitCode.NOT_SIGNED, step=12, signers=("alice",))


def test_a_required_signer_whose_file_left_the_snapshot_has_not_signed(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    server.unpublished.add(GITLAB)
    server.publish_snapshot()
    verdict = reader.judge(":1", "gitlab")
    assert verdict.verdict == "reject"


@pytest.mark.parametrize("name", ["nobody", "gitlab2", "git"])
def test_a_required_signer_whom_the_collection_does_not_have_is_refused(
    reader: Reader, name: str
) -> None:
    error = reader.rejects("signer-unknown", ExitCode.NOT_SIGNED, step=12, signers=(name,))
    assert "gitlab" in error.hint


def test_a_required_signer_without_the_tag_has_not_signed(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.sign_tag(RELEASES, "2", DIGEST)
    server.publish(RELEASES)
    reader.rejects(
        "signer-missing", ExitCode.NOT_SIGNED, step=12, reference=":2", signers=("gitlab",)
    )


def test_the_tag_in_releases_signed_by_the_signers_own_key_is_not_his_role(
    server: SimulatedCollection, reader: Reader
) -> None:
    """Whoever signs for gitlab holds the same key for releases; only his own role counts."""
    assert server.signers[RELEASES] == server.signers[GITLAB]
    server.sign_tag(RELEASES, "2", OTHER)
    server.publish(RELEASES)
    reader.rejects(
        "signer-missing", ExitCode.NOT_SIGNED, step=12, reference=":2", signers=("gitlab",)
    )
