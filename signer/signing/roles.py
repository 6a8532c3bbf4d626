"""Which roles sign a tag: docker trust's rule.

Where a collection has no delegations, ``targets`` signs. Where it has, every delegation directly
below ``targets`` signs whose paths admit the tag and one of whose keys is at hand; so one command
signs ``targets/releases``, which docker reads, and ``targets/NAME``, by which UCP and ``verify
--signer`` know who signed.

Source: docker-trust reference, A.6.
"""

from tuf.api.metadata import Root

from signer.constants import DELEGATION_PREFIX, RELEASES, ROOT, TARGETS
from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError
from signer.names import RoleName, parent_role, parse_signer
from signer.publish.signing import Keyring
from signer.trust.collection import TrustedCollection


def signable_roles(
    collection: TrustedCollection, tag: str, *, keyring: Keyring, signer: str = ""
) -> list[RoleName]:
    """Return the roles that the keys at hand sign for ``tag``, parents' order kept.

    Args:
        collection: the verified collection.
        tag: the target's name.
        keyring: the keys at hand.
        signer: a signer's name to restrict to: then its role and ``targets/releases`` sign, and
            the keys must include one of its own.

    Raises:
        KeyUnusableError: no key at hand belongs to any role, or none to ``signer``'s.
        UsageError: ``signer`` is no signer's name.
    """
    if not collection.delegations:
        return _targets_only(collection, keyring, signer=signer)
    roles = [
        info.name
        for info in collection.delegations.values()
        if parent_role(info.name) == TARGETS
        and any(tag.startswith(path) for path in info.paths)
        and keyring.signers_for(info.keys)
    ]
    if signer:
        wanted = parse_signer(signer)
        if wanted not in roles:
            raise _not_of_signer(collection, signer)
        roles = [role for role in roles if role in {wanted, RELEASES}]
    if not roles:
        raise _no_role(collection, tag)
    return roles


def _targets_only(
    collection: TrustedCollection, keyring: Keyring, *, signer: str
) -> list[RoleName]:
    root = collection.root.envelope.signed_as(Root)
    keys = [root.keys[keyid] for keyid in root.roles[TARGETS].keyids]
    if signer or not keyring.signers_for(keys):
        raise _no_role(collection, "")
    return [RoleName(TARGETS)]


def wanted_keys(collection: TrustedCollection) -> list[tuple[RoleName, list[str]]]:
    """Return every role that can sign tags, with the canonical ids of its keys."""
    root = collection.root.envelope.signed_as(Root)
    own = [root.keys[keyid] for keyid in root.roles[TARGETS].keyids]
    ids = [key.canonical_id for key in own if isinstance(key, NotaryKey)]
    roles: list[tuple[RoleName, list[str]]] = [(RoleName(TARGETS), [str(i) for i in ids])]
    roles += [
        (info.name, [str(key.canonical_id) for key in info.keys])
        for info in collection.delegations.values()
    ]
    return roles


def signer_names(collection: TrustedCollection) -> list[str]:
    """Return the names of the collection's signers: first-level delegations but ``releases``."""
    return [
        name.removeprefix(DELEGATION_PREFIX)
        for name in collection.delegations
        if name != RELEASES and parent_role(name) == TARGETS
    ]


def _describe(collection: TrustedCollection) -> str:
    return "; ".join(
        f"{role} wants {' or '.join(ids) or 'no key at all'}"
        for role, ids in wanted_keys(collection)
        if role != ROOT
    )


def _no_role(collection: TrustedCollection, tag: str) -> KeyUnusableError:
    what = f" for tag {tag!r}" if tag else ""
    return KeyUnusableError(
        f"{collection.gun}: the key at hand belongs to no role that may sign{what}.",
        hint=f"{_describe(collection)} (canonical key ids).",
        code="no-role-for-key",
    )


def _not_of_signer(collection: TrustedCollection, signer: str) -> KeyUnusableError:
    known = ", ".join(signer_names(collection)) or "none"
    return KeyUnusableError(
        f"{collection.gun}: the key at hand is not one of signer {signer!r}.",
        hint=f"Signers of the collection: {known}. {_describe(collection)} (canonical key ids).",
        code="no-role-for-key",
    )
