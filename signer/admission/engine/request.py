"""A request to the engine, as the engine shows it to its authorization plugin.

It shows method, URI as it was sent, headers (of doubled ones the last; the engine itself takes the
first) and the body, if that is JSON of at most 1 MB. So what is missing here may still have
been sent, and is never taken for absent.

Source: docker engine 20.10, ``pkg/authorization``, and what a real one was seen to send.
"""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from signer.admission.engine.refusal import UnclearRequestError, unseen
from signer.names import printable

_VERSION: Final = re.compile(r"/v[0-9.]+(?=/)")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class _Wire(msgspec.Struct, rename="pascal"):
    request_method: str = ""
    request_uri: str = ""
    request_body: str | None = None
    request_headers: dict[str, str] | None = None
    user: str = ""
    user_auth_n_method: str = msgspec.field(default="", name="UserAuthNMethod")
    response_status_code: int = 0
    response_body: str | None = None


_WIRES: Final = msgspec.json.Decoder(_Wire)


class Query:
    """The parameters of a URI, as Go reads them: names are told apart by case.

    Raises:
        UnclearRequestError: a bad escape, or ``;``, which engines read differently.
    """

    def __init__(self, text: str) -> None:
        if ";" in text or _BAD_ESCAPE.search(text):
            raise unseen("The request", "its parameters can be read in more than one way")
        self._values: dict[str, list[str]] = {}
        for part in text.split("&"):
            name, _, value = part.partition("=")
            if part:
                self._values.setdefault(_decoded_plus(name), []).append(_decoded_plus(value))

    def all(self, name: str) -> list[str]:
        """Return all values."""
        return self._values.get(name, [])

    def one(self, name: str) -> str:
        """Return the value; empty where there is none.

        Raises:
            UnclearRequestError: it is given more than once.
        """
        values = self.all(name)
        if len(values) > 1:
            raise unseen("The request", f"the parameter {name!r} is given {len(values)} times")
        return values[0] if values else ""


@dataclass(frozen=True)
class EngineRequest:
    """A request.

    Attributes:
        method: as it was sent: ``GET``, ``POST``, ...
        uri: as it was sent.
        headers: names in lower case.
        body: None where the engine shows none.
        user: whom the engine's TLS client certificate names; empty on a socket.
        status: of the engine's answer, 0 while there is none.
        answer: the engine's answer, if it is JSON.
    """

    method: str
    uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = field(default=None, repr=False)
    user: str = ""
    status: int = 0
    answer: bytes = field(default=b"", repr=False)

    @classmethod
    def read(cls, content: bytes) -> "EngineRequest":
        """Read the body of ``/AuthZPlugin.AuthZReq`` or ``AuthZRes``.

        Raises:
            UnclearRequestError: it is none.
        """
        try:
            wire = _WIRES.decode(content)
            body = wire.request_body
            return cls(
                method=wire.request_method,
                uri=wire.request_uri,
                headers={
                    name.lower(): value for name, value in (wire.request_headers or {}).items()
                },
                body=base64.b64decode(body, validate=True) if body else None,
                user=wire.user,
                status=wire.response_status_code,
                answer=base64.b64decode(wire.response_body or "", validate=True),
            )
        except (msgspec.MsgspecError, RecursionError, ValueError) as error:
            raise unseen("The request", "the engine described it in an unknown form") from error

    @property
    def summary(self) -> str:
        """Method and path as they were sent; parameters may hold secrets, as of builds."""
        return f"{self.method} {self.uri.partition('?')[0]}"

    @property
    def path(self) -> str:
        """The path as the engine routes it: decoded, without the API's version.

        Raises:
            UnclearRequestError: another program might read it as another path.
        """
        raw = self.uri.partition("?")[0]
        if not raw.startswith("/") or _BAD_ESCAPE.search(raw):
            raise _bad_path(raw)
        path = _decoded(raw)
        if any(part in {"", ".", ".."} for part in path.split("/")[1:]) or not path.isprintable():
            raise _bad_path(raw)
        return _VERSION.sub("", path, count=1) if _VERSION.match(path) else path

    @property
    def query(self) -> Query:
        """The URI's parameters.

        Raises:
            UnclearRequestError: they can be read in more than one way.
        """
        return Query(self.uri.partition("?")[2])

    def require_no_form(self, what: str) -> None:
        """Make sure that parameters come from the URI alone.

        Forms in the body come before the URI's parameters. The engine shows no form, and of two
        Content-Types the one that does not count; only an empty body has certainly none.

        Raises:
            UnclearRequestError: there may be a form.
        """
        if self.headers.get("content-length") != "0":
            raise unseen(
                what,
                "it has a body, or does not say 'Content-Length: 0', and a form in the body would "
                "count instead of what can be seen",
                hint="Name the image in the URI and send no body, as the docker program does.",
            )

    def require_body(self, what: str) -> bytes:
        """Return the body.

        Raises:
            UnclearRequestError: the engine does not show it.
        """
        if self.body is None:
            raise unseen(
                what,
                "the engine does not show its body, as it is larger than 1 MB or not sent as "
                "application/json",
                hint="Make it smaller: put large files into configs, secrets or volumes.",
            )
        return self.body


def _bad_path(raw: str) -> UnclearRequestError:
    return unseen(f"The request for {printable(raw)}", "the path is not written in its plain form")


def _decoded(text: str) -> str:
    # Bytes that are no UTF-8 stay what they are, as in Go; no path or name here has any.
    return unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode(
        "utf-8", "surrogateescape"
    )


def _decoded_plus(text: str) -> str:
    return _decoded(text.replace("+", " "))
