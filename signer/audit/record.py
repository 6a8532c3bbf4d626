r"""One line of the record: canonical JSON that is bound to the line before.

``sha256`` is over the record's canonical JSON without that member: it tells which line was altered.
``previous`` is over the whole line before, without its line feed: it tells that lines are missing
or stand elsewhere. Of the first record it is 64 zeros.

A line that a killed process began and never ended is no record. The next record that is written
names it in ``torn`` by its SHA-256; such lines are passed over, ``previous`` goes past them.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from signer.audit.circumstances import Circumstances
from signer.dialect.canonical import Json, canonical_json, strict_json
from signer.dialect.time import format_time, parse_time
from signer.errors import SignerError

VERSION: Final = 1
FIRST: Final = "0" * 64
"""``previous`` of the first record."""

TORN: Final = "torn-line"
"""The action, and the status, of the record about torn lines."""

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_TEXTS: Final = ("time", "status", "previous", "sha256")
_OBJECTS: Final = ("who", "what", "why", "how", "error")


@dataclass(frozen=True)
class PublishedFile:
    """A role's file that was sent to the Notary server."""

    role: str
    version: int
    sha256: str
    """Of the file, as hex."""

    answered: bool = True
    """False where the server's answer was lost."""


@dataclass(frozen=True)
class Outcome:
    """What a command did, or failed to do, to one thing.

    Attributes:
        action: ``sign``, ``revoke``, ``init``, ``delegation-add``, ...
        status: what became of it: ``signed``, ``refused``, ``failed``, ...
        gun: the collection.
        tag: of the image.
        digest: ``sha256:HEX`` that was signed.
        previous_digest: ``sha256:HEX`` that the tag had before.
        signer: a signer's name.
        host: a registry's host.
        roles: names.
        versions: by role.
        key_ids: of the keys that signed, or that were made, taken in, or trusted.
        published: files that went to the server.
        details: anything else that was changed.
        why: event, policy, gate; as the command has them.
        error: why it failed or was refused.
    """

    action: str
    status: str
    gun: str = ""
    tag: str = ""
    digest: str = ""
    previous_digest: str = ""
    signer: str = ""
    host: str = ""
    roles: Sequence[str] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    key_ids: Sequence[str] = ()
    published: Sequence[PublishedFile] = ()
    details: Mapping[str, Json] = field(default_factory=dict)
    why: Mapping[str, Json] = field(default_factory=dict)
    error: SignerError | None = None

    @property
    def what(self) -> dict[str, object]:
        """The record's part of this name, before what is absent is left out."""
        return {
            "action": self.action,
            "gun": self.gun,
            "tag": self.tag,
            "digest": self.digest,
            "previous_digest": self.previous_digest,
            "signer": self.signer,
            "host": self.host,
            "roles": list(self.roles),
            "versions": dict(self.versions),
            "key_ids": list(self.key_ids),
            "published": [
                {"role": file.role, "version": file.version, "sha256": file.sha256}
                | ({} if file.answered else {"answer": "lost"})
                for file in self.published
            ],
            **self.details,
        }


def content_of(outcome: Outcome, circumstances: Circumstances, *, time: datetime) -> Json:
    """Return a record's content, which is not bound to others yet; secrets are taken out."""
    clean = circumstances.redactor.json
    content: dict[str, Json] = {
        "time": format_time(time),
        "status": outcome.status,
        "who": clean(circumstances.who),
        "what": clean(outcome.what),
        "how": clean(circumstances.how),
    }
    if outcome.why:
        content["why"] = clean(outcome.why)
    if outcome.error is not None:
        content["error"] = clean({"code": outcome.error.code, "message": outcome.error.message})
    return content


def seal(content: Json, *, previous: str, torn: Sequence[str] = ()) -> bytes:
    """Bind a content to the record before, and return its line without line feed.

    Args:
        content: of ``content_of``.
        previous: `line_hash` of the line before.
        torn: hashes of the torn lines between.
    """
    whole = {**content, "version": VERSION, "previous": previous}
    if torn:
        whole["torn"] = list(torn)
    digest = hashlib.sha256(canonical_json(whole)).hexdigest()
    return canonical_json({**whole, "sha256": digest})


def line_hash(line: bytes) -> str:
    """Return the SHA-256 of a line without its line feed, as hex."""
    return hashlib.sha256(line).hexdigest()


@dataclass(frozen=True)
class Record:
    """One record as it was read.

    Attributes:
        line: its number in the file, from 1.
        content: all of it.
        hash: `line_hash` of its line.
    """

    line: int
    content: Json
    hash: str

    @property
    def time(self) -> datetime:
        """When it was written, by the clock of who wrote it."""
        return parse_time(self.content["time"])

    @property
    def status(self) -> str:
        """What became of it."""
        return str(self.content["status"])

    @property
    def previous(self) -> str:
        """Hash of the line before."""
        return str(self.content["previous"])

    @property
    def torn(self) -> list[str]:
        """Hashes of torn lines before this one."""
        return list(self.content.get("torn", ()))

    def what(self, name: str) -> str:
        """Return a text of ``what``, or an empty one."""
        value = self.content["what"].get(name, "")
        return value if isinstance(value, str) else ""

    @property
    def published(self) -> set[tuple[str, str]]:
        """Role and SHA-256 of every file that went to the server."""
        files = self.content["what"].get("published", ())
        return {(str(file.get("role")), str(file.get("sha256"))) for file in files}


def read_record(line: bytes, *, number: int) -> Record:
    """Read a line (without line feed) and check it against its own hash.

    Raises:
        ValueError: it is no record, or not as it was written; with the reason.
    """
    try:
        content = strict_json(line)
        if not isinstance(content, dict) or canonical_json(content) != line:
            raise ValueError("not in canonical form")
    except ValueError as error:
        raise ValueError("it is no record") from error
    unsealed = {name: value for name, value in content.items() if name != "sha256"}
    if content.get("sha256") != hashlib.sha256(canonical_json(unsealed)).hexdigest():
        raise ValueError("its content is not what was written")
    if content.get("version") != VERSION:
        raise ValueError("it is of a version that this program does not know")
    if not _has_form(content):
        raise ValueError("it is no record")
    return Record(number, content, line_hash(line))


def _has_form(content: dict[str, Json]) -> bool:
    torn = content.get("torn", [])
    published = content["what"].get("published", []) if _is_object(content.get("what")) else None
    if not isinstance(torn, list) or not isinstance(published, list):
        return False
    try:
        parse_time(str(content.get("time")))
    except ValueError:
        return False
    return (
        all(isinstance(content.get(name), str) for name in _TEXTS)
        and all(_is_object(content.get(name, {})) for name in _OBJECTS)
        and _HASH.fullmatch(content["previous"]) is not None
        and all(isinstance(value, str) for value in torn)
        and all(_is_object(file) for file in published)
    )


def _is_object(value: Json) -> bool:
    return isinstance(value, dict)
