"""The signers of a collection: list, add, remove.

A signer's key is listed twice: in ``targets/NAME`` and in ``targets/releases``, both with all
paths, as docker does it.

Source: docker-trust reference A.10; NP 4.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from signer.constants import RELEASES
from signer.dialect.keys import NotaryKey
from signer.errors import NotFoundError, SignerError
from signer.keys.signers import NotarySigner
from signer.names import CanonicalKeyId, Gun, RoleName, parse_gun, parse_signer
from signer.publish.changes import (
    AddDelegation,
    Change,
    RemoveDelegation,
    RemoveDelegationKeys,
    Resign,
)
from signer.publish.publisher import Plan, Published
from signer.publish.signing import Keyring
from signer.signing.roles import signer_names
from signer.signing.session import Session
from signer.trust.checks import signed_keys
from signer.trust.collection import TrustedCollection


@dataclass(frozen=True)
class DelegationChange:
    """The outcome of adding or removing a signer.

    Attributes:
        gun: the collection.
        signer: the signer's name.
        status: ``added``, ``removed`` or ``up-to-date``.
        versions: of the published roles.
        warnings: what users should know.
    """

    gun: Gun
    signer: str
    status: str
    versions: dict[RoleName, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


def add_signer(
    session: Session,
    repository: str,
    *,
    name: str,
    keys: Sequence[NotaryKey],
    signers: Sequence[NotarySigner],
) -> DelegationChange:
    """List keys in ``targets/NAME`` and ``targets/releases``, both with all paths.

    Args:
        session: connections and stores.
        repository: the collection.
        name: the signer's name.
        keys: the signer's public keys.
        signers: the keys at hand; the collection's targets key must be among them.

    Raises:
        KeyUnusableError: the targets key is not at hand, or a key is a worthless example and the
            collection is not on loopback.
        UsageError: the name is no signer's.
    """
    gun = parse_gun(repository)
    role = parse_signer(name)
    for key in keys:
        session.refuse_example_key(key.canonical_id, gun)

    def plan(_collection: TrustedCollection) -> list[Change]:
        return [AddDelegation(role, tuple(keys)), AddDelegation(RoleName(RELEASES), tuple(keys))]

    published = _publish(session, gun, plan, signers=signers)
    return DelegationChange(
        gun,
        name,
        "added" if published.attempts else "up-to-date",
        published.versions,
        published.warnings,
    )


def remove_signer(
    session: Session,
    repository: str,
    *,
    name: str,
    signers: Sequence[NotarySigner],
    force: bool = False,
) -> DelegationChange:
    """Remove ``targets/NAME``, and its keys from ``targets/releases``.

    Where that would leave releases without a valid signature, releases is signed again with
    another of its keys, if one is at hand.

    Args:
        session: connections and stores.
        repository: the collection.
        name: the signer's name.
        signers: the keys at hand; the collection's targets key must be among them.
        force: remove the signer even if the released tags cannot be pulled afterwards.

    Raises:
        NotFoundError: there is no such signer.
        KeyUnusableError: the targets key is not at hand.
        SignerError: released tags would become unreadable, and ``force`` is not given.
    """
    gun = parse_gun(repository)
    role = parse_signer(name)
    keyring = Keyring(signers)
    warnings: list[str] = []
    seen: list[bool] = []

    def plan(collection: TrustedCollection) -> list[Change]:
        if role not in collection.delegations:
            if not seen:
                raise _no_signer(collection, name)
            return []
        seen.append(True)
        changes: list[Change] = [RemoveDelegation(role)]
        releases = collection.delegations.get(RoleName(RELEASES))
        if releases is None:
            return changes
        gone = _only_of(collection, role)
        left = [key for key in releases.keys if key.canonical_id not in gone]
        changes.append(RemoveDelegationKeys(releases.name, tuple(sorted(gone))))
        if _still_signed(collection, left, threshold=releases.threshold):
            return changes
        if keyring.signers_for(left):
            return [*changes, Resign(releases.name)]
        if not force and collection.roles.get(releases.name) is not None:
            raise _unpullable(collection, name, left=left)
        warnings.append(
            f"No remaining signer has signed {RELEASES}: released tags cannot be pulled until one "
            "signs again."
        )
        return changes

    published = _publish(session, gun, plan, signers=signers)
    return DelegationChange(
        gun,
        name,
        "removed" if published.attempts else "up-to-date",
        published.versions,
        (*dict.fromkeys(warnings), *published.warnings),
    )


def _publish(
    session: Session, gun: Gun, plan: Plan, *, signers: Sequence[NotarySigner]
) -> Published:
    return session.publisher(gun, Keyring(signers)).publish(plan)


def _only_of(collection: TrustedCollection, role: RoleName) -> set[CanonicalKeyId]:
    """Return the keys of a signer that no other signer has."""
    others = {
        key.canonical_id
        for info in collection.delegations.values()
        if info.name not in {role, RELEASES}
        for key in info.keys
    }
    return {key.canonical_id for key in collection.delegations[role].keys} - others


def _still_signed(
    collection: TrustedCollection, left: Sequence[NotaryKey], *, threshold: int
) -> bool:
    """Tell whether releases stays valid by the keys that are left (or has no file at all)."""
    role = collection.roles.get(RoleName(RELEASES))
    if role is None:
        return True
    signed = signed_keys(collection.targets.targets, RELEASES, role.envelope)
    return len({key.keyid for key in left} & signed.keys()) >= threshold


def _no_signer(collection: TrustedCollection, name: str) -> NotFoundError:
    known = ", ".join(signer_names(collection)) or "none"
    return NotFoundError(
        f"{collection.gun} has no signer {name!r}.", hint=f"Signers of the collection: {known}."
    )


def _unpullable(
    collection: TrustedCollection, name: str, *, left: Sequence[NotaryKey]
) -> SignerError:
    number = len(collection.roles[RoleName(RELEASES)].targets.targets)
    tags = f"{number} tag{'' if number == 1 else 's'}"
    keys = ", ".join(key.canonical_id[:12] for key in left) or "none"
    return SignerError(
        f"{collection.gun}: only {name!r} has signed {RELEASES}, so its {tags} could not be "
        "pulled afterwards.",
        hint=f"Pass --key with another key of {RELEASES} (left: {keys}) to sign it again, or "
        "--force.",
        code="last-signature",
    )
