"""Why a rule decides about an image, and what it would require.

Source: the design, "Policy file".
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from signer.constants import RELEASES, TARGETS
from signer.names import ImageReference
from signer.policy.duration import format_duration
from signer.policy.match import match
from signer.policy.model import WARN_ONLY, Policy, Rule
from signer.policy.pattern import Pattern
from signer.policy.requirement import RequiredSigner, Requirement
from signer.trust.pinning import Pins
from signer.trust.steps import Step

_REASONS: Final = (
    "its host has no wildcard",
    "its host gives more characters",
    "its host has fewer wildcards",
    "its path has no wildcard",
    "its path gives more characters",
    "its path has fewer wildcards",
)
"""In the order of ``Pattern.specificity``."""


@dataclass(frozen=True)
class Considered:
    """A rule of the policy, and what it has to do with an image.

    Attributes:
        rule: the rule.
        matches: whether it is about the image's repository.
        why: what is preferred about it, or why it does not match.
    """

    rule: Rule
    matches: bool
    why: str


@dataclass(frozen=True)
class Condition:
    """One condition that an image must fulfil.

    Attributes:
        step: at which it is checked.
        text: the condition in words.
    """

    step: Step
    text: str


@dataclass(frozen=True)
class Explanation:
    """How a policy decides about an image.

    Attributes:
        reference: the image, with its tag.
        rule: the rule that decides; None where none matches, which means deny.
        runner_up: the rule that would decide without it.
        considered: rules that match, the deciding one first, then the others in the file's order.
        outcome: what the rule means, in one sentence.
        conditions: of the deciding rule.
    """

    reference: ImageReference
    rule: Rule | None
    runner_up: Rule | None
    considered: tuple[Considered, ...]
    outcome: str
    conditions: tuple[Condition, ...]


def explain(policy: Policy, reference: ImageReference) -> Explanation:
    """Explain which rule of a policy decides about an image, and what it requires."""
    found = match(policy, reference)
    rule = found.rule
    return Explanation(
        reference,
        rule,
        found.runner_up,
        tuple(_considered(policy, reference, found.considered)),
        _outcome(rule),
        tuple(_conditions(rule, reference)) if rule and rule.approve is None else (),
    )


def _considered(
    policy: Policy, reference: ImageReference, matching: tuple[Rule, ...]
) -> Iterator[Considered]:
    for number, rule in enumerate(matching):
        after = matching[number + 1] if number + 1 < len(matching) else None
        yield Considered(rule, matches=True, why=_preference(rule, after))
    for rule in policy.rules:
        if rule not in matching:
            yield Considered(rule, matches=False, why=_mismatch(rule.pattern, reference))


def _preference(rule: Rule, after: Rule | None) -> str:
    if after is None:
        return ""
    pairs = zip(rule.pattern.specificity, after.pattern.specificity, _REASONS, strict=True)
    reason = next((said for mine, other, said in pairs if mine > other), None)
    if reason is None:
        return f"as specific as {after.name}, but earlier in the file"
    return f"before {after.name}: {reason}"


def _mismatch(pattern: Pattern, reference: ImageReference) -> str:
    same_host = Pattern(pattern.text, pattern.host, "*").matches(reference)
    if not same_host:
        return f"the host is not {reference.domain}"
    return f"the path does not match {reference.path}"


def _outcome(rule: Rule | None) -> str:
    if rule is None:
        return "No rule matches, so the image is refused (no-rule)."
    passing = " It only warns: what it refuses is let through." if rule.mode == WARN_ONLY else ""
    if rule.approve is None:
        return f"The image is accepted if all of these hold.{passing}"
    if rule.approve:
        return "The image is accepted without any signature."
    return f"The image is refused, whatever is signed (denied-by-rule).{passing}"


def _conditions(rule: Rule, reference: ImageReference) -> Iterator[Condition]:
    requirement = rule.requirement
    yield Condition(Step.ROOT_PINNED, _root(rule.pins))
    what = f"tag {reference.tag!r}" if reference.tag else "the digest"
    where = f"{RELEASES}, or else in {TARGETS}" if requirement.released else "a signer's role"
    yield Condition(Step.TARGET, f"{what} is signed in {where}")
    if reference.tag and reference.digest:
        yield Condition(Step.DIGEST, f"it is signed with {reference.digest}")
    for text in _signers(requirement):
        yield Condition(Step.SIGNERS, text)
    for text in _freshness(requirement):
        yield Condition(Step.FRESHNESS, text)
    for text in _provenance(requirement):
        yield Condition(Step.PROVENANCE, text)
    if requirement.registry:
        yield Condition(Step.REGISTRY, "the registry serves this very manifest for it")


def _root(pins: Pins) -> str:
    if pins.trust_on_first_use:
        return "the root is known, or is the first one that the server shows"
    ways = [f"key {key_id}" for key_id in sorted(pins.key_ids)]
    ways += [f"the certificate with SHA-256 {print_}" for print_ in sorted(pins.certificates)]
    if pins.authorities:
        count = sum(len(bundle) for bundle in pins.authorities)
        cas = "a pinned CA" if count == 1 else f"one of {count} pinned CA certificates"
        ways.append(f"a certificate for this repository issued by {cas}")
    if pins.threshold > 1:
        return f"a root in the chain is signed by {pins.threshold} of: {', '.join(ways)}"
    return f"a root in the chain is signed by {' or '.join(ways)}"


def _signers(requirement: Requirement) -> Iterator[str]:
    if requirement.signers:
        names = ", ".join(_signer(signer) for signer in requirement.signers)
        wanted, total = requirement.wanted, len(requirement.signers)
        if total == 1:
            yield f"{names} has signed it"
        elif wanted == total:
            yield f"all of these have signed it with the same digest: {names}"
        else:
            yield f"{wanted} of these have signed it with the same digest: {names}"
    for team in requirement.teams:
        members = ", ".join(_signer(member) for member in team.members)
        yield (
            f"a member of team {team.name} has signed it, in any delegation directly below "
            f"{TARGETS} but {RELEASES}: {members}"
        )


def _signer(signer: RequiredSigner) -> str:
    if not signer.keys:
        return signer.name
    return f"{signer.name} (key {' or '.join(sorted(key[:12] for key in signer.keys))})"


def _freshness(requirement: Requirement) -> Iterator[str]:
    fresh = requirement.freshness
    if fresh.max_timestamp_age is not None:
        yield f"the timestamp is at most {format_duration(fresh.max_timestamp_age)} old"
    if fresh.min_remaining:
        yield f"nothing that counts expires within {format_duration(fresh.min_remaining)}"
    if fresh.grace:
        yield (
            f"while the server is down, stored data count for {format_duration(fresh.grace)}, "
            "with a warning"
        )


def _provenance(requirement: Requirement) -> Iterator[str]:
    conditions = requirement.provenance
    if conditions is None:
        return
    if conditions.promoted_from:
        yield f"it was promoted from {conditions.promoted_from}"
    if conditions.policies:
        yield f"it was promoted by policy {' or '.join(conditions.policies)}"
    for severity, limit in conditions.limits.items():
        yield f"its scan has at most {limit} {severity} findings"
    if conditions.pipeline:
        yield f"a pipeline like {conditions.pipeline} has signed it"
    if conditions.sbom:
        yield "its bill of materials is named"
