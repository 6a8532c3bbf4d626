"""From Notary's ``signed`` objects to python-tuf's payload classes, and back.

The classes are python-tuf's own, built by their constructors (their ``from_dict`` methods expect
TUF 1.0 and consume their input). Two are subclassed: a delegation's paths are plain prefixes here,
and an old root may have more roles than the four.

What the classes cannot hold is never written: ``spec_version``, a version in meta entries, and
``terminating``. Decoding keeps unknown fields (they are covered by signatures); encoding refuses
them, since the Go server would drop them and break the collection.

Source: NP 1.2 to 1.5; python-tuf-fit, section 8.1.
"""

import base64
import binascii
import re
from typing import Any, Final, TypeVar

from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from signer.constants import BASE_ROLES, MAX_VERSION, ROOT, SNAPSHOT, TARGETS
from signer.dialect.canonical import Json
from signer.dialect.errors import MalformedError, UnwritableError
from signer.dialect.keys import NotaryKey
from signer.dialect.time import format_time, parse_time
from signer.names import printable

Signed = Root | Targets | Snapshot | Timestamp
SignedT = TypeVar("SignedT", Root, Targets, Snapshot, Timestamp)
_Kind = TypeVar("_Kind")

TYPE_OF_CLASS: Final[dict[type, str]] = {
    Root: "Root",
    Targets: "Targets",
    Snapshot: "Snapshot",
    Timestamp: "Timestamp",
}


_DELEGATION: Final = re.compile(r"targets(?:/[-a-z0-9_]+)+")
_MAX_ROLE: Final = 255
_KEYVAL: Final = ("private", "public")

_HASH_BYTES: Final = {"sha256": 32, "sha512": 64}


class PrefixRole(DelegatedRole):
    """A delegated role whose ``paths`` are plain prefixes; ``""`` admits every target.

    Source: NP 1.4.
    """

    def is_delegated_path(self, target_filepath: str) -> bool:
        """Tell whether one of the role's prefixes begins ``target_filepath``."""
        return any(target_filepath.startswith(prefix) for prefix in self.paths or ())


class NotaryRoot(Root):
    """A root that may carry further roles beside the four, as old clients wrote them (NP 1.3)."""

    other_roles: dict[str, Role]


def decode(content: Json) -> Signed:
    """Decode a ``signed`` object by its ``_type``; ``content`` is not changed.

    Raises:
        MalformedError: with the field at fault.
    """
    try:
        fields = dict(_kind(content, dict, "signed"))
        match fields.get("_type"):
            case "Root":
                return _decode_root(fields)
            case "Targets":
                return _decode_targets(fields)
            case "Snapshot":
                return _decode_snapshot(fields)
            case "Timestamp":
                return _decode_timestamp(fields)
            case other:
                raise ValueError(f"_type is {other!r:.40}")
    except (ValueError, TypeError, KeyError) as error:
        raise MalformedError(f"The metadata is malformed: {printable(_reason(error))}.") from error


def decode_as(cls: type[SignedT], content: Json) -> SignedT:
    """Decode a ``signed`` object that must be of one class.

    Raises:
        MalformedError: it is of another type, or malformed.
    """
    signed = decode(content)
    if not isinstance(signed, cls):
        found, wanted = TYPE_OF_CLASS[_tuf_class(signed)], TYPE_OF_CLASS[cls]
        raise MalformedError(f"The metadata is of type {found} instead of {wanted}.")
    return signed


def encode(signed: Signed) -> dict[str, Json]:
    """Encode a payload class as Notary's ``signed`` object.

    Raises:
        UnwritableError: it has fields that the Go server would drop.
    """
    _refuse_unknown(signed.unrecognized_fields, "the metadata")
    common = {
        "_type": TYPE_OF_CLASS[_tuf_class(signed)],
        "expires": format_time(signed.expires),
        "version": signed.version,
    }
    match signed:
        case Root():
            return common | _encode_root(signed)
        case Targets():
            return common | _encode_targets(signed)
        case Snapshot():
            meta = {name: _encode_file(meta, name) for name, meta in signed.meta.items()}
            return common | {"meta": meta}
        case Timestamp():
            return common | {"meta": {SNAPSHOT: _encode_file(signed.snapshot_meta, SNAPSHOT)}}


def _tuf_class(signed: Signed) -> type:
    return next(cls for cls in TYPE_OF_CLASS if isinstance(signed, cls))


def _reason(error: Exception) -> str:
    return f"no {error.args[0]}" if isinstance(error, KeyError) else str(error).rstrip(".")


def _kind(value: object, kind: type[_Kind], where: str) -> _Kind:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ValueError(f"{where} is no {kind.__name__}")
    return value


