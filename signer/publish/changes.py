"""Changes to a collection, as values: they can be applied again after a conflict."""

from collections.abc import Mapping
from dataclasses import dataclass

from signer.dialect.canonical import Json
from signer.dialect.keys import NotaryKey
from signer.names import CanonicalKeyId, RoleName


@dataclass(frozen=True)
class SetTarget:
    """Put a target into a role, replacing one of the same name.

    Attributes:
        role: targets or a delegation.
        name: the target's name (a tag).
        length: bytes of what is signed (a manifest).
        hashes: by algorithm, as lower-case hex.
        custom: JSON to sign beside it, or None for none.
    """

    role: RoleName
    name: str
    length: int
    hashes: Mapping[str, str]
    custom: Json = None


@dataclass(frozen=True)
class RemoveTarget:
    """Take a target out of a role; one that is not there is left out."""

    role: RoleName
    name: str


@dataclass(frozen=True)
class AddDelegation:
    """Create a delegation, or add keys and paths to it.

    Attributes:
        role: the delegation's name; its parent must exist.
        keys: keys to add; a key that is there in any form is not added again.
        paths: target prefixes to add.
    """

    role: RoleName
    keys: tuple[NotaryKey, ...]
    paths: tuple[str, ...] = ("",)


@dataclass(frozen=True)
class RemoveDelegationKeys:
    """Take keys out of a delegation, by canonical id."""

    role: RoleName
    key_ids: tuple[CanonicalKeyId, ...]


@dataclass(frozen=True)
class RemoveDelegation:
    """Remove a delegation."""

    role: RoleName


@dataclass(frozen=True)
class Resign:
    """Sign a role again as it is: a higher version, a new expiry, the keys of today."""

    role: RoleName


Change = SetTarget | RemoveTarget | AddDelegation | RemoveDelegationKeys | RemoveDelegation | Resign
