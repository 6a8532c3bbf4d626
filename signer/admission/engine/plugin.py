"""The plugin: what the engine is answered, and why.

A container is looked at again when it has been made: a name may have been moved to another image
between the question and the deed. One of an image that was not decided upon is removed at once.

Source: docker engine, "Access authorization plugin".
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Protocol

import msgspec

from signer.admission.collections import KeptCollections
from signer.admission.engine.asks import Ask
from signer.admission.engine.judge import Engine, Judge, worst
from signer.admission.engine.refusal import unseen
from signer.admission.engine.request import EngineRequest
from signer.admission.policy_file import PolicyFile
from signer.errors import NetworkError, SignerError
from signer.names import Gun, ImageReference, printable
from signer.policy.agreement import ManifestSource
from signer.policy.decide import Decider
from signer.policy.model import Policy, Rule
from signer.policy.reading import Reading
from signer.policy.verdict import REJECT, Verdict

DEADLINE_SECONDS: Final = 10.0
"""The engine itself waits for ever for a plugin that hangs, as was seen on 20.10."""

_READING_SECONDS: Final = 7.0
_REMEMBERED: Final = 1024
_REMEMBERED_SECONDS: Final = 120.0


class Containers(Engine, Protocol):
    """What is asked of the engine; see ``EngineApi``."""

    def image_of(self, container: str) -> str:
        """Return the id of the image that a container was made of."""

    def remove(self, container: str) -> None:
        """Remove a container."""


@dataclass(frozen=True)
class Decision:
    """What became of a request.

    Attributes:
        request: the engine's.
        verdicts: one for each thing that it asks for.
        policy: by which it was decided.
        seconds: how long it took.
    """

    request: EngineRequest
    verdicts: tuple[Verdict, ...]
    policy: Policy
    seconds: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """The worst one."""
        return worst(list(self.verdicts))

    @property
    def allowed(self) -> bool:
        """Whether the engine may do it."""
        return self.verdict.verdict != REJECT

    @property
    def message(self) -> str:
        """What the user is told, in one line; empty where nothing is refused."""
        reason = self.verdict.reason
        if self.allowed or reason is None:
            return ""
        hint = f" {reason.hint}" if reason.hint else ""
        return f"{reason.message}{hint} ({reason.code})"


class Plugin:
    """Decides about requests; safe for several threads.

    Args:
        policies: the policy in force.
        collections: where collections come from.
        engine: what it has.
        registry: the registry of an image.
        clock: returns the current time, with its zone.
    """

    def __init__(
        self,
        policies: PolicyFile,
        collections: KeptCollections,
        engine: Containers,
        *,
        registry: Callable[[ImageReference], ManifestSource],
        clock: Callable[[], datetime],
    ) -> None:
        self._policies = policies
        self._reader = _Bounded(collections)
        self._engine = engine
        self._registry = registry
        self._clock = clock
        self._accepted = _Accepted()

    def decide(self, request: EngineRequest, asks: Sequence[Ask]) -> Decision:
        """Decide about what a request asks for."""
        return self._decided(request, lambda judge: [judge.judge(ask) for ask in asks])

    def refuse(self, request: EngineRequest, error: SignerError) -> Decision:
        """Return the decision about a request that cannot be understood, or not in time."""
        return Decision(request, (_refusal(request, error),), self._policies.current.policy)

    def made(self, request: EngineRequest) -> Decision | None:
        """Look at what the engine made of a request; None where there is nothing to look at."""
        if not makes_container(request):
            return None

        def judged(judge: Judge) -> list[Verdict]:
            container = ""
            try:
                container = _made_container(request)
                image = self._engine.image_of(container)
                if self._accepted.has(image):
                    return []
                verdict = judge.container(image)
            except SignerError as error:
                verdict = _refusal(request, error)
            if verdict.verdict == REJECT and container:
                verdict = self._removed(container, verdict)
            return [verdict]

        decision = self._decided(request, judged)
        return decision if decision.verdicts else None

    def _decided(
        self, request: EngineRequest, judged: Callable[[Judge], list[Verdict]]
    ) -> Decision:
        begun = time.monotonic()
        policy = self._policies.current.policy
        decider = Decider(policy, self._reader, clock=self._clock, registry=self._registry)
        judge = Judge(
            decider, self._engine, registry=self._registry, on_accepted=self._accepted.add
        )
        try:
            verdicts = judged(judge)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong lets nothing through
            name = type(error).__name__
            failed = SignerError(f"An internal error, {name}: {error}", code="internal")
            verdicts = [_refusal(request, failed)]
        return Decision(request, tuple(verdicts), policy, time.monotonic() - begun)

    def _removed(self, container: str, verdict: Verdict) -> Verdict:
        why = verdict.reason.message if verdict.reason else "It was refused."
        said = f"The container was made of another image than the one that was asked for. {why}"
        try:
            self._engine.remove(container)
        except SignerError as error:
            said = f"{said} It could not be removed: {error.message}"
        changed = unseen("The container", "its image was exchanged", hint=said)
        return replace(verdict, reason=changed)


def makes_container(request: EngineRequest) -> bool:
    """Tell whether this is the answer to a request that made a container."""
    if request.method != "POST" or request.status != 201:
        return False
    try:
        return request.path == "/containers/create"
    except SignerError:
        return False


class _Answer(msgspec.Struct):
    id: str = msgspec.field(name="Id")


def _made_container(request: EngineRequest) -> str:
    try:
        return msgspec.json.decode(request.answer, type=_Answer).id
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise unseen("The container", "the engine does not say which one it made") from error


def _refusal(request: EngineRequest, error: SignerError) -> Verdict:
    return Verdict(printable(request.summary), REJECT, reason=error)


def too_late() -> NetworkError:
    """Return the error for a decision that took too long."""
    return NetworkError(
        f"No decision within {DEADLINE_SECONDS:.0f} s, so it is refused.",
        hint="Is the Notary server or the registry overloaded, or a firewall in between?",
        code="timeout",
    )


def unrecordable() -> SignerError:
    """Return the error for a decision that could not be recorded."""
    return SignerError(
        "The audit record cannot be written, so nothing is decided.",
        hint="See the plugin's log, and make room for the file of [audit].",
        code="audit-not-writable",
    )


class _Accepted:
    """Ids of images that were accepted a moment ago: their containers need no second look."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: OrderedDict[str, float] = OrderedDict()

    def add(self, image: str) -> None:
        with self._lock:
            self._until[image] = time.monotonic() + _REMEMBERED_SECONDS
            self._until.move_to_end(image)
            while len(self._until) > _REMEMBERED:
                self._until.popitem(last=False)

    def has(self, image: str) -> bool:
        with self._lock:
            return self._until.get(image, 0.0) > time.monotonic()


class _Bounded:
    """A ``CollectionReader`` that gives up before the request's deadline."""

    def __init__(self, collections: KeptCollections) -> None:
        self._collections = collections

    def read(self, gun: Gun, *, rule: Rule) -> Reading:
        return self._collections.read(gun, rule=rule, timeout=_READING_SECONDS)
