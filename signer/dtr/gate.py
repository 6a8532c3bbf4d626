"""The gate: is it what was promoted, and did its scan pass? Pure; ``evidence`` asks the questions.

An event is a claim by whoever knows a URL. What it says is compared with what DTR and the registry
say, condition by condition; each is reported by name, and one that fails refuses the signature:

1. ``target-digest``: DTR has the target tag with the digest;
2. ``promotion-record``: DTR's record of the target names the source and policy of the event;
3. ``policy``: the policy exists, is enabled, promotes to the target, and is listed if a list is
   given;
4. ``source-digest``: the source tag still is that image, so its scan is the image's scan;
5. ``scan-complete``: every scan of the source is complete;
6. ``max-critical``, ``max-major``, ``max-minor``: every platform is within the limit, if there is
   one;
7. ``manifest-digest``: the registry's manifest of the target hashes to the digest;
8. ``platforms``: each platform of a manifest list has a scan of its own.

What cannot be known fails. Nothing here returns a bare yes or no.

Source: dtr-ucp-ci reference, B.2 to B.5; the design's signing job.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from signer.dialect.time import parse_time
from signer.dtr.answers import COMPLETED, SCAN_STATES, Scan
from signer.dtr.evidence import Evidence, Platform
from signer.dtr.promotion import Promotion
from signer.errors import GateError
from signer.names import printable

PASS: Final = "pass"  # noqa: S105 - no password
FAIL: Final = "fail"
SKIP: Final = "skip"
_NOTHING: Final = "nothing"
_ZERO_YEAR: Final = 1


@dataclass(frozen=True)
class GateConditions:
    """What is demanded of a promotion, from the configuration file alone."""

    promoted: bool = True
    """Whether DTR's promotion record and policy must agree with the event."""

    policies: tuple[str, ...] = ()
    """Ids of the policies that may promote; empty for any that is enabled."""

    max_critical: int | None = None
    """Critical findings allowed on each platform; None is not checked."""

    max_major: int | None = None
    """The same for major findings."""

    max_minor: int | None = None
    """The same for minor findings."""


@dataclass(frozen=True)
class Condition:
    """The outcome of one condition."""

    code: str
    """Its stable name."""

    status: str
    """``pass``, ``fail`` or ``skip``."""

    seen: str
    """What was found."""

    expected: str
    """What was wanted."""

    def __str__(self) -> str:
        return f"{self.code} ({self.seen}; expected {self.expected})"


@dataclass(frozen=True)
class GateReport:
    """Every condition of one promotion."""

    image: str
    """``NAMESPACE/REPO:TAG`` of the target."""

    conditions: tuple[Condition, ...]
    """In the order of the list above."""

    @property
    def failed(self) -> tuple[Condition, ...]:
        """The conditions that failed."""
        return tuple(found for found in self.conditions if found.status == FAIL)

    def require(self) -> None:
        """Do nothing where no condition failed.

        Raises:
            GateError: naming each that did (code ``gate-refused``).
        """
        if not self.conditions:
            raise GateError(f"{self.image}: the gate checked nothing, so it refuses.")
        if self.failed:
            raise GateError(
                f"{self.image}: the gate refuses: {'; '.join(map(str, self.failed))}.",
                hint="Nothing was signed. Compare the event with the tag, its promotion and its "
                "scan in DTR.",
            )


def evaluate_gate(
    promotion: Promotion, evidence: Evidence, conditions: GateConditions
) -> GateReport:
    """Compare what an event claims with what DTR and the registry say."""
    found = [
        _target_digest(promotion, evidence),
        _promotion_record(promotion, evidence, conditions),
        _policy(promotion, evidence, conditions),
        _source_digest(promotion, evidence),
        _scan_complete(evidence.scans),
        *_limits(evidence.scans, conditions),
        _manifest_digest(promotion, evidence),
        _platforms(evidence),
    ]
    return GateReport(promotion.target, tuple(found))


def _condition(code: str, holds: bool, *, seen: str, expected: str) -> Condition:
    return Condition(code, PASS if holds else FAIL, printable(seen), printable(expected))


def _target_digest(promotion: Promotion, evidence: Evidence) -> Condition:
    digest = evidence.tag.digest if evidence.tag else None
    return _condition(
        "target-digest",
        digest == promotion.digest,
        seen=digest or f"DTR has no tag {promotion.target}",
        expected=promotion.digest,
    )


