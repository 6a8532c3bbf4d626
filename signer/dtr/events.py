"""Events: the webhook bodies of a DTR, decoded strictly, and what is to be done about each.

Rules:

- an event is a claim, not a proof: the gate asks DTR about every word of it;
- only ``PROMOTION`` signs; DTR's test payloads, and the zero-time copies that it sends beside the
  real promotion, are recognised and skipped with a reason;
- other keys beside DTR's own are ignored: a GitLab trigger adds ``id``, ``ref`` and ``variables``;
- messages name source and field and never repeat the text, which may be any file's.

Source: dtr-ucp-ci reference, B.4 (bodies), D.1 (``TRIGGER_PAYLOAD``).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from signer.dialect.time import parse_time
from signer.dtr.contents import (
    TYPES,
    Contents,
    PromotionContents,
    ScanCompletedContents,
    ScanFailedContents,
    TagContents,
)
from signer.dtr.promotion import Promotion, is_digest, is_policy_id, is_repository, is_tag
from signer.errors import UsageError
from signer.names import printable

_PATH = re.compile(r" - at `(?:key in )?\$([^`]*)`$")
_MISSING = re.compile(r"Object missing required field `([^`]*)`$")
_TEST_TIME: Final = "2015-01-02T15:04:05"
_TEST_NAMES: Final = ("foo", "bar")
_ZERO_YEAR: Final = 1
_HINT: Final = "An event is the JSON body of a DTR webhook, as the webhook's sender wrote it."
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_NOTHING: Final = msgspec.Raw(b"null")


class _Envelope(msgspec.Struct, frozen=True, rename="camel"):
    type: str
    created_at: str = ""
    contents: msgspec.Raw = _NOTHING
    location: str = ""


# Made here, not where they are used: see signer.transport.answers.
_ENVELOPES: Final = msgspec.json.Decoder(_Envelope)
_ANYTHING: Final = msgspec.json.Decoder()
_CONTENTS: Final = {name: msgspec.json.Decoder(struct) for name, struct in TYPES.items()}
_TEXTUAL: Final = {
    name: msgspec.json.Decoder(struct, strict=False) for name, struct in TYPES.items()
}


@dataclass(frozen=True)
class Event:
    """One event as it was received."""

    type: str
    """``PROMOTION``, ``TAG_PUSH``, ...; another DTR's type as it stands."""

    source: str
    """Where it was read: a file's name, with the line where it holds several."""

    created_at: str = ""
    """RFC 3339 with nanoseconds, as received."""

    location: str = ""
    """``/repositories/NAMESPACE/REPO/tags/TAG``, as received."""

    contents: Contents | None = field(default=None, repr=False)
    """Typed contents, or None where only the envelope is known, or for a test payload."""

    is_test: bool = False
    """Whether this is the body that DTR's "Test" button sends."""

    @property
    def about(self) -> str:
        """``NAMESPACE/REPO:TAG`` that the event is about, as it says; or an empty string."""
        match self.contents:
            case PromotionContents(target_repository=repository, target_tag=tag):
                return f"{repository}:{tag}"
            case (
                TagContents(namespace=namespace, repository=repository, tag=tag)
                | ScanCompletedContents(namespace=namespace, repository=repository, tag=tag)
                | ScanFailedContents(namespace=namespace, repository=repository, tag=tag)
            ):
                return printable(f"{namespace}/{repository}:{tag}")
            case _:
                return ""


@dataclass(frozen=True)
class Skipped:
    """An event on which nothing is signed."""

    event: Event
    reason: str
    """One sentence for people."""

    code: str
    """``other-type``, ``test-payload``, ``zero-time`` or ``duplicate``."""


@dataclass(frozen=True)
class Promoted:
    """An event that asks for a signature."""

    event: Event
    promotion: Promotion


def decode_event(text: bytes, *, source: str) -> Event:
    """Decode one event.

    Args:
        text: JSON in UTF-8.
        source: where it comes from, for messages.

    Raises:
        UsageError: no JSON object, no ``type``, a field that is missing or of a wrong type, or a
            name, digest or time that is none (code ``bad-event``).

    Source: dtr-ucp-ci reference, B.4.
    """
    try:
        envelope = _ENVELOPES.decode(text)
        anything = _ANYTHING.decode(envelope.contents)
    except _UNREADABLE as error:
        raise _bad(source, _explain(error, "")) from error
    kind = envelope.type
    if isinstance(anything, str) and kind in TYPES:
        # A form's field holds the object as text.
        envelope = msgspec.structs.replace(envelope, contents=msgspec.Raw(anything.encode()))
        anything = _decoded_text(anything, source, kind)
    is_test = isinstance(anything, dict) and _is_test(anything)
    contents = None
    if kind in TYPES and not is_test:
        contents = _contents(kind, envelope.contents, anything, source=source)
    event = Event(
        type=kind,
        source=source,
        created_at=envelope.created_at,
        location=envelope.location,
        contents=contents,
        is_test=is_test,
    )
    if isinstance(contents, PromotionContents):
        _check_promotion(contents, source)
    return event


