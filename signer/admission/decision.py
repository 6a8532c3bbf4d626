"""Decisions of a server: many images at once, in a bounded time, each decided once in a while.

What decides is the policy's core, ``signer.policy.decide``; here collections are read in parallel,
nobody waits longer than allowed, and decisions are kept for a moment, filed under the policy's
hash, the image and the content of the collection. Passing errors are kept apart, and shorter.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from signer.admission.collections import KeptCollections
from signer.admission.entry import KeptReading, is_passing, timed_out
from signer.admission.lanes import Lanes
from signer.admission.objects import parse_image
from signer.admission.policy_file import InForce
from signer.admission.waiting import Waits
from signer.errors import NetworkError, NotSignedError, SignerError
from signer.names import Gun, ImageReference, printable
from signer.policy.decide import Decider, Registries
from signer.policy.evaluate import refuse
from signer.policy.match import match
from signer.policy.model import Rule
from signer.policy.verdict import REJECT, Verdict

KEEP_SECONDS: Final = 5.0
KEEP_PASSING_SECONDS: Final = 1.0
MAX_KEPT: Final = 20_000
MAX_COLLECTIONS: Final = 200
"""Collections that one request may have read: more would delay those of others."""

_Key = tuple[tuple[str, int], str, str, bool]


@dataclass(frozen=True)
class Decision:
    """A decision about one image.

    Attributes:
        text: the image as it is written.
        reference: the image, normalised; None where it is no reference.
        rule: that decided; None where none is about it.
        verdict: the decision.
        content: of the collection that decided, as hash; empty where none did.
        cached: whether it was decided before.
    """

    text: str
    reference: ImageReference | None
    rule: Rule | None
    verdict: Verdict
    content: str = ""
    cached: bool = False


@dataclass(frozen=True)
class _Asked:
    reference: ImageReference
    rule: Rule | None

    @property
    def reads(self) -> Rule | None:
        """The rule by which a collection has to be read, if any."""
        return self.rule if self.rule is not None and self.rule.approve is None else None


class _Ready:
    """A reader of what has been read already."""

    def __init__(self, readings: Mapping[Gun, KeptReading | SignerError]) -> None:
        self._readings = readings

    def read(self, gun: Gun, *, rule: Rule) -> KeptReading:
        found = self._readings.get(gun)
        if found is None:
            raise timed_out(gun)
        if isinstance(found, SignerError):
            raise found.with_traceback(None)  # it is shared, and must not collect tracebacks
        return found


class Decisions:
    """Decides about images for a server; belongs to one event loop.

    Args:
        kept: reads collections.
        clock: returns the current time, with its zone.
        registry: for rules that want the registry to agree.
        monotonic: seconds that never go back.
        caching: whether decisions are kept at all.
    """

    def __init__(
        self,
        kept: KeptCollections,
        *,
        clock: Callable[[], datetime],
        registry: Registries | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        caching: bool = True,
    ) -> None:
        self._kept = kept
        self._clock = clock
        self._registry = registry
        self._monotonic = monotonic
        self._caching = caching
        self._lanes = Lanes()
        self._waits = Waits(monotonic)
        self._cache: OrderedDict[_Key, tuple[float, Verdict]] = OrderedDict()
        self._rules: OrderedDict[tuple[tuple[str, int], Gun], Rule | None] = OrderedDict()

    def close(self) -> None:
        """Begin nothing any more."""
        self._lanes.close()

    def hurry(self) -> None:
        """Let nobody wait any more: what is not known now is refused."""
        self._waits.hurry()

    async def decide(
        self, in_force: InForce, texts: Sequence[str], *, seconds: float
    ) -> dict[str, Decision]:
        """Decide about images; never raises SignerError.

        Args:
            in_force: the policy.
            texts: the images as they are written.
            seconds: what is not known by then is refused.

        Returns:
            The decisions by text.
        """
        ends = self._monotonic() + seconds
        decided: dict[str, Decision] = {}
        asked: dict[str, _Asked] = {}
        for text in dict.fromkeys(texts):
            try:
                reference = parse_image(text)
            except SignerError as error:
                decided[text] = _unparsed(text, error)
            else:
                asked[text] = _Asked(reference, self._rule(in_force, reference))
        readings = await self._read(asked.values(), ends=ends)
        decider = Decider(
            in_force.policy, _Ready(readings), clock=self._clock, registry=self._registry
        )
        late: dict[str, Future[Verdict]] = {}
        for text, one in asked.items():
            reading = readings.get(one.reference.gun) if one.reads else None
            found = self._cached(in_force, one, reading)
            if found is not None:
                decided[text] = _decision(text, one, found, reading, cached=True)
            elif one.reads and one.reads.requirement.registry and _is_reading(reading):
                lane = self._lanes.of(one.reference.registry_host)
                late[text] = lane.updates.submit(decider.decide, one.reference)
            else:
                verdict = _safely(decider.decide, one.reference)
                self._keep(in_force, one, reading, verdict)
                decided[text] = _decision(text, one, verdict, reading)
        await self._waits.until_done(list(late.values()), ends=ends)
        for text, future in late.items():
            one = asked[text]
            reading = readings.get(one.reference.gun)
            verdict = _result(future, one.reference, decider)
            self._keep(in_force, one, reading, verdict)
            decided[text] = _decision(text, one, verdict, reading)
        return decided

    def _rule(self, in_force: InForce, reference: ImageReference) -> Rule | None:
        key = (in_force.key, reference.gun)
        if key not in self._rules:
            self._rules[key] = match(in_force.policy, reference).rule
            while len(self._rules) > MAX_KEPT:
                self._rules.popitem(last=False)
        return self._rules[key]

    # Reading

    async def _read(
        self, asked: Iterable[_Asked], *, ends: float
    ) -> dict[Gun, KeptReading | SignerError]:
        flights: dict[Gun, Future[KeptReading]] = {}
        readings: dict[Gun, KeptReading | SignerError] = {}
        for one in asked:
            gun, rule = one.reference.gun, one.reads
            if rule is None or gun in flights or gun in readings:
                continue
            if len(flights) >= MAX_COLLECTIONS:
                readings[gun] = _too_many(gun)
            else:
                flights[gun] = self._kept.start(gun, rule=rule)
        await self._waits.until_done(list(flights.values()), ends=ends)
        for gun, flight in flights.items():
            if flight.done():
                error = flight.exception()
                readings[gun] = flight.result() if error is None else _as_signer_error(gun, error)
        return readings

    # Keeping

    def _cached(
        self, in_force: InForce, one: _Asked, reading: KeptReading | SignerError | None
    ) -> Verdict | None:
        if not self._caching or not isinstance(reading, KeptReading):
            return None
        found = self._cache.get(_key(in_force, one, reading))
        if found is None or found[0] <= self._monotonic():
            return None
        return found[1]

    def _keep(
        self,
        in_force: InForce,
        one: _Asked,
        reading: KeptReading | SignerError | None,
        verdict: Verdict,
    ) -> None:
        if not self._caching or not isinstance(reading, KeptReading):
            return  # errors of reading are kept where they arise
        passing = verdict.reason is not None and is_passing(verdict.reason)
        seconds = KEEP_PASSING_SECONDS if passing else KEEP_SECONDS
        key = _key(in_force, one, reading)
        self._cache[key] = (self._monotonic() + seconds, verdict)
        self._cache.move_to_end(key)
        while len(self._cache) > MAX_KEPT:
            self._cache.popitem(last=False)


def _key(in_force: InForce, one: _Asked, reading: KeptReading) -> _Key:
    return in_force.key, str(one.reference), reading.content, reading.unreachable is None


def _decision(
    text: str,
    one: _Asked,
    verdict: Verdict,
    reading: KeptReading | SignerError | None,
    *,
    cached: bool = False,
) -> Decision:
    content = reading.content if isinstance(reading, KeptReading) else ""
    return Decision(text, one.reference, one.rule, verdict, content, cached)


def _unparsed(text: str, error: SignerError) -> Decision:
    if not text.strip():
        error = NotSignedError("No image is named.", code="blank-image")
    return Decision(text, None, None, Verdict(printable(text), REJECT, reason=error))


def _is_reading(reading: KeptReading | SignerError | None) -> bool:
    return isinstance(reading, KeptReading)


def _safely(decide: Callable[[ImageReference], Verdict], reference: ImageReference) -> Verdict:
    """Decide; whatever else goes wrong than the policy foresees is a refusal, too."""
    try:
        return decide(reference)
    except Exception as error:  # noqa: BLE001 - see above
        return refuse(reference, _internal(reference.gun, error))


def _result(future: Future[Verdict], reference: ImageReference, decider: Decider) -> Verdict:
    if not future.done():
        late = Decider(decider.policy, _Ready({}), clock=_never)
        return late.decide(reference)
    return _safely(lambda _reference: future.result(), reference)


def _never() -> datetime:
    raise RuntimeError("what was not read is not judged")


def _too_many(gun: Gun) -> SignerError:
    return NotSignedError(
        f"{gun}: the object names images of more than {MAX_COLLECTIONS} repositories.",
        hint="Divide it.",
        code="too-many-repositories",
    )


def _as_signer_error(gun: Gun, error: BaseException) -> SignerError:
    return error if isinstance(error, SignerError) else _internal(gun, error)


def _internal(gun: Gun, error: BaseException) -> SignerError:
    return NetworkError(
        f"{gun}: an internal error, {type(error).__name__}: {printable(str(error))}.",
        hint="This is a fault of signer; please report it.",
        code="internal",
    )
