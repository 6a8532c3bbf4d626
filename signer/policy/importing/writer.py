"""Writes an imported policy as a text, with comments that say where each rule is from."""

import json
import textwrap
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from signer.names import printable
from signer.policy.importing.draft import Draft, DraftRule, Imported
from signer.policy.load import parse_policy

_WIDTH = 98


def write_policy(draft: Draft, *, kind: str, origin: Path) -> Imported:
    """Return the text, which has been read back as a policy.

    Raises:
        UsageError: it is none, which should not be.
    """
    if not draft.rules:
        nothing = DraftRule("*", "")
        draft.rules.append(nothing.deny("There is no rule in it that could be carried over"))
    lines = [
        *_comment([f"Imported from {kind}, {printable(origin.name)}.", *draft.notes], ""),
        "apiVersion: signer/v1",
        "kind: TrustPolicy",
        "default: deny",
    ]
    if draft.signers:
        lines.append("signers:")
    for name, key_ids in sorted(draft.signers.items()):
        keys = ", ".join(_scalar(f"id:{key_id}") for key_id in sorted(key_ids))
        lines.append(f"  {_scalar(name)}: {{keys: [{keys}]}}")
    lines.append("rules:")
    for rule in draft.rules:
        lines += _rule(rule)
    text = "\n".join(lines) + "\n"
    parse_policy(text.encode(), Path("imported policy"))
    named = [
        f"{rule.source or rule.match}: {said}" for rule in draft.rules for said in rule.warnings
    ]
    return Imported(
        kind,
        text,
        rules=len(draft.rules),
        denied=sum(rule.denies and bool(rule.warnings) for rule in draft.rules),
        warnings=(*draft.notes, *named),
    )


def _rule(rule: DraftRule) -> Iterator[str]:
    said = [f"From {printable(rule.source)!r}."] if rule.source else []
    yield from _comment([*said, *rule.comments, *rule.warnings], "  ")
    yield f"  - match: {_scalar(rule.match)}"
    for name, value in rule.body.items():
        yield f"    {name}: {_flow(value)}"


def _flow(value: Any) -> str:  # noqa: ANN401 - any YAML
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    return _scalar(value)


def _scalar(value: str | bool | int) -> str:
    """JSON's strings, numbers and truth values are YAML's, too; names may stay bare."""
    if isinstance(value, str) and value in {"warn", "never"}:
        return value
    return json.dumps(value)


def _comment(said: Iterable[str], indent: str) -> Iterator[str]:
    for sentence in said:
        first = f"{indent}# "
        for line in sentence.splitlines() or [""]:
            yield from textwrap.wrap(
                "".join(ch if ch.isprintable() else " " for ch in line),
                _WIDTH,
                initial_indent=first,
                subsequent_indent=f"{indent}#   ",
                break_long_words=False,
                break_on_hyphens=False,
            )
