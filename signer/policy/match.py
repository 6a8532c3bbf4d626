"""Which rule of a policy decides about an image.

Source: the design, "Policy file".
"""

from dataclasses import dataclass

from signer.names import ImageReference
from signer.policy.model import Policy, Rule


@dataclass(frozen=True)
class Match:
    """The rules that match a reference, the most specific one first.

    Attributes:
        considered: every rule that matches; of equally specific ones the first of the file is
            first.
    """

    considered: tuple[Rule, ...]

    @property
    def rule(self) -> Rule | None:
        """The rule that decides; None where nothing matches, which means deny."""
        return self.considered[0] if self.considered else None

    @property
    def runner_up(self) -> Rule | None:
        """The rule that would decide if the first one were not there."""
        return self.considered[1] if len(self.considered) > 1 else None


def match(policy: Policy, reference: ImageReference) -> Match:
    """Find the rules that match, by repository; tag and digest do not matter."""
    found = [rule for rule in policy.rules if rule.pattern.matches(reference)]
    found.sort(key=_specificity, reverse=True)  # stable: the file's order among equals
    return Match(tuple(found))


def _specificity(rule: Rule) -> tuple[int, ...]:
    return rule.pattern.specificity
