"""What an image must fulfil: ``verify``'s options become a requirement, as a policy's rules do."""

from dataclasses import dataclass

from signer.names import parse_signer


@dataclass(frozen=True)
class Requirement:
    """The conditions of one rule.

    Attributes:
        rule: its name, for the verdict.
        signers: names of signers who must all have signed the same digest.
    """

    rule: str = ""
    signers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse names that are no signers'.

        Raises:
            UsageError: malformed, or ``releases``.
        """
        for name in self.signers:
            parse_signer(name)
