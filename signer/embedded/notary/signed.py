"""What is signed in a collection, for the DTR beside it: its tags' ``inNotary``, ``hashMismatch``.

The server reads its own files as a client does, so that what a role may not say, or no longer says
validly, does not count.

Source: dtr-ucp-ci B.1 (deleting), B.2 (tags); NP 4.9.
"""

from datetime import datetime

from signer.constants import RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.embedded.notary.store import FileStore
from signer.errors import SignerError
from signer.names import Gun, RoleName, parent_role
from signer.trust.collection import TrustedCollection

SignedTags = dict[str, dict[RoleName, str]]
"""SHA-256 digests (hex) by tag and role; ``targets/releases`` is the first, then ``targets``."""


def signed_tags(store: FileStore, gun: Gun, *, now: datetime) -> SignedTags:
    """Return every signed tag of a collection; nothing where there is none, or it is not valid."""
    try:
        collection = _read(store, gun, now=now)
    except SignerError:
        return {}
    if collection is None:
        return {}
    found: SignedTags = {}
    for role in sorted(collection.walk(), key=lambda role: _rank(role.name)):
        for name, target in role.targets.targets.items():
            digest = target.hashes.get("sha256")
            if digest and role.admits(name):
                found.setdefault(name, {})[role.name] = digest
    return found


def _read(store: FileStore, gun: Gun, *, now: datetime) -> TrustedCollection | None:
    collection = TrustedCollection(gun, now, allow_expired=True)
    wires = [store.current(gun, role) for role in (ROOT, TIMESTAMP, SNAPSHOT, TARGETS)]
    steps = (
        collection.trust_root,
        collection.update_timestamp,
        collection.update_snapshot,
        collection.update_targets,
    )
    for file, step in zip(wires, steps, strict=True):
        if file is None:
            return None
        step(file.wire)
    names = list(collection.delegations)
    for name in names:  # which grows by what each of them delegates
        file = store.current(gun, name) if collection.published(name) else None
        if file is None or parent_role(name) not in collection.roles:
            continue
        before = set(collection.delegations)
        collection.update_delegation(name, file.wire)
        names += [child for child in collection.delegations if child not in before]
    return collection


def _rank(role: RoleName) -> tuple[int, str]:
    return ((RELEASES, TARGETS).index(role) if role in {RELEASES, TARGETS} else 2, role)
