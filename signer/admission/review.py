"""Admission reviews: what the API server asks, and what it is answered.

Source: the Kubernetes API, ``admission.k8s.io/v1``.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from signer.errors import UsageError
from signer.names import printable

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
DEFAULT_SECONDS: Final = 10.0
"""The API server's own default for a webhook's timeout."""

_LONGEST_SECONDS: Final = 30.0
_SHORTEST_SECONDS: Final = 0.1
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION: Final = re.compile(r"(?:[0-9]{1,9}(?:\.[0-9]{0,9})?(?:h|ms|us|µs|ns|m|s))+")
_PART: Final = re.compile(r"([0-9.]+)(h|ms|us|µs|ns|m|s)")
_MAX_WARNING: Final = 256


class BadReviewError(UsageError):
    """What was sent is no admission review.

    Attributes:
        uid: of the request, where it could be read.
        status: the HTTP status of the answer.
    """

    default_code = "bad-review"

    def __init__(self, message: str, *, uid: str = "", status: int = 400, code: str = "") -> None:
        super().__init__(message, code=code)
        self.uid = uid
        self.status = status


class GroupVersionKind(msgspec.Struct, frozen=True):
    """A kind with its group and version."""

    kind: str
    version: str
    group: str = ""

    @property
    def api_version(self) -> str:
        """As objects write it: ``v1``, ``apps/v1``, ..."""
        return f"{self.group}/{self.version}" if self.group else self.version


class UserInfo(msgspec.Struct, frozen=True):
    """Who asks."""

    username: str = ""


class Request(msgspec.Struct, frozen=True):
    """The request of a review; objects are decoded when they are looked at."""

    uid: str
    kind: GroupVersionKind
    operation: str
    object: msgspec.Raw = msgspec.Raw(b"null")
    oldObject: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - as Kubernetes writes it
    subResource: str | None = ""  # noqa: N815 - as Kubernetes writes it
    name: str | None = ""
    namespace: str | None = ""
    dryRun: bool | None = False  # noqa: N815 - as Kubernetes writes it
    userInfo: UserInfo | None = None  # noqa: N815 - as Kubernetes writes it


class _Review(msgspec.Struct, frozen=True):
    apiVersion: str  # noqa: N815 - as Kubernetes writes it
    kind: str
    request: msgspec.Raw = msgspec.Raw(b"null")


class _Uid(msgspec.Struct, frozen=True):
    uid: str = ""


_REVIEW: Final = msgspec.json.Decoder(_Review)
_REQUEST: Final = msgspec.json.Decoder(Request)
_UID: Final = msgspec.json.Decoder(_Uid)
_OBJECT: Final = msgspec.json.Decoder(dict[str, Any] | None)
_ENCODER: Final = msgspec.json.Encoder()
_MALFORMED: Final = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError)


def decode_request(body: bytes) -> Request:
    """Read a review and return its request.

    Raises:
        BadReviewError: it is none, or of another version.
    """
    if not body:
        raise BadReviewError("The request has no body.")
    try:
        review = _REVIEW.decode(body)
    except _MALFORMED as error:
        raise BadReviewError(f"This is no AdmissionReview: {_said(error)}.") from error
    uid = _uid(review.request)
    if review.kind != KIND or review.apiVersion != API_VERSION:
        what = printable(f"{review.apiVersion} {review.kind}")
        raise BadReviewError(f"{what} is not {API_VERSION} {KIND}.", uid=uid, code="bad-version")
    try:
        request = _REQUEST.decode(review.request)
    except _MALFORMED as error:
        raise BadReviewError(f"The review's request: {_said(error)}.", uid=uid) from error
    if not request.uid:
        raise BadReviewError("The review's request has no uid.")
    return request


def decode_object(raw: msgspec.Raw) -> dict[str, Any] | None:
    """Decode an object of a request; None where there is none.

    Raises:
        BadReviewError: it is no object.
    """
    try:
        found: dict[str, Any] | None = _OBJECT.decode(raw)
    except _MALFORMED as error:
        raise BadReviewError(f"The review's object: {_said(error)}.") from error
    return found


def parse_timeout(text: str | None) -> float:
    """Return the seconds of ``?timeout=``, Go's form of a duration; 10 where it is none."""
    if not text or not _DURATION.fullmatch(text):
        return DEFAULT_SECONDS
    seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
    if seconds <= 0:
        return DEFAULT_SECONDS
    return min(max(seconds, _SHORTEST_SECONDS), _LONGEST_SECONDS)


@dataclass(frozen=True)
class Cause:
    """One reason of a refusal.

    Attributes:
        code: stable name of the reason.
        message: for people, with the image.
        field: the way to the image in the object.
    """

    code: str
    message: str
    field: str = ""


@dataclass(frozen=True)
class Answer:
    """The answer to a request.

    Attributes:
        uid: of the request.
        allowed: whether the object may be stored.
        causes: why it is refused.
        message: for people; empty where it is allowed.
        status: the HTTP-like code of a refusal.
        warnings: shown to whoever asked the API server.
        patch: operations of a JSON patch.
        annotations: for the API server's audit log.
    """

    uid: str
    allowed: bool
    causes: Sequence[Cause] = ()
    message: str = ""
    status: int = 403
    warnings: Sequence[str] = ()
    patch: Sequence[Mapping[str, Any]] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """The code of the first cause."""
        return self.causes[0].code if self.causes else ""

    def encode(self) -> bytes:
        """Return the review that carries the answer, as JSON."""
        response: dict[str, Any] = {"uid": self.uid, "allowed": self.allowed}
        if not self.allowed:
            response["status"] = {
                "status": "Failure",
                "code": self.status,
                "reason": self.reason,
                "message": self.message,
                "details": {
                    "causes": [
                        {"reason": cause.code, "message": cause.message, "field": cause.field}
                        for cause in self.causes
                    ]
                },
            }
        if self.warnings:
            response["warnings"] = [shortened(text) for text in self.warnings]
        if self.annotations:
            response["auditAnnotations"] = dict(self.annotations)
        if self.allowed and self.patch:
            response["patchType"] = "JSONPatch"
            response["patch"] = base64.b64encode(_ENCODER.encode(list(self.patch))).decode("ascii")
        return _ENCODER.encode({"apiVersion": API_VERSION, "kind": KIND, "response": response})


def refusal(uid: str, code: str, message: str, *, status: int = 403) -> Answer:
    """Return a refusal for one reason."""
    return Answer(uid, False, (Cause(code, message),), message, status)


def shortened(text: str) -> str:
    """Return a warning in the length that the API server passes on."""
    flat = printable_line(text)
    return flat if len(flat) <= _MAX_WARNING else f"{flat[: _MAX_WARNING - 3]}..."


def printable_line(text: str) -> str:
    """Return text without characters that an HTTP header cannot carry."""
    return "".join(ch if ch.isprintable() else " " for ch in text)


def _uid(request: msgspec.Raw) -> str:
    try:
        return _UID.decode(request).uid
    except _MALFORMED:
        return ""


def _said(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return printable(str(error)).rstrip(".")
