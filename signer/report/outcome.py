"""What became of one image, alike for signing and verifying: what every report is made of."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Final

from signer.dialect.canonical import Json
from signer.errors import SEVERITY, ExitCode, SignerError

if TYPE_CHECKING:
    from signer.policy.verdict import Verdict
    from signer.signing.sign import SignResult

_REFUSING: Final = {ExitCode.NOT_SIGNED, ExitCode.TRUST_DATA, ExitCode.EXPIRED, ExitCode.GATE}


class Kind(Enum):
    """How an outcome counts."""

    GOOD = "good"
    """Signed or accepted; with warnings too."""

    SKIPPED = "skipped"
    """There was nothing to decide."""

    REFUSED = "refused"
    """A decision against the image."""

    FAILED = "failed"
    """No decision could be made."""


@dataclass(frozen=True)
class Finding:
    """One check: a numbered step of the verifier, or a condition of the gate."""

    name: str
    """Its stable name."""

    status: str
    """``pass``, ``fail`` or ``skip``."""

    detail: str
    """What was seen, and what was expected."""

    number: int = 0
    """Of the step; 0 for a condition of the gate."""


@dataclass(frozen=True)
class Outcome:
    """What became of one image."""

    image: str
    """``HOST/NAMESPACE/REPO:TAG``; empty where an event named none."""

    status: str
    """The command's word for it: ``signed``, ``refused``, ``accept``, ``reject`` and so on."""

    kind: Kind
    """How it counts."""

    digest: str = ""
    """``sha256:HEX`` that is signed or accepted; empty for every other kind than good."""

    findings: tuple[Finding, ...] = ()
    """Every check, in order."""

    error: SignerError | None = None
    """Why it was refused or failed, or is warned about."""

    notes: tuple[str, ...] = ()
    """Warnings, or why it was skipped."""

    file: str = ""
    """The workload file that names the image, as it was given; empty where the user named it."""

    line: int = 0
    """Of the image in the file, from 1; 0 where it is not known."""

    path: str = ""
    """Where in the file's structure the image stands, for example ``services.web.image``."""

    rule: str = ""
    """The policy's rule that decided; empty without a policy."""

    runner_up: str = ""
    """The rule that would have decided without that one, or empty."""

    signers: tuple[str, ...] = ()
    """Roles under ``targets/`` (without releases) that signed the digest."""

    role: str = ""
    """The role in which the tag was found, or empty."""

    custom: Json = field(default=None, repr=False)
    """What is signed beside the digest."""

    @property
    def hint(self) -> str:
        """What to do about the error, or empty."""
        return self.error.hint if self.error else ""

    @property
    def place(self) -> str:
        """``FILE:LINE, PATH``, as far as they are known."""
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return ", ".join(part for part in (where, self.path) if part)

    @property
    def title(self) -> str:
        """The image, or a word where there is none."""
        return self.image or "event"

    @property
    def reference(self) -> str:
        """``HOST/NAMESPACE/REPO:TAG@sha256:HEX`` to deploy, or empty."""
        return f"{self.image.partition('@')[0]}@{self.digest}" if self.digest else ""

    @property
    def message(self) -> str:
        """Why, in one line; empty where there is nothing to say."""
        if self.error:
            return f"{self.error.message} ({self.error.code})"
        return " ".join(self.notes)


def of_result(result: "SignResult", *, dry_run: bool = False) -> Outcome:
    """Return what became of an image that was to be signed; of an event, with the gate's findings.

    Args:
        result: of ``sign`` or ``reconcile``.
        dry_run: nothing was published, so no digest is promised to later jobs.

    Source: the design, "JSON".
    """
    from signer.dtr.job import JobResult  # with much that verifying needs nothing of

    report = result.gate if isinstance(result, JobResult) else None
    findings = tuple(
        Finding(found.code, found.status, f"{found.seen}; expected {found.expected}")
        for found in (report.conditions if report else ())
    )
    kind = _kind(result.error) if result.error else Kind.GOOD
    if result.status == "skipped":
        kind = Kind.SKIPPED
    return Outcome(
        image=result.image,
        status="would-be-signed" if dry_run and result.status == "signed" else result.status,
        kind=kind,
        digest=result.digest if kind is Kind.GOOD and not dry_run else "",
        findings=findings,
        error=result.error,
        notes=(*((result.reason,) if result.reason else ()), *result.warnings),
    )


def of_verdict(verdict: "Verdict", *, file: str = "", line: int = 0, path: str = "") -> Outcome:
    """Return a verdict's outcome, with the numbered steps as findings.

    Args:
        verdict: about one image.
        file: the workload file that names the image, or empty.
        line: of the image in it, from 1; 0 where it is not known.
        path: where in the file's structure the image stands.

    Source: the design, "JSON".
    """
    kind = Kind.GOOD
    if verdict.verdict == "reject":
        kind = _kind(verdict.reason) if verdict.reason else Kind.REFUSED
    return Outcome(
        image=verdict.image,
        status=verdict.verdict,
        kind=kind,
        digest=verdict.digest if kind is Kind.GOOD else "",
        findings=tuple(
            Finding(check.step.code, check.status, check.detail, int(check.step))
            for check in verdict.checks
        ),
        error=verdict.reason,
        notes=verdict.warnings,
        file=file,
        line=line,
        path=path,
        rule=verdict.rule,
        runner_up=verdict.runner_up,
        signers=verdict.signers,
        role=verdict.role,
        custom=verdict.custom,
    )


def of_error(error: SignerError) -> Outcome:
    """Return the outcome of a command that ended before any image was decided about."""
    kind = _kind(error)
    return Outcome(image="", status=kind.value, kind=kind, error=error)


def worst(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return the outcome that stands for all: the first of the worst error, or the first one."""
    listed = list(outcomes)
    bad = [found for found in listed if found.kind in {Kind.REFUSED, Kind.FAILED}]
    if not bad:
        return listed[0] if listed else None
    return min(bad, key=lambda found: SEVERITY.index(_exit_code(found)))


def _exit_code(outcome: Outcome) -> ExitCode:
    return outcome.error.exit_code if outcome.error else ExitCode.NOT_SIGNED


def _kind(error: SignerError) -> Kind:
    return Kind.REFUSED if error.exit_code in _REFUSING else Kind.FAILED
