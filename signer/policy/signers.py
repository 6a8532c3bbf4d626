"""Step 12: the required signers have signed this digest, each with a key of its own.

A signer is a name and its keys. The role ``targets/NAME`` must be published and valid, must have
the tag with this digest, and one of the pinned keys must have made a signature on it: being listed
is not enough. A signer without pinned keys is whoever the collection delegates that role to.

Source: the design, "Policy file"; verification requirements, rows 24 to 26; docker-trust reference
(teams as UCP has them).
"""

from collections.abc import Iterator

from signer.constants import DELEGATION_PREFIX, RELEASES
from signer.errors import SEVERITY, ExitCode, NotSignedError, SignerError
from signer.names import RoleName
from signer.policy.requirement import RequiredSigner, RequiredTeam, Requirement
from signer.trust.checks import public_key_id
from signer.trust.collection import TrustedCollection
from signer.trust.role import Role, digest_of


def check_signers(
    collection: TrustedCollection, tag: str, digest: str, *, requirement: Requirement
) -> str:
    """Check signers, their threshold, and teams; return who has signed.

    Raises:
        NotSignedError: too few have.
        SignerError: a required signer's role is not valid; why.
    """
    said = []
    if requirement.signers:
        signed = _count_signers(collection, tag, digest, requirement=requirement)
        said.append(f"signed by {', '.join(signed)}")
        if requirement.wanted < len(requirement.signers):
            said[-1] += f" ({requirement.wanted} of {len(requirement.signers)} required)"
    for team in requirement.teams:
        member, role = _require_team(collection, tag, digest, team=team)
        said.append(f"for team {team.name}: {member} in {role}")
    return "; ".join(said)


def _satisfying_signers(
    collection: TrustedCollection, tag: str, digest: str, *, requirement: Requirement
) -> tuple[RequiredSigner, ...]:
    """Return those required signers who have signed, in the rule's order."""
    return tuple(
        signer
        for signer in requirement.signers
        if _problem(collection, tag, digest, signer=signer) is None
    )


def deciding_roles(
    collection: TrustedCollection, tag: str, digest: str, *, requirement: Requirement
) -> tuple[RoleName, ...]:
    """Return the roles by which a fulfilled requirement is fulfilled: signers', then teams'."""
    signers = _satisfying_signers(collection, tag, digest, requirement=requirement)
    roles = [signer.role for signer in signers]
    roles += [_require_team(collection, tag, digest, team=team)[1] for team in requirement.teams]
    return tuple(dict.fromkeys(roles))


def _count_signers(
    collection: TrustedCollection, tag: str, digest: str, *, requirement: Requirement
) -> list[str]:
    problems: list[SignerError] = []
    signed: list[str] = []
    for signer in requirement.signers:
        problem = _problem(collection, tag, digest, signer=signer)
        if problem is None:
            signed.append(signer.name)
        else:
            problems.append(problem)
    if len(signed) >= requirement.wanted:
        _refuse_shared_keys(collection, signed, requirement=requirement)
        return signed
    worst = min(problems, key=lambda problem: SEVERITY.index(problem.exit_code))
    if requirement.wanted == len(requirement.signers) or worst.exit_code != ExitCode.NOT_SIGNED:
        raise worst
    raise NotSignedError(
        f"{collection.gun}: {len(signed)} of {len(requirement.signers)} signers have signed "
        f"{tag!r} with {digest}; {requirement.wanted} required.",
        hint=" ".join(problem.message for problem in problems),
        code="threshold-unmet",
    )


def _refuse_shared_keys(
    collection: TrustedCollection, signed: list[str], *, requirement: Requirement
) -> None:
    """One key is one signer, whichever of its ids the policy knows it by.

    Raises:
        NotSignedError: too few different keys have signed.
    """
    chosen = [signer for signer in requirement.signers if signer.name in signed and signer.keys]
    if len(chosen) < 2:
        return
    unpinned = sum(not signer.keys for signer in requirement.signers if signer.name in signed)
    made = {
        signer.name: _made_by(collection.roles[signer.role], collection, keys=signer.keys)
        for signer in chosen
    }
    owners: dict[str, str] = {}  # a key counts for one signer, and is passed on where another can
    found = sum(_assign(name, made, owners, set()) for name in made)
    if found + unpinned < requirement.wanted:
        raise NotSignedError(
            f"{collection.gun}: signers {', '.join(signed)} have signed, but with {found} "
            f"different keys; {requirement.wanted} required.",
            hint="One key in several roles is one signer.",
            code="threshold-unmet",
        )


