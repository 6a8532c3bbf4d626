"""The changefeed of a Notary server: every publish and deletion of a collection, oldest first.

It is the server's word: nothing in it is signed.

Source: NP 5, "changefeed".
"""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

PAGE_RECORDS: Final = 500
MAX_PAGE_SIZE: Final = 2 * 2**20
"""Bytes of one page; a record has some 250."""

UPDATE: Final = "update"
DELETION: Final = "deletion"

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Change:
    """One record of the changefeed.

    Attributes:
        id: its number; they rise, over all collections of the server.
        created_at: RFC 3339, the server's clock, as received.
        version: of the timestamp; 0 for a deletion.
        sha256: of the timestamp's file, as hex; empty for a deletion.
        category: ``update`` or ``deletion``.
    """

    id: int
    created_at: str
    version: int
    sha256: str
    category: str


class _Record(msgspec.Struct):
    ID: str
    CreatedAt: str
    GUN: str
    Version: int
    SHA256: str
    Category: str


class _Page(msgspec.Struct):
    count: int
    records: list[_Record] | None = None


# Made here, not where it is used: see signer.transport.answers.
_PAGES: Final = msgspec.json.Decoder(_Page)


def read_page(content: bytes, *, gun: str, after: int) -> list[Change]:
    """Read a page of one collection's changefeed.

    Args:
        content: the server's answer.
        gun: the collection.
        after: the number that was asked for: all of the page's are higher, and rise.

    Raises:
        ValueError: it is no such page.
    """
    try:
        page = _PAGES.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError("it is no changefeed") from error
    changes: list[Change] = []
    for record in page.records or ():
        if not re.fullmatch(r"[0-9]{1,18}", record.ID, re.ASCII) or int(record.ID) <= after:
            raise ValueError("its numbers do not rise")
        if gun != record.GUN:
            raise ValueError("it names another collection")
        is_update = record.Category == UPDATE
        if record.Category not in {UPDATE, DELETION}:
            raise ValueError("it has an unknown category")
        if is_update and not _SHA256.fullmatch(record.SHA256):
            raise ValueError("it has a hash that is no SHA-256")
        after = int(record.ID)
        changes.append(
            Change(after, record.CreatedAt, record.Version, record.SHA256, record.Category)
        )
    return changes
