"""Editing a verified collection: changes in, edited roles out. Nothing is signed or sent here."""

import copy
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from tuf.api.metadata import Delegations, TargetFile, Targets

from signer.constants import LIFETIME_DAYS, TARGETS
from signer.dialect.codec import PrefixRole
from signer.dialect.keys import NotaryKey
from signer.dialect.lint import check_custom, check_target_name
from signer.errors import UsageError
from signer.names import RoleName, is_delegation, parent_role, printable
from signer.publish.changes import (
    AddDelegation,
    Change,
    RemoveDelegation,
    RemoveDelegationKeys,
    RemoveTarget,
    Resign,
    SetTarget,
)
from signer.trust.collection import TrustedCollection


class CollectionEditor:
    """Edits copies of a collection's roles.

    Args:
        collection: what was read, verified.
        floors: versions that the server is known to hold of roles which the collection has not.

    Attributes:
        edited: the changed roles, in their next version.
        removed: delegations that no longer exist.
        warnings: what users should know about the outcome.
    """

    def __init__(
        self, collection: TrustedCollection, *, floors: Mapping[RoleName, int] | None = None
    ) -> None:
        self.collection = collection
        self.floors = floors or {}
        self.edited: dict[RoleName, Targets] = {}
        self.removed: set[RoleName] = set()
        self.warnings: list[str] = []

    def apply(self, changes: Iterable[Change]) -> None:
        """Apply changes in order; a change that changes nothing leaves its role alone.

        Raises:
            UsageError: a role is not there, or may not hold the target.
            UnwritableError: the Go programs would not survive a name or custom data.
        """
        for change in changes:
            match change:
                case SetTarget():
                    self._set_target(change)
                case RemoveTarget():
                    self._remove_target(change)
                case AddDelegation():
                    self._add_delegation(change)
                case RemoveDelegationKeys():
                    self._remove_keys(change)
                case RemoveDelegation():
                    self._remove_delegation(change)
                case Resign():
                    self._edit(change.role)

    def role(self, name: RoleName) -> Targets | None:
        """Return a role as edited, or as it is; None where it has no valid file."""
        if name in self.edited:
            return self.edited[name]
        role = self.collection.roles.get(name) or self.collection.stale.get(name)
        return role.targets if role else None

    def delegator(self, name: RoleName) -> Targets:
        """Return the parent that lists a delegation's keys, as edited.

        Raises:
            UsageError: the parent has no valid file.
        """
        parent = self.role(parent_role(name))
        if parent is None:
            raise UsageError(f"{self.collection.gun}: there is no role {parent_role(name)}.")
        return parent

    def _edit(self, name: RoleName) -> Targets:
        if name not in self.edited:
            current = self.role(name) or self._fresh(name)
            edited = copy.copy(current)
            edited.targets = dict(current.targets)
            edited.delegations = _copied(current.delegations)
            edited.version = self._last_version(name) + 1
            edited.expires = lifetime_end(name, now=self.collection.now)
            self.edited[name] = edited
        return self.edited[name]

    def _fresh(self, name: RoleName) -> Targets:
        """Start a role's first file, or start over where nobody authorised vouches for the old."""
        delegated = self.delegator(name).delegations
        if not delegated or name not in (delegated.roles or {}):
            raise UsageError(
                f"{self.collection.gun}: there is no role {name}.",
                hint=f"Add it first: signer delegation add {self.collection.gun} "
                f"{name.removeprefix('targets/')} CERTIFICATE",
                code="no-such-role",
            )
        problem = self.collection.invalid.get(name)
        if problem is not None:
            self.warnings.append(
                f"{name} was not validly signed, so it starts anew: tags that only it held must be "
                f"signed again. ({problem.message})"
            )
        return Targets(1, None, self.collection.now, {}, Delegations({}, {}))

    def _last_version(self, name: RoleName) -> int:
        role = self.role(name) if name not in self.collection.invalid else None
        return max(
            role.version if role else 0,
            self.collection.rejected.get(name, 0),
            self.collection.seen.get(name, 0),
            self.floors.get(name, 0),
        )

    def _set_target(self, change: SetTarget) -> None:
        check_target_name(change.name)
        where = f"{change.role}, target {printable(change.name)!r}"
        if change.custom is not None:
            check_custom(change.custom, where=where)
        if not self._admits(change.role, change.name):
            raise UsageError(
                f"{self.collection.gun}: role {change.role} may not sign "
                f"{printable(change.name)!r}: it is outside its paths.",
                code="path-not-permitted",
            )
        rest = {} if change.custom is None else {"custom": change.custom}
        entry = TargetFile(change.length, dict(change.hashes), change.name, rest)
        current = self.role(change.role)
        if current is None or not _same(current.targets.get(change.name), entry):
            self._edit(change.role).targets[change.name] = entry

    def _admits(self, role: RoleName, target: str) -> bool:
        if role == TARGETS:
            return True
        name: RoleName = role
        while is_delegation(name):
            delegations = self.delegator(name).delegations
            delegated = ((delegations and delegations.roles) or {}).get(name)
            if delegated is None or not delegated.is_delegated_path(target):
                return delegated is None  # a missing role is reported by name when it is edited
            name = parent_role(name)
        return True

    def _remove_target(self, change: RemoveTarget) -> None:
        current = self.role(change.role)
        if current is not None and change.name in current.targets:
            del self._edit(change.role).targets[change.name]

    def _add_delegation(self, change: AddDelegation) -> None:
        delegations = self.delegator(change.role).delegations or Delegations({}, {})
        known = (delegations.roles or {}).get(change.role)
        have = {_canonical(delegations.keys[keyid]) for keyid in (known.keyids if known else ())}
        keys = [key for key in change.keys if key.canonical_id not in have]
        paths = [path for path in change.paths if known is None or path not in (known.paths or ())]
        if known is not None and not keys and not paths:
            return
        edited = self._edit(parent_role(change.role)).delegations or Delegations({}, {})
        roles = dict(edited.roles or {})
        role = roles.get(change.role) or PrefixRole(change.role, [], 1, False, [], None)
        for key in keys:
            edited.keys[key.keyid] = key
        role.keyids = [*role.keyids, *(key.keyid for key in keys)]
        role.paths = [*(role.paths or []), *paths]
        roles[change.role] = role
        edited.roles = roles
        self.edited[parent_role(change.role)].delegations = edited
        self.removed.discard(change.role)

    def _remove_keys(self, change: RemoveDelegationKeys) -> None:
        parent = parent_role(change.role)
        delegations = self.delegator(change.role).delegations
        known = ((delegations and delegations.roles) or {}).get(change.role)
        if delegations is None or known is None:
            return
        gone = [
            keyid
            for keyid in known.keyids
            if _canonical(delegations.keys.get(keyid)) in change.key_ids
        ]
        if not gone:
            return
        edited = self._edit(parent).delegations or Delegations({}, {})
        role = (edited.roles or {})[change.role]
        role.keyids = [keyid for keyid in role.keyids if keyid not in gone]
        _drop_unused_keys(edited)

    def _remove_delegation(self, change: RemoveDelegation) -> None:
        delegations = self.delegator(change.role).delegations
        if change.role not in ((delegations and delegations.roles) or {}):
            return
        edited = self._edit(parent_role(change.role)).delegations or Delegations({}, {})
        roles = dict(edited.roles or {})
        del roles[change.role]
        edited.roles = roles
        _drop_unused_keys(edited)
        self.removed.add(change.role)
        self.edited.pop(change.role, None)


def lifetime_end(role: str, *, now: datetime) -> datetime:
    """Return the expiry of a role that is signed now; delegations live as long as targets."""
    days = LIFETIME_DAYS.get(role, LIFETIME_DAYS[TARGETS])
    return (now + timedelta(days=days)).replace(microsecond=0)


def _copied(delegations: Delegations | None) -> Delegations:
    """Copy what is edited; keys are values, and stay."""
    if delegations is None:
        return Delegations({}, {})
    roles = {name: copy.copy(role) for name, role in (delegations.roles or {}).items()}
    return Delegations(dict(delegations.keys), roles, None, dict(delegations.unrecognized_fields))


def _same(one: TargetFile | None, other: TargetFile) -> bool:
    return (
        one is not None
        and one.length == other.length
        and one.hashes == other.hashes
        and one.unrecognized_fields == other.unrecognized_fields
    )


def _canonical(key: object) -> str:
    return key.canonical_id if isinstance(key, NotaryKey) else ""


def _drop_unused_keys(delegations: Delegations) -> None:
    used = {keyid for role in (delegations.roles or {}).values() for keyid in role.keyids}
    delegations.keys = {keyid: key for keyid, key in delegations.keys.items() if keyid in used}