def _or_empty(value: object, kind: type[_Kind], where: str) -> _Kind:
    """Read Go's null as empty; nothing else stands for it."""
    return kind() if value is None else _kind(value, kind, where)


def _shown(name: str) -> str:
    """Return a name for a message: quoted, escaped, short. Cheap, as it is made for every entry."""
    return repr(name[:64])


def _common(fields: dict[str, Any]) -> dict[str, Any]:
    del fields["_type"]
    version = _kind(fields.pop("version"), int, "version")
    if not 1 <= version <= MAX_VERSION:
        raise ValueError(f"version {version} is not between 1 and {MAX_VERSION}")
    return {
        "version": version,
        "spec_version": None,
        "expires": parse_time(_kind(fields.pop("expires"), str, "expires")),
    }


def _decode_root(fields: dict[str, Any]) -> NotaryRoot:
    common = _common(fields)
    keys = _decode_keys(fields.pop("keys"), "keys")
    roles = {
        name: _decode_role(role, f"role {_shown(name)}")
        for name, role in _kind(fields.pop("roles"), dict, "roles").items()
    }
    for name in BASE_ROLES:
        if name not in roles:
            raise ValueError(f"no role {name}")
        for keyid in roles[name].keyids:
            if keyid not in keys:
                raise ValueError(f"role {name} names key {keyid[:64]!r} that is not there")
    consistent = _kind(fields.pop("consistent_snapshot", False), bool, "consistent_snapshot")
    root = NotaryRoot(
        **common,
        keys=dict(keys),
        roles={name: roles[name] for name in BASE_ROLES},
        consistent_snapshot=consistent,
        unrecognized_fields=fields,
    )
    root.other_roles = {name: role for name, role in roles.items() if name not in BASE_ROLES}
    return root


def _decode_targets(fields: dict[str, Any]) -> Targets:
    common = _common(fields)
    entries = _or_empty(fields.pop("targets"), dict, "targets")
    targets = {name: _decode_target(name, entry) for name, entry in entries.items()}
    delegations = _decode_delegations(fields.pop("delegations", None))
    return Targets(**common, targets=targets, delegations=delegations, unrecognized_fields=fields)


def _decode_snapshot(fields: dict[str, Any]) -> Snapshot:
    common = _common(fields)
    meta = _decode_meta(fields)
    for name in (ROOT, TARGETS):
        if name not in meta:
            raise ValueError(f"the snapshot does not name {name}")
    return Snapshot(**common, meta=meta, unrecognized_fields=fields)


def _decode_timestamp(fields: dict[str, Any]) -> Timestamp:
    common = _common(fields)
    meta = _decode_meta(fields)
    if SNAPSHOT not in meta:
        raise ValueError("the timestamp does not name snapshot")
    return Timestamp(**common, snapshot_meta=meta[SNAPSHOT], unrecognized_fields=fields)


def _decode_meta(fields: dict[str, Any]) -> dict[str, MetaFile]:
    found = {}
    for name, entry in _kind(fields.pop("meta"), dict, "meta").items():
        length, hashes, rest = _decode_file(entry, "meta", name)
        if "sha256" not in hashes:
            raise ValueError(f"meta {_shown(name)} has no sha256")
        found[name] = MetaFile(1, length, hashes, rest)
    return found


def _decode_target(name: str, entry: object) -> TargetFile:
    length, hashes, rest = _decode_file(entry, "target", name)
    if rest.get("custom", 0) is None:
        del rest["custom"]  # Go decodes null to "absent" (NP 1.4)
    return TargetFile(length, hashes, name, rest)


