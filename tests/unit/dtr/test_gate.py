"""The gate: each condition by itself, asked of a stub DTR."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from signer.dtr.answers import Scan
from signer.dtr.api import DtrApi
from signer.dtr.evidence import Evidence, gather
from signer.dtr.gate import FAIL, PASS, SKIP, GateConditions, GateReport, evaluate_gate
from signer.dtr.promotion import Promotion
from signer.errors import AuthError, ExitCode, GateError, NetworkError, SignerError
from signer.transport.credentials import Credentials
from signer.transport.http import HttpPool
from signer.transport.registry import DOCKER_LIST, Registry
from tests.unit.dtr.stub import (
    API,
    HOST,
    POLICY,
    SOURCE,
    TAG,
    TARGET,
    StubDtr,
    digest_of,
    index,
    manifest,
    scan,
)

CODES = [
    "target-digest",
    "promotion-record",
    "policy",
    "source-digest",
    "scan-complete",
    "max-critical",
    "max-major",
    "max-minor",
    "manifest-digest",
    "platforms",
]
CLAIM = Promotion(
    policy_id=POLICY,
    digest=digest_of(manifest()),
    source_repository=SOURCE,
    source_tag=TAG,
    target_repository=TARGET,
    target_tag=TAG,
    promoted_at=datetime(2026, 11, 22, 1, 55, 19, tzinfo=UTC),
)
STRICT = GateConditions(max_critical=0, max_major=1, max_minor=4)
LINUX_AMD64 = {"os": "linux", "architecture": "amd64"}
LINUX_ARM64 = {"os": "linux", "architecture": "arm64"}
ATTESTATION = {"os": "unknown", "architecture": "unknown"}

Ask = Callable[..., GateReport]


@pytest.fixture
def ask(pool: HttpPool, api: DtrApi, credentials: Credentials) -> Ask:
    """Put a claim to the gate."""

    def put(claim: Promotion = CLAIM, conditions: GateConditions = STRICT) -> GateReport:
        registry = Registry(pool, HOST, credentials=credentials)
        with ThreadPoolExecutor(4) as executor:
            evidence = gather(
                api, registry, claim, executor=executor, with_policy=conditions.promoted
            )
        return evaluate_gate(claim, evidence, conditions)

    return put


def failed(report: GateReport) -> list[str]:
    return [condition.code for condition in report.failed]


def statuses(report: GateReport) -> dict[str, str]:
    return {condition.code: condition.status for condition in report.conditions}


def claim(**changes: Any) -> Promotion:  # noqa: ANN401 - any field
    import dataclasses

    return dataclasses.replace(CLAIM, **changes)


def test_what_was_promoted_by_the_book_passes_every_condition(ask: Ask) -> None:
    report = ask()
    assert [condition.code for condition in report.conditions] == CODES
    assert statuses(report) == dict.fromkeys(CODES, PASS) | {"platforms": SKIP}
    assert all(condition.seen and condition.expected for condition in report.conditions)
    report.require()


def test_a_refusal_names_every_failed_condition_with_seen_and_expected(
    ask: Ask, dtr: StubDtr
) -> None:
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(critical=3, major=9)]
    with pytest.raises(GateError) as caught:
        ask().require()
    assert caught.value.exit_code == ExitCode.GATE
    assert caught.value.code == "gate-refused"
    assert "max-critical (3; expected at most 0" in caught.value.message
    assert "max-major (9; expected at most 1" in caught.value.message
    assert "max-minor" not in caught.value.message


def test_nothing_checked_is_nothing_passed() -> None:
    with pytest.raises(GateError):
        GateReport("admin/flask:66", ()).require()


def test_without_any_evidence_everything_fails() -> None:
    assert failed(evaluate_gate(CLAIM, Evidence(), STRICT)) == CODES


# The target


def test_a_tag_that_dtr_does_not_have_is_refused(ask: Ask, dtr: StubDtr) -> None:
    del dtr.tags[f"{TARGET}:{TAG}"]
    assert failed(ask()) == ["target-digest", "promotion-record"]


def test_a_tag_that_has_another_digest_by_now_is_refused(ask: Ask, dtr: StubDtr) -> None:
    other = digest_of(manifest("other"))
    dtr.tags[f"{TARGET}:{TAG}"]["digest"] = other
    report = ask()
    assert failed(report) == ["target-digest"]
    assert (report.failed[0].seen, report.failed[0].expected) == (other, CLAIM.digest)


def test_an_event_with_another_digest_is_refused(ask: Ask) -> None:
    forged = claim(digest=digest_of(manifest("other")))
    assert failed(ask(forged)) == ["target-digest", "source-digest", "manifest-digest"]


def test_a_registry_that_has_other_bytes_is_refused(ask: Ask, dtr: StubDtr) -> None:
    dtr.manifests[f"{TARGET}:{TAG}"] = manifest("other")
    assert failed(ask()) == ["manifest-digest"]
    del dtr.manifests[f"{TARGET}:{TAG}"]
    assert failed(ask()) == ["manifest-digest", "platforms"]


# The promotion


def test_a_tag_that_was_pushed_and_not_promoted_is_refused(ask: Ask, dtr: StubDtr) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"] = None
    assert failed(ask()) == ["promotion-record"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("promotionPolicyID", "another"),
        ("promotionPolicyID", None),
        ("sourceRepository", "admin/other"),
        ("sourceRepository", f"{HOST}/{SOURCE}"),
        ("sourceTag", "65"),
        ("sourceTag", None),
    ],
)
def test_a_record_that_differs_in_anything_is_refused(
    ask: Ask, dtr: StubDtr, field: str, value: str | None
) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"][field] = value
    assert failed(ask()) == ["promotion-record"]


def test_an_image_that_a_person_promoted_has_no_policy_and_is_refused(
    ask: Ask, dtr: StubDtr
) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"]["promotionPolicyID"] = ""
    assert failed(ask(claim(policy_id=""))) == ["promotion-record", "policy"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        (None, "has no policy"),
        ({"id": "another"}, "has no policy"),
        ({"enabled": False}, "not enabled"),
        ({"enabled": None}, "not enabled"),
        ({"targetRepository": "admin/other"}, "promotes to admin/other"),
    ],
)
def test_a_policy_that_is_gone_disabled_or_for_another_target_is_refused(
    ask: Ask, dtr: StubDtr, change: dict[str, object] | None, seen: str
) -> None:
    name = f"{SOURCE}/{POLICY}"
    dtr.policies[name] = dtr.policies[name] | change if change else None
    report = ask()
    assert failed(report) == ["policy"]
    assert seen in report.failed[0].seen


def test_a_list_of_policies_admits_those_alone(ask: Ask) -> None:
    assert failed(ask(CLAIM, GateConditions(policies=(POLICY, "other")))) == []
    report = ask(CLAIM, GateConditions(policies=("other",)))
    assert failed(report) == ["policy"]
    assert "not listed" in report.failed[0].seen


def test_where_no_promotion_is_demanded_record_and_policy_are_skipped(
    ask: Ask, dtr: StubDtr
) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"] = None
    dtr.policies.clear()
    report = ask(CLAIM, GateConditions(promoted=False))
    assert failed(report) == []
    assert statuses(report)["promotion-record"] == statuses(report)["policy"] == SKIP
    assert not [request for request in dtr.asked if "promotionPolicies" in request.url.path]


# The scan


@pytest.mark.parametrize("scans", [None, [], [scan(tag="65")]])
def test_an_image_without_a_scan_is_refused(
    ask: Ask, dtr: StubDtr, scans: list[object] | None
) -> None:
    dtr.scans[f"{SOURCE}:{TAG}"] = scans
    assert failed(ask()) == ["scan-complete", "max-critical", "max-major", "max-minor"]
    assert failed(ask(CLAIM, GateConditions())) == ["scan-complete"]


@pytest.mark.parametrize("status", [0, 1, 2, 3, 4, 5, 7, -1, None])
def test_only_status_six_is_a_result(ask: Ask, dtr: StubDtr, status: int | None) -> None:
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(last_scan_status=status)]
    assert failed(ask()) == ["scan-complete"]


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0Z", "", None, "today"]
)
def test_a_scan_that_was_never_checked_is_none(ask: Ask, dtr: StubDtr, time: str | None) -> None:
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(check_completed_at=time)]
    assert failed(ask()) == ["scan-complete"]


@pytest.mark.parametrize("count", [1, None, -1])
@pytest.mark.parametrize("severity", ["critical", "major", "minor"])
def test_each_limit_is_its_own_and_an_unknown_count_is_not_within(
    ask: Ask, dtr: StubDtr, severity: str, count: int | None
) -> None:
    changes: dict[str, object] = {"major": 0, "minor": 0, severity: count}
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(**changes)]
    limits = GateConditions(max_critical=0, max_major=0, max_minor=0)
    assert failed(ask(CLAIM, limits)) == [f"max-{severity}"]


def test_an_absent_limit_is_not_checked(ask: Ask, dtr: StubDtr) -> None:
    dtr.scans[f"{SOURCE}:{TAG}"] = [scan(critical=99, major=99, minor=99)]
    report = ask(CLAIM, GateConditions())
    assert failed(report) == []
    assert statuses(report)["max-critical"] == SKIP
    assert failed(ask(CLAIM, GateConditions(max_major=98))) == ["max-major"]
    assert failed(ask(CLAIM, GateConditions(max_major=99))) == []


def test_a_source_tag_that_was_moved_after_the_promotion_proves_nothing(
    ask: Ask, dtr: StubDtr
) -> None:
    dtr.tags[f"{SOURCE}:{TAG}"]["digest"] = digest_of(manifest("another, clean image"))
    assert failed(ask()) == ["source-digest"]
    del dtr.tags[f"{SOURCE}:{TAG}"]
    assert failed(ask()) == ["source-digest"]


# Manifest lists


def promote_index(dtr: StubDtr, content: bytes, scans: list[dict[str, Any]]) -> Promotion:
    digest = dtr.promote(TAG, content)
    dtr.scans[f"{SOURCE}:{TAG}"] = scans
    return claim(digest=digest)


def test_each_platform_has_a_scan_of_its_own(ask: Ask, dtr: StubDtr) -> None:
    scans = [scan(os="linux", arch="amd64"), scan(os="linux", architecture="arm64")]
    both = index(LINUX_AMD64, LINUX_ARM64)
    assert statuses(ask(promote_index(dtr, both, scans))) == dict.fromkeys(CODES, PASS)
    for alone, missing in ((scans[0], "linux/arm64"), (scans[1], "linux/amd64")):
        report = ask(promote_index(dtr, both, [alone]))
        assert failed(report) == ["platforms"]
        assert report.failed[0].seen == f"no scan of {missing}"


def test_a_platforms_findings_count_wherever_they_are_in_the_list(ask: Ask, dtr: StubDtr) -> None:
    both = index(LINUX_AMD64, LINUX_ARM64)
    clean = scan(os="linux", arch="amd64")
    bad = scan(os="linux", arch="arm64", critical=1)
    assert failed(ask(promote_index(dtr, both, [clean, bad]))) == ["max-critical"]
    assert failed(ask(promote_index(dtr, both, [bad, clean]))) == ["max-critical"]
    pending = scan(os="linux", arch="arm64", last_scan_status=3)
    assert failed(ask(promote_index(dtr, both, [clean, pending]))) == ["scan-complete"]


def test_scans_that_name_no_platform_are_counted(ask: Ask, dtr: StubDtr) -> None:
    both = index(LINUX_AMD64, LINUX_ARM64)
    assert failed(ask(promote_index(dtr, both, [scan()]))) == ["platforms"]
    assert failed(ask(promote_index(dtr, both, [scan(), scan()]))) == []


def test_two_variants_need_two_scans(ask: Ask, dtr: StubDtr) -> None:
    arm = {"os": "linux", "architecture": "arm"}
    both = index({**arm, "variant": "v6"}, {**arm, "variant": "v7"})
    named = scan(os="linux", arch="arm")
    report = ask(promote_index(dtr, both, [named]))
    assert failed(report) == ["platforms"]
    assert report.failed[0].seen == "no scan of linux/arm/v7"
    assert failed(ask(promote_index(dtr, both, [named, named]))) == []


def test_an_attestation_is_no_platform(ask: Ask, dtr: StubDtr) -> None:
    entries = [
        {"platform": LINUX_AMD64},
        {
            "platform": ATTESTATION,
            "annotations": {"vnd.docker.reference.type": "attestation-manifest"},
        },
    ]
    scans = [scan(os="linux", arch="amd64")]
    assert failed(ask(promote_index(dtr, index(manifests=entries), scans))) == []
    # Only as platform unknown: an image that calls itself an attestation is an image all the same.
    entries[1]["platform"] = LINUX_ARM64
    assert failed(ask(promote_index(dtr, index(manifests=entries), scans))) == ["platforms"]
    # Nor is every unknown platform one.
    assert failed(ask(promote_index(dtr, index(LINUX_AMD64, ATTESTATION), scans))) == ["platforms"]


@pytest.mark.parametrize("manifests", [[], [{"platform": None}], [{}], "x", [5]])
def test_a_list_whose_platforms_cannot_be_read_is_refused(
    ask: Ask, dtr: StubDtr, manifests: object
) -> None:
    content = index(manifests=manifests)
    assert failed(ask(promote_index(dtr, content, [scan(os="linux", arch="amd64")]))) == [
        "platforms"
    ]
    assert DOCKER_LIST.encode() in content


# What goes wrong


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/repositories/{TARGET}/tags/{TAG}",
        f"{API}/repositories/{SOURCE}/tags/{TAG}",
        f"{API}/repositories/{SOURCE}/promotionPolicies/{POLICY}",
        f"{API}/imagescan/scansummary/repositories/{SOURCE}/{TAG}",
        f"/v2/{TARGET}/manifests/{TAG}",
    ],
)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(500, NetworkError), (503, NetworkError), (401, AuthError), (403, AuthError)],
)
def test_a_fault_is_neither_a_pass_nor_a_refusal(
    ask: Ask, dtr: StubDtr, path: str, status: int, kind: type[SignerError]
) -> None:
    dtr.answers[path] = httpx.Response(status)
    with pytest.raises(kind):
        ask()


def test_hostile_words_of_a_server_are_shown_harmless() -> None:
    evidence = Evidence(scans=(Scan(last_scan_status=6, check_completed_at="\x1b[31m"),))
    report = evaluate_gate(claim(target_tag="66"), evidence, STRICT)
    assert "\x1b" not in "".join(f"{condition}" for condition in report.conditions)
    assert all(condition.status == FAIL for condition in report.failed)
