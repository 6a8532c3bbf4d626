"""What was decided: one line of JSON for each request, and the audit record."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

from signer.admission.engine.plugin import Decision
from signer.admission.log import JsonLog
from signer.admission.policy_file import InForce
from signer.errors import SignerError, UsageError
from signer.names import ImageReference
from signer.policy.verdict import ACCEPT, REJECT, WARN

if TYPE_CHECKING:
    from signer.admission.record import DecisionRecord
    from signer.audit.record import Outcome

_LEVELS: Final = {ACCEPT: "info", WARN: "warning", REJECT: "warning"}


class Journal:
    """Where decisions and other events are written; safe for several threads.

    Args:
        log: takes the lines.
        record: the audit record, or None.
    """

    def __init__(self, log: JsonLog, record: "DecisionRecord | None" = None) -> None:
        self._log = log
        self._record = record

    @property
    def is_full(self) -> bool:
        """Whether too much waits to be recorded: what is not recorded is not done."""
        return self._record is not None and self._record.is_full

    def decided(self, decision: Decision) -> None:
        """Write a decision: its line, and a record for each thing that was asked for."""
        verdict = decision.verdict
        reason = verdict.reason
        content: dict[str, Any] = {
            "request": decision.request.summary,
            "user": decision.request.user,
            "verdict": verdict.verdict,
            "image": verdict.image,
            "digest": verdict.digest,
            "rule": verdict.rule,
            "signers": list(verdict.signers),
            "code": reason.code if reason else "",
            "reason": reason.message if reason else "",
            "policy": decision.policy.digest,
            "seconds": round(decision.seconds, 4),
        }
        self._log(_LEVELS[verdict.verdict], "decision", content)
        if self._record is not None:
            self._record.add(list(outcomes(decision)))

    def reloaded(self, found: InForce | None, error: SignerError | None) -> None:
        """Write that a policy came into force, or what kept one from it."""
        if error is not None:
            self._log("error", "policy-rejected", {"reason": error.message, "code": error.code})
        elif found is not None:
            self._log("info", "policy-loaded", {"policy": found.policy.digest})


def told_of_record(log: JsonLog) -> Callable[[SignerError | None], None]:
    """Return what writes that the audit record cannot be written, or can be again."""

    def told(error: SignerError | None) -> None:
        if error is not None:
            log("error", "audit-failed", {"reason": error.message, "code": error.code})
        else:
            log("info", "audit-works")

    return told


def outcomes(decision: Decision) -> "Iterator[Outcome]":
    """Yield a record for each thing that a request asked for."""
    from signer.admission.record import outcome_of

    request = decision.request
    for verdict in decision.verdicts:
        details = {
            "endpoint": "engine",
            "image": verdict.image,
            "request": request.summary,
            "requested_by": request.user,
        }
        yield outcome_of(
            verdict, _reference(verdict.image), policy=decision.policy, details=details
        )


def _reference(image: str) -> ImageReference | None:
    try:
        return ImageReference.parse(image)
    except UsageError:
        return None
