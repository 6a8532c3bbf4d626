"""A trusted collection: the state machine that turns downloaded files into verified metadata.

No I/O, one reference time. Files are given in this order, and each step either advances the state
or raises; the numbers are the same in the documentation and the tests:

1. root is known: a pin accepts it, or it was trusted before;
2. root is signed to its own threshold, by keys whose ids are their digests;
3. each newer root is signed by the one before it and by itself, version N+1 after N;
4. root has not expired, and its certificates are for this GUN, in date and strong;
5. timestamp: signature, version not lower than seen, not expired;
6. snapshot: length and hashes as the timestamp names them, signature, version, expiry;
7. root is the one that the snapshot names;
8. targets: length and hashes as the snapshot names them, signature, version, expiry;
9. delegations: name below the parent's, length and hashes, threshold of the keys that the parent
   names, version, expiry; paths are cut to the parent's.

Steps 10 (the target), 11 (its digest) and 12 (required signers) are in ``signer.policy.evaluate``.

Source: NP section 6; TUF specification 5.3 to 5.6; verification requirements 2.1.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from tuf.api.metadata import MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from signer.constants import (
    MAX_DELEGATION_DEPTH,
    MAX_DELEGATIONS,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
)
from signer.dialect.codec import Signed, SignedT
from signer.dialect.envelope import Envelope
from signer.dialect.errors import (
    ExpiredRoleError,
    MalformedError,
    PinMismatchError,
    RollbackError,
    VersionError,
)
from signer.dialect.keys import NotaryKey
from signer.errors import SignerError, TrustDataError
from signer.names import Gun, RoleName, parent_role, parse_role, printable
from signer.trust.checks import (
    check_expiry,
    check_hashes,
    check_root_certificates,
    check_signatures,
    check_version,
    public_key_id,
)
from signer.trust.marks import surviving_marks
from signer.trust.pinning import Pins, accepted_by
from signer.trust.role import DelegatedRoleInfo, Role, root_key_ids
from signer.trust.steps import Step, at_step


class TrustedCollection:
    """Verified metadata of one collection, advanced file by file.

    Args:
        gun: its name.
        now: the reference time of every expiry check, in UTC.
        versions: the highest versions seen before, by role, under the keys of the first root.
        allow_expired: keep expired base roles, with their errors in ``expired``, instead of
            raising.

    Attributes:
        seen: the highest versions seen before that count under the newest root.
        roles: every role that is valid.
        delegations: every delegation that a valid role names.
        invalid: why a delegation's file is not valid.
        stale: delegations whose only fault is that they have expired.
        rejected: the version that an invalid delegation's file claims.
        expired: base roles that have expired.
    """

    def __init__(
        self,
        gun: Gun,
        now: datetime,
        *,
        versions: Mapping[str, int] | None = None,
        allow_expired: bool = False,
    ) -> None:
        self.gun = gun
        self.now = now.astimezone(UTC)
        self._remembered = dict(versions or {})
        self._first_root: Root | None = None
        self.seen = dict(self._remembered)
        self.allow_expired = allow_expired
        self.roles: dict[RoleName, Role] = {}
        self.delegations: dict[RoleName, DelegatedRoleInfo] = {}
        self.invalid: dict[RoleName, SignerError] = {}
        self.stale: dict[RoleName, Role] = {}
        self.rejected: dict[RoleName, int] = {}
        self.expired: dict[RoleName, ExpiredRoleError] = {}

    # Steps 1 to 4: root

    def trust_root(self, wire: bytes) -> None:
        """Steps 1 and 2 for a root that was trusted before, or that a caller has checked.

        Raises:
            TrustDataError: it is malformed or not signed to its own threshold.
        """
        envelope = self._parse(ROOT, wire, Root)
        self._check_own_threshold(envelope)
        self._set(RoleName(ROOT), envelope, wire)

    def pin_root(self, wire: bytes, pins: Pins) -> None:
        """Steps 1 and 2 for a root that is met for the first time.

        Raises:
            PinMismatchError: no pin accepts it.
            TrustDataError: it is malformed or not signed to its own threshold.
        """
        envelope = self._parse(ROOT, wire, Root)
        pinned = accepted_by(pins, envelope, gun=self.gun, now=self.now)
        if not pinned and (pins.explicit or not pins.trust_on_first_use):
            raise PinMismatchError(
                f"{self.gun}: no pin accepts root version {envelope.signed.version}.",
                hint=f"Its key ids: {', '.join(root_key_ids(envelope.signed_as(Root)))}. "
                "Ask whoever initialised the collection which is right.",
            )
        self._check_own_threshold(envelope)
        self._set(RoleName(ROOT), envelope, wire)

    def update_root(self, wire: bytes, *, allow_gap: bool = False) -> None:
        """Step 3: go from root version N to N+1.

        Where it rotates the keys of a role, what was seen of the role before counts no longer.

        Args:
            wire: the newer root's file.
            allow_gap: accept a version beyond N+1, for servers that do not serve the versions
                between; it must be signed by N's keys all the same.

        Raises:
            TrustDataError: not signed by both, or another version.
        """
        envelope = self._parse(ROOT, wire, Root)
        old, new = self.root.envelope.signed_as(Root), envelope.signed_as(Root)
        check_signatures(old, ROOT, envelope, gun=self.gun)
        check_signatures(new, ROOT, envelope, gun=self.gun)
        if new.version <= old.version or (new.version != old.version + 1 and not allow_gap):
            raise VersionError(
                f"{self.gun}: root version {new.version} follows version {old.version}."
            )
        self._set(RoleName(ROOT), envelope, wire)
        # Compared with the first, not step by step: as saved states are compared when they meet.
        self._first_root = self._first_root or old
        self.seen = surviving_marks(self._remembered, self._first_root, new)

    def finish_root(self) -> None:
        """Step 4: the newest root has not expired, and enough of its certificates are good.

        Raises:
            RollbackError: it is older than one seen before.
            ExpiredError: it, or its certificates, have expired.
            TrustDataError: its certificates are not for this GUN, or weak.
        """
        root = self.root.envelope.signed_as(Root)
        self._check_version(RoleName(ROOT), root)
        check_root_certificates(root, self.root.envelope, gun=self.gun, now=self.now)
        self._check_expiry(RoleName(ROOT), self.root.envelope)

    # Steps 5 to 9

    def update_timestamp(self, wire: bytes) -> None:
        """Step 5.

        Raises:
            TrustDataError: bad signature or rollback.
            ExpiredRoleError: it has expired.
        """
        self._load(TIMESTAMP, wire, Timestamp)

    def update_snapshot(self, wire: bytes) -> None:
        """Steps 6 and 7.

        Raises:
            HashMismatchError: it is not the file that the timestamp names, or the root is not the
                one that it names.
            TrustDataError: bad signature or rollback.
            ExpiredRoleError: it has expired.
        """
        check_hashes(RoleName(SNAPSHOT), wire, self.snapshot_meta, gun=self.gun)
        self._load(SNAPSHOT, wire, Snapshot)

    def check_root_is_named(self) -> None:
        """Step 7: the root in force is the one that the snapshot names.

        Raises:
            HashMismatchError: it is another.
        """
        check_hashes(RoleName(ROOT), self.root.wire, self.meta(RoleName(ROOT)), gun=self.gun)

    def update_targets(self, wire: bytes) -> None:
        """Step 8.

        Raises:
            HashMismatchError: it is not the file that the snapshot names.
            TrustDataError: bad signature or rollback.
            ExpiredRoleError: it has expired.
        """
        role = RoleName(TARGETS)
        check_hashes(role, wire, self.meta(role), gun=self.gun)
        self._load(TARGETS, wire, Targets)
        self.delegations |= self._delegations_of(self.roles[role])

    def update_delegation(self, name: RoleName, wire: bytes) -> None:
        """Step 9. An invalid delegation is put into ``invalid`` and delegates nothing.

        Raises:
            HashMismatchError: it is not the file that the snapshot names.
            RollbackError: it is older than one seen before. Both are no fault of the delegate's,
                so they are never set aside.
        """
        check_hashes(name, wire, self.meta(name), gun=self.gun)
        info = self.delegations[name]
        parent = self.roles[parent_role(name)].targets
        try:
            envelope = self._parse(name, wire, Targets)
            self.rejected[name] = envelope.signed_as(Targets).version
            signed = check_signatures(parent, name, envelope, gun=self.gun)
            self._check_version(name, envelope.signed)
            role = _signed_role(name, envelope, wire, signed=signed, paths=info.paths)
            named = self._delegations_of(role)
            self.stale[name] = role
            check_expiry(name, envelope, gun=self.gun, now=self.now)
        except RollbackError:
            raise  # the snapshot names it, so this is no fault of the delegate's either
        except SignerError as error:
            self.invalid[name] = error
            return
        self.roles[name] = self.stale.pop(name)
        del self.rejected[name]
        self.delegations |= named

    def note_withdrawn(self) -> None:
        """Step 9: a delegation that was seen and is still delegated must still be published.

        Else whoever holds the snapshot key could drop ``targets/releases``, and an older entry in
        ``targets`` would count again. The role becomes invalid, the others stay.

        Source: TUF specification 5.5.5.
        """
        for name in self.delegations:
            if not self.published(name) and self.seen.get(name, 0):
                self.invalid[name] = RollbackError(
                    f"{self.gun}: the snapshot no longer names role {name}, of which version "
                    f"{self.seen[name]} was seen before.",
                    hint="If the role was removed and added again on purpose, sign in it anew.",
                )

    def _delegations_of(self, parent: Role) -> dict[RoleName, DelegatedRoleInfo]:
        """Return what a role delegates; all or nothing, so that no half of a bad list counts."""
        found: dict[RoleName, DelegatedRoleInfo] = {}
        delegations = parent.targets.delegations
        for name, role in ((delegations and delegations.roles) or {}).items():
            if not _is_child(name, parent.name):
                raise MalformedError(
                    f"{self.gun}: role {parent.name} delegates to {printable(name)!r}, which is "
                    "not directly below it."
                )
            total = len(self.delegations) + len(found)
            if total >= MAX_DELEGATIONS or name.count("/") > MAX_DELEGATION_DEPTH:
                raise TrustDataError(
                    f"{self.gun}: more than {MAX_DELEGATIONS} delegations, or more than "
                    f"{MAX_DELEGATION_DEPTH} levels of them.",
                    code="too-many-delegations",
                )
            keys = delegations.keys if delegations else {}
            found[RoleName(name)] = DelegatedRoleInfo(
                name=RoleName(name),
                keys=tuple(
                    key for keyid in role.keyids if isinstance(key := keys.get(keyid), NotaryKey)
                ),
                threshold=role.threshold,
                paths=tuple(
                    path
                    for path in role.paths or ()
                    if any(path.startswith(prefix) for prefix in parent.paths)
                ),
            )
        return found

    # What is known

    @property
    def root(self) -> Role:
        """The newest verified root."""
        return self.roles[RoleName(ROOT)]

    @property
    def targets(self) -> Role:
        """The verified targets role."""
        return self.roles[RoleName(TARGETS)]

    @property
    def snapshot_meta(self) -> MetaFile:
        """Length and hashes of the snapshot, by the verified timestamp."""
        timestamp = self.roles[RoleName(TIMESTAMP)].envelope.signed_as(Timestamp)
        return timestamp.snapshot_meta

    def meta(self, name: RoleName) -> MetaFile:
        """Return length and hashes of a role's file, by the verified snapshot.

        Raises:
            KeyError: the snapshot does not name it.
        """
        return self.roles[RoleName(SNAPSHOT)].envelope.signed_as(Snapshot).meta[name]

    def published(self, name: RoleName) -> bool:
        """Tell whether the snapshot names a file of this role."""
        return name in self.roles[RoleName(SNAPSHOT)].envelope.signed_as(Snapshot).meta

    @property
    def versions(self) -> dict[str, int]:
        """The version of every verified role, and of what was seen before."""
        current: dict[str, int] = {name: role.version for name, role in self.roles.items()}
        return {
            name: max(self.seen.get(name, 0), current.get(name, 0))
            for name in self.seen.keys() | current.keys()
        }

    @property
    def valid_until(self) -> datetime:
        """When the first of the valid roles' files expires, in UTC."""
        return min(role.expires for role in self.roles.values())

    def walk(self) -> Iterator[Role]:
        """Yield targets and every valid delegation, parents before children, in the file's order.

        Source: NP 4.9.
        """
        for name in (RoleName(TARGETS), *self.delegations):
            if name in self.roles:
                yield self.roles[name]

    def find(self, name: str, target: str) -> TargetFile | None:
        """Return the entry that a valid role has for a target inside its paths, or None."""
        role = self.roles.get(RoleName(name))
        return role.find(target) if role else None

    def require(self, name: RoleName) -> Role:
        """Return a valid delegation or targets.

        Raises:
            SignerError: why it is not valid, as found in step 9.
            KeyError: it is not delegated, or was never published.
        """
        if name in self.invalid:
            raise self.invalid[name]
        return self.roles[name]

    # The arithmetic

    def _parse(self, role: str, wire: bytes, cls: type[SignedT]) -> Envelope:
        try:
            envelope = Envelope.from_bytes(wire)
            envelope.signed_as(cls)
        except MalformedError as error:
            raise MalformedError(f"{self.gun}: role {role}: {error.message}") from error
        return envelope

    def _check_own_threshold(self, envelope: Envelope) -> None:
        with at_step(Step.ROOT_THRESHOLD):
            check_signatures(envelope.signed_as(Root), ROOT, envelope, gun=self.gun)

    def _load(self, role: str, wire: bytes, cls: type[SignedT]) -> None:
        """Verify a base role's file but for its hashes: type, signatures, version, expiry."""
        envelope = self._parse(role, wire, cls)
        root = self.root.envelope.signed_as(Root)
        signed = check_signatures(root, role, envelope, gun=self.gun)
        self._check_version(RoleName(role), envelope.signed)
        self._check_expiry(RoleName(role), envelope)
        name = RoleName(role)
        self.roles[name] = _signed_role(name, envelope, wire, signed=signed)

    def _check_version(self, name: RoleName, signed: Signed) -> None:
        check_version(name, signed.version, self.seen.get(name, 0), gun=self.gun)

    def _check_expiry(self, name: RoleName, envelope: Envelope) -> None:
        try:
            check_expiry(name, envelope, gun=self.gun, now=self.now)
        except ExpiredRoleError as error:
            if not self.allow_expired:
                raise
            self.expired[name] = error

    def _set(self, name: RoleName, envelope: Envelope, wire: bytes) -> None:
        self.roles[name] = Role(name, envelope, wire)


def _signed_role(
    name: RoleName,
    envelope: Envelope,
    wire: bytes,
    *,
    signed: Mapping[str, NotaryKey],
    paths: tuple[str, ...] = ("",),
) -> Role:
    return Role(
        name,
        envelope,
        wire,
        paths,
        signed_by=frozenset(public_key_id(key) for key in signed.values()),
        stray=tuple(keyid for keyid in envelope.signatures if keyid not in signed),
    )


def _is_child(name: str, parent: RoleName) -> bool:
    try:
        return parent_role(parse_role(name)) == parent
    except SignerError:
        return False