def _assign(
    name: str, made: dict[str, frozenset[str]], owners: dict[str, str], tried: set[str]
) -> bool:
    """Find a signer a key of its own; the owner of one may have to take another."""
    for key in made[name] - tried:
        tried.add(key)
        if key not in owners or _assign(owners[key], made, owners, tried):
            owners[key] = name
            return True
    return False


def _problem(
    collection: TrustedCollection, tag: str, digest: str, *, signer: RequiredSigner
) -> SignerError | None:
    """Return why a signer's signature does not count; None where it does."""
    gun, name = collection.gun, signer.name
    role_name = signer.role
    if role_name not in collection.delegations:
        known = ", ".join(_signer_names(collection)) or "none"
        return NotSignedError(
            f"{gun} has no signer {name!r}.", hint=f"It has: {known}.", code="signer-unknown"
        )
    if role_name in collection.invalid:
        return collection.invalid[role_name]
    role = collection.roles.get(role_name)
    if role is None:
        return NotSignedError(f"{gun}: signer {name!r} has never signed.", code="signer-missing")
    return _entry_problem(collection, tag, digest, signer=signer, role=role)


def _entry_problem(
    collection: TrustedCollection, tag: str, digest: str, *, signer: RequiredSigner, role: Role
) -> SignerError | None:
    gun, name = collection.gun, signer.name
    entry = role.find(tag)
    if entry is None:
        return NotSignedError(
            f"{gun}: signer {name!r} has not signed {tag!r}.", code="signer-missing"
        )
    if digest_of(entry) != digest:
        return NotSignedError(
            f"{gun}: signer {name!r} has signed {tag!r} with {digest_of(entry)}, not {digest}.",
            code="signer-differs",
        )
    if signer.keys and not _made_by(role, collection, keys=signer.keys):
        made = ", ".join(key[:12] for key in sorted(role.signed_by))
        return NotSignedError(
            f"{gun}: role {role.name} is signed by key {made}, which the policy does not list for "
            f"signer {name!r}.",
            hint="The collection delegates the role to another key. Was the signer's key replaced "
            "on purpose? Then add the new certificate to the policy.",
            code="signer-key-differs",
        )
    return None


def _signer_names(collection: TrustedCollection) -> Iterator[str]:
    for name in collection.delegations:
        if name.count("/") == 1 and name != RELEASES:
            yield name.removeprefix(DELEGATION_PREFIX)


def _made_by(role: Role, collection: TrustedCollection, *, keys: frozenset[str]) -> frozenset[str]:
    """Return the ids of those of the keys that made a signature on the role.

    Policies may name a key by any of its ids, of the public key or as the collection lists it;
    returned are the public keys'.
    """
    made = role.signed_by & keys
    others = keys - made
    if not others:
        return made
    listed = collection.delegations[role.name].keys
    return made | {
        public_key_id(key)
        for key in listed
        if role.signed_by_key(key) and {key.keyid, key.canonical_id} & others
    }


def _require_team(
    collection: TrustedCollection, tag: str, digest: str, *, team: RequiredTeam
) -> tuple[str, RoleName]:
    """Return the member who has signed, and the role, as UCP looks for them.

    UCP takes any delegation directly below ``targets``, whatever its name, but never
    ``targets/releases``.
    """
    for name in collection.delegations:
        role = collection.roles.get(name)
        if role is None or name.count("/") != 1 or name == RELEASES:
            continue
        entry = role.find(tag)
        if entry is None or digest_of(entry) != digest:
            continue
        for member in team.members:
            if member.keys and _made_by(role, collection, keys=member.keys):
                return member.name, name
    members = ", ".join(member.name for member in team.members)
    raise NotSignedError(
        f"{collection.gun}: no member of team {team.name!r} has signed {tag!r} with {digest}.",
        hint=f"Its members: {members}. Their keys count in any delegation directly below targets, "
        f"but not in {RELEASES}.",
        code="team-missing",
    )
