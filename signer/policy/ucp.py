"""What UCP with "Run only signed images" would say about an image, and by which keys.

UCP looks at keys in first-level delegations, never in ``targets/releases``; for each team that it
wants, a member's key must be among them.

Source: dtr-ucp-ci reference, section C.2.
"""

from dataclasses import dataclass

from signer.constants import RELEASES, TARGETS
from signer.names import ImageReference
from signer.policy.model import Policy, Rule
from signer.trust.collection import TrustedCollection
from signer.trust.role import Role, digest_of


@dataclass(frozen=True)
class UcpSignature:
    """A signature that UCP takes into account.

    Attributes:
        role: the delegation, directly below ``targets``.
        key_id: canonical id of the key that made it.
        signers: names under which the policy knows the key.
        teams: the policy's teams in which one of these is.
    """

    role: str
    key_id: str
    signers: tuple[str, ...]
    teams: tuple[str, ...]


@dataclass(frozen=True)
class UcpAnswer:
    """Whether UCP with "Run only signed images" would run an image.

    Attributes:
        accepts: whether it would, if the keys are those of UCP users in these teams.
        digest: ``sha256:HEX`` that is decided about; empty where the tag is not released.
        signatures: those it takes into account.
        missing: teams that the rule requires and that have not signed.
    """

    accepts: bool
    digest: str
    signatures: tuple[UcpSignature, ...]
    missing: tuple[str, ...]


def ask_ucp(
    policy: Policy, rule: Rule, collection: TrustedCollection, reference: ImageReference
) -> UcpAnswer:
    """Decide as UCP does: by the keys in first-level delegations other than ``targets/releases``.

    Args:
        policy: whose signers and teams name the keys.
        rule: whose teams are required; without any, whoever's key suffices.
        collection: of the image, verified.
        reference: the image; without a tag it is looked for by its digest.
    """
    digest = reference.digest or _released_digest(collection, reference.tag)
    signatures = tuple(
        UcpSignature(role.name, key_id, *_owners(policy, collection, role, key_id))
        for role in collection.walk()
        if role.name.count("/") == 1 and role.name != RELEASES
        if digest and _has(role, reference.tag, digest)
        for key_id in sorted(role.signed_by)
    )
    signed = {team for signature in signatures for team in signature.teams}
    required = [team.name for team in rule.requirement.teams]
    missing = tuple(team for team in required if team not in signed)
    return UcpAnswer(bool(signatures) and not missing, digest, signatures, missing)


def _released_digest(collection: TrustedCollection, tag: str) -> str:
    for name in (RELEASES, TARGETS):
        entry = collection.find(name, tag)
        if entry is not None:
            return digest_of(entry)
    return ""


def _has(role: Role, tag: str, digest: str) -> bool:
    if tag:
        entry = role.find(tag)
        return entry is not None and digest_of(entry) == digest
    names = role.targets.targets
    return any(digest_of(names[name]) == digest and role.admits(name) for name in names)


def _owners(
    policy: Policy, collection: TrustedCollection, role: Role, key_id: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    listed = collection.delegations[role.name].keys
    ids = {key_id} | {key.keyid for key in listed if key.canonical_id == key_id}
    signers = tuple(name for name, signer in policy.signers.items() if signer.keys & ids)
    teams = tuple(name for name, members in policy.teams.items() if set(members) & set(signers))
    return signers, teams
