"""What an image must fulfil: ``verify``'s options become a requirement, as a policy's rules do."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from signer.errors import UsageError
from signer.names import RoleName, parse_signer
from signer.policy.provenance import ProvenanceConditions


@dataclass(frozen=True)
class RequiredSigner:
    """A signer who is to have signed the digest in the role ``targets/NAME``.

    Attributes:
        name: the signer's name.
        keys: ids of the public keys of which one must have made a signature on that role; empty
            where any key counts that the collection lists for the role.
    """

    name: str
    keys: frozenset[str] = frozenset()

    @property
    def role(self) -> RoleName:
        """The role in which the signer signs."""
        return parse_signer(self.name)


@dataclass(frozen=True)
class RequiredTeam:
    """A team, of which one member's key must have signed the digest.

    As UCP decides: in any delegation directly below ``targets`` but ``targets/releases``.

    Attributes:
        name: the team's name.
        members: its signers, with their keys.
    """

    name: str
    members: tuple[RequiredSigner, ...]


@dataclass(frozen=True)
class Freshness:
    """How recent trust data must be.

    Attributes:
        max_timestamp_age: since the timestamp was signed; None for any.
        min_remaining: until the first of the files that count expires.
        grace: how long stored data count while the server does not answer, since it last did.
    """

    max_timestamp_age: timedelta | None = None
    min_remaining: timedelta = timedelta()
    grace: timedelta = timedelta()


@dataclass(frozen=True)
class Requirement:
    """The conditions of one rule.

    Attributes:
        rule: its name, for the verdict.
        signers: signers on whose signatures the rule insists.
        threshold: how many of ``signers`` must have signed the same digest; 0 for all of them.
        teams: teams of each of which a member must have signed it.
        released: whether it must be in ``targets/releases`` or ``targets``, where docker looks.
        freshness: how recent trust data must be.
        provenance: what must be signed beside the digest; None for nothing.
        registry: whether the registry must serve this very manifest for the tag.
    """

    rule: str = ""
    signers: tuple[RequiredSigner, ...] = ()
    threshold: int = 0
    teams: tuple[RequiredTeam, ...] = ()
    released: bool = True
    freshness: Freshness = field(default_factory=Freshness)
    provenance: ProvenanceConditions | None = None
    registry: bool = False

    def __post_init__(self) -> None:
        """Refuse what could never, or would always, be fulfilled.

        Raises:
            UsageError: a malformed signer's name, a threshold out of range, an empty team, or
                neither a release nor a signer to look for.
        """
        for signer in self.signers:
            parse_signer(signer.name)
        if not 0 <= self.threshold <= len(self.signers):
            raise UsageError(
                f"A threshold of {self.threshold} of {len(self.signers)} signers is out of range."
            )
        for team in self.teams:
            if not any(member.keys for member in team.members):
                raise UsageError(f"Team {team.name!r} has no member with a key.")
        if not self.released and not self.signers and not self.teams:
            raise UsageError("Neither a release nor a signer is required: that accepts nothing.")

    @classmethod
    def of_names(cls, names: Iterable[str], *, registry: bool = False) -> "Requirement":
        """Return the requirement that all of these signers have signed, with whatever key.

        Raises:
            UsageError: a name is malformed, or ``releases``.
        """
        return cls(signers=tuple(RequiredSigner(name) for name in names), registry=registry)

    @property
    def wanted(self) -> int:
        """How many of ``signers`` must have signed."""
        return self.threshold or len(self.signers)