def _decode_file(entry: object, kind: str, name: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return an entry's length, its hashes as hex, and what else it has."""
    try:
        rest = dict(_kind(entry, dict, "it"))
        length = _kind(rest.pop("length"), int, "length")
        hashes = {
            algorithm: _decode_hash(algorithm, value)
            for algorithm, value in _kind(rest.pop("hashes"), dict, "hashes").items()
        }
        if not hashes:
            raise ValueError("no hashes")
    except (ValueError, TypeError, KeyError) as error:
        # The place is put together only here: there may be thousands of entries, nearly all good.
        raise ValueError(f"{kind} {_shown(name)}: {_reason(error)}") from error
    return length, hashes, rest


def _decode_hash(algorithm: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{_shown(algorithm)} is no str")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"{_shown(algorithm)} is no base64") from error
    if len(raw) != _HASH_BYTES.get(algorithm, len(raw)):
        raise ValueError(f"a {_shown(algorithm)} of {len(raw)} bytes")
    return raw.hex()


def _decode_delegations(content: object) -> Delegations:
    fields = dict(_or_empty(content, dict, "delegations"))
    keys = _decode_keys(_or_empty(fields.pop("keys", None), dict, "keys"), "delegations.keys")
    roles: dict[str, DelegatedRole] = {}
    for entry in _or_empty(fields.pop("roles", None), list, "delegations.roles"):
        rest = dict(_kind(entry, dict, "a delegated role"))
        name = _kind(rest.pop("name"), str, "a delegated role's name")
        if not _DELEGATION.fullmatch(name) or len(name) > _MAX_ROLE:
            raise ValueError(f"{_shown(name)} is no name of a delegated role")
        if name in roles:
            raise ValueError(f"role {name} is delegated twice")
        paths = [
            _kind(path, str, f"role {name}: a path")
            for path in _or_empty(rest.pop("paths", None), list, f"role {name}: paths")
        ]
        role = _decode_role(rest, f"role {name}")
        for keyid in role.keyids:
            if keyid not in keys:
                raise ValueError(f"role {name} names key {_shown(keyid)} that is not there")
        roles[name] = PrefixRole(
            name, role.keyids, role.threshold, False, paths, None, role.unrecognized_fields
        )
    return Delegations(dict(keys), roles, None, fields)


def _decode_role(entry: object, where: str) -> Role:
    rest = dict(_kind(entry, dict, where))
    listed = _or_empty(rest.pop("keyids"), list, f"{where}: keyids")
    keyids = [_kind(keyid, str, f"{where}: a key id") for keyid in listed]
    threshold = _kind(rest.pop("threshold"), int, f"{where}: threshold")
    if threshold < 1:
        raise ValueError(f"{where}: a threshold of {threshold}")
    # Go's client appends a key that is there already only under another form; a key that is
    # listed twice still counts once.
    return Role(list(dict.fromkeys(keyids)), threshold, rest)


def _decode_keys(content: object, where: str) -> dict[str, NotaryKey]:
    return {
        keyid: NotaryKey.from_dict(keyid, _kind(key, dict, f"{where}: {keyid[:64]!r}"))
        for keyid, key in _kind(content, dict, where).items()
    }


def _refuse_unknown(fields: dict[str, Any], where: str) -> None:
    if fields:
        names = ", ".join(_shown(name) for name in sorted(fields)[:8])
        raise UnwritableError(
            f"In {where} there are fields that a Notary server drops: {names}.",
            hint="Signed and published, they would make the collection unreadable.",
        )


def _encode_root(root: Root) -> dict[str, Json]:
    roles = dict(root.roles) | getattr(root, "other_roles", {})
    return {
        "consistent_snapshot": bool(root.consistent_snapshot),
        "keys": _encode_keys(root.keys),
        "roles": {name: _encode_role(role, name) for name, role in roles.items()},
    }


def _encode_targets(targets: Targets) -> dict[str, Json]:
    delegations = targets.delegations or Delegations({}, {})
    _refuse_unknown(delegations.unrecognized_fields, "delegations")
    roles = []
    for name, role in (delegations.roles or {}).items():
        entry = _encode_role(role, name) | {"name": name}
        if role.paths:
            entry["paths"] = list(role.paths)
        roles.append(entry)
    return {
        "targets": {name: _encode_file(file, name) for name, file in targets.targets.items()},
        "delegations": {"keys": _encode_keys(delegations.keys), "roles": roles},
    }


def _encode_role(role: Role, name: str) -> dict[str, Json]:
    _refuse_unknown(role.unrecognized_fields, f"role {name}")
    return {"keyids": list(role.keyids), "threshold": role.threshold}


def _encode_keys(keys: dict[str, Any]) -> dict[str, Json]:
    encoded = {}
    for keyid, key in keys.items():
        extra = {name: value for name, value in key.keyval.items() if name not in _KEYVAL}
        _refuse_unknown(key.unrecognized_fields | extra, f"key {keyid}")
        keyval = {"private": None, "public": key.keyval["public"]}
        encoded[keyid] = {"keytype": key.keytype, "keyval": keyval}
    return encoded


def _encode_file(file: MetaFile | TargetFile, name: str) -> dict[str, Json]:
    rest = dict(file.unrecognized_fields)
    entry: dict[str, Json] = {}
    if isinstance(file, TargetFile) and "custom" in rest:
        entry["custom"] = rest.pop("custom")
    _refuse_unknown(rest, f"the entry {name!r:.80}")
    hashes = {
        algorithm: base64.b64encode(bytes.fromhex(value)).decode("ascii")
        for algorithm, value in (file.hashes or {}).items()
    }
    return entry | {"hashes": hashes, "length": file.length}
