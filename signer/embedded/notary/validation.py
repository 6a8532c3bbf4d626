"""Whether an upload may be stored, role by role, in the order in which Go checks it.

Checks 1 to 4 are the Notary server's; 5 to 7 are ours, for uploads that it would accept and that
no client could read, or publish over, afterwards:

1. root: version, the former root's and its own signatures, certificates, expiry;
2. targets and delegations, shallow before deep: signatures by the keys their parent names, expiry;
3. snapshot: signature, expiry, and the files of the roles that were looked at so far; or the
   server makes it;
4. timestamp: the server makes it. Versions: above what is stored;
5. a file is in the form that Go would write (see ``survival``);
6. a new root keeps the stored targets valid; a snapshot names only files that are there, by their
   newest version, hash and length;
7. no version leaps so far that it would use up the numbers.

Source: NP 5.1; NP 8.1 item 3 and NP 8.2 for checks 5 and 7.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from tuf.api.metadata import Root, Snapshot, Targets

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.codec import SignedT
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError, ThresholdError
from signer.embedded.notary.errors import (
    BAD_ROOT,
    BAD_SNAPSHOT,
    BAD_TARGETS,
    VALIDATION,
    NotaryError,
    invalid_update,
)
from signer.embedded.notary.generated import make_snapshot, make_timestamp
from signer.embedded.notary.store import FileStore, NewFile
from signer.embedded.notary.survival import prove_survival
from signer.embedded.notary.upload import Upload
from signer.errors import SignerError, TrustDataError
from signer.names import Gun, RoleName, is_delegation, parent_role, printable
from signer.trust.checks import (
    check_expiry,
    check_hashes,
    check_root_certificates,
    check_signatures,
)

MAX_LEAP: Final = 2**16
"""How far a role's version may be above the stored one. Publishers add 1."""

_KIND: Final = {ROOT: BAD_ROOT, SNAPSHOT: BAD_SNAPSHOT}


def validate_update(
    gun: Gun, uploads: Mapping[RoleName, Upload], *, store: FileStore, now: datetime
) -> list[NewFile]:
    """Check an upload against what is stored, and complete it.

    Returns:
        The files to be stored: root, targets, delegations, snapshot, timestamp. An uploaded
        timestamp is not among them.

    Raises:
        NotaryError: INVALID_UPDATE, or VERSION where others were faster.
    """
    return _Update(gun, uploads, store, now).check()


