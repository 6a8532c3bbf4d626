"""What Go's own programs write passes, and nothing else: NP section 0."""

import json
from typing import Any

import pytest

from signer.dialect.errors import MalformedError, UnwritableError
from signer.embedded.notary.survival import prove_survival


def _wire(**changes: Any) -> bytes:  # noqa: ANN401 - JSON
    role = {"keyids": [], "name": "targets/a", "paths": [""], "threshold": 1}
    signed = {
        "_type": "Targets",
        "delegations": {"keys": {}, "roles": [role | changes.pop("role", {})]},
        "expires": "2029-11-21T00:00:00Z",
        "targets": {},
        "version": 1,
    } | changes
    return _go({"signed": signed, "signatures": []})


def _go(document: dict[str, Any]) -> bytes:
    """Write as Go does what has no characters to be escaped."""
    signed = json.dumps(document["signed"], sort_keys=True, separators=(",", ":"))
    return f'{{"signed":{signed},"signatures":[]}}'.encode()


@pytest.mark.parametrize(
    "wire",
    [
        _wire(),
        _wire(role={"keyids": None}),
        _wire(targets=None),
        _wire(delegations={"keys": None, "roles": None}),
        _wire(targets=None, role={"keyids": None}),
        _wire(expires="2029-11-21T00:00:00.123456789+02:00"),
    ],
)
def test_what_go_writes_survives_and_is_returned_as_it_came(wire: bytes) -> None:
    assert prove_survival(wire, where="role targets").content == json.loads(wire)["signed"]


@pytest.mark.parametrize(
    "wire",
    [
        _wire(role={"paths": None}),
        _wire(delegations=None),
        _wire(note=None),
        _wire(targets=None) + b"\n",
        _wire(role={"keyids": None}).replace(b":", b": ", 1),
        _wire(targets=None, note=1),
        _wire(expires="2029-11-21T00:00:00.10Z"),
        _wire(role={"keyids": None, "terminating": False}),
    ],
)
def test_what_go_would_write_otherwise_is_refused(wire: bytes) -> None:
    with pytest.raises((UnwritableError, MalformedError)):
        prove_survival(wire, where="role targets")
