"""The admission webhook's decisions: which requests are looked at, and what becomes of them.

- Every image of the object counts, in updates too; nothing that the object says about itself
  (owners, labels, annotations) makes it count less.
- Deletions, connections and subresources that cannot change an image are let through, and so is
  an update of an object that is being deleted and names no new image: its finalizers must end.
- ``mutate`` pins what was accepted; ``validate`` decides after all other mutators and changes
  nothing.

Source: the design, "Admission, in detail"; the Kubernetes API, ``admission.k8s.io/v1``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signer.admission.decision import Decision, Decisions
from signer.admission.objects import Object, ObjectImage, UnreadableObjectError, find_images
from signer.admission.patch import patch_of
from signer.admission.policy_file import InForce
from signer.admission.review import Answer, Cause, Request, decode_object, refusal
from signer.errors import SignerError, worst_exit_code
from signer.names import printable
from signer.policy.model import NEVER, PODS
from signer.policy.verdict import ACCEPT, REJECT, WARN
from signer.workloads.kinds import pod_spec_path

UPDATE: Final = "UPDATE"
FREE_OPERATIONS: Final = frozenset({"DELETE", "CONNECT"})
FREE_SUBRESOURCES: Final = frozenset(
    {"approval", "attach", "binding", "eviction", "exec", "finalize", "log", "portforward",
     "proxy", "scale", "status", "token"}
)  # fmt: skip
"""Through these no image can be changed: the API server takes nothing else from the object."""

_BESIDE: Final = frozenset({"metadata", "status"})
_MAX_NAMED: Final = 100
_MAX_ANNOTATION: Final = 64 * 1024
_ORDER: Final = (ACCEPT, WARN, REJECT)


@dataclass(frozen=True)
class Reviewed:
    """A request, what it is answered, and by which decisions.

    Attributes:
        answer: for the API server.
        images: of the object.
        decisions: about them, one for each image.
        why: why it was let through without a look at images; empty otherwise.
    """

    answer: Answer
    images: Sequence[ObjectImage] = ()
    decisions: Sequence[Decision] = ()
    why: str = ""

    @property
    def verdict(self) -> str:
        """The worst of the images' verdicts; of the answer where there are none."""
        if not self.answer.allowed:
            return REJECT
        verdicts = [decision.verdict.verdict for decision in self.decisions]
        return max(verdicts, key=_ORDER.index, default=ACCEPT)


async def review(
    request: Request, *, in_force: InForce, decisions: Decisions, mutate: bool, seconds: float
) -> Reviewed:
    """Decide about a request.

    Args:
        request: of the API server.
        in_force: the policy.
        decisions: decides about images.
        mutate: whether images may be pinned.
        seconds: the time for all of it.

    Raises:
        BadReviewError: the object is none.
    """
    free = _free(request)
    if free:
        return _let_through(request, free)
    found = decode_object(request.object)
    if found is None:
        return Reviewed(refusal(request.uid, "no-object", "The review has no object to look at."))
    former = decode_object(request.oldObject) if request.operation == UPDATE else None
    try:
        images = _images(request, found, in_force)
        _require_containers(request, images)
        before = _places(_images(request, former, in_force)) if former is not None else {}
    except SignerError as error:
        if _is_being_deleted(request, found, former) and _is_same(found, former):
            return _let_through(request, "being-deleted")
        return Reviewed(refusal(request.uid, error.code, f"{error.message} {error.hint}".strip()))
    has_new = former is not None and not {image.text for image in images} <= before.keys()
    if _is_being_deleted(request, found, former) and not has_new:
        return _let_through(request, "being-deleted")
    decided = await decisions.decide(in_force, [image.text for image in images], seconds=seconds)
    about = [decided[image.text] for image in images]
    patch = []
    if mutate:
        pins = _pins(request, found, images, about, before=before)
        patch = patch_of(found, pins)
    return Reviewed(_answer(request, in_force, images, about, patch), images, about)


def _free(request: Request) -> str:
    """Return why a request needs no decision; empty where it does."""
    if request.operation in FREE_OPERATIONS:
        return request.operation.lower()
    if (request.subResource or "") in FREE_SUBRESOURCES:
        return f"subresource-{request.subResource}"
    return ""


def _let_through(request: Request, why: str) -> Reviewed:
    return Reviewed(Answer(request.uid, True, annotations={"let-through": why}), why=why)


def _images(request: Request, found: Object, in_force: InForce) -> list[ObjectImage]:
    kind = request.kind
    return find_images(found, kind.api_version, kind.kind, resources=in_force.resources)


def _require_containers(request: Request, images: Sequence[ObjectImage]) -> None:
    """Refuse what could not be stored anyway, or is of another kind than the request says."""
    kind = request.kind
    if not images and pod_spec_path(kind.api_version, kind.kind) is not None:
        raise UnreadableObjectError(
            f"The object has no containers, as every {printable(kind.kind)} does.",
            code="no-containers",
        )


def _places(images: Sequence[ObjectImage]) -> dict[str, set[str]]:
    """Return the pointers where each image stands."""
    places: dict[str, set[str]] = {}
    for image in images:
        places.setdefault(image.text, set()).add(image.pointer)
    return places


def _is_being_deleted(request: Request, found: Object, former: Object | None) -> bool:
    """Tell an update of an object whose deletion has begun; nobody can write that by himself.

    The API server sends the former object with every update.
    """
    return (
        request.operation == UPDATE and _deletion(found) and (former is None or _deletion(former))
    )


