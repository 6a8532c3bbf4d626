"""A Notary collection in memory: it signs real metadata, and serves it as well or as ill as asked.

``SimulatedCollection`` is a ``MetadataSource``. A test changes its content (python-tuf's payload
classes, of the project's dialect), publishes, and then decides what the server answers: other
files, old ones, errors, or whatever a function returns at the moment of the request.
"""

import copy
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256 as sha256_of

from securesystemslib.signer import Signature
from tuf.api.metadata import (
    Delegations,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from signer.constants import BASE_ROLES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.canonical import Json
from signer.dialect.codec import PrefixRole, Signed, encode
from signer.dialect.envelope import Envelope, file_hashes
from signer.errors import NotFoundError, TrustDataError
from tests.attacks.keys import GUN, NOW, SimulatedKey, bare, certified

RELEASES = "targets/releases"
GITLAB = "targets/gitlab"
ALICE = "targets/alice"
DIGEST = "sha256:" + "1a" * 32
OTHER = "sha256:" + "2b" * 32

Request = tuple[str, str, int]
"""Role, hash or ``""``, version or 0: as ``MetadataSource`` is asked."""
Answer = bytes | Exception | Callable[[Request], bytes]
Change = Callable[[dict[str, Json]], object]


@dataclass(frozen=True)
class ServerState:
    """What the server holds at a moment, to be served again later."""

    files: Mapping[str, bytes]
    archive: Mapping[Request, bytes]


@dataclass
class SimulatedCollection:
    """A collection, its keys, and the server that serves it.

    Attributes:
        gun: its name.
        content: payload classes by role, to be edited before ``publish``.
        signers: who signs each role, whatever the delegator lists.
        changes: edits of a role's decoded ``signed`` object, made just before it is signed.
        forgeries: edits of the list of signatures, made just after.
        unpublished: roles that the snapshot does not name.
        files: the current file of each role.
        archive: every file ever published, by hash and (roots) by version.
        answers: what is answered instead, by whole request or by role.
        watchers: called with each request before it is answered.
        asked: every request, in order.
    """

    gun: str = GUN
    content: dict[str, Signed] = field(default_factory=dict)
    signers: dict[str, list[SimulatedKey]] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    forgeries: dict[str, Callable[[list[Signature]], list[Signature]]] = field(default_factory=dict)
    unpublished: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    archive: dict[Request, bytes] = field(default_factory=dict)
    answers: dict[Request | str, Answer] = field(default_factory=dict)
    watchers: list[Callable[[Request], object]] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the keys of the four base roles and the first, unpublished contents."""
        self._lock = threading.Lock()
        self.signers |= {role: [bare(f"{self.gun} {role}")] for role in BASE_ROLES}
        self.signers[ROOT] = [certified(f"{self.gun} root", self.gun)]
        keys = {key.keyid: key.notary for listed in self.signers.values() for key in listed}
        roles = {role: Role([self.signers[role][0].keyid], 1) for role in BASE_ROLES}
        self.content = {
            ROOT: Root(0 + 1, None, in_days(3650), {**keys}, roles, consistent_snapshot=False),
            TARGETS: Targets(1, None, in_days(1095), {}, Delegations({}, {})),
            SNAPSHOT: Snapshot(1, None, in_days(1095), {}),
            TIMESTAMP: Timestamp(1, None, in_days(14)),
        }

    @classmethod
    def with_signers(cls, *names: str, gun: str = GUN) -> "SimulatedCollection":
        """Return a published collection with ``targets/releases`` and these signers' roles.

        The tag ``1`` is signed with ``DIGEST`` in all of them.
        """
        collection = cls(gun)
        keys = [bare(f"{gun} {name}") for name in names]
        collection.delegate(RELEASES, keys)
        for name, key in zip(names, keys, strict=True):
            collection.delegate(f"targets/{name}", [key])
        for role in (RELEASES, *(f"targets/{name}" for name in names)):
            collection.sign_tag(role, "1", DIGEST)
        collection.publish(*collection.content)
        return collection

    # Content

    def targets(self, role: str = TARGETS) -> Targets:
        """Return the content of targets or a delegation, for editing."""
        content = self.content[role]
        assert isinstance(content, Targets)
        return content

    @property
    def root(self) -> Root:
        """The content of root, for editing."""
        content = self.content[ROOT]
        assert isinstance(content, Root)
        return content

    def delegate(
        self,
        role: str,
        keys: Iterable[SimulatedKey],
        *,
        paths: Iterable[str] = ("",),
        threshold: int = 1,
    ) -> None:
        """Delegate to a role from its parent, and start its content."""
        listed = list(keys)
        parent = self.targets(role.rpartition("/")[0]).delegations
        assert parent is not None
        assert parent.roles is not None
        parent.keys |= {key.keyid: key.notary for key in listed}
        keyids = [key.keyid for key in listed]
        parent.roles[role] = PrefixRole(role, keyids, threshold, False, list(paths), None)
        self.signers[role] = listed
        self.content.setdefault(role, Targets(1, None, in_days(1095), {}, Delegations({}, {})))

    def sign_tag(self, role: str, tag: str, digest: str, *, length: int = 528) -> None:
        """Put a tag into a role's content."""
        hashes = {"sha256": digest.removeprefix("sha256:")}
        self.targets(role).targets[tag] = TargetFile(length, hashes, tag)

    def set_root_keys(self, *keys: SimulatedKey, threshold: int = 1) -> None:
        """Have the root role list these keys; who signs is left to ``signers``."""
        self.root.keys |= {key.keyid: key.notary for key in keys}
        self.root.roles[ROOT] = Role([key.keyid for key in keys], threshold)

    def set_role_keys(self, role: str, *keys: SimulatedKey, threshold: int = 1) -> None:
        """Have root list these keys for a base role, which they sign from now on."""
        self.root.keys |= {key.keyid: key.notary for key in keys}
        self.root.roles[role] = Role([key.keyid for key in keys], threshold)
        self.signers[role] = list(keys)

    def rotate_root(self, key: SimulatedKey, *, publish: bool = True) -> None:
        """Publish a root with a new key, signed by the old and the new."""
        self.signers[ROOT] = [*self.signers[ROOT], key]
        self.set_root_keys(key)
        if publish:
            self.publish(ROOT)
        self.signers[ROOT] = [key]

    # Publishing

    def publish(self, *roles: str) -> None:
        """Sign these roles' next versions, then a snapshot and a timestamp that name them."""
        for role in roles:
            if role not in (SNAPSHOT, TIMESTAMP):
                self.write(role)
        self.publish_snapshot()

    def publish_snapshot(self) -> None:
        """Sign a snapshot of the current files and a timestamp of it."""
        named = {
            role: meta_of(wire)
            for role, wire in self.files.items()
            if role not in (SNAPSHOT, TIMESTAMP) and role not in self.unpublished
        }
        snapshot = self.content[SNAPSHOT]
        assert isinstance(snapshot, Snapshot)
        snapshot.meta = named
        self.write(SNAPSHOT)
        self.publish_timestamp()

    def publish_timestamp(self) -> None:
        """Sign a timestamp of the current snapshot."""
        timestamp = self.content[TIMESTAMP]
        assert isinstance(timestamp, Timestamp)
        timestamp.snapshot_meta = meta_of(self.files[SNAPSHOT])
        self.write(TIMESTAMP)

    def write(self, role: str) -> bytes:
        """Sign a role's next version, and put it on the server alone."""
        content = self.content[role]
        if role in self.files:
            content.version += 1
        wire = self.signed_file(role)
        self.put(role, wire, version=content.version)
        return wire

    def signed_file(self, role: str) -> bytes:
        """Sign a role's content as it is now."""
        signed = copy.deepcopy(encode(self.content[role]))
        if role in self.changes:
            self.changes[role](signed)
        return sign_content(signed, self.signers[role], forge=self.forgeries.get(role))

    def put(self, role: str, wire: bytes, *, version: int = 0) -> None:
        """Put a file on the server, as the current one and under its hash."""
        self.files[role] = wire
        self.archive[role, sha256_of(wire).hexdigest(), 0] = wire
        if role == ROOT and version:
            self.archive[role, "", version] = wire

    def save(self) -> ServerState:
        """Return what the server holds now."""
        return ServerState(dict(self.files), dict(self.archive))

    def serve(self, state: ServerState) -> None:
        """Have the server hold only what it held before."""
        self.files, self.archive = dict(state.files), dict(state.archive)

    # The server

    def get_metadata(
        self, role: str, *, sha256: str = "", version: int = 0, max_bytes: int
    ) -> bytes:
        """Answer a request as a ``MetadataSource``.

        Raises:
            NotFoundError: there is no such file.
            TrustDataError: it is larger than ``max_bytes``, which transport refuses.
        """
        request = (str(role), str(sha256), version)
        with self._lock:
            self.asked.append(request)
        for watcher in self.watchers:
            watcher(request)
        answer = self._answer(request)
        if isinstance(answer, Exception):
            raise answer
        wire = answer if isinstance(answer, bytes) else answer(request)
        if len(wire) > max_bytes:
            raise TrustDataError(f"The file of {role} is too large.", code="too-large")
        return wire

    def _answer(self, request: Request) -> Answer:
        role, sha256, version = request
        found = self.answers.get(request) or self.answers.get(role)
        if found is None:
            current = None if sha256 or version else self.files.get(role)
            found = current or self.archive.get(request)
        return found or NotFoundError(f"The server does not have {request}.")


def in_days(days: float) -> datetime:
    """Return a time relative to the tests' ``NOW``."""
    return NOW + timedelta(days=days)


def meta_of(wire: bytes) -> MetaFile:
    """Describe a file as snapshots do."""
    return MetaFile(1, len(wire), file_hashes(wire))


def sign_content(
    content: Mapping[str, Json],
    signers: Iterable[SimulatedKey],
    *,
    forge: Callable[[list[Signature]], list[Signature]] | None = None,
) -> bytes:
    """Return the wire form of any content, signed by these keys."""
    envelope = Envelope(content)
    for signer in signers:
        envelope.sign(signer)
    if forge:
        envelope = Envelope(content, forge(list(envelope.signatures.values())))
    return envelope.to_bytes()
