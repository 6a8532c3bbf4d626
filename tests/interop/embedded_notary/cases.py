"""What is asked of both Notary servers, so that their answers can be compared.

A case is a function that takes an author and yields answers; modules beside this add theirs. What
the embedded server answers otherwise on purpose is in ``test_stricter.py``.
"""

from collections.abc import Callable, Iterator
from typing import Final

import httpx

from tests.interop.embedded_notary.author import Author

Answers = Iterator[httpx.Response]
Case = Callable[[Author], Answers]

CASES: Final[dict[str, Case]] = {}


def case(function: Case) -> Case:
    """Add a case under its name."""
    CASES[function.__name__.strip("_")] = function
    return function


PATHS: Final = (
    "GET /v2/",
    "GET /_notary_server/health",
    "POST /_notary_server/health",
    "GET /v2/GUN/_trust/tuf/",
    "GET /v2/GUN/_trust/tuf",
    "GET /v2/GUN/_trust/",
    "GET /v2/GUN/_trust/tuf/other.json",
    "GET /v2/GUN/_trust/tuf/targets/",
    "GET /v2/GUN/_trust/tuf/targets.key",
    "GET /v2/GUN/_trust/tuf/root.key",
    "POST /v2/GUN/_trust/tuf/root.key",
    "PUT /v2/GUN/_trust/tuf/root.json",
    "DELETE /v2/GUN/_trust/tuf/root.json",
    "POST /v2/GUN/_trust/tuf/root.json",
    "HEAD /v2/GUN/_trust/tuf/root.json",
    "HEAD /v2/GUN/_trust/tuf/",
    "HEAD /v2/GUN/_trust/changefeed",
    "GET /v2/GUN/_trust/tuf/root.json",
    "GET /v2/GUN/_trust/tuf/targets.json",
    "GET /v2/GUN/_trust/tuf/targets/releases.json",
    "GET /v2/GUN/_trust/tuf/targets/Strange%20Role.json",
    "GET /v2/GUN/_trust/tuf/snapshot.json",
    "GET /v2/GUN/_trust/tuf/timestamp.json",
    "GET /v2/GUN/_trust/tuf/1.root.json",
    "GET /v2/GUN/_trust/tuf/001.root.json",
    "GET /v2/GUN/_trust/tuf/0.root.json",
    "GET /v2/GUN/_trust/tuf/2.root.json",
    "GET /v2/GUN/_trust/tuf/1.targets.json",
    "GET /v2/GUN/_trust/tuf/1.snapshot.json",
    "GET /v2/GUN/_trust/tuf/1.timestamp.json",
    "GET /v2/GUN/_trust/tuf/-1.root.json",
    "GET /v2/GUN/_trust/tuf/1.other.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 64}.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 63}.json",
    f"GET /v2/GUN/_trust/tuf/timestamp.{'0' * 64}.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 128}.json",
    "GET /v2/GUN*/_trust/tuf/root.json",
    "GET /v2/GUN/_trust/changefeed?records=1",
    "GET /v2/GUN/_trust/changefeed",
    "GET /v2/GUN/_trust/changefeed?records=",
    "GET /v2/GUN/_trust/changefeed?records=one",
    "GET /v2/GUN/_trust/changefeed?records=1.5",
    "GET /v2/GUN/_trust/changefeed?records=99999999999",
    "GET /v2/GUN/_trust/changefeed?records=1&change_id=one",
    "GET /v2/GUN/_trust/changefeed?records=1&change_id=99999999999",
    "POST /v2/GUN/_trust/changefeed?records=1",
    "GET /v2/_trust/changefeed",
    "GET /v2/_trust/changefeed?records=x",
    "POST /v2/_trust/changefeed?records=1",
)


# The form of an upload


def _body(name: str, body: bytes, content_type: str = "") -> None:
    def answers(author: Author) -> Answers:
        yield author.post_body(body, content_type or "multipart/form-data; boundary=example")

    CASES[f"body: {name}"] = answers


def _part(header: bytes, content: bytes = b"{}") -> bytes:
    return b"--example\r\n" + header + b"\r\n\r\n" + content + b"\r\n--example--\r\n"


_NAMED: Final = b'Content-Disposition: form-data; name="files"; filename="%s"'

_body("no multipart", b"{}", "application/json")
_body("no content type", b"{}", "text/plain")
_body("no boundary", b"--example--\r\n", "multipart/form-data")
_body("no parts", b"--example--\r\n")
_body("a part without fields", b"--example\r\n\r\n{}\r\n--example--\r\n")
_body("a part without file name", _part(b'Content-Disposition: form-data; name="files"'))
_body("an empty file name", _part(_NAMED % b""))
_body("a file name that is an extension", _part(_NAMED % b".json"))
_body("a role that is none", _part(_NAMED % b"other"))
_body("a role in upper case", _part(_NAMED % b"Root"))
_body("a role with a dot", _part(_NAMED % b"targets/../root"))
_body("a role with an empty component", _part(_NAMED % b"targets//a"))
_body("a role with a slash at its end", _part(_NAMED % b"targets/a/"))
_body("a role of any delegation", _part(_NAMED % b"targets/*"))
_body("a role that is too long", _part(_NAMED % (b"targets/" + b"a" * 300)))
for _name, _content in {
    "nothing": b"",
    "white space": b"  \r\n",
    "no JSON": b"hello",
    "a list": b"[]",
    "a number": b"1",
    "a text": b'"root"',
    "null": b"null",
    "an object": b"{}",
    "cut off": b'{"signed":{"version":1',
    "signed is a list": b'{"signed":[]}',
    "signed is a text": b'{"signed":"x"}',
    "signed is null": b'{"signed":null}',
    "version is a text": b'{"signed":{"version":"1"}}',
    "version is no whole number": b'{"signed":{"version":1.5}}',
    "version is null": b'{"signed":{"version":null}}',
    "version is huge": b'{"signed":{"version":99999999999999999999}}',
    "expires is no time": b'{"signed":{"version":1,"expires":"tomorrow"}}',
    "two values": b'{"signed":{"version":7}} {"signed":{"version":8}}',
}.items():
    _body(f"content is {_name}", _part(_NAMED % b"root.json", _content))
