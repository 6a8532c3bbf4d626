"""The bundle: one file with everything needed to decide about collections without a network.

It is JSON in the envelope of Notary's metadata, ``{"signed": ..., "signatures": [...]}``, and never
compressed. Each collection's files are the servers' bytes: they verify themselves, against a pin.
The signature around them says something else: that its maker trusted these roots.

Reading is strict: unknown, missing and duplicate names, wrong types, other versions and anything
beyond the limits are refused before a signature is looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec

from signer.constants import BASE_ROLES, MAX_DELEGATIONS, MAX_ROOT_ROTATIONS, ROOT
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError
from signer.dialect.time import parse_time
from signer.errors import TrustDataError, UsageError
from signer.names import Gun, RoleName, parse_gun, parse_role, printable
from signer.trust.fetch import size_limit

SCHEMA: Final = "signer.bundle/1"
MAX_BUNDLE_SIZE: Final = 128 * 2**20
MAX_COLLECTIONS: Final = 10_000
MAX_POLICY_SIZE: Final = 2**20
MAX_PINS: Final = 100
_MIN_FILE_SIZE: Final = 64  # no metadata is shorter; millions of empty files would cost memory
_MAX_SIGNATURES: Final = 16


class BundleMalformedError(TrustDataError):
    """A file is no bundle, or a damaged one."""

    default_code = "bundle-malformed"


class BundleSchemaError(UsageError):
    """A bundle of a version that this program does not know."""

    default_code = "bundle-schema"


@dataclass(frozen=True)
class BundledCollection:
    """One collection in a bundle.

    Attributes:
        gun: its name.
        files: wire form of each role's current file; the base roles are always there.
        roots: wire forms of older roots, the oldest first, so that a pin on one of them works.
        pins: how the maker trusted the root, in words: information, never a reason to trust.
    """

    gun: Gun
    files: Mapping[RoleName, bytes]
    roots: tuple[bytes, ...] = ()
    pins: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """A bundle's content, and its signatures, which nobody has checked yet.

    Attributes:
        created: when it was made, in UTC, by its maker's clock.
        collections: by name, in the maker's order.
        policy: text of a policy file, or empty.
        envelope: content and signatures as received.
    """

    created: datetime
    collections: Mapping[Gun, BundledCollection]
    policy: str = ""
    envelope: Envelope = field(default_factory=lambda: Envelope({}), repr=False, compare=False)

    @property
    def signed_by(self) -> tuple[str, ...]:
        """Canonical ids of the keys that claim to have signed it."""
        return tuple(self.envelope.signatures)


_Hex = Annotated[str, msgspec.Meta(max_length=64)]
_Text = Annotated[str, msgspec.Meta(max_length=256)]
_Wire = Annotated[bytes, msgspec.Meta(min_length=_MIN_FILE_SIZE)]
_Roots = Annotated[list[_Wire], msgspec.Meta(max_length=MAX_ROOT_ROTATIONS)]
_Files = Annotated[
    dict[_Text, _Wire],
    msgspec.Meta(max_length=MAX_DELEGATIONS + len(BASE_ROLES)),
]


class _Collection(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    gun: _Text
    files: _Files
    roots: _Roots
    pins: Annotated[list[_Text], msgspec.Meta(max_length=MAX_PINS)]


class _Content(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    schema: str
    created: Annotated[str, msgspec.Meta(max_length=40)]
    collections: Annotated[
        list[_Collection], msgspec.Meta(min_length=1, max_length=MAX_COLLECTIONS)
    ]
    policy: Annotated[str, msgspec.Meta(max_length=MAX_POLICY_SIZE)] = ""


class _Signature(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    keyid: _Hex
    method: _Text
    sig: Annotated[str, msgspec.Meta(max_length=8192)]


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    signed: _Content
    signatures: Annotated[list[_Signature], msgspec.Meta(max_length=_MAX_SIGNATURES)]


class _Schema(msgspec.Struct):
    schema: str


class _AnyVersion(msgspec.Struct):
    signed: _Schema


def read_bundle(path: Path) -> Bundle:
    """Read a bundle's file.

    Raises:
        UsageError: it cannot be read.
        BundleMalformedError, BundleSchemaError: as ``parse_bundle``.
    """
    try:
        with path.open("rb") as file:
            wire = file.read(MAX_BUNDLE_SIZE + 1)
    except OSError as error:
        raise UsageError(f"Cannot read {path}: {error.strerror or error}.") from error
    return parse_bundle(wire, origin=str(path))


def parse_bundle(wire: bytes, *, origin: str) -> Bundle:
    """Decode a bundle, all of it; signatures and metadata are not verified here.

    Args:
        wire: the file.
        origin: its name, for messages.

    Raises:
        BundleMalformedError: no bundle, too large, or with something in it that does not belong
            there; a collection that lacks a base role has the code ``bundle-incomplete``.
        BundleSchemaError: a bundle of another version.
    """
    if len(wire) > MAX_BUNDLE_SIZE:
        raise _malformed(origin, f"it has more than {MAX_BUNDLE_SIZE >> 20} MiB", "bundle-size")
    try:
        document = _decode(wire, origin)
        # Typed decoding takes the last of two equal names; this one refuses them.
        envelope = Envelope.from_bytes(wire)
        content = document.signed
        collections = [_collection(item, origin) for item in content.collections]
        created = parse_time(content.created)
    except MalformedError as error:
        raise _malformed(origin, error.message.rstrip(".")) from error
    except (msgspec.DecodeError, RecursionError, UsageError, ValueError) as error:
        if isinstance(error, BundleSchemaError):
            raise
        raise _malformed(origin, str(error).rstrip(".") or "nested too deeply") from error
    by_gun = {collection.gun: collection for collection in collections}
    if len(by_gun) != len(collections):
        raise _malformed(origin, "a collection is in it twice")
    return Bundle(created, by_gun, content.policy, envelope)


def _decode(wire: bytes, origin: str) -> _Document:
    schema = msgspec.json.decode(wire, type=_AnyVersion).signed.schema
    if schema != SCHEMA:
        raise BundleSchemaError(
            f"{printable(origin)} is of the schema {printable(schema[:60])!r}, not {SCHEMA!r}.",
            hint="It was made by another version of signer, or is something else.",
        )
    return msgspec.json.decode(wire, type=_Document)


def _collection(item: _Collection, origin: str) -> BundledCollection:
    gun = parse_gun(item.gun)
    if gun != item.gun:
        raise ValueError(f"{item.gun!r} is no collection's full name")
    files = {parse_role(name): wire for name, wire in item.files.items()}
    lacking = [role for role in BASE_ROLES if role not in files]
    if lacking:
        raise _malformed(origin, f"{gun} lacks {', '.join(lacking)}", "bundle-incomplete")
    for role, wire in (*files.items(), *((ROOT, root) for root in item.roots)):
        if len(wire) > size_limit(role):
            raise ValueError(f"{gun}: the file of role {role} is too large")
    return BundledCollection(gun, files, tuple(item.roots), tuple(item.pins))


def _malformed(origin: str, why: str, code: str = "") -> BundleMalformedError:
    return BundleMalformedError(
        f"{printable(origin)} is no whole bundle: {printable(why)}.",
        hint="Copy it anew, or have it made anew; nothing of it was used.",
        code=code,
    )
