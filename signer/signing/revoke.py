"""Revoking: the tag leaves every role that the keys at hand can sign, in one publish."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from signer.errors import NotFoundError, UsageError
from signer.keys.signers import NotarySigner, prove
from signer.names import ImageReference, RoleName
from signer.publish.changes import Change, RemoveTarget
from signer.publish.signing import Keyring
from signer.signing.roles import signable_roles
from signer.signing.session import Session
from signer.signing.sign import released_digest
from signer.trust.collection import TrustedCollection


@dataclass(frozen=True)
class Revoked:
    """The outcome of a revocation.

    Attributes:
        image: the reference with its tag.
        status: ``revoked``, or ``up-to-date`` where no role at hand has the tag any more.
        previous_digest: ``sha256:HEX`` that was released, or empty.
        roles: from which it was taken.
        remaining: roles that still have the tag, whose keys are not at hand.
        versions: of the published roles.
    """

    image: str
    status: str
    previous_digest: str = ""
    roles: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    versions: dict[RoleName, int] = field(default_factory=dict)


def revoke_tag(session: Session, image: str, *, signers: Sequence[NotarySigner]) -> Revoked:
    """Take a tag out of every role that the keys at hand sign.

    Raises:
        UsageError: no tag in the reference, or no key.
        NotFoundError: no role has the tag.
        KeyUnusableError: the keys belong to no role.
    """
    reference = ImageReference.parse(image)
    if not reference.tag or reference.digest:
        raise UsageError(f"{reference} names no tag alone.", hint="Write REPO:TAG.", code="no-tag")
    for signer in signers:
        prove(signer)
    keyring = Keyring(signers)
    tag = reference.tag
    before: list[str] = []
    taken: dict[str, None] = {}

    def plan(collection: TrustedCollection) -> list[Change]:
        before.append(released_digest(collection, tag))
        roles = _holders(collection, tag)
        if not roles and len(before) == 1:
            raise NotFoundError(f"{reference} is not signed in any role: nothing to revoke.")
        signable = signable_roles(collection, tag, keyring=keyring)
        changes: list[Change] = [RemoveTarget(role, tag) for role in roles if role in signable]
        taken.update(dict.fromkeys(role for role in roles if role in signable))
        return changes

    published = session.publisher(reference.gun, keyring).publish(plan)
    return Revoked(
        image=str(reference),
        status="revoked" if published.attempts else "up-to-date",
        previous_digest=before[0],
        roles=tuple(taken),
        remaining=tuple(_holders(published.collection, tag)),
        versions=published.versions,
    )


def _holders(collection: TrustedCollection, tag: str) -> list[RoleName]:
    return [role.name for role in collection.walk() if tag in role.targets.targets]
