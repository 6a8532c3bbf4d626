"""Deciding about images: which rule, which collection, which verdict.

Collections are read once each, and in parallel; a failure to read one is a verdict, too.
"""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from signer.errors import NotSignedError, SignerError, UsageError
from signer.names import Gun, ImageReference
from signer.policy.agreement import ManifestSource
from signer.policy.evaluate import evaluate, refuse
from signer.policy.match import Match, match
from signer.policy.model import WARN_ONLY, Policy, Rule
from signer.policy.pattern import Pattern
from signer.policy.reading import CollectionReader, Reading, SessionReader
from signer.policy.requirement import Requirement
from signer.policy.verdict import ACCEPT, REJECT, SKIP, WARN, Check, Verdict
from signer.trust.pinning import Pins
from signer.trust.steps import Step

if TYPE_CHECKING:
    from concurrent.futures import Future

    from signer.signing.session import Session

Registries = Callable[[ImageReference], ManifestSource]


class Decider:
    """Decides about images by a policy.

    Args:
        policy: whose rules decide.
        reader: where collections come from.
        clock: returns the current time, with its zone.
        registry: the registry of an image, for rules that want to agree with it; None where
            there is none to ask, and such rules refuse.
    """

    def __init__(
        self,
        policy: Policy,
        reader: CollectionReader,
        *,
        clock: Callable[[], datetime],
        registry: Registries | None = None,
    ) -> None:
        self.policy = policy
        self._reader = reader
        self._clock = clock
        self._registry = registry

    def decide(self, reference: ImageReference) -> Verdict:
        """Decide about one image; without tag and digest, ``latest``.

        Errors are verdicts, too: nothing that goes wrong lets an image through.
        """
        found = match(self.policy, reference)
        rule = found.rule
        if rule is None or rule.approve is not None:
            return self._decide_by_rule_alone(with_tag(reference), found)
        return self._judge(
            reference, found, read=partial(self._reader.read, reference.gun, rule=rule)
        )

    def decide_all(
        self, references: Sequence[ImageReference], *, executor: Executor | None = None
    ) -> list[Verdict]:
        """Decide about several images, each collection read once.

        Args:
            references: the images.
            executor: reads collections in parallel; None for one after another.

        Returns:
            One verdict for each, in the given order.
        """
        rules = [match(self.policy, reference) for reference in references]
        reads: dict[tuple[Gun, str], Callable[[], Reading]] = {}
        for reference, found in zip(references, rules, strict=True):
            rule = found.rule
            key = (reference.gun, rule.name if rule else "")
            if rule is not None and rule.approve is None and key not in reads:
                reads[key] = _started(
                    partial(self._reader.read, reference.gun, rule=rule), executor
                )
        verdicts = []
        for reference, found in zip(references, rules, strict=True):
            rule = found.rule
            if rule is None or rule.approve is not None:
                verdicts.append(self._decide_by_rule_alone(with_tag(reference), found))
            else:
                read = reads[reference.gun, rule.name]
                verdicts.append(self._judge(reference, found, read=read))
        return verdicts

    def _decide_by_rule_alone(self, reference: ImageReference, found: Match) -> Verdict:
        rule = found.rule
        if rule is not None and rule.approve:
            said = f"the rule for {rule.name!r} approves without a signature"
            checks = tuple(Check(step, SKIP, said) for step in Step)
            return _by_rule(Verdict(str(reference), ACCEPT, reference.digest, checks=checks), found)
        if rule is None:
            error = NotSignedError(
                f"No rule of the policy {self.policy.origin} is about {reference.gun}.",
                hint="What no rule matches is denied; see 'signer policy explain'.",
                code="no-rule",
            )
        else:
            error = NotSignedError(
                f"The rule for {rule.name!r} of the policy {self.policy.origin} denies "
                f"{reference.gun}.",
                code="denied-by-rule",
            )
        return _by_rule(refuse(reference, error), found)

    def _judge(
        self, reference: ImageReference, found: Match, *, read: Callable[[], Reading]
    ) -> Verdict:
        rule = found.rule
        if rule is None:
            raise ValueError("a rule has to be found first")
        reference = with_tag(reference)
        try:
            reading = read()
            asks = self._registry if rule.requirement.registry else None
            registry = asks(reference) if asks else None
        except SignerError as error:
            return _by_rule(refuse(reference, error), found)
        verdict = evaluate(
            reading.collection,
            reference,
            requirement=rule.requirement,
            now=self._clock(),
            registry=registry,
        )
        if reading.unreachable is not None and verdict.verdict == ACCEPT:
            verdict = replace(verdict, verdict=WARN, reason=reading.unreachable)
        return _by_rule(verdict, found)


def with_tag(reference: ImageReference) -> ImageReference:
    """Return the reference; ``latest`` is meant where it has neither tag nor digest."""
    return reference if reference.tag or reference.digest else reference.with_tag("latest")


def _started(read: Callable[[], Reading], executor: Executor | None) -> Callable[[], Reading]:
    if executor is not None:
        job: Future[Reading] = executor.submit(read)
        return job.result
    results: list[Reading | SignerError] = []

    def once() -> Reading:
        if not results:
            try:
                results.append(read())
            except SignerError as error:
                results.append(error)
        if isinstance(results[0], SignerError):
            raise results[0]
        return results[0]

    return once


def _by_rule(verdict: Verdict, found: Match) -> Verdict:
    """Name the rule and the runner-up; a rule that only warns lets refusals through."""
    rule, runner_up = found.rule, found.runner_up
    named = replace(
        verdict,
        rule=rule.name if rule else "",
        runner_up=runner_up.name if runner_up else "",
    )
    if rule is not None and rule.mode == WARN_ONLY and verdict.verdict == REJECT:
        return replace(named, verdict=WARN)
    return named


def decide_images(
    session: "Session", references: Sequence[ImageReference], *, policy: Policy
) -> list[Verdict]:
    """Decide about images by a policy, over a session's connections.

    Raises:
        UsageError: no image was given.
    """
    if not references:
        raise UsageError("No image to verify was given.")
    decider = Decider(
        policy, SessionReader(session), clock=session.clock, registry=session.registry
    )
    return decider.decide_all(references, executor=session.collections)


def verify_images(
    session: "Session",
    images: Iterable[str | ImageReference],
    *,
    requirement: Requirement | None = None,
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
    references = [
        ImageReference.parse(image) if isinstance(image, str) else image for image in images
    ]
    verdicts = decide_images(
        session, references, policy=policy_of(requirement or Requirement(), pins=session.pins)
    )
    return [replace(verdict, rule=requirement.rule if requirement else "") for verdict in verdicts]


def policy_of(requirement: Requirement, *, pins: Pins) -> Policy:
    """Return the policy that demands the same of every image."""
    anything = Pattern("*", "*", "*")
    return Policy(rules=(Rule(anything, pins=pins, requirement=requirement),))
