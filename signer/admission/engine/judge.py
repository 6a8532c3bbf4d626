"""Whether what a request asks for is what the policy accepts.

A tag is accepted only if what the engine would use has the signed digest: of an image that it has,
the digest by which it was pulled; of one that it has not, what the registry serves now.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

from signer.admission.engine.api import LocalImage
from signer.admission.engine.asks import Ask, Build, Deploy, MakeLocal, Pull, RollBack, Use
from signer.admission.engine.endpoints import spec_asks
from signer.admission.engine.refusal import (
    BuildError,
    LocalDiffersError,
    LocalImageError,
    UnclearRequestError,
    unseen,
)
from signer.errors import NotFoundError, NotSignedError, SignerError, UsageError
from signer.names import ImageReference, printable
from signer.policy.agreement import ManifestSource
from signer.policy.decide import Decider, with_tag
from signer.policy.match import match
from signer.policy.model import WARN_ONLY, Rule
from signer.policy.verdict import ACCEPT, REJECT, WARN, Verdict

_MAX_NAMES: Final = 64
"""Names of one image that are looked at; users may give it any number."""


class Engine(Protocol):
    """What is asked of the engine; see ``EngineApi``."""

    def image(self, name: str) -> LocalImage | None:
        """Return what the engine finds by a name or an id."""

    def service(self, name: str) -> bytes | None:
        """Return the description of a service."""


class Judge:
    """Decides about what requests ask for.

    Args:
        decider: decides about images by a policy.
        engine: what it has.
        registry: the registry of an image.
        on_accepted: is told the id of each image of the engine's that may be used.
    """

    def __init__(
        self,
        decider: Decider,
        engine: Engine,
        *,
        registry: Callable[[ImageReference], ManifestSource],
        on_accepted: Callable[[str], None] = lambda _image: None,
    ) -> None:
        self._decider = decider
        self._policy = decider.policy
        self._engine = engine
        self._registry = registry
        self._on_accepted = on_accepted

    def judge(self, ask: Ask) -> Verdict:
        """Decide about one thing that is asked for; whatever goes wrong is a refusal."""
        try:
            return self._judge(ask)
        except SignerError as error:
            return Verdict(_shown(ask), REJECT, reason=error)

    def container(self, name: str) -> Verdict:
        """Decide about the image that a container was made of, by the image's id."""
        try:
            return self._by_id(name, self._found(name))
        except SignerError as error:
            return Verdict(printable(name), REJECT, reason=error)

    def _judge(self, ask: Ask) -> Verdict:
        match ask:
            case Pull():
                return self._pull(ask.reference)
            case Use():
                return self._use(ask.text)
            case Deploy():
                return self._deploy(ask.text)
            case RollBack():
                return self._roll_back(ask.service)
            case MakeLocal():
                return self._make_local(ask)
            case Build():
                return self._build(ask)

    # From a registry

    def _pull(self, reference: ImageReference) -> Verdict:
        if not reference.tag and not reference.digest:
            return self._pull_all(reference)
        return self._as_served(reference)

    def _pull_all(self, reference: ImageReference) -> Verdict:
        rule = self._rule(reference)
        if rule is not None and rule.approve:
            return self._decider.decide(reference)
        error = NotSignedError(
            f"{reference.gun}: all tags at once are not pulled, as each has to be decided upon.",
            hint="Pull one tag at a time.",
            code="all-tags",
        )
        return self._refused(reference, error)

    def _as_served(self, reference: ImageReference) -> Verdict:
        """Decide about an image as its registry serves it."""
        verdict = self._decider.decide(reference)
        if verdict.verdict == REJECT or reference.digest or not verdict.digest:
            return verdict
        try:
            served = self._registry(reference).manifest(reference.path, reference.tag).digest
        except NotFoundError as error:
            return self._changed(verdict, reference, error)
        except SignerError as error:
            hint = f"Pull by digest: {_by_digest(reference, verdict)}"
            return self._changed(verdict, reference, _with_hint(error, hint))
        if served != verdict.digest:
            differs = NotSignedError(
                f"{reference.gun}: the registry serves {served} for {reference.tag}, and "
                f"{verdict.digest} is signed.",
                hint=f"Pull the signed one by digest: {_by_digest(reference, verdict)}",
                code="registry-differs",
            )
            return self._changed(verdict, reference, differs)
        return verdict

    # What the engine has

    def _use(self, text: str) -> Verdict:
        local = self._engine.image(text)
        if local is None:
            return self._as_served(with_tag(_named(text)))
        reference = _name_of(local, text)
        verdict = self._by_name(reference, local) if reference else self._by_id(text, local)
        if verdict.verdict != REJECT:
            self._on_accepted(local.id)
        return verdict

    def _deploy(self, text: str) -> Verdict:
        """Decide about a service's image; a tag means what the registry serves and what is here.

        Nodes fetch it anew for each task, and use what they have if they cannot.
        """
        local = self._engine.image(text)
        if local is not None:
            reference = _name_of(local, text)
            if reference is None:
                return self._by_id(text, local)
            verdict = self._by_name(reference, local)
            if verdict.verdict == REJECT or not verdict.digest or reference.digest:
                return verdict
            return worst([verdict, self._as_served(reference)])
        return self._as_served(with_tag(_named(text)))

    def _by_name(self, reference: ImageReference, local: LocalImage) -> Verdict:
        rule = self._rule(reference)
        digests = local.digests_of(reference)
        if rule is not None and rule.engine.local and local.is_local_in(reference):
            return Verdict(str(reference), ACCEPT, rule=rule.name)
        verdict = self._decider.decide(reference)
        if verdict.verdict == REJECT or not verdict.digest or reference.digest:
            return verdict
        if verdict.digest in digests:
            return verdict
        has = f"{', '.join(sorted(digests))}" if digests else f"a local one, {local.id}"
        error = LocalDiffersError(
            f"{reference.gun}: the image that the engine has for {reference.tag} is {has}, and "
            f"{verdict.digest} is signed.",
            hint=f"Pull the signed one, docker pull {_by_digest(reference, verdict)}, and use it "
            "by that name.",
        )
        return self._changed(verdict, reference, error)

    def _by_id(self, text: str, local: LocalImage) -> Verdict:
        """Accept an image by its id if one of the names that the engine knows it by is accepted."""
        refused: list[Verdict] = []
        for reference in local.digests[:_MAX_NAMES]:
            verdict = self._decider.decide(reference)
            if verdict.verdict != REJECT:
                return verdict
            refused.append(verdict)
        for reference in local.tags[:_MAX_NAMES]:
            rule = self._rule(reference)
            if rule is None:
                continue
            if rule.approve or (rule.engine.local and local.is_local_in(reference)):
                return Verdict(str(reference), ACCEPT, rule=rule.name)
        if refused:
            return refused[0]
        error = LocalImageError(
            f"The image {printable(text)} was not pulled from a registry, and no rule lets it be "
            "used all the same.",
            hint="Pull a signed image and use that. Where local images may be used, their rule "
            "says 'engine: {local: true}'.",
        )
        return Verdict(printable(text), REJECT, reason=error)

    def _found(self, name: str) -> LocalImage:
        local = self._engine.image(name)
        if local is None:
            raise NotSignedError(f"The engine has no image {printable(name)} any more.")
        return local

    def _roll_back(self, service: str) -> Verdict:
        content = self._engine.service(service)
        if content is None:
            raise unseen("The service's rollback", "the engine knows no such service")
        verdicts = [self.judge(ask) for ask in spec_asks(content, "PreviousSpec")]
        return worst(verdicts)

    # What no registry vouches for

    def _make_local(self, ask: MakeLocal) -> Verdict:
        what = f"docker {ask.how}"
        rule = self._rule(ask.name) if ask.name else self._rule_for_everything()
        if rule is not None and (rule.approve or rule.engine.local):
            return Verdict(str(ask.name or what), ACCEPT, rule=rule.name)
        about = str(ask.name.gun) if ask.name else "'*', as no name can be seen,"
        error = LocalImageError(
            f"{what} is refused: it makes an image that nobody signed.",
            hint=f"Where that is wanted, the policy's rule for {about} says "
            "'engine: {local: true}'.",
        )
        return self._refused(ask.name, error, rule=rule, shown=what)

    def _build(self, ask: Build) -> Verdict:
        names: tuple[ImageReference | None, ...] = ask.names or (None,)
        verdicts = []
        for name in names:
            rule = self._rule(name) if name else self._rule_for_everything()
            if rule is not None and (rule.approve or rule.engine.build):
                verdicts.append(Verdict(str(name or "docker build"), ACCEPT, rule=rule.name))
                continue
            about = str(name.gun) if name else "'*', as the build has no name,"
            error = BuildError(
                "docker build is refused: which images it starts from cannot be seen.",
                hint="Build where images are signed. Where this engine may build, the policy's "
                f"rule for {about} says 'engine: {{build: true}}'.",
            )
            verdicts.append(self._refused(name, error, rule=rule, shown="docker build"))
        return worst(verdicts)

    # Rules

    def _rule(self, reference: ImageReference) -> Rule | None:
        return match(self._policy, reference).rule

    def _rule_for_everything(self) -> Rule | None:
        for rule in self._policy.rules:
            if set(rule.pattern.host) == {"*"} == set(rule.pattern.path):
                return rule
        return None

    def _refused(
        self,
        reference: ImageReference | None,
        error: SignerError,
        *,
        rule: Rule | None = None,
        shown: str = "",
    ) -> Verdict:
        if reference is not None:
            rule = self._rule(reference)
            if rule is None:
                return self._decider.decide(reference)
        name = rule.name if rule else ""
        return Verdict(str(reference or shown), _refusal(rule), rule=name, reason=error)

    def _changed(self, verdict: Verdict, reference: ImageReference, error: SignerError) -> Verdict:
        """Return a verdict that is refused after all, or warned about where the rule says so."""
        return replace(verdict, verdict=_refusal(self._rule(reference)), reason=error)


