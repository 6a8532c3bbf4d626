"""Remembered states as one file, to be carried elsewhere: a backup, another machine, Redis.

What is imported is merged with what is known: marks only rise. A root is believed as its bearer
is, but it must be signed to its own threshold, and where another is known, one must follow the
other.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from tuf.api.metadata import Root

from signer.constants import MAX_VERSION, ROOT
from signer.dialect.canonical import strict_json
from signer.dialect.envelope import Envelope
from signer.errors import SignerError, TrustDataError, UsageError
from signer.names import Gun, parse_gun, parse_role, printable
from signer.trust.checks import check_signatures
from signer.trust.collection import TrustedCollection
from signer.trust.state import StateConflictError, StateStore, TrustState, state_content

SCHEMA: Final = "signer.state/1"
MAX_SIZE: Final = 256 * 2**20

_Version = Annotated[int, msgspec.Meta(ge=1, le=MAX_VERSION)]
_Fingerprint = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A collection's state: as its file in a trust directory holds it."""

    gun: str
    pins: list[_Fingerprint]
    root: bytes
    versions: dict[str, _Version]


class _Export(msgspec.Struct, forbid_unknown_fields=True):
    """The whole file."""

    schema: str
    states: list[_Entry]


def encode_export(states: Mapping[Gun, TrustState]) -> bytes:
    """Return states as a file: UTF-8 JSON, sorted."""
    content = [state_content(gun, states[gun]) for gun in sorted(states)]
    return json.dumps({"schema": SCHEMA, "states": content}, indent=1).encode("ascii") + b"\n"


def decode_export(text: bytes, *, origin: str) -> dict[Gun, TrustState]:
    """Read a file that ``encode_export`` made, and check each of its roots by itself.

    Raises:
        UsageError: it is malformed, or a root in it is not signed to its own threshold.
    """
    try:
        if len(text) > MAX_SIZE:
            raise ValueError(f"larger than {MAX_SIZE} bytes")
        export = msgspec.json.decode(text, type=_Export)
        strict_json(text)  # typed decoding takes the last of two equal names; this refuses them
        if export.schema != SCHEMA:
            raise ValueError(f"the schema is not {SCHEMA}")
        states = {parse_gun(entry.gun): _state(entry) for entry in export.states}
        if len(states) != len(export.states):
            raise ValueError("a collection is there twice")
    except (ValueError, RecursionError, msgspec.MsgspecError, SignerError) as error:
        raise UsageError(
            f"{origin} is no export of trust state: {printable(str(error)).rstrip('.')}.",
            hint="Make one with 'signer state export'. Nothing was imported.",
            code="bad-state-export",
        ) from error
    return states


def import_states(store: StateStore, states: Mapping[Gun, TrustState]) -> dict[Gun, str]:
    """Merge states into a store: all, or where one of them conflicts none.

    Returns:
        By collection ``new``, ``updated`` or ``unchanged``.

    Raises:
        StateConflictError: another root is known, and neither follows the other.
        StateError: what is known is damaged.
        UnwritableDirectoryError, NetworkError, AuthError: the store cannot be written.
    """
    before = {gun: store.load(gun) for gun in states}
    for gun, state in states.items():
        known = before[gun]
        if known is not None and known.root != state.root:
            _check_that_one_follows(gun, known.root, state.root, location=store.location(gun))
    store.save_all(states)
    return {gun: _outcome(known, store.load(gun)) for gun, known in before.items()}


def root_of(state: TrustState) -> Root:
    """Return the root of a state.

    Raises:
        TrustDataError: it cannot be read.
    """
    return Envelope.from_bytes(state.root).signed_as(Root)


def _state(entry: _Entry) -> TrustState:
    gun = parse_gun(entry.gun)
    if gun != entry.gun:
        raise ValueError(f"{gun} is written otherwise")
    for role in entry.versions:
        parse_role(role)
    collection = TrustedCollection(gun, datetime.now(tz=UTC))  # no expiry is looked at
    collection.trust_root(entry.root)
    if entry.versions.get(ROOT) != collection.root.version:
        raise ValueError(f"{gun}: the root has another version than the one that is stated")
    return TrustState(entry.root, entry.versions, frozenset(entry.pins))


def _check_that_one_follows(gun: Gun, known: bytes, given: bytes, *, location: str) -> None:
    try:
        roots = [Envelope.from_bytes(wire) for wire in (known, given)]
        older, newer = sorted(roots, key=lambda envelope: envelope.signed.version)
        if older.signed.version == newer.signed.version:
            raise TrustDataError("Both have the same version.")
        check_signatures(older.signed_as(Root), ROOT, newer, gun=gun)
    except TrustDataError as error:
        versions = " and ".join(str(envelope.signed.version) for envelope in roots)
        raise StateConflictError(
            f"{gun}: root versions {versions}, known and given, do not follow one another: "
            f"{location}.",
            hint="At most one is right. Where the root's keys were rotated more than once in "
            "between, read the collection ('signer inspect') where the older one is known, first.",
        ) from error


def _outcome(before: TrustState | None, after: TrustState | None) -> str:
    if before is None:
        return "new"
    return "unchanged" if before == after else "updated"
