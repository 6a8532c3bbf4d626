"""What servers answer: a response, and the error body that registries and Notary share.

No httpx type appears here, so that nothing above the transport depends on the HTTP library.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from signer.errors import AuthError, NetworkError, NotFoundError, SignerError
from signer.names import printable

_TOO_MANY_REQUESTS: Final = 429
_MAX_ERRORS_SHOWN: Final = 3


class Headers(Mapping[str, str]):
    """Header fields, looked up without regard to case; repeated fields are joined by commas."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = {name.lower(): value for name, value in fields.items()}

    def __getitem__(self, name: str) -> str:
        return self._fields[name.lower()]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __repr__(self) -> str:
        return f"Headers({sorted(self._fields)})"  # the values may be session cookies


@dataclass(frozen=True)
class Response:
    """A server's complete answer."""

    status: int
    """HTTP status code."""

    headers: Headers
    """Header fields."""

    content: bytes
    """The body as sent; of an error answer (status 400 and up) the first 64 KiB."""

    url: str
    """Where the answer came from, after redirects."""

    @property
    def media_type(self) -> str:
        """The Content-Type without parameters, in lower case."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def looks_like_json_object(self) -> bool:
        """Whether the body begins as a JSON object does (an HTML page does not)."""
        return self.content.lstrip(b" \t\r\n").startswith(b"{")


@dataclass(frozen=True)
class ServerError:
    """One entry of ``{"errors": [...]}`` (NP 5, OCI distribution): all text made printable."""

    code: str
    message: str
    detail: str = ""

    def __str__(self) -> str:
        text = f"{self.message} ({self.code})" if self.code else self.message
        return f"{text}: {self.detail}" if self.detail else text


class _Entry(msgspec.Struct):
    code: str = ""
    message: str = ""
    detail: Any = None


class _ErrorBody(msgspec.Struct):
    errors: list[_Entry]


# Made once, while the module is imported: msgspec crashes where two threads use a type that it has
# not analysed yet, and the first requests of a run are answered at once.
_ERRORS: Final = msgspec.json.Decoder(_ErrorBody)


def server_errors(response: Response) -> tuple[ServerError, ...]:
    """Read the errors that a registry or Notary server lists; empty where the body is another.

    Source: NP 5 (error JSON), OCI distribution specification ("Error Codes").
    """
    try:
        body = _ERRORS.decode(response.content)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError, RecursionError):
        return ()
    return tuple(
        ServerError(
            printable(entry.code), printable(entry.message).rstrip("."), _detail(entry.detail)
        )
        for entry in body.errors[:_MAX_ERRORS_SHOWN]
    )


def _detail(detail: Any) -> str:  # noqa: ANN401 - the server's free-form JSON
    """Flatten a detail such as ``{"Name": N, "Error": {"Msg": M, "Missing": [..]}}`` to text."""
    if isinstance(detail, str):
        return printable(detail).rstrip(".")
    if not isinstance(detail, dict):
        return ""
    name = detail.get("Name")
    inner = detail.get("Error")
    message = inner.get("Msg") if isinstance(inner, dict) else None
    return ": ".join(
        printable(part).rstrip(".") for part in (name, message) if isinstance(part, str) and part
    )


def status_error(response: Response, *, what: str, hint: str = "") -> SignerError:
    """Return the error that a status stands for, where the caller has no better one.

    ``what`` says in a few words what was asked for, for example ``the tags of admin/flask``;
    ``hint`` is used where the status suggests none. 404 is a NotFoundError, 401 and 403 AuthError,
    all others NetworkError (``rate-limited``, ``redirected``, ``server-error``, ``bad-answer``).
    """
    status = response.status
    where = printable(response.url)
    said = "; ".join(str(error) for error in server_errors(response))
    text = f"Asked for {what}, {where} answered HTTP {status}" + (f": {said}." if said else ".")
    if status == 404:
        return NotFoundError(text, hint=hint)
    if status in (401, 403):
        return AuthError(text, hint=hint or "Check the credentials and their rights.")
    if status == _TOO_MANY_REQUESTS:
        return NetworkError(text, hint="The server limits requests: wait.", code="rate-limited")
    if 300 <= status < 400:
        return NetworkError(text, hint=hint or "Use the URL it redirects to.", code="redirected")
    if status >= 500:
        return NetworkError(
            text, hint=hint or "The server has a fault of its own; try later.", code="server-error"
        )
    return NetworkError(text, hint=hint, code="bad-answer")
