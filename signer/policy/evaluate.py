"""From a verified collection to a verdict about an image.

Steps 1 to 9 are the collection's (``signer.trust.collection``). Here:

10. the tag is found as docker finds it, in ``targets/releases``, then in ``targets``; a digest
    without a tag is found among the signed targets of these roles. Where a rule does not want
    a release, the roles of its signers are looked in instead;
11. a digest in the reference is the signed one; the entry has a SHA-256;
12. the required signers have signed this digest, each in a role of its own that is published and
    valid, never in another, with the keys that the rule names (``signer.policy.signers``);
13. the trust data are fresh enough (``signer.policy.freshness``);
14. what is signed beside the digest is as required (``signer.policy.provenance``);
15. the registry serves this very manifest (``signer.policy.agreement``), where a rule wants it.

Evaluation asks nobody but the registry, and that only in step 15.
"""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root, TargetFile

from signer.constants import DELEGATION_PREFIX, RELEASES, ROOT, SNAPSHOT, TARGETS
from signer.dialect.canonical import Json
from signer.errors import NotSignedError, SignerError, TrustDataError
from signer.names import ImageReference, RoleName, parent_role
from signer.policy.agreement import ManifestSource, check_registry
from signer.policy.freshness import check_freshness
from signer.policy.provenance import check_provenance
from signer.policy.requirement import Requirement
from signer.policy.signers import check_signers, deciding_roles
from signer.policy.verdict import ACCEPT, FAIL, PASS, REJECT, SKIP, Check, Verdict
from signer.policy.warnings import warnings_about
from signer.trust.collection import TrustedCollection
from signer.trust.role import Role, digest_of, root_key_ids
from signer.trust.steps import COLLECTION_STEPS, Step


@dataclass(frozen=True)
class Candidate:
    """An entry that may be the image asked for."""

    role: Role
    name: str
    entry: TargetFile


RELEASED_ROLES = (RoleName(RELEASES), RoleName(TARGETS))


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
    collection: TrustedCollection,
    reference: ImageReference,
    *,
    requirement: Requirement,
    now: datetime | None = None,
    registry: ManifestSource | None = None,
) -> Verdict:
    """Decide about one image by a verified collection: steps 10 to 15.

    Args:
        collection: steps 1 to 9 are passed.
        reference: has a tag, a digest, or both.
        requirement: what the image must fulfil.
        now: the time to judge freshness by; the collection's where none is given.
        registry: asked in step 15, where the requirement wants it.
    """
    checks = collection_checks(collection)
    try:
        candidates = _candidates(collection, reference, requirement=requirement)
    except SignerError as error:
        return refuse(reference, error, rule=requirement.rule, passed=checks)
    refusals = []
    for candidate in candidates:
        evaluation = _Evaluation(
            collection, reference, candidate, requirement, now or collection.now, registry
        )
        verdict = evaluation.verdict(checks)
        if verdict.verdict != REJECT:
            return verdict
        refusals.append(verdict)
    return refusals[0]