def _refusal(rule: Rule | None) -> str:
    return WARN if rule is not None and rule.mode == WARN_ONLY else REJECT


def worst(verdicts: list[Verdict]) -> Verdict:
    """Return the first of the worst verdicts."""
    order = [REJECT, WARN, ACCEPT]
    return min(verdicts, key=lambda verdict: order.index(verdict.verdict))


def _named(text: str) -> ImageReference:
    try:
        return ImageReference.parse(text)
    except UsageError as error:
        raise UnclearRequestError(
            f"{printable(text)!r} is no image that the engine has, and no name of one.",
            hint=error.hint,
        ) from error


def _name_of(local: LocalImage, text: str) -> ImageReference | None:
    """Return the name by which the engine finds an image, or None where that is its id."""
    try:
        reference = with_tag(ImageReference.parse(text))
    except UsageError:
        return None
    if reference.digest:
        known = {(found.gun, found.digest) for found in local.digests}
        return reference if (reference.gun, reference.digest) in known else None
    return reference if reference in local.tags else None


def _by_digest(reference: ImageReference, verdict: Verdict) -> str:
    return f"{reference.gun}@{verdict.digest}"


def _with_hint(error: SignerError, hint: str) -> SignerError:
    return type(error)(error.message, hint=hint, code=error.code)


def _shown(ask: Ask) -> str:
    match ask:
        case Pull():
            return str(ask.reference)
        case Use() | Deploy():
            return printable(ask.text)
        case RollBack():
            return f"rollback of {printable(ask.service)}"
        case MakeLocal():
            return str(ask.name or f"docker {ask.how}")
        case Build():
            return ", ".join(map(str, ask.names)) or "docker build"
