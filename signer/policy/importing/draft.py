"""A policy on its way from another verifier's form to this one's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from signer.errors import UsageError
from signer.names import parse_signer, printable
from signer.policy.pattern import Pattern


@dataclass
class DraftRule:
    """A rule, with what is to be said about it.

    Attributes:
        match: the pattern.
        source: the pattern as the source has it.
        rank: how specific the source takes its pattern to be; higher wins.
        vague: whether that depends on the image, but for the rank's first number.
        body: the rule's fields, as a policy file has them.
        comments: what readers should know, a line each.
        warnings: what the user should know now; they become comments, too.
    """

    match: str
    source: str
    rank: tuple[int, ...] = ()
    vague: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def pattern(self) -> Pattern:
        """The pattern, parsed."""
        return Pattern.parse(self.match)

    @property
    def denies(self) -> bool:
        """Whether it refuses everything."""
        return self.body.get("approve") is False

    def outranks(self, other: "DraftRule") -> bool:
        """Tell whether the source is sure to prefer this rule, where both match."""
        if self.rank[:1] != other.rank[:1]:
            return self.rank > other.rank
        return not (self.vague or other.vague) and self.rank > other.rank

    def deny(self, why: str) -> "DraftRule":
        """Have the rule refuse everything, because it cannot be carried over."""
        self.body = {"approve": False}
        self.warnings = [f"{why[:1].upper()}{why[1:]}; refused instead."]
        return self


@dataclass
class Draft:
    """All rules, and the signers that they name.

    Attributes:
        rules: in the source's order.
        signers: public key ids by name.
        notes: about the whole.
    """

    rules: list[DraftRule] = field(default_factory=list)
    signers: dict[str, set[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def declare(self, name: str, key_ids: Iterable[str]) -> None:
        """Declare a signer's keys.

        Raises:
            UsageError: nobody can be a signer under this name.
        """
        parse_signer(name)
        self.signers.setdefault(name, set()).update(key_ids)


@dataclass(frozen=True)
class Imported:
    """A policy in this toolkit's form.

    Attributes:
        kind: of the source.
        text: of the policy file.
        rules: how many there are.
        denied: how many of them refuse because they could not be carried over.
        warnings: what is different from the source, a sentence each.
    """

    kind: str
    text: str
    rules: int
    denied: int
    warnings: tuple[str, ...]


def table(value: Any, what: str) -> Mapping[str, Any]:  # noqa: ANN401 - any YAML
    """Return a mapping; nothing where there is nothing.

    Raises:
        UsageError: it is something else.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{what} is no mapping.")
    return value


def sequence(value: Any, what: str) -> list[Any]:  # noqa: ANN401 - any YAML
    """Return a list; nothing where there is nothing.

    Raises:
        UsageError: it is something else.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        raise UsageError(f"{what} is no list.")
    return value


def text(value: Any, what: str) -> str:  # noqa: ANN401 - any YAML
    """Return a text; an empty one where there is nothing.

    Raises:
        UsageError: it is something else.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{what} is no text: {printable(repr(value))}.")
    return value


def flag(value: Any, what: str, *, default: bool) -> bool:  # noqa: ANN401 - any YAML
    """Return a truth value.

    Raises:
        UsageError: it is something else.
    """
    if value is None:
        return default
    if not isinstance(value, bool):
        raise UsageError(f"{what} is neither true nor false: {printable(repr(value))}.")
    return value