def classify(event: Event) -> Promoted | Skipped:
    """Decide what is to be done about an event: sign, or skip for a reason."""
    contents = event.contents
    if event.is_test:
        return Skipped(
            event, f"This {printable(event.type)} event is DTR's test payload.", "test-payload"
        )
    if not isinstance(contents, PromotionContents):
        return Skipped(
            event, f"An event of type {printable(event.type)} signs nothing.", "other-type"
        )
    if parse_time(contents.promoted_at).year == _ZERO_YEAR:
        return Skipped(
            event,
            f"The promotion of {contents.target_repository}:{contents.target_tag} has no time: it "
            "is a copy of another event.",
            "zero-time",
        )
    return Promoted(event, _promotion(contents))


def sort_out(events: Iterable[Event]) -> list[Promoted | Skipped]:
    """Classify events in order; what was promoted once is signed once.

    Two events are the same where all that they claim but the time is the same. Events for one
    target, tag and digest that name different sources are all kept: the gate finds out which of
    them is true, and a forged one does not hide it.
    """
    seen: set[Promotion] = set()
    found: list[Promoted | Skipped] = []
    for event in events:
        outcome = classify(event)
        if isinstance(outcome, Promoted):
            claim = _without_time(outcome.promotion)
            if claim in seen:
                reason = f"The promotion of {claim.target} to {claim.digest} was given twice."
                outcome = Skipped(event, reason, "duplicate")
            seen.add(claim)
        found.append(outcome)
    return found


def _without_time(promotion: Promotion) -> Promotion:
    return Promotion(
        policy_id=promotion.policy_id,
        digest=promotion.digest,
        source_repository=promotion.source_repository,
        source_tag=promotion.source_tag,
        target_repository=promotion.target_repository,
        target_tag=promotion.target_tag,
    )


def _promotion(contents: PromotionContents) -> Promotion:
    return Promotion(
        policy_id=contents.policy_id,
        digest=contents.digest,
        source_repository=contents.source_repository,
        source_tag=contents.source_tag,
        target_repository=contents.target_repository,
        target_tag=contents.target_tag,
        promoted_at=parse_time(contents.promoted_at),
    )


def _contents(kind: str, raw: msgspec.Raw, anything: object, *, source: str) -> Contents:
    if not isinstance(anything, dict):
        raise _bad(source, f"the contents of a {kind} event must be an object")
    # A form-encoded sender has text only: there "5" is a number and "true" a truth value.
    decoder = _TEXTUAL[kind] if _all_text(anything) else _CONTENTS[kind]
    try:
        return decoder.decode(raw)
    except _UNREADABLE as error:
        raise _bad(source, _explain(error, "contents", kind=kind)) from error


def _decoded_text(text: str, source: str, kind: str) -> object:
    try:
        return _ANYTHING.decode(text)
    except _UNREADABLE as error:
        raise _bad(source, f"the contents of a {kind} event must be an object") from error


def _all_text(value: object) -> bool:
    match value:
        case dict():
            return all(_all_text(item) for item in value.values())
        case list():
            return all(_all_text(item) for item in value)
        case _:
            return isinstance(value, str)


def _is_test(contents: Mapping[str, Any]) -> bool:
    """Tell DTR's test payload by its names and its time together (a repository may be foo/bar)."""
    names = (contents.get("namespace"), contents.get("repository"))
    repositories = (contents.get("sourceRepository"), contents.get("targetRepository"))
    named = names == _TEST_NAMES or "/".join(_TEST_NAMES) in repositories
    summary = contents.get("scanSummary")
    values = [*contents.values(), *(summary.values() if isinstance(summary, dict) else ())]
    return named and any(
        isinstance(value, str) and value.startswith(_TEST_TIME) for value in values
    )


_RULES: Final[tuple[tuple[str, str, Callable[[str], bool], str], ...]] = (
    ("promotionPolicyID", "policy_id", lambda text: not text or is_policy_id(text), "a policy id"),
    ("digest", "digest", is_digest, "sha256: and 64 lower-case hex digits"),
    ("sourceRepository", "source_repository", is_repository, "a repository (NAMESPACE/NAME)"),
    ("sourceTag", "source_tag", is_tag, "a tag"),
    ("targetRepository", "target_repository", is_repository, "a repository (NAMESPACE/NAME)"),
    ("targetTag", "target_tag", is_tag, "a tag"),
)


def _check_promotion(contents: PromotionContents, source: str) -> None:
    """Refuse names that are none: they go into URLs, messages and signatures."""
    for name, attribute, is_valid, kind in _RULES:
        if not is_valid(getattr(contents, attribute)):
            raise _bad(source, f"contents.{name} is not {kind}")
    try:
        parse_time(contents.promoted_at)
    except ValueError as error:
        raise _bad(source, "contents.promotedAt is no RFC 3339 time") from error


def _explain(error: Exception, parent: str, *, kind: str = "") -> str:
    """Name the field and what is wrong with it, from msgspec's message."""
    if not isinstance(error, msgspec.ValidationError):
        return "it is no JSON"
    message = str(error)
    path = _PATH.search(message)
    problem = message[: path.start()] if path else message
    place = f"{parent}{path.group(1)}" if path else parent
    missing = _MISSING.search(problem)
    if missing:
        place, problem = f"{place}.{missing.group(1)}", "it is missing"
    place = place.strip(".")
    of = f" of the {kind} event" if kind else ""
    return f"{place}{of}: {problem}" if place else problem


def _bad(source: str, why: str) -> UsageError:
    return UsageError(
        f"{source} is no event of a DTR: {printable(why)}.", hint=_HINT, code="bad-event"
    )
