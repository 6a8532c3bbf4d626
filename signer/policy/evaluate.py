"""From a verified collection to a verdict about an image.

Steps 1 to 9 are the collection's (``signer.trust.collection``). Here:

10. the tag is found as docker finds it, in ``targets/releases``, then in ``targets``; a digest
    without a tag is found among the signed targets of these roles;
11. a digest in the reference is the signed one; the entry has a SHA-256;
12. every required signer has signed this digest in a role of its own that is published and valid,
    never in another.

Evaluation is pure; ``verify_images`` fetches each collection once, in parallel.
"""

import copy
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tuf.api.metadata import Root, TargetFile

from signer.constants import DELEGATION_PREFIX, RELEASES, TARGETS
from signer.errors import NotSignedError, SignerError, TrustDataError, UsageError
from signer.names import Gun, ImageReference, RoleName, parse_signer
from signer.policy.requirement import Requirement
from signer.policy.verdict import ACCEPT, FAIL, PASS, REJECT, SKIP, Check, Verdict
from signer.trust.collection import TrustedCollection
from signer.trust.role import Role, digest_of, root_key_ids
from signer.trust.steps import COLLECTION_STEPS, Step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from concurrent.futures import Future

    from signer.signing.session import Session


@dataclass(frozen=True)
class Candidate:
    """An entry that may be the image asked for."""

    role: Role
    name: str
    entry: TargetFile


RELEASED_ROLES = (RoleName(RELEASES), RoleName(TARGETS))


def verify_images(
    session: "Session", images: Iterable[str], *, requirement: Requirement | None = None
) -> list[Verdict]:
    """Verify images, one update per collection, collections in parallel.

    Args:
        session: connections and stores; its pins decide which roots are trusted.
        images: references with a tag, a digest, or both; without either, the tag is ``latest``.
        requirement: what each must fulfil beyond being released.

    Returns:
        One verdict per image, in the given order. Failures to read a collection are verdicts, too.

    Raises:
        UsageError: no image, or a malformed reference.
    """
    references = [_with_tag(ImageReference.parse(image)) for image in images]
    if not references:
        raise UsageError("No image to verify was given.")
    wanted = requirement or Requirement()
    jobs: Mapping[Gun, Future[TrustedCollection]] = {
        gun: session.collections.submit(_read, session, gun)
        for gun in dict.fromkeys(reference.gun for reference in references)
    }
    return [_judge(reference, jobs[reference.gun], requirement=wanted) for reference in references]


def _with_tag(reference: ImageReference) -> ImageReference:
    return reference if reference.tag or reference.digest else reference.with_tag("latest")


def _read(session: "Session", gun: Gun) -> TrustedCollection:
    return session.client(gun).update()


def _judge(
    reference: ImageReference, job: "Future[TrustedCollection]", *, requirement: Requirement
) -> Verdict:
    try:
        collection = job.result()
    except SignerError as error:
        return refuse(reference, error, rule=requirement.rule)
    return evaluate(collection, reference, requirement=requirement)


def refuse(
    reference: ImageReference,
    error: SignerError,
    *,
    rule: str = "",
    passed: Sequence[Check] = (),
) -> Verdict:
    """Return the rejection that an error means; checks after the failed one are skipped."""
    checks = list(passed)
    failed = error.step
    for step in Step:
        if any(check.step == step for check in checks):
            continue
        if failed and step == failed:
            checks.append(Check(step, FAIL, error.message))
        elif failed and step < failed:
            checks.append(Check(step, PASS, ""))
        else:
            checks.append(Check(step, SKIP, "not reached"))
    return Verdict(
        str(reference), REJECT, rule=rule, checks=tuple(sorted(checks, key=_number)), reason=error
    )


def _number(check: Check) -> int:
    return check.step


def evaluate(
    collection: TrustedCollection, reference: ImageReference, *, requirement: Requirement
) -> Verdict:
    """Decide about one image by a verified collection: steps 10 to 12."""
    checks = collection_checks(collection)
    try:
        candidates = _candidates(collection, reference)
    except SignerError as error:
        return refuse(reference, error, rule=requirement.rule, passed=checks)
    refusals = []
    for candidate in candidates:
        verdict = _evaluate_candidate(
            collection, reference, candidate, requirement=requirement, passed=checks
        )
        if verdict.verdict != REJECT:
            return verdict
        refusals.append(verdict)
    return refusals[0]


def _evaluate_candidate(
    collection: TrustedCollection,
    reference: ImageReference,
    candidate: Candidate,
    *,
    requirement: Requirement,
    passed: Sequence[Check],
) -> Verdict:
    role, name, entry = candidate.role, candidate.name, candidate.entry
    checks = [*passed, Check(Step.TARGET, PASS, f"{name} is in {role.name} version {role.version}")]
    try:
        digest = _digest(collection, reference, candidate)
        checks.append(Check(Step.DIGEST, PASS, f"{digest}, {entry.length} bytes"))
        checks.append(_check_signers(collection, name, digest, requirement=requirement))
    except SignerError as error:
        return refuse(reference, error, rule=requirement.rule, passed=checks)
    return Verdict(
        image=str(reference),
        verdict=ACCEPT,
        digest=digest,
        rule=requirement.rule,
        signers=signers_of_digest(collection, name, digest),
        role=role.name,
        checks=tuple(checks),
        custom=entry.custom,
    )


