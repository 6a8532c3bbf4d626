"""Proof that a file would survive a Go server, which the next reader of the collection may use.

A collection that is accepted here can be published to a Notary server as it is. What Go's own
programs write must pass, too: they leave ``null`` where a list or table has become empty, and
re-emit it so.

Source: NP section 0 item 1, NP 1.3, NP 1.4.
"""

import copy
from typing import Any

from signer.dialect.canonical import Json
from signer.dialect.envelope import Envelope
from signer.dialect.errors import UnwritableError
from signer.dialect.lint import prove_wire


def prove_survival(wire: bytes, *, where: str) -> Envelope:
    """Parse a file and prove that Go would re-emit it byte for byte.

    Raises:
        MalformedError: it is no metadata.
        UnwritableError: Go would write it otherwise; the message names the field.
    """
    envelope = Envelope.from_bytes(wire)
    filled = _without_nulls(envelope.content)
    if filled == envelope.content:
        prove_wire(wire, where=where)
        return envelope
    if envelope.to_bytes() != wire:
        raise UnwritableError(f"Refusing to write {where}: the bytes are not in Go's form.")
    prove_wire(Envelope(filled, envelope.signatures.values()).to_bytes(), where=where)
    return envelope


def _without_nulls(content: dict[str, Json]) -> dict[str, Json]:
    """Return the content with ``null`` filled where Go keeps it: the only places where it may be.

    A ``null`` in ``paths`` or in place of ``delegations`` is dropped or filled by Go, so it stays,
    and is refused.
    """
    filled: dict[str, Any] = copy.copy(content)
    _fill(filled, "targets", {})
    delegations = filled.get("delegations")
    if isinstance(delegations, dict):
        delegations = filled["delegations"] = dict(delegations)
        _fill(delegations, "keys", {})
        _fill(delegations, "roles", [])
        if isinstance(delegations.get("roles"), list):
            delegations["roles"] = [_role(role) for role in delegations["roles"]]
    if isinstance(filled.get("roles"), dict):
        filled["roles"] = {name: _role(role) for name, role in filled["roles"].items()}
    return filled


def _role(role: Json) -> Json:
    if not isinstance(role, dict):
        return role
    role = dict(role)
    _fill(role, "keyids", [])
    return role


def _fill(fields: dict[str, Json], name: str, empty: Json) -> None:
    if name in fields and fields[name] is None:
        fields[name] = empty
