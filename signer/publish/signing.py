"""Signing edited roles with the keys at hand, and proving each file before it leaves."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from tuf.api.metadata import MetaFile, Root, Snapshot, Targets

from signer.constants import SNAPSHOT, TARGETS
from signer.dialect.codec import Signed
from signer.dialect.envelope import Envelope, file_hashes
from signer.dialect.keys import NotaryKey
from signer.dialect.lint import prove_wire
from signer.errors import KeyUnusableError
from signer.keys.signers import NotarySigner
from signer.names import Gun, RoleName
from signer.publish.editor import CollectionEditor, lifetime_end
from signer.trust.checks import check_signatures


class Keyring:
    """The signers at hand, by canonical key id."""

    def __init__(self, signers: Iterable[NotarySigner]) -> None:
        self._signers = {signer.canonical_id: signer for signer in signers}

    def __iter__(self) -> Iterator[NotarySigner]:
        return iter(self._signers.values())

    def __bool__(self) -> bool:
        """Whether there is any key."""
        return bool(self._signers)

    def signers_for(self, keys: Iterable[object]) -> list[NotarySigner]:
        """Return a signer for each of a role's keys that is at hand, under the role's key id."""
        return [
            self._signers[key.canonical_id].for_key(key)
            for key in keys
            if isinstance(key, NotaryKey) and key.canonical_id in self._signers
        ]


def sign_role(
    role: str, signed: Signed, delegator: Root | Targets, *, keyring: Keyring, gun: Gun
) -> tuple[bytes, list[str]]:
    """Sign one role's content with every key at hand that the delegator lists; prove the file.

    Returns:
        The wire form, and the key ids that signed.

    Raises:
        KeyUnusableError: fewer keys at hand than the threshold.
        UnwritableError: Go would write the file otherwise.
        ThresholdError: a signature that was just made does not verify.
    """
    delegated = delegator.get_delegated_role(role)
    keys = [delegator.get_key(keyid) for keyid in delegated.keyids]
    signers = keyring.signers_for(keys)
    if len({signer.canonical_id for signer in signers}) < delegated.threshold:
        raise missing_keys(role, keys, threshold=delegated.threshold, gun=gun)
    envelope = Envelope.from_signed(signed)
    for signer in signers:
        envelope.sign(signer)
    wire = envelope.to_bytes()
    prove_wire(wire, where=f"{gun}, role {role}")
    check_signatures(delegator, role, Envelope.from_bytes(wire), gun=gun)
    return wire, [signer.public_key.keyid for signer in signers]


def missing_keys(
    role: str, keys: Sequence[object], *, threshold: int, gun: Gun
) -> KeyUnusableError:
    """Describe which keys a role wants, by the ids that key files are named by."""
    wanted = [key.canonical_id for key in keys if isinstance(key, NotaryKey)]
    number = f"{threshold} of " if threshold > 1 else ""
    return KeyUnusableError(
        f"{gun}: no key at hand may sign role {role}."
        if threshold == 1
        else f"{gun}: too few keys at hand to sign role {role}.",
        hint=f"Wanted: {number}{', '.join(wanted) or 'no key at all'} (canonical key ids, by "
        "which key files are named).",
        code="no-signing-key",
    )


def sign_snapshot(
    editor: CollectionEditor, wires: Mapping[RoleName, bytes], *, keyring: Keyring
) -> bytes | None:
    """Make the next snapshot where its key is at hand; otherwise the server makes it.

    Source: NP 4.3, step 6.
    """
    collection = editor.collection
    root = collection.root.envelope.signed_as(Root)
    role = root.roles[SNAPSHOT]
    if not keyring.signers_for(root.keys[keyid] for keyid in role.keyids):
        return None
    current = collection.roles[RoleName(SNAPSHOT)].envelope.signed_as(Snapshot)
    meta: dict[str, MetaFile] = {
        name: entry for name, entry in current.meta.items() if name not in editor.removed
    }
    for name, wire in wires.items():
        meta[name] = MetaFile(1, len(wire), file_hashes(wire))
    expires = lifetime_end(SNAPSHOT, now=collection.now)
    snapshot = Snapshot(current.version + 1, None, expires, meta)
    return sign_role(SNAPSHOT, snapshot, root, keyring=keyring, gun=collection.gun)[0]


def sign_edited(
    editor: CollectionEditor, *, keyring: Keyring
) -> tuple[dict[RoleName, bytes], dict[RoleName, list[str]]]:
    """Sign every edited role, and the snapshot where its key is at hand.

    Returns:
        Wire forms and signing key ids, by role.
    """
    collection = editor.collection
    root = collection.root.envelope.signed_as(Root)
    wires: dict[RoleName, bytes] = {}
    key_ids: dict[RoleName, list[str]] = {}
    for name in sorted(editor.edited, key=lambda role: role.count("/")):
        delegator = root if name == TARGETS else editor.delegator(name)
        wires[name], key_ids[name] = sign_role(
            name, editor.edited[name], delegator, keyring=keyring, gun=collection.gun
        )
    snapshot = sign_snapshot(editor, wires, keyring=keyring)
    if snapshot is not None:
        wires[RoleName(SNAPSHOT)] = snapshot
    return wires, key_ids
