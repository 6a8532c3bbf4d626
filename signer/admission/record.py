"""Decisions in the audit record: many at a time, behind the answers.

A decision is on the disk a moment after its answer, together with all that were made meanwhile.
What cannot be written is tried again; when too much waits, reviews are refused, because what is
not recorded is not done.
"""

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from signer.audit.circumstances import circumstances
from signer.audit.record import Outcome, content_of
from signer.errors import SignerError
from signer.policy.verdict import ACCEPT, REJECT, WARN

if TYPE_CHECKING:
    from signer.admission.decision import Decision
    from signer.admission.policy_file import InForce
    from signer.admission.review import Request
    from signer.audit.log import AuditLog
    from signer.names import ImageReference
    from signer.policy.model import Policy
    from signer.policy.verdict import Verdict

MAX_WAITING: Final = 20_000
_BATCH: Final = 500
_RETRY_SECONDS: Final = 1.0
_CLOSE_SECONDS: Final = 2.0
_STATUSES: Final = {ACCEPT: "accepted", WARN: "warned", REJECT: "refused"}


class DecisionRecord:
    """Writes decisions into an audit record.

    Args:
        log: the file.
        on_error: is told when writing begins to fail, and with None when it works again.
        on_waiting: is told how many decisions wait.
    """

    def __init__(
        self,
        log: "AuditLog",
        *,
        on_error: Callable[[SignerError | None], None] = lambda _error: None,
        on_waiting: Callable[[int], None] = lambda _number: None,
    ) -> None:
        self._log = log
        self._on_error = on_error
        self._on_waiting = on_waiting
        self._who = circumstances(os.environ, sys.argv)
        self._waiting: deque[tuple[datetime, Outcome]] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether too much waits to decide about more."""
        return len(self._waiting) >= MAX_WAITING

    def add(self, outcomes: Sequence[Outcome]) -> None:
        """Record decisions soon; from any thread."""
        now = datetime.now(UTC)
        with self._changed:
            self._waiting.extend((now, outcome) for outcome in outcomes)
            self._changed.notify()

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self._thread.join(_CLOSE_SECONDS)

    def _write(self) -> None:
        failing = False
        while batch := self._next():
            contents = [content_of(outcome, self._who, time=time) for time, outcome in batch]
            try:
                self._log.append(contents)
            except SignerError as error:
                if not failing:
                    self._on_error(error)
                failing = True
                if self._pause():
                    return
                continue
            if failing:
                self._on_error(None)
            failing = False
            with self._changed:
                for _ in batch:
                    self._waiting.popleft()
            self._on_waiting(len(self._waiting))

    def _next(self) -> list[tuple[datetime, Outcome]]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            return [self._waiting[index] for index in range(min(_BATCH, len(self._waiting)))]

    def _pause(self) -> bool:
        """Wait before the next try; tell whether there is to be none."""
        self._on_waiting(len(self._waiting))
        with self._changed:
            return self._changed.wait_for(lambda: self._ended, _RETRY_SECONDS)


def outcomes(
    request: "Request", endpoint: str, decisions: "Sequence[Decision]", in_force: "InForce"
) -> "Iterator[Outcome]":
    """Yield a record for each image of a review."""
    details: dict[str, Any] = {
        "endpoint": endpoint,
        "kind": request.kind.kind,
        "name": request.name or "",
        "namespace": request.namespace or "",
        "operation": request.operation,
        "uid": request.uid,
        "requested_by": request.userInfo.username if request.userInfo else "",
    }
    for decision in {decision.text: decision for decision in decisions}.values():
        yield outcome_of(
            decision.verdict, decision.reference, policy=in_force.policy, details=details
        )


def outcome_of(
    verdict: "Verdict",
    reference: "ImageReference | None",
    *,
    policy: "Policy",
    details: "Mapping[str, Any]",
) -> Outcome:
    """Return the record of one decision, whoever asked for it.

    Args:
        verdict: the decision.
        reference: the image; None where it is no reference.
        policy: that decided.
        details: about the request; what is empty is left out.
    """
    return Outcome(
        "admission",
        _STATUSES[verdict.verdict],
        gun=reference.gun if reference else "",
        tag=reference.tag if reference else "",
        digest=verdict.digest or (reference.digest if reference else ""),
        roles=[verdict.role] if verdict.role else [],
        details={name: value for name, value in details.items() if value},
        why={
            "policy": str(policy.origin),
            "policy_sha256": policy.digest,
            "rule": verdict.rule,
        },
        error=verdict.reason,
    )