def _promotion_record(
    promotion: Promotion, evidence: Evidence, conditions: GateConditions
) -> Condition:
    expected = f"promoted from {promotion.source} by policy {promotion.policy_id or _NOTHING}"
    if not conditions.promoted:
        return Condition("promotion-record", SKIP, "not asked for", expected)
    record = evidence.tag.promoted if evidence.tag else None
    if record is None:
        seen = "DTR has no promotion record of the tag"
        return _condition("promotion-record", False, seen=seen, expected=expected)
    source = f"{record.source_repository or _NOTHING}:{record.source_tag or _NOTHING}"
    return _condition(
        "promotion-record",
        bool(promotion.policy_id)
        and (record.policy_id, record.source_repository, record.source_tag)
        == (promotion.policy_id, promotion.source_repository, promotion.source_tag),
        seen=f"promoted from {source} by policy {record.policy_id or _NOTHING}",
        expected=expected,
    )


def _policy(promotion: Promotion, evidence: Evidence, conditions: GateConditions) -> Condition:
    name = f"policy {promotion.policy_id or _NOTHING}"
    listed = " or ".join(conditions.policies)
    expected = f"an enabled policy to {promotion.target_repository}" + (
        f", one of {listed}" if listed else ""
    )
    if not conditions.promoted:
        return Condition("policy", SKIP, "not asked for", expected)
    policy = evidence.policy
    problem = ""
    if policy is None or policy.id not in {None, promotion.policy_id}:
        problem = f"{promotion.source_repository} has no {name}"
    elif policy.enabled is not True:
        problem = f"{name} is not enabled"
    elif policy.target_repository not in {None, promotion.target_repository}:
        problem = f"{name} promotes to {policy.target_repository}"
    elif conditions.policies and promotion.policy_id not in conditions.policies:
        problem = f"{name} is not listed"
    return _condition("policy", not problem, seen=problem or name, expected=expected)


def _source_digest(promotion: Promotion, evidence: Evidence) -> Condition:
    digest = evidence.source.digest if evidence.source else None
    return _condition(
        "source-digest",
        digest == promotion.digest,
        seen=digest or f"DTR has no tag {promotion.source}",
        expected=promotion.digest,
    )


def _scan_complete(scans: Sequence[Scan]) -> Condition:
    states = [_state(scan) for scan in scans]
    return _condition(
        "scan-complete",
        bool(scans) and all(state == SCAN_STATES[COMPLETED] for state in states),
        seen=", ".join(states) or "no scan",
        expected="a completed scan of every platform",
    )


def _state(scan: Scan) -> str:
    status = scan.last_scan_status
    if status != COMPLETED:
        return SCAN_STATES.get(-1 if status is None else status, f"status {status}")
    try:
        when = parse_time(scan.check_completed_at or "")
    except ValueError:
        return "completed at no known time"
    return "never checked" if when.year == _ZERO_YEAR else SCAN_STATES[COMPLETED]


def _limits(scans: Sequence[Scan], conditions: GateConditions) -> list[Condition]:
    return [
        _limit("max-critical", conditions.max_critical, [scan.critical for scan in scans]),
        _limit("max-major", conditions.max_major, [scan.major for scan in scans]),
        _limit("max-minor", conditions.max_minor, [scan.minor for scan in scans]),
    ]


def _limit(code: str, limit: int | None, counts: Sequence[int | None]) -> Condition:
    seen = ", ".join("unknown" if count is None else str(count) for count in counts) or "no scan"
    if limit is None:
        return Condition(code, SKIP, seen, "no limit")
    within = [count is not None and 0 <= count <= limit for count in counts]
    return _condition(
        code, bool(counts) and all(within), seen=seen, expected=f"at most {limit} on each platform"
    )


def _manifest_digest(promotion: Promotion, evidence: Evidence) -> Condition:
    return _condition(
        "manifest-digest",
        evidence.manifest_digest == promotion.digest,
        seen=evidence.manifest_digest or f"the registry has no image {promotion.target}",
        expected=promotion.digest,
    )


def _platforms(evidence: Evidence) -> Condition:
    wanted = evidence.platforms
    expected = f"a scan each of {', '.join(map(str, wanted)) or 'every platform'}"
    if evidence.manifest_digest and not evidence.is_index:
        return Condition("platforms", SKIP, "one image", "one scan")
    missing = _unscanned(wanted, evidence.scans)
    seen = f"no scan of {', '.join(missing)}" if missing else f"{len(evidence.scans)} scans"
    holds = bool(wanted) and not missing
    if not wanted:
        seen = "no platform in the manifest list" if evidence.manifest_digest else "no manifest"
    return _condition("platforms", holds, seen=seen, expected=expected)


def _unscanned(platforms: Sequence[Platform], scans: Sequence[Scan]) -> list[str]:
    """Return the platforms that have no scan of their own.

    Two variants of one architecture need two scans. Scans that name no platform can only be
    counted.
    """
    named = Counter(scan.platform for scan in scans if scan.platform)
    unnamed = sum(1 for scan in scans if not scan.platform)
    missing = []
    for platform in platforms:
        key = (platform.os, platform.architecture)
        if named[key] > 0:
            named[key] -= 1
        elif unnamed > 0:
            unnamed -= 1
        else:
            missing.append(str(platform))
    return missing