def collection_checks(collection: TrustedCollection) -> list[Check]:
    """Describe what steps 1 to 9 found, for a collection that passed them."""
    root = collection.root
    ids = "; ".join(root_key_ids(root.envelope.signed_as(Root)))
    details = {
        Step.ROOT_PINNED: f"root key {ids}",
        Step.ROOT_THRESHOLD: f"root version {root.version} is signed to its threshold",
        Step.ROOT_CHAIN: f"root version {root.version} is the newest",
        Step.ROOT_VALID: f"certificates and expiry are good until {root.expires:%Y-%m-%d}",
        Step.TIMESTAMP: _describe(collection.roles[RoleName("timestamp")]),
        Step.SNAPSHOT: _describe(collection.roles[RoleName("snapshot")]),
        Step.ROOT_NAMED: "the snapshot names this root",
        Step.TARGETS: _describe(collection.targets),
        Step.DELEGATIONS: _describe_delegations(collection),
    }
    return [Check(step, PASS, details[step]) for step in COLLECTION_STEPS]


def _describe(role: Role) -> str:
    return f"version {role.version}, until {role.expires:%Y-%m-%d}"


def _describe_delegations(collection: TrustedCollection) -> str:
    valid = [name for name in collection.delegations if name in collection.roles]
    said = f"valid: {', '.join(valid) or 'none'}"
    if collection.invalid:
        said += f"; invalid: {', '.join(collection.invalid)}"
    return said


def _candidates(collection: TrustedCollection, reference: ImageReference) -> list[Candidate]:
    """Step 10: the tag's entry, or every released entry with the digest."""
    found: list[Candidate] = []
    for name in RELEASED_ROLES:
        if name in collection.invalid:
            raise failed_at(Step.TARGET, collection.invalid[name])
        role = collection.roles.get(name)
        found += _entries(role, reference) if role else []
        if found and reference.tag:
            return found[:1]
    if found:
        return found
    what = f"tag {reference.tag!r}" if reference.tag else f"digest {reference.digest}"
    elsewhere = [role.name for role in collection.walk() if _entries(role, reference)]
    also = f" {', '.join(elsewhere)} has it, but docker does not look there." if elsewhere else ""
    error = NotSignedError(
        f"{collection.gun}: {what} is not signed in {RELEASES} or targets.{also}",
        hint=f"See what is signed: signer inspect {collection.gun}",
    )
    raise failed_at(Step.TARGET, error)


def _entries(role: Role, reference: ImageReference) -> list[Candidate]:
    if reference.tag:
        entry = role.find(reference.tag)
        return [Candidate(role, reference.tag, entry)] if entry else []
    return [
        Candidate(role, name, entry)
        for name, entry in role.targets.targets.items()
        if digest_of(entry) == reference.digest and role.admits(name)
    ]


def _digest(collection: TrustedCollection, reference: ImageReference, candidate: Candidate) -> str:
    """Step 11."""
    name, digest = candidate.name, digest_of(candidate.entry)
    if not candidate.entry.hashes.get("sha256"):
        error: SignerError = TrustDataError(
            f"{collection.gun}: {name!r} is signed without a SHA-256."
        )
        raise failed_at(Step.DIGEST, error)
    if reference.digest and reference.digest != digest:
        error = NotSignedError(
            f"{collection.gun}: {name!r} is signed with {digest}, not {reference.digest}.",
            hint="The tag was signed again for another image, or this image never was.",
            code="digest-differs",
        )
        raise failed_at(Step.DIGEST, error)
    return digest


def signers_of_digest(collection: TrustedCollection, tag: str, digest: str) -> tuple[str, ...]:
    """Return the names of valid roles under ``targets/`` (without releases) that signed both."""
    return tuple(
        role.name.removeprefix(DELEGATION_PREFIX)
        for role in collection.walk()
        if role.name not in RELEASED_ROLES
        and (entry := role.find(tag)) is not None
        and digest_of(entry) == digest
    )


def _check_signers(
    collection: TrustedCollection, tag: str, digest: str, *, requirement: Requirement
) -> Check:
    """Step 12."""
    if not requirement.signers:
        return Check(Step.SIGNERS, SKIP, "no particular signer is required")
    for name in requirement.signers:
        _require_signer(collection, tag, digest, name=name)
    return Check(Step.SIGNERS, PASS, f"signed by {', '.join(requirement.signers)}")


def _require_signer(collection: TrustedCollection, tag: str, digest: str, *, name: str) -> None:
    role_name = parse_signer(name)
    gun = collection.gun
    if role_name not in collection.delegations:
        from signer.signing.roles import signer_names

        known = ", ".join(signer_names(collection)) or "none"
        raise failed_at(
            Step.SIGNERS,
            NotSignedError(
                f"{gun} has no signer {name!r}.", hint=f"It has: {known}.", code="signer-unknown"
            ),
        )
    if role_name in collection.invalid:
        raise failed_at(Step.SIGNERS, collection.invalid[role_name])
    role = collection.roles.get(role_name)
    entry = role.find(tag) if role else None
    if role is None:
        error = NotSignedError(f"{gun}: signer {name!r} has never signed.", code="signer-missing")
    elif entry is None:
        error = NotSignedError(
            f"{gun}: signer {name!r} has not signed {tag!r}.", code="signer-missing"
        )
    elif digest_of(entry) != digest:
        error = NotSignedError(
            f"{gun}: signer {name!r} has signed {tag!r} with {digest_of(entry)}, not {digest}.",
            code="signer-differs",
        )
    else:
        return
    raise failed_at(Step.SIGNERS, error)


def failed_at(step: Step, error: SignerError) -> SignerError:
    """Return the error with the step at which it decided; errors may be shared by verdicts."""
    failed = copy.copy(error)
    failed.step = step
    return failed