@dataclass
class _Update:
    """An upload while it is checked.

    ``looked_at`` has the bytes of every root and targets file that was needed so far, uploaded or
    stored; ``targets`` the decoded content of the latter.
    """

    gun: Gun
    uploads: Mapping[RoleName, Upload]
    store: FileStore
    now: datetime
    looked_at: dict[RoleName, bytes] = field(default_factory=dict)
    targets: dict[RoleName, Targets] = field(default_factory=dict)

    def check(self) -> list[NewFile]:
        root = self._check_root()
        names = sorted(
            (role for role in self.uploads if role == TARGETS or is_delegation(role)),
            key=lambda role: (role.count("/"), role),
        )
        for name in names:
            self._check_targets(name, root)
        files = [_new_file(self.uploads[name]) for name in names]
        if ROOT in self.uploads:
            files.insert(0, _new_file(self.uploads[RoleName(ROOT)]))
        if SNAPSHOT in self.uploads:
            snapshot = self._check_snapshot(root)
        else:
            snapshot = make_snapshot(
                self.gun, root, self._uploaded(), store=self.store, now=self.now
            )
        timestamp = make_timestamp(self.gun, root, snapshot.wire, store=self.store, now=self.now)
        files += [snapshot, timestamp]
        self._check_versions(files)
        self._check_stored_targets(root)
        if SNAPSHOT in self.uploads:
            self._check_snapshot_is_complete(snapshot)
        return files

    # 1

    def _check_root(self) -> Root:
        stored, upload = self.store.current(self.gun, ROOT), self.uploads.get(RoleName(ROOT))
        if upload is None:
            if stored is None:
                raise invalid_update(
                    VALIDATION, "no pre-existing root and no root provided in update."
                )
            self.looked_at[RoleName(ROOT)] = stored.wire
            return stored.envelope.signed_as(Root)
        current = stored.version if stored else 1
        if upload.version not in {current, current + 1}:
            raise invalid_update(
                BAD_ROOT,
                "Root modifications must increment the version. "
                f"Current {current}, new {upload.version}",
            )
        envelope = self._parse(upload, Root)
        root = envelope.signed_as(Root)
        with _refused_as(BAD_ROOT):
            if stored is not None:
                former = stored.envelope.signed_as(Root)
                check_signatures(former, ROOT, envelope, gun=self.gun)
            signed = check_signatures(root, ROOT, envelope, gun=self.gun)
            if sum(key.certificate() is not None for key in signed.values()) < (
                root.roles[ROOT].threshold
            ):
                raise TrustDataError(f"{self.gun}: root keys must be certificates (x509).")
            check_root_certificates(root, envelope, gun=self.gun, now=self.now)
            check_expiry(ROOT, envelope, gun=self.gun, now=self.now)
        self.looked_at[RoleName(ROOT)] = upload.wire
        return root

    # 2

    def _check_targets(self, name: RoleName, root: Root) -> None:
        upload = self.uploads[name]
        delegator = root if name == TARGETS else self._parent(name, root)
        envelope = self._parse(upload, Targets)
        with _refused_as(BAD_TARGETS):
            self._check_delegates(name, envelope, delegator)
            check_expiry(name, envelope, gun=self.gun, now=self.now)
        self._keep(name, envelope, upload.wire)

    def _parent(self, name: RoleName, root: Root) -> Targets:
        """Return the role that delegates to ``name``, uploaded or stored, and valid."""
        parent = parent_role(name)
        if parent not in self.targets:
            stored = self.store.current(self.gun, parent)
            if stored is None:
                raise invalid_update(
                    BAD_TARGETS, f"there is no role {parent}, which would delegate to {name}"
                )
            delegator = root if parent == TARGETS else self._parent(parent, root)
            with _refused_as(BAD_TARGETS):
                self._check_delegates(parent, stored.envelope, delegator)
            self._keep(parent, stored.envelope, stored.wire)
        return self.targets[parent]

    def _check_delegates(
        self, name: RoleName, envelope: Envelope, delegator: Root | Targets
    ) -> None:
        delegations = envelope.signed_as(Targets).delegations
        for child in (delegations and delegations.roles) or {}:
            if parent_role(child) != name:
                raise MalformedError(
                    f"{self.gun}: role {name} delegates to {printable(child)}, which is not "
                    "directly below it."
                )
        check_signatures(delegator, name, envelope, gun=self.gun)

    def _keep(self, name: RoleName, envelope: Envelope, wire: bytes) -> None:
        self.looked_at[name] = wire
        self.targets[name] = envelope.signed_as(Targets)

    # 3

    def _check_snapshot(self, root: Root) -> NewFile:
        upload = self.uploads[RoleName(SNAPSHOT)]
        envelope = self._parse(upload, Snapshot)
        meta = envelope.signed_as(Snapshot).meta
        with _refused_as(BAD_SNAPSHOT):
            check_signatures(root, SNAPSHOT, envelope, gun=self.gun)
            check_expiry(SNAPSHOT, envelope, gun=self.gun, now=self.now)
        for name, wire in self.looked_at.items():
            if name not in meta:
                raise invalid_update(BAD_SNAPSHOT, f"the snapshot does not name role {name}")
            with _refused_as(BAD_SNAPSHOT):
                check_hashes(name, wire, meta[name], gun=self.gun)
        return _new_file(upload)

    def _uploaded(self) -> dict[RoleName, bytes]:
        """Return what a new snapshot names anew."""
        return {name: wire for name, wire in self.looked_at.items() if name in self.uploads}

    # 4 and 7

    def _check_versions(self, files: list[NewFile]) -> None:
        """Refuse versions that are there, before what only late publishers do wrong is found."""
        stored = {file.role: self.store.current_version(self.gun, file.role) for file in files}
        for file in files:
            if file.version <= stored[file.role]:
                raise NotaryError("VERSION", {})
        for file in files:
            if file.version > stored[file.role] + MAX_LEAP:
                raise invalid_update(
                    _KIND.get(file.role, BAD_TARGETS),
                    f"version {file.version} of role {file.role} is too far above the stored "
                    f"{stored[file.role]}: versions end at 2147483647, and nobody could publish "
                    "after it",
                )

    # 6

    def _check_stored_targets(self, root: Root) -> None:
        """Refuse a new root that makes the stored targets invalid for everybody."""
        stored = self.store.current(self.gun, TARGETS)
        if ROOT not in self.uploads or TARGETS in self.uploads or stored is None:
            return
        try:
            check_signatures(root, TARGETS, stored.envelope, gun=self.gun)
        except ThresholdError as error:
            raise invalid_update(
                BAD_TARGETS,
                "the new root names other keys for targets than have signed the stored file; "
                "publish targets, signed by them, in the same update",
            ) from error

    def _check_snapshot_is_complete(self, snapshot: NewFile) -> None:
        """Refuse a snapshot by which clients would ask for files that are not there."""
        meta = Envelope.from_bytes(snapshot.wire).signed_as(Snapshot).meta
        for name, entry in meta.items():
            upload = self.uploads.get(RoleName(name))
            stored = self.store.current(self.gun, name)
            wire = upload.wire if upload else stored.wire if stored else None
            if name in {SNAPSHOT, TIMESTAMP} or wire is None:
                raise invalid_update(
                    BAD_SNAPSHOT, f"the snapshot names role {printable(name)}, which is not here"
                )
            with _refused_as(BAD_SNAPSHOT):
                check_hashes(name, wire, entry, gun=self.gun)

    # 5

    def _parse(self, upload: Upload, cls: type[SignedT]) -> Envelope:
        with _refused_as(_KIND.get(upload.role, BAD_TARGETS), f"role {upload.role}: "):
            envelope = prove_survival(upload.wire, where=f"role {upload.role}")
            envelope.signed_as(cls)
            return envelope


@contextmanager
def _refused_as(name: str, where: str = "") -> Iterator[None]:
    """Turn what the dialect and the trust checks raise into the server's answer."""
    try:
        yield
    except SignerError as error:
        raise invalid_update(name, f"{where}{error.message} {error.hint}".rstrip()) from error


def _new_file(upload: Upload) -> NewFile:
    return NewFile(upload.role, upload.version, upload.wire)
