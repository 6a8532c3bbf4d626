"""Publishing: read, edit, sign, prove, upload, read back; again when another publisher was faster.

1. The collection is read and verified.
2. The plan says what is to change, given what is there now.
3. Changes are applied to copies, signed, and each file is proved to be in Go's form.
4. One upload carries all roles. A version conflict starts again at 1, after a random wait.
5. The collection is read back as a stranger would; the server answers 200 even to files that nobody
   can read afterwards.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tenacity import (
    Retrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)
from tuf.api.metadata import Root

from signer.constants import SNAPSHOT
from signer.dialect.envelope import Envelope
from signer.dialect.keys import NotaryKey
from signer.errors import (
    ConflictError,
    ExpiredError,
    KeyUnusableError,
    NetworkError,
    NotFoundError,
    SignerError,
    TrustDataError,
)
from signer.names import Gun, RoleName
from signer.publish.changes import Change
from signer.publish.editor import CollectionEditor
from signer.publish.signing import Keyring, sign_edited
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import MetadataSource, size_limit

Plan = Callable[[TrustedCollection], Sequence[Change]]
"""Says what is to change, given a collection; empty when nothing is."""

_SERVER_LACKS_SNAPSHOT_KEY = "server does not hold current snapshot key"
"""Part of a Notary server's answer to an upload without snapshot (NP 5.1)."""

MAX_ATTEMPTS = 60
MAX_SECONDS = 180.0
_CONFLICTS_OF_OTHERS = 4
_MAX_DOUBLINGS = 20


class NotaryServer(MetadataSource, Protocol):
    """What publishing needs of a Notary server."""

    def publish(self, files: Mapping[RoleName, bytes]) -> None:
        """Upload files of several roles in one request.

        Raises:
            ConflictError: one of the versions is there already.
            NetworkError: the outcome is unknown.
        """
        ...


class ReadBackError(TrustDataError):
    """What was published cannot be read back."""

    default_code = "read-back-failed"


@dataclass(frozen=True)
class Published:
    """The outcome of a publish.

    Attributes:
        collection: the collection as it was read back, or as read where nothing was to change.
        versions: of the roles that were published.
        key_ids: that signed them, by role.
        warnings: what users should know.
        attempts: how many uploads it took; 0 where nothing was to change.
    """

    collection: TrustedCollection
    versions: dict[RoleName, int] = field(default_factory=dict)
    key_ids: dict[RoleName, list[str]] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    attempts: int = 0


