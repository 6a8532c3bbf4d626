"""A publisher that can do everything wrong, one request at a time, on any Notary server."""

import base64
import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key

from signer.dialect.canonical import canonical_json
from signer.dialect.envelope import Envelope
from signer.dialect.keys import NotaryKey
from signer.keys.certificates import self_signed_root
from signer.keys.signers import FileSigner
from signer.names import Gun

NOW: Final = datetime.now(UTC).replace(microsecond=0)
_numbers = itertools.count(1)

Content = dict[str, Any]
Edit = Callable[[Content], object]


def nothing(_content: Content) -> None:
    """Leave a file's content as it is."""


@cache
def key(name: str) -> FileSigner:
    """Return the run's key of a name; it is worthless."""
    return FileSigner(generate_private_key(SECP256R1()))


def in_days(days: float) -> str:
    """Return a time from now as metadata has it."""
    return (NOW + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Author:
    """Makes files of one collection that no other test uses, and sends them.

    Attributes:
        gun: the collection.
        client: of the server.
        server_keys: public keys that the server gave, by role.
    """

    def __init__(self, client: httpx.Client) -> None:
        self.gun = Gun(f"dtr.test/author/example-{next(_numbers)}")
        self.client = client
        self.server_keys: dict[str, NotaryKey] = {}

    # requests

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
        """Send a request; ``GUN`` in the path is the collection."""
        return self.client.request(method, path.replace("GUN", self.gun), **options)

    def get(self, file: str) -> httpx.Response:
        """Ask for a file of the collection."""
        return self.ask("GET", f"/v2/GUN/_trust/tuf/{file}")

    def publish(self, files: Mapping[str, bytes]) -> httpx.Response:
        """Upload files by role, or by file name."""
        return self.publish_parts([(name, wire) for name, wire in files.items()])

    def publish_parts(self, parts: list[tuple[str, bytes]]) -> httpx.Response:
        """Upload parts in this order."""
        body = b"".join(
            b'--example\r\nContent-Disposition: form-data; name="files"; filename="'
            + name.encode()
            + b'"\r\nContent-Type: application/octet-stream\r\n\r\n'
            + wire
            + b"\r\n"
            for name, wire in parts
        )
        return self.post_body(body + b"--example--\r\n")

    def post_body(
        self, body: bytes, content_type: str = "multipart/form-data; boundary=example"
    ) -> httpx.Response:
        """Upload a body as it is."""
        headers = {"Content-Type": content_type}
        return self.ask("POST", "/v2/GUN/_trust/tuf/", content=body, headers=headers)

    def server_key(self, role: str, *, rotate: bool = False) -> NotaryKey:
        """Ask for a key of the server's and remember it."""
        method = "POST" if rotate else "GET"
        answer = self.ask(method, f"/v2/GUN/_trust/tuf/{role}.key").raise_for_status().json()
        text = canonical_json({"keytype": answer["keytype"], "keyval": answer["keyval"]})
        found = NotaryKey.from_dict(hashlib.sha256(text).hexdigest(), answer)
        self.server_keys[role] = found
        return found

    # files

    def sign(self, content: Content, *signers: FileSigner) -> bytes:
        """Return a file's bytes as Go writes them, signed with these keys."""
        envelope = Envelope(content)
        for signer in signers:
            envelope.sign(signer)
        return envelope.to_bytes()

    def root_key(self, name: str = "root", *, days_ago: int = 1, gun: str = "") -> FileSigner:
        """Return a root key with a certificate for the collection, or for ``gun``."""
        certificate = _certificate(gun or self.gun, name, days_ago)
        return key(name).for_key(NotaryKey.from_certificate(certificate))

    def root(
        self,
        version: int = 1,
        *,
        roots: tuple[FileSigner, ...] = (),
        signers: tuple[FileSigner, ...] | None = None,
        targets: str = "targets",
        snapshot: str = "",
        edit: Edit = nothing,
    ) -> bytes:
        """Return a root; ``snapshot`` names a publisher's key instead of the server's."""
        roots = roots or (self.root_key(),)
        for role in ("timestamp", "snapshot"):
            if role not in self.server_keys:
                self.server_key(role)
        listed = {
            "root": [one.public_key for one in roots],
            "targets": [key(targets).public_key],
            "snapshot": [key(snapshot).public_key if snapshot else self.server_keys["snapshot"]],
            "timestamp": [self.server_keys["timestamp"]],
        }
        content: Content = {
            "_type": "Root",
            "consistent_snapshot": False,
            "expires": in_days(3650),
            "keys": {one.keyid: entry(one) for keys in listed.values() for one in keys},
            "roles": {
                role: {"keyids": [one.keyid for one in keys], "threshold": 1}
                for role, keys in listed.items()
            },
            "version": version,
        }
        edit(content)
        return self.sign(content, *(roots if signers is None else signers))

    def targets(
        self,
        version: int = 1,
        *,
        names: tuple[str, ...] = ("1.0",),
        delegations: Mapping[str, str] | None = None,
        signer: str = "targets",
        edit: Edit = nothing,
    ) -> bytes:
        """Return a targets file; ``delegations`` are key names by role."""
        keys = {one.keyid: entry(one) for one in map(_public, (delegations or {}).values())}
        roles = [
            {"keyids": [_public(name).keyid], "name": role, "paths": [""], "threshold": 1}
            for role, name in (delegations or {}).items()
        ]
        content: Content = {
            "_type": "Targets",
            "delegations": {"keys": keys, "roles": roles},
            "expires": in_days(1095),
            "targets": {name: meta(name.encode()) for name in names},
            "version": version,
        }
        edit(content)
        return self.sign(content, key(signer))

    def snapshot(
        self,
        files: Mapping[str, bytes],
        version: int = 1,
        *,
        signer: str = "snapshot",
        edit: Edit = nothing,
    ) -> bytes:
        """Return a publisher's snapshot of files."""
        content: Content = {
            "_type": "Snapshot",
            "expires": in_days(1095),
            "meta": {role: meta(wire) for role, wire in files.items()},
            "version": version,
        }
        edit(content)
        return self.sign(content, key(signer))

    def begin(self, **targets: Any) -> dict[str, bytes]:  # noqa: ANN401 - of targets()
        """Publish root and targets, versions 1, and return them."""
        files = {"root": self.root(), "targets": self.targets(**targets)}
        answer = self.publish(files)
        assert answer.status_code == 200, answer.text
        return files

    def begin_with_snapshot(self, **targets: Any) -> dict[str, bytes]:  # noqa: ANN401 - of targets()
        """Publish root, targets and a snapshot of the publisher's own, and return them."""
        files = {"root": self.root(snapshot="snapshot"), "targets": self.targets(**targets)}
        files["snapshot"] = self.snapshot(files)
        answer = self.publish(files)
        assert answer.status_code == 200, answer.text
        return files


@dataclass(frozen=True)
class Authors:
    """One author at the embedded server and one at the real one, for the same requests."""

    embedded: Author
    real: Author

    def __iter__(self) -> Iterator[Author]:
        return iter((self.embedded, self.real))


@cache
def _certificate(gun: str, name: str, days_ago: int) -> bytes:
    return self_signed_root(key(name), gun, now=NOW - timedelta(days=days_ago))


def _public(name: str) -> NotaryKey:
    return key(name).public_key


def entry(public: NotaryKey) -> Content:
    """Return a key as tables of keys have it."""
    return {"keytype": public.keytype, "keyval": dict(public.keyval)}


def meta(wire: bytes) -> Content:
    """Return a file's entry."""
    hashes = {name: _base64(hashlib.new(name, wire).digest()) for name in ("sha256", "sha512")}
    return {"hashes": hashes, "length": len(wire)}


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def put(**fields: Any) -> Edit:  # noqa: ANN401 - JSON
    """Return an edit that sets fields."""
    return lambda content: content.update(fields)


def reparsed(wire: bytes) -> Any:  # noqa: ANN401 - JSON
    """Read a file by ``json`` alone."""
    return json.loads(wire)
