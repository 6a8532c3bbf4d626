"""Conditions on what is signed beside the digest: step 14.

The provenance is ``custom.provenance`` of the target, in the form that ``signer sign`` writes. A
condition on a part that is absent, or of another type than it is written with, is not met.

Source: the design, "Provenance".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from signer.errors import NotSignedError
from signer.names import Gun, printable
from signer.policy.pattern import compile_glob

if TYPE_CHECKING:
    from signer.dialect.canonical import Json

SEVERITIES = ("critical", "major", "minor")


@dataclass(frozen=True)
class ProvenanceConditions:
    """What the provenance must say.

    Attributes:
        promoted_from: pattern of the source, ``REPOSITORY`` or ``REPOSITORY:TAG``; empty for any.
        policies: ids of the promotion policies that may have promoted it; empty for any.
        max_critical: the highest count of critical findings of the scan; None for any.
        max_major: of major ones.
        max_minor: of minor ones.
        pipeline: pattern of the URL of the pipeline that signed; empty for any.
        sbom: whether a bill of materials must be named.
    """

    promoted_from: str = ""
    policies: tuple[str, ...] = ()
    max_critical: int | None = None
    max_major: int | None = None
    max_minor: int | None = None
    pipeline: str = ""
    sbom: bool = False

    @property
    def limits(self) -> dict[str, int]:
        """The limits that are set, by severity."""
        given = (self.max_critical, self.max_major, self.max_minor)
        return {
            severity: limit
            for severity, limit in zip(SEVERITIES, given, strict=True)
            if limit is not None
        }


def check_provenance(
    conditions: ProvenanceConditions, custom: "Json", *, gun: Gun, tag: str
) -> str:
    """Check every condition, and return what was found.

    Raises:
        NotSignedError: one is not met; each of these is named.
    """
    found: list[str] = []
    unmet: list[str] = []
    for met, said in _results(conditions, _table(custom, "provenance")):
        (found if met else unmet).append(said)
    if unmet:
        raise NotSignedError(
            f"{gun}: the provenance signed with {tag!r} is not as required: {'; '.join(unmet)}.",
            hint="Only what was promoted as the policy demands is accepted; see 'signer inspect'.",
            code="provenance-unmet",
        )
    return "; ".join(found)


def _results(conditions: ProvenanceConditions, content: "Json") -> Iterator[tuple[bool, str]]:
    promotion, scan = _table(content, "promotion"), _table(content, "scan")
    if conditions.promoted_from:
        source = _text(promotion, "from")
        whole = ":" in conditions.promoted_from
        subject = source if whole else source.partition(":")[0]
        met = bool(source) and _fits(conditions.promoted_from, subject)
        yield met, f"promoted from {_shown(source)} (wanted {conditions.promoted_from})"
    if conditions.policies:
        policy = _text(promotion, "policy")
        wanted = ", ".join(conditions.policies)
        yield policy in conditions.policies, f"promoted by policy {_shown(policy)} ({wanted})"
    for severity, limit in conditions.limits.items():
        count = scan.get(severity) if isinstance(scan, dict) else None
        is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 0
        met = is_count and isinstance(count, int) and count <= limit
        said = str(count) if is_count else "unknown"
        yield met, f"{severity} findings: {said} (at most {limit})"
    if conditions.pipeline:
        url = _text(_table(content, "pipeline"), "url")
        met = bool(url) and _fits(conditions.pipeline, url)
        yield met, f"signed by pipeline {_shown(url)} (wanted {conditions.pipeline})"
    if conditions.sbom:
        digest = _text(_table(content, "sbom"), "sha256")
        yield bool(digest), f"bill of materials {_shown(digest)}"


def _fits(pattern: str, subject: str) -> bool:
    return compile_glob(pattern).fullmatch(subject) is not None


def _table(content: "Json", name: str) -> "Json":
    part = content.get(name) if isinstance(content, dict) else None
    return part if isinstance(part, dict) else None


def _text(content: "Json", name: str) -> str:
    part = content.get(name) if isinstance(content, dict) else None
    return part if isinstance(part, str) else ""


def _shown(text: str) -> str:
    return printable(text) if text else "unknown"