class Publisher:
    """Publishes changes to one collection.

    Args:
        gun: the collection.
        client: reads it.
        server: takes uploads.
        keyring: the keys at hand.
        sleep: waits between attempts, in seconds.
    """

    def __init__(
        self,
        gun: Gun,
        client: TrustClient,
        *,
        server: NotaryServer,
        keyring: Keyring,
        sleep: Callable[[float], None],
    ) -> None:
        self.gun = gun
        self.client = client
        self.server = server
        self.keyring = keyring
        self.sleep = sleep

    def publish(self, plan: Plan) -> Published:
        """Bring the collection to the state that ``plan`` wants, or leave it as it was.

        Raises:
            ConflictError: others were faster, after all retries.
            KeyUnusableError: a role to be signed has too few keys at hand.
            ReadBackError: it was accepted, but is not readable.
            SignerError: as reading the collection raises.
        """
        retrying = Retrying(
            retry=retry_if_exception_type(ConflictError),
            wait=wait_random_exponential(multiplier=0.1, max=3),
            stop=stop_after_attempt(MAX_ATTEMPTS) | stop_after_delay(MAX_SECONDS),
            sleep=self.sleep,
            reraise=True,
        )
        floors: dict[RoleName, int] = {}
        for attempt in retrying:
            with attempt:
                number = attempt.retry_state.attempt_number
                return self._attempt(plan, floors, number=number)
        raise ConflictError(f"{self.gun}: not published.")  # tenacity re-raises before this

    def _attempt(self, plan: Plan, floors: dict[RoleName, int], *, number: int) -> Published:
        collection = self.client.update(allow_expired=True)
        for error in collection.expired.values():
            raise error
        editor = CollectionEditor(collection, floors=floors)
        editor.apply(plan(collection))
        if not editor.edited:
            return Published(collection, warnings=tuple(editor.warnings))
        wires, key_ids = sign_edited(editor, keyring=self.keyring)
        self._upload(wires, editor, floors, plan=plan, number=number)
        versions = {name: targets.version for name, targets in editor.edited.items()}
        after = self._read_back(wires, versions, plan=plan)
        return Published(after, versions, key_ids, tuple(editor.warnings), number)

    def _upload(
        self,
        wires: Mapping[RoleName, bytes],
        editor: CollectionEditor,
        floors: dict[RoleName, int],
        *,
        plan: Plan,
        number: int,
    ) -> None:
        try:
            self.server.publish(wires)
        except ConflictError:
            self._raise_floors(editor, floors, number=number)
            raise
        except NetworkError as lost:
            # The answer was lost, perhaps after the server had taken the files.
            if not self._is_done(plan):
                raise lost from None
        except SignerError as rejected:
            if SNAPSHOT in wires or _SERVER_LACKS_SNAPSHOT_KEY not in rejected.message:
                raise
            raise _no_snapshot_key(editor.collection) from rejected

    def _is_done(self, plan: Plan) -> bool:
        try:
            return not _pending(plan, self.client.update())
        except SignerError:
            return False

    def _raise_floors(
        self, editor: CollectionEditor, floors: dict[RoleName, int], *, number: int
    ) -> None:
        """Learn the versions of roles that the server holds but the snapshot does not name.

        A delegation that was removed and added again starts at version 1 while its old versions
        are still stored (NP 5.1, item 6). On SQL the server answers 500 for such a role: after
        more conflicts than other publishers would make, its version is felt for in growing steps.
        """
        for name in editor.edited:
            if name in editor.collection.roles:
                continue
            try:
                wire = self.server.get_metadata(name, max_bytes=size_limit(name))
                floors[name] = Envelope.from_bytes(wire).signed.version
            except (NotFoundError, TrustDataError):
                continue
            except NetworkError:
                doublings = number - _CONFLICTS_OF_OTHERS
                if 0 < doublings <= _MAX_DOUBLINGS:
                    floors[name] = 2**doublings

    def _read_back(
        self, wires: Mapping[RoleName, bytes], versions: Mapping[RoleName, int], *, plan: Plan
    ) -> TrustedCollection:
        try:
            after = self.client.update()
        except (TrustDataError, ExpiredError) as error:
            raise ReadBackError(
                f"{self.gun} was published but cannot be read back: {error.message}",
                hint="The collection may be unreadable for everyone. Publish again; if that does "
                "not help, show this message to whoever runs the Notary server.",
            ) from error
        for name, version in versions.items():
            role = after.roles.get(name)
            if role is not None and role.version == version and role.wire != wires[name]:
                raise self._not_there(name)
            if (role is None or role.version != version) and _pending(plan, after):
                raise self._not_there(name)
        return after

    def _not_there(self, name: RoleName) -> SignerError:
        return ReadBackError(
            f"{self.gun}: role {name} was published, but the server shows another content.",
            hint="Another publisher with the same keys may have replaced it; publish again.",
        )


def _no_snapshot_key(collection: TrustedCollection) -> KeyUnusableError:
    root = collection.root.envelope.signed_as(Root)
    keys = [root.keys[keyid] for keyid in root.roles[SNAPSHOT].keyids]
    wanted = " or ".join(key.canonical_id for key in keys if isinstance(key, NotaryKey))
    return KeyUnusableError(
        f"{collection.gun}: the snapshot key is not at hand, and the server does not hold it. "
        "Nothing was published.",
        hint=f"Pass the key file {wanted}.key with a second --key; or have the admin turn the key "
        f"over to the server: notary key rotate {collection.gun} snapshot --server-managed",
        code="no-snapshot-key",
    )


def _pending(plan: Plan, collection: TrustedCollection) -> bool:
    """Tell whether the plan would still change something."""
    editor = CollectionEditor(collection)
    editor.apply(plan(collection))
    return bool(editor.edited)
