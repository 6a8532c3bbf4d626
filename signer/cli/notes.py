"""What commands did, as the record has it: one function for each kind of result."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from signer.cli.recording import note

if TYPE_CHECKING:
    from signer.audit.record import Outcome
    from signer.keys.store import StoredKey
    from signer.signing.delegations import DelegationChange
    from signer.signing.initialise import Initialised
    from signer.signing.revoke import Revoked
    from signer.signing.sign import SignResult


def note_signed(results: "Sequence[SignResult]") -> None:
    """Record the results of signing; events that sign nothing are not recorded.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    counted = [result for result in results if result.status != "skipped"]
    note(lambda action: [_signed(action, result) for result in counted])


def note_revoked(result: "Revoked", *, goes_on: bool = False) -> None:
    """Record a revocation.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    from signer.audit.record import Outcome
    from signer.names import ImageReference

    reference = ImageReference.parse(result.image)
    outcome = Outcome(
        "revoke",
        result.status,
        gun=reference.gun,
        tag=reference.tag,
        previous_digest=result.previous_digest,
        roles=result.roles,
        versions={str(role): number for role, number in result.versions.items()},
        details={"remaining": list(result.remaining)},
    )
    note(lambda _action: [outcome], goes_on=goes_on)


def note_initialised(result: "Initialised", *, goes_on: bool = False) -> None:
    """Record a collection that was made.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    from signer.audit.record import Outcome

    outcome = Outcome(
        "init",
        result.status,
        gun=result.gun,
        roles=list(result.versions),
        versions=result.versions,
        key_ids=result.root_key_ids,
        details={"signers": {name: list(ids) for name, ids in result.signers.items()}},
    )
    note(lambda _action: [outcome], goes_on=goes_on)


def note_delegation(
    result: "DelegationChange", *, key_ids: Sequence[str] = (), goes_on: bool = False
) -> None:
    """Record a signer that was added or removed.

    Args:
        result: of the change.
        key_ids: canonical ids of the signer's keys.
        goes_on: the command has more to do.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    from signer.audit.record import Outcome

    def outcomes(action: str) -> list[Outcome]:
        return [
            Outcome(
                action,
                result.status,
                gun=result.gun,
                signer=result.signer,
                roles=list(result.versions),
                versions={str(role): number for role, number in result.versions.items()},
                details={"signers": {result.signer: list(key_ids)}},
            )
        ]

    note(outcomes, goes_on=goes_on)


def note_keys(status: str, keys: "Sequence[StoredKey]") -> None:
    """Record private keys that were made or taken in.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    from signer.audit.record import Outcome

    def outcomes(action: str) -> list[Outcome]:
        return [
            Outcome(action, status, gun=key.gun, roles=[key.role], key_ids=[key.key_id])
            for key in keys
        ]

    note(outcomes)


def note_ca(host: str, fingerprints: Sequence[str]) -> None:
    """Record authorities that a host's certificates may come from.

    Args:
        host: whose CA it is.
        fingerprints: SHA-256 of the certificates, as they were shown.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    from signer.audit.record import Outcome

    details = {"fingerprints": list(fingerprints)}
    note(lambda action: [Outcome(action, "stored", host=host, details=details)])


def _signed(action: str, result: "SignResult") -> "Outcome":
    from signer.audit.record import Outcome
    from signer.names import ImageReference

    reference = ImageReference.parse(result.image)
    return Outcome(
        action,
        result.status,
        gun=reference.gun,
        tag=reference.tag,
        digest=result.digest,
        previous_digest=result.previous_digest,
        roles=result.roles,
        versions=result.versions,
        key_ids=result.key_ids,
        why=_why(result),
        error=result.error,
    )


def _why(result: "SignResult") -> dict[str, Any]:
    """Return event, promotion and gate of a job's result; nothing for an image that was named."""
    if type(result).__name__ != "JobResult":  # without loading it
        return {}
    from signer.dtr.job import JobResult

    if not isinstance(result, JobResult):
        return {}
    why: dict[str, Any] = {}
    if result.event:
        why["event"] = {
            "type": result.event.type,
            "source": result.event.source,
            "created_at": result.event.created_at,
            "location": result.event.location,
        }
    if result.promotion:
        why["promotion"] = {
            "from": result.promotion.source,
            "to": result.promotion.target,
            "policy": result.promotion.policy_id,
            "digest": result.promotion.digest,
        }
    if result.gate:
        why["gate"] = [
            {"code": found.code, "status": found.status, "seen": found.seen}
            | {"expected": found.expected}
            for found in result.gate.conditions
        ]
    return why
