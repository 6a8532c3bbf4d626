"""Reading a collection from a server: what is fetched when, and where it goes.

The rules are ``TrustedCollection``'s; this module feeds it. Requests go out in parallel; whatever
was fetched ahead counts only if verified metadata names its hash, else the file is fetched by hash.
If the collection moved on in between, or keys were rotated, reading starts again once.
"""

import hashlib
from collections.abc import Callable
from datetime import datetime

from tuf.api.metadata import MetaFile, Root

from signer.constants import MAX_ROOT_ROTATIONS, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.envelope import Envelope
from signer.dialect.errors import HashMismatchError, PinMismatchError, RollbackError, ThresholdError
from signer.errors import (
    NetworkError,
    NotFoundError,
    NotSignedError,
    TrustDataError,
    UsageError,
)
from signer.names import Gun, RoleName
from signer.trust.cache import MetadataCache
from signer.trust.checks import signed_keys
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import Downloads, start_first_round
from signer.trust.pinning import Pins
from signer.trust.role import root_key_ids
from signer.trust.state import StateStore, TrustState
from signer.trust.steps import Step, at_step


class NoTrustDataError(NotSignedError):
    """The server has no trust data for the collection."""

    default_code = "no-trust-data"


class NoPinError(UsageError):
    """Nothing says which root to trust."""

    default_code = "no-pin"


class MissingFileError(TrustDataError):
    """The server names a file that it does not serve."""

    default_code = "missing-file"


