"""One promotion on its way through a signing job."""

from collections.abc import Iterable
from dataclasses import dataclass

from signer.dtr.events import Event
from signer.dtr.evidence import Evidence
from signer.dtr.gate import GateReport
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.promotion import Promotion
from signer.errors import GateError, SignerError
from signer.signing.sign import SignRequest, SignResult


@dataclass
class Case:
    """A promotion and what is known of it; all but the first two are filled in by the job's steps.

    A case is open until ``error`` is set.
    """

    promotion: Promotion
    event: Event | None = None
    request: SignRequest | None = None
    report: GateReport | None = None
    evidence: Evidence | None = None
    error: SignerError | None = None
    signed: SignResult | None = None

    def image(self, host: str) -> str:
        """Return ``HOST/NAMESPACE/REPO:TAG`` of the target."""
        return f"{host}/{self.promotion.target}"

    @property
    def wanted(self) -> SignRequest:
        """What is to be signed; the first step has set it."""
        if self.request is None:
            raise RuntimeError("a case without request is not open")
        return self.request

    def result(self, settings: JobSettings) -> JobResult:
        """Return what became of it."""
        base = self.signed or SignResult(self.image(settings.host), "failed")
        status = base.status
        if self.error is not None:
            published = base.error is None and self.signed is not None
            refused = isinstance(self.error, GateError) and not published
            status = "refused" if refused else "failed"
        return JobResult(
            image=base.image,
            status=status,
            digest=base.digest or (self.evidence.manifest_digest if self.evidence else ""),
            previous_digest=base.previous_digest,
            roles=base.roles,
            key_ids=base.key_ids,
            versions=base.versions,
            warnings=base.warnings,
            error=self.error,
            event=self.event,
            promotion=self.promotion,
            gate=self.report,
            custom=self.request.custom if self.request else None,
        )


def open_cases(cases: Iterable[Case]) -> list[Case]:
    """Return those that nothing has stopped yet."""
    return [case for case in cases if case.error is None]
