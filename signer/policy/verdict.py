"""The answer of the verifier, with its reasons."""

from dataclasses import dataclass, field

from signer.dialect.canonical import Json
from signer.errors import ExitCode, SignerError
from signer.trust.steps import Step

ACCEPT = "accept"
WARN = "warn"
REJECT = "reject"

PASS = "pass"  # noqa: S105 - no password
FAIL = "fail"
SKIP = "skip"


@dataclass(frozen=True)
class Check:
    """One numbered check.

    Attributes:
        step: its number and name.
        status: ``pass``, ``fail`` or ``skip``.
        detail: what was seen, and what was expected.
    """

    step: Step
    status: str
    detail: str


@dataclass(frozen=True)
class Verdict:
    """The verdict about one image.

    Attributes:
        image: the reference as it was normalised.
        verdict: ``accept``, ``warn`` or ``reject``.
        digest: ``sha256:HEX`` that was signed; empty where nothing acceptable was found. Where a
            rule approves without a signature, the reference's own, or empty.
        rule: name of the rule that decided.
        signers: roles under ``targets/`` (without releases) that signed this digest.
        role: the role in which the tag was found.
        checks: every check up to the first failure, and what was skipped after it.
        reason: why it was refused or warned about; None for a plain accept.
        custom: what is signed beside the digest.
        warnings: what did not refuse it, but somebody should know of.
        runner_up: name of the rule that would have decided without ``rule``.
    """

    image: str
    verdict: str
    digest: str = ""
    rule: str = ""
    signers: tuple[str, ...] = ()
    role: str = ""
    checks: tuple[Check, ...] = ()
    reason: SignerError | None = None
    custom: Json = field(default=None, repr=False)
    runner_up: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0 for accept and warn; otherwise the reason's."""
        if self.verdict != REJECT:
            return ExitCode.OK
        return self.reason.exit_code if self.reason else ExitCode.NOT_SIGNED

    def require_accepted(self) -> str:
        """Return the digest of an accepted image.

        Raises:
            SignerError: the reason, where it was rejected.
        """
        if self.verdict == REJECT or not self.digest:
            raise self.reason or SignerError(f"{self.image} was rejected.")
        return self.digest