class TrustClient:
    """Reads one collection, verified.

    Args:
        gun: the collection.
        downloads: requests to the server; the first round may be under way.
        cache: verified files of former readings.
        states: known roots and highest versions.
        pins: how an unknown root may be trusted.
        confirm: asks somebody whether the root with the given key ids is to be trusted, when
            nothing else says so; None where there is nobody to ask.
        clock: returns the current time, with its zone.
        live: whether a server answers now, so that success confirms what is cached; False for
            stored files and bundles, and for a clock that shows another time.
    """

    def __init__(
        self,
        gun: Gun,
        downloads: Downloads,
        *,
        cache: MetadataCache,
        states: StateStore,
        pins: Pins,
        clock: Callable[[], datetime],
        confirm: Callable[[Gun, str], bool] | None = None,
        live: bool = True,
    ) -> None:
        self.gun = gun
        self.cache = cache
        self.states = states
        self.pins = pins
        self.clock = clock
        self.confirm = confirm
        self.live = live
        self.downloads = downloads
        self._used = False

    def update(self, *, allow_expired: bool = False) -> TrustedCollection:
        """Fetch and verify the collection: steps 1 to 9 of ``TrustedCollection``.

        Args:
            allow_expired: keep what has expired, with its error in ``expired``; for inspection
                and repair, never for a verdict.

        Raises:
            NoTrustDataError: the server has none.
            NoPinError: nothing says which root to trust.
            TrustDataError: something is invalid.
            ExpiredError: something has expired.
            NetworkError, AuthError: the server cannot be read.
        """
        if self._used:
            self.downloads.forget()
        self._used = True
        self._start_first_round()
        try:
            return self._read(allow_expired=allow_expired)
        except (HashMismatchError, MissingFileError, RollbackError):
            # A publisher was faster; one that shares this trust directory has raised the marks.
            if not self._moved_on():
                raise
        except ThresholdError:
            self._start_again()  # a role's key may have been rotated between the requests
        return self._read(allow_expired=allow_expired)

    def _start_first_round(self) -> None:
        start_first_round(self.downloads, self.gun, states=self.states, cache=self.cache)

    def _moved_on(self) -> bool:
        """Start afresh, and tell whether the timestamp differs from the one just used."""
        before = self.downloads.get(TIMESTAMP)
        self._start_again()
        return self._current(TIMESTAMP) != before

    def _start_again(self) -> None:
        self.downloads.forget()
        self._start_first_round()

    def _read(self, *, allow_expired: bool) -> TrustedCollection:
        state = self.states.load(self.gun)
        collection = TrustedCollection(
            self.gun,
            self.clock(),
            versions=state.versions if state else None,
            allow_expired=allow_expired,
        )
        with at_step(Step.ROOT_PINNED):
            satisfied = self._load_root(collection, state)
        with at_step(Step.TIMESTAMP):
            collection.update_timestamp(self._current(TIMESTAMP))
        with at_step(Step.SNAPSHOT):
            collection.update_snapshot(self._file(SNAPSHOT, collection.snapshot_meta))
        with at_step(Step.ROOT_NAMED):
            self._follow_snapshot_to_root(collection)
        with at_step(Step.ROOT_VALID):
            collection.finish_root()
        with at_step(Step.TARGETS):
            collection.update_targets(self._file(TARGETS, collection.meta(RoleName(TARGETS))))
        with at_step(Step.DELEGATIONS):
            self._load_delegations(collection)
        self._keep(collection, satisfied)
        return collection

    # Root (steps 1 to 4, and 7)

    def _load_root(self, collection: TrustedCollection, state: TrustState | None) -> frozenset[str]:
        """Establish the newest root; return the fingerprints of the pins that hold for it."""
        if state is None:
            self._pin_chain(collection, self._current(ROOT))
            return frozenset([self.pins.fingerprint]) if self.pins.explicit else frozenset()
        self._trust_remembered(collection, state)
        with at_step(Step.ROOT_CHAIN):
            self._walk_up(collection)
        if not self.pins.explicit or self.pins.fingerprint in state.pins:
            return state.pins
        # A root that was trusted otherwise before must satisfy a pin that is given now. It may
        # be a pin on the newest root, which was not known yet when the state was saved.
        probe = TrustedCollection(self.gun, collection.now)
        try:
            self._pin_chain(probe, collection.root.wire)
        except PinMismatchError as error:
            raise PinMismatchError(
                f"{error.message[:-1]}, which is trusted from earlier runs.",
                hint=f"{error.hint} If the collection was made anew on purpose, remove what is "
                f"remembered: {self.states.location(self.gun)}",
            ) from error
        return state.pins | {self.pins.fingerprint}

    def _trust_remembered(self, collection: TrustedCollection, state: TrustState) -> None:
        try:
            collection.trust_root(state.root)
        except TrustDataError as error:
            raise self.states.unreadable(self.gun) from error

    def _walk_up(self, collection: TrustedCollection) -> None:
        """Step 3: version after version, as long as the server has a next one."""
        for _ in range(MAX_ROOT_ROTATIONS):
            try:
                wire = self.downloads.get(ROOT, version=collection.root.version + 1)
            except NotFoundError:
                return
            collection.update_root(wire)
        raise TrustDataError(
            f"{self.gun}: more than {MAX_ROOT_ROTATIONS} newer roots.", code="too-many-roots"
        )

    def _pin_chain(self, collection: TrustedCollection, newest: bytes) -> None:
        """Steps 1 to 3: find the root that a pin accepts, and walk from it to ``newest``."""
        pins = self.pins or self._confirmed(newest)
        try:
            collection.pin_root(newest, pins)
            return
        except PinMismatchError as error:
            mismatch = error
        newer = [newest]
        version = Envelope.from_bytes(newest).signed.version
        for older in range(version - 1, max(0, version - 1 - MAX_ROOT_ROTATIONS), -1):
            try:
                wire = self.downloads.get(ROOT, version=older)
                collection.pin_root(wire, pins)
                break
            except PinMismatchError:
                newer.append(wire)
            except NotFoundError:
                raise mismatch from None
        else:
            raise mismatch
        with at_step(Step.ROOT_CHAIN):
            for wire in reversed(newer):
                collection.update_root(wire)

    def _confirmed(self, wire: bytes) -> Pins:
        """Ask whether to trust the root that the server shows; the answer is for this root."""
        envelope = Envelope.from_bytes(wire)
        root = envelope.signed_as(Root)
        signed = signed_keys(root, ROOT, envelope)  # a thief could list the genuine key, too
        seen = ", ".join(root_key_ids(root, signed)) or "of nobody"
        if self.confirm is not None and self.confirm(self.gun, seen):
            self.pins = Pins(key_ids=frozenset(signed))  # asked once, for this root and no other
            return self.pins
        raise NoPinError(
            f"Nothing says which root to trust for {self.gun}.",
            hint=f"The server shows the root key id {seen}. If whoever initialised the collection "
            "confirms it, pass --root-key-id with it (or --root-cert, --root-ca); "
            "--trust-on-first-use believes the server.",
        )

    def _follow_snapshot_to_root(self, collection: TrustedCollection) -> None:
        """Step 7; where the server serves no numbered versions, step 3 over a gap."""
        try:
            collection.check_root_is_named()
        except HashMismatchError as mismatch:
            try:
                wire = self._by_hash(ROOT, collection.meta(RoleName(ROOT)))
            except NotFoundError:
                raise mismatch from None
            collection.update_root(wire, allow_gap=True)
            collection.check_root_is_named()
            # Its keys are in force now: what the former root's keys signed must hold under them.
            collection.update_timestamp(collection.roles[RoleName(TIMESTAMP)].wire)
            collection.update_snapshot(collection.roles[RoleName(SNAPSHOT)].wire)

    # Files

    def _current(self, role: str) -> bytes:
        try:
            return self.downloads.get(role)
        except NotFoundError as error:
            known = " It had some before." if self.states.load(self.gun) else ""
            raise NoTrustDataError(
                f"The server has no trust data for {self.gun}.{known}",
                hint=f"Was it initialised on this server? An admin does that with "
                f"'signer init {self.gun}'.",
            ) from error

    def _file(self, role: str, meta: MetaFile) -> bytes:
        """Return the file that ``meta`` names: cached, fetched ahead, or fetched by hash."""
        cached = self.cache.read(role)
        if cached is not None and _is(cached, meta):
            return cached
        if self.downloads.started(role):
            try:
                ahead = self.downloads.get(role)
            except (NotFoundError, NetworkError):
                # It was a guess; on SQL a server answers 500 for a role that its snapshot did not
                # name at that moment. What counts is asked for by its hash.
                ahead = b""
            if _is(ahead, meta):
                return ahead
        try:
            return self._by_hash(role, meta)
        except NotFoundError as error:
            raise MissingFileError(
                f"{self.gun}: the server names a file of role {role} that it does not serve.",
                hint="Either a publish is under way, or a file was published that Go would write "
                "otherwise; then a correct file of a higher version mends the collection.",
            ) from error

    def _by_hash(self, role: str, meta: MetaFile) -> bytes:
        try:
            return self.downloads.get(role, sha256=_sha256(meta), length=meta.length or 0)
        except TrustDataError as error:
            if error.code != "too-large":
                raise
            raise HashMismatchError(
                f"{self.gun}: the file of role {role} is longer than the {meta.length} bytes that "
                "its parent names.",
                hint="Nothing of it was used.",
            ) from error

    def _load_delegations(self, collection: TrustedCollection) -> None:
        """Step 9, level by level; the files of a level are fetched in parallel."""
        done: set[RoleName] = set()
        while level := [
            name
            for name in collection.delegations
            if name not in done and collection.published(name)
        ]:
            for name in level:
                self._start(name, collection.meta(name))
            for name in level:
                collection.update_delegation(name, self._file(name, collection.meta(name)))
            done.update(level)
        collection.note_withdrawn()

    def _start(self, role: RoleName, meta: MetaFile) -> None:
        cached = self.cache.read(role)
        if not self.downloads.started(role) and not (cached is not None and _is(cached, meta)):
            self.downloads.start(role, sha256=_sha256(meta), length=meta.length or 0)

    def _keep(self, collection: TrustedCollection, satisfied: frozenset[str]) -> None:
        """Remember what was verified; expired files are no news to remember."""
        if collection.expired:
            return
        contact = self.clock() if self.live else self.cache.confirmed()
        state = TrustState(collection.root.wire, collection.versions, satisfied)
        self.states.save(self.gun, state)  # first: what cannot be remembered is not confirmed
        for name, role in collection.roles.items():
            self.cache.write(name, role.wire)
        self.cache.confirm(contact)


def remember_root(states: StateStore, gun: Gun, root: bytes) -> None:
    """Trust a root that this trust directory has just made (``init``)."""
    version = Envelope.from_bytes(root).signed.version
    states.save(gun, TrustState(root, {ROOT: version}))


def _sha256(meta: MetaFile) -> str:
    return (meta.hashes or {})["sha256"]


def _is(wire: bytes, meta: MetaFile) -> bool:
    return len(wire) == meta.length and hashlib.sha256(wire).hexdigest() == _sha256(meta)
