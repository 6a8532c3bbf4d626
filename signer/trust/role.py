"""A verified role, and what its parent says about it."""

from collections.abc import Container
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import Root, TargetFile, Targets

from signer.constants import ROOT
from signer.dialect.envelope import Envelope
from signer.dialect.keys import NotaryKey
from signer.dialect.time import parse_time
from signer.names import RoleName


@dataclass(frozen=True)
class Role:
    """A role of the collection, verified.

    Attributes:
        name: its name.
        envelope: the file's content and signatures.
        wire: the file as received.
        paths: the prefixes that the role may sign, cut to its parents' (``""`` is everything).
        signed_by: ids of the public keys that validly signed the file, of those that the role's
            parent lists.
        stray: ids of the keys of signatures that count for nothing: not listed, or not valid.
    """

    name: RoleName
    envelope: Envelope
    wire: bytes
    paths: tuple[str, ...] = ("",)
    signed_by: frozenset[str] = frozenset()
    stray: tuple[str, ...] = ()

    @property
    def version(self) -> int:
        """The version in the file."""
        return self.envelope.signed.version

    @property
    def expires(self) -> datetime:
        """When the file expires, in UTC."""
        return parse_time(self.envelope.content["expires"])

    @property
    def targets(self) -> Targets:
        """The content of targets or a delegation."""
        return self.envelope.signed_as(Targets)

    def signed_by_key(self, key: NotaryKey) -> bool:
        """Tell whether this key made a valid signature on the file."""
        try:
            return NotaryKey.from_public_key(key.crypto()).keyid in self.signed_by
        except ValueError:
            return False  # a key that cannot be decoded has signed nothing

    def admits(self, target: str) -> bool:
        """Tell whether the role may speak about ``target`` at all."""
        return any(target.startswith(prefix) for prefix in self.paths)

    def find(self, target: str) -> TargetFile | None:
        """Return the role's entry for a target inside its paths, or None."""
        return self.targets.targets.get(target) if self.admits(target) else None


@dataclass(frozen=True)
class DelegatedRoleInfo:
    """What a parent says about a delegation.

    Attributes:
        name: the delegation's name.
        keys: its public keys, in the parent's order.
        threshold: how many of them must sign.
        paths: the prefixes it may sign, cut to the parent's.
    """

    name: RoleName
    keys: tuple[NotaryKey, ...]
    threshold: int
    paths: tuple[str, ...]


def digest_of(entry: TargetFile) -> str:
    """Return ``sha256:HEX`` of an entry; where it has none ``sha256:``, which equals no digest."""
    return f"sha256:{entry.hashes.get('sha256', '')}"


def root_key_ids(root: Root, among: Container[str] | None = None) -> list[str]:
    """Return the key ids of the root role as users pin them; all, or those in ``among``.

    Each entry is ``TUF-ID``, with ``(canonical ID)`` behind it where that differs.
    """
    shown = []
    for keyid in root.roles[ROOT].keyids:
        if among is not None and keyid not in among:
            continue
        key = root.keys[keyid]
        canonical = keyid
        if isinstance(key, NotaryKey):
            try:
                canonical = key.canonical_id
            except ValueError:
                canonical = keyid
        shown.append(keyid if canonical == keyid else f"{keyid} (canonical {canonical})")
    return shown