def _is_same(found: Object, former: Object | None) -> bool:
    """Tell whether an update changes nothing but metadata and status."""
    parts = [
        {name: value for name, value in (state or {}).items() if name not in _BESIDE}
        for state in (found, former)
    ]
    return parts[0] == parts[1]


def _deletion(found: Object) -> bool:
    metadata = found.get("metadata")
    return isinstance(metadata, dict) and bool(metadata.get("deletionTimestamp"))


# Pinning


def _pins(
    request: Request,
    found: Object,
    images: Sequence[ObjectImage],
    decided: Sequence[Decision],
    *,
    before: dict[str, set[str]],
) -> dict[ObjectImage, str]:
    """Return which images are pinned to which digest."""
    if any(decision.verdict.verdict == REJECT for decision in decided) or _is_copy(request, found):
        return {}
    is_fixed = request.kind.kind in {"Pod", "Job"}
    pins: dict[ObjectImage, str] = {}
    for image, decision in zip(images, decided, strict=True):
        verdict, rule = decision.verdict, decision.rule
        if rule is None or not verdict.digest or rule.mutate == NEVER:
            continue
        if rule.mutate == PODS and request.kind.kind != "Pod":
            continue
        if is_fixed and image.pointer in before.get(image.text, ()):
            # A running container would be started anew, and a job's template cannot change.
            continue
        pins[image] = verdict.digest
    return pins


def _is_copy(request: Request, found: Object) -> bool:
    """Tell a ReplicaSet that a Deployment made; its controller would take a changed one for alien.

    It would make another one, again and again. The pods are pinned when they are made. What is
    not believed here can only leave an image unpinned that is decided upon all the same.
    """
    metadata = found.get("metadata")
    owners = metadata.get("ownerReferences") if isinstance(metadata, dict) else None
    return request.kind.kind == "ReplicaSet" and any(
        isinstance(owner, dict) and owner.get("controller") is True
        and owner.get("kind") == "Deployment"
        for owner in (owners if isinstance(owners, list) else ())
    )  # fmt: skip


# Answers


def _answer(
    request: Request,
    in_force: InForce,
    images: Sequence[ObjectImage],
    decided: Sequence[Decision],
    patch: Sequence[dict[str, Any]],
) -> Answer:
    causes = _causes(images, decided)
    annotations = {
        "policy-sha256": in_force.policy.digest,
        "images": _shortened_json(images, decided),
    }
    if not causes:
        warnings = _warnings(decided)
        return Answer(request.uid, True, warnings=warnings, patch=patch, annotations=annotations)
    return Answer(
        request.uid,
        False,
        causes=causes,
        message=_message(causes, total=len({image.text for image in images})),
        warnings=_warnings(decided),
        annotations=annotations,
    )


def _causes(images: Sequence[ObjectImage], decided: Sequence[Decision]) -> list[Cause]:
    """Return why images are refused, each once, the worst first."""
    refused: dict[str, tuple[int, Cause]] = {}
    for image, decision in zip(images, decided, strict=True):
        verdict = decision.verdict
        if verdict.verdict != REJECT or image.text in refused:
            continue
        reason = verdict.reason or SignerError(f"{verdict.image} is refused.")
        name = verdict.image or "an image without a name"
        message = f"{name} ({image.path}): {reason.message} [{reason.code}]"
        message = f"{message} {reason.hint}".strip()
        cause = Cause(reason.code, message, image.path)
        refused[image.text] = (int(verdict.exit_code), cause)
    codes = [code for code, _ in refused.values()]
    worst = worst_exit_code(codes) if codes else 0
    return [cause for _, cause in sorted(refused.values(), key=lambda entry: entry[0] != worst)]


def _message(causes: Sequence[Cause], *, total: int) -> str:
    named = [cause.message for cause in causes[:_MAX_NAMED]]
    if len(causes) > _MAX_NAMED:
        named.append(f"and {len(causes) - _MAX_NAMED} more")
    if total == 1:
        return f"signer refuses {named[0]}"
    lines = "\n".join(f"- {line}" for line in named)
    return f"signer refuses {len(causes)} of {total} images:\n{lines}"


def _warnings(decided: Sequence[Decision]) -> list[str]:
    found: dict[str, str] = {}
    for decision in decided:
        verdict = decision.verdict
        if verdict.verdict == WARN and verdict.reason is not None:
            said = f"signer: {verdict.image}: {verdict.reason.message} [{verdict.reason.code}]"
            found.setdefault(decision.text, said)
    return list(found.values())[:_MAX_NAMED]


def _shortened_json(images: Sequence[ObjectImage], decided: Sequence[Decision]) -> str:
    """Return what was decided, for the API server's audit log; a long list ends early."""
    entries: list[dict[str, str]] = []
    size = 0
    for image, decision in zip(images, decided, strict=True):
        verdict = decision.verdict
        entry = {"image": verdict.image, "path": image.path, "verdict": verdict.verdict}
        entry["digest"] = verdict.digest
        entry["rule"] = verdict.rule
        entry["signers"] = ",".join(verdict.signers)
        entry["code"] = verdict.reason.code if verdict.reason else ""
        kept = {name: value for name, value in entry.items() if value}
        size += sum(len(name) + len(value) + 6 for name, value in kept.items())
        if size > _MAX_ANNOTATION:
            entries.append({"more": str(len(images) - len(entries))})
            break
        entries.append(kept)
    return msgspec.json.encode(entries).decode("utf-8")