@dataclass(frozen=True)
class _Evaluation:
    """Steps 11 to 15 for one entry that may be the image asked for."""

    collection: TrustedCollection
    reference: ImageReference
    candidate: Candidate
    requirement: Requirement
    now: datetime
    registry: ManifestSource | None

    def verdict(self, passed: Sequence[Check]) -> Verdict:
        role, name, entry = self.candidate.role, self.candidate.name, self.candidate.entry
        found = f"{name} is in {role.name} version {role.version}"
        checks = [*passed, Check(Step.TARGET, PASS, found)]
        try:
            digest = _digest(self.collection, self.reference, self.candidate)
            checks.append(Check(Step.DIGEST, PASS, f"{digest}, {entry.length} bytes"))
            checks.append(self._signers(digest))
            checks.append(self._freshness(digest))
            checks.append(self._provenance(digest))
            checks.append(self._registry(digest))
        except SignerError as error:
            return refuse(self.reference, error, rule=self.requirement.rule, passed=checks)
        return Verdict(
            image=str(self.reference),
            verdict=ACCEPT,
            digest=digest,
            rule=self.requirement.rule,
            signers=signers_of_digest(self.collection, name, digest),
            role=role.name,
            checks=tuple(checks),
            custom=entry.custom,
            warnings=warnings_about(self.collection, self._roles(digest), now=self.now),
        )

    def _signers(self, digest: str) -> Check:
        if not (self.requirement.signers or self.requirement.teams):
            return Check(Step.SIGNERS, SKIP, "no particular signer is required")
        with _deciding(Step.SIGNERS):
            said = check_signers(
                self.collection, self.candidate.name, digest, requirement=self.requirement
            )
        return Check(Step.SIGNERS, PASS, said)

    def _freshness(self, digest: str) -> Check:
        wanted = self.requirement.freshness
        if wanted.max_timestamp_age is None and not wanted.min_remaining:
            return Check(Step.FRESHNESS, SKIP, "no freshness is required beyond expiry")
        with _deciding(Step.FRESHNESS):
            said = check_freshness(
                self.collection, self._roles(digest), freshness=wanted, now=self.now
            )
        return Check(Step.FRESHNESS, PASS, said)

    def _roles(self, digest: str) -> set[RoleName]:
        """Return the roles that say something about the image, but for the timestamp."""
        roles = {RoleName(ROOT), RoleName(SNAPSHOT), RoleName(TARGETS), self.candidate.role.name}
        roles |= set(self._deciding_roles(digest))
        parents = {parent_role(name) for name in roles if name.count("/") > 1}
        return roles | parents

    def _deciding_roles(self, digest: str) -> tuple[RoleName, ...]:
        return deciding_roles(
            self.collection, self.candidate.name, digest, requirement=self.requirement
        )

    def _provenance(self, digest: str) -> Check:
        """Step 14: by the word of whoever is required to sign, else by the entry found."""
        conditions = self.requirement.provenance
        if conditions is None:
            return Check(Step.PROVENANCE, SKIP, "no provenance is required")
        tag, gun = self.candidate.name, self.collection.gun
        words = self._words(digest)
        with _deciding(Step.PROVENANCE):
            for custom in words[:-1]:
                try:
                    said = check_provenance(conditions, custom, gun=gun, tag=tag)
                except NotSignedError:
                    continue
                return Check(Step.PROVENANCE, PASS, said)
            said = check_provenance(conditions, words[-1], gun=gun, tag=tag)
        return Check(Step.PROVENANCE, PASS, said)

    def _words(self, digest: str) -> list[Json]:
        entries = [
            self.collection.find(role, self.candidate.name) for role in self._deciding_roles(digest)
        ]
        return [entry.custom for entry in entries if entry] or [self.candidate.entry.custom]

    def _registry(self, digest: str) -> Check:
        if not self.requirement.registry:
            return Check(Step.REGISTRY, SKIP, "the registry is not asked")
        with _deciding(Step.REGISTRY):
            if self.registry is None:
                raise NotSignedError(
                    f"{self.collection.gun}: the rule wants the registry to agree, and there is "
                    "none to ask here.",
                    code="registry-unknown",
                )
            said = check_registry(
                self.registry, self.reference, digest, length=self.candidate.entry.length
            )
        return Check(Step.REGISTRY, PASS, said)


@contextmanager
def _deciding(step: Step) -> Iterator[None]:
    """Raise a copy of an error with the step at which it decided; verdicts may share errors."""
    try:
        yield
    except SignerError as error:
        raise failed_at(step, error) from error


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


def _candidates(
    collection: TrustedCollection, reference: ImageReference, *, requirement: Requirement
) -> list[Candidate]:
    """Step 10: the tag's entry, or every entry with the digest, in the roles that count."""
    released = requirement.released
    found: list[Candidate] = []
    for name in RELEASED_ROLES if released else _roles_of(requirement, collection):
        if name in collection.invalid and released:
            raise failed_at(Step.TARGET, collection.invalid[name])
        role = collection.roles.get(name)
        found += _entries(role, reference) if role else []
        if found and reference.tag and released:
            return found[:1]
    if found:
        return found
    if not released:
        for name in _roles_of(requirement, collection):
            if name in collection.invalid:
                raise failed_at(Step.TARGET, collection.invalid[name])
    what = f"tag {reference.tag!r}" if reference.tag else f"digest {reference.digest}"
    where = f"{RELEASES} or targets" if released else "a role of a required signer"
    elsewhere = [role.name for role in collection.walk() if _entries(role, reference)]
    also = ""
    if elsewhere and released:
        also = f" {', '.join(elsewhere)} has it, but docker does not look there."
    error = NotSignedError(
        f"{collection.gun}: {what} is not signed in {where}.{also}",
        hint=f"See what is signed: signer inspect {collection.gun}",
    )
    raise failed_at(Step.TARGET, error)


def _roles_of(requirement: Requirement, collection: TrustedCollection) -> list[RoleName]:
    """Return where the required signers sign; for teams, wherever a member may."""
    roles = [signer.role for signer in requirement.signers]
    if requirement.teams:
        roles += [
            name
            for name in collection.delegations
            if name.count("/") == 1 and name != RELEASES and name not in roles
        ]
    return roles


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


def failed_at(step: Step, error: SignerError) -> SignerError:
    """Return the error with the step at which it decided; errors may be shared by verdicts."""
    failed = copy.copy(error)
    failed.step = step
    return failed
