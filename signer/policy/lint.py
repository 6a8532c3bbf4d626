"""What is legal in a policy and yet unwise: rules that are too wide, too weak, or never used.

Source: verification requirements, section 3 (patterns) and section 5, item 9.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from pathlib import Path
from typing import Any, Final

from signer.names import DEFAULT_DOMAIN
from signer.policy.document import Document
from signer.policy.lint_certificates import certificate_findings
from signer.policy.lint_finding import NOTE, WARNING, LintFinding
from signer.policy.load import parse_policy
from signer.policy.model import WARN_ONLY, Policy, Rule
from signer.policy.overlap import includes, overlap

OPEN_REGISTRIES: Final = frozenset(
    {
        DEFAULT_DOMAIN,
        "gcr.io",
        "ghcr.io",
        "public.ecr.aws",
        "quay.io",
        "registry.gitlab.com",
    }
)
"""Registries where anybody can publish under a name of their own."""


@dataclass(frozen=True)
class LintResult:
    """A policy that can be loaded, and what was found in it.

    Attributes:
        policy: the policy.
        findings: in the order of their lines.
    """

    policy: Policy
    findings: tuple[LintFinding, ...]


def lint(content: bytes, origin: Path, *, now: datetime) -> LintResult:
    """Look at a policy for what is unwise in it.

    Args:
        content: the file's bytes.
        origin: the file; certificates are found beside it.
        now: the time to judge certificates by.

    Raises:
        UsageError: it is no policy.
    """
    policy = parse_policy(content, origin)
    document = Document.parse(content, origin)
    findings = [
        *_of_file(policy, document),
        *_of_pairs(policy),
        *(found for rule in policy.rules for found in _of_rule(rule)),
        *certificate_findings(document, now=now),
    ]
    findings.sort(key=lambda found: (found.line, found.code))
    return LintResult(policy, tuple(findings))


def _of_file(policy: Policy, document: Document) -> Iterator[LintFinding]:
    content: dict[str, Any] = document.content
    if "default" not in content:
        yield LintFinding(
            "no-default",
            NOTE,
            1,
            "'default' is not written; 'deny' is what holds.",
            "Write 'default: deny', so that readers need not know.",
        )
    in_teams = {name for members in policy.teams.values() for name in members}
    required = {s.name for rule in policy.rules for s in rule.requirement.signers}
    for name in policy.signers:
        if name not in required | in_teams:
            yield LintFinding(
                "unused-signer",
                WARNING,
                document.line(f"$.signers.{name}"),
                f"Signer {name!r} is declared, but neither a rule nor a team names it.",
                "Remove it, or require it under 'require: {signers: [...]}'.",
            )
    demanded = {team.name for rule in policy.rules for team in rule.requirement.teams}
    for name in policy.teams:
        if name not in demanded:
            yield LintFinding(
                "unused-team",
                WARNING,
                document.line(f"$.teams.{name}"),
                f"Team {name!r} is declared, but no rule requires it.",
                "Remove it, or require it under 'require: {teams: [...]}'.",
            )


def _of_pairs(policy: Policy) -> Iterator[LintFinding]:
    for first, second in combinations(policy.rules, 2):
        one, other = first.pattern, second.pattern
        if not overlap(one, other):
            continue
        winner, loser = first, second
        if other.specificity > one.specificity:
            winner, loser = second, first
        if includes(winner.pattern, loser.pattern):
            yield _on(
                loser,
                "shadowed",
                WARNING,
                f"The rule can never win: {winner.name!r} in line {winner.line} matches all that "
                "it matches, and is preferred.",
                "Remove one of both.",
            )
        elif one.specificity == other.specificity:
            yield _on(
                second,
                "ambiguous",
                WARNING,
                f"It is exactly as specific as {first.name!r} in line {first.line}; where both "
                "match, only the order in the file decides.",
                "Make one of them narrower, or write a rule for what both match.",
            )
        elif _is_signed(loser) and winner.approve and includes(loser.pattern, winner.pattern):
            yield _on(
                winner,
                "exception",
                NOTE,
                f"It approves without a signature what {loser.name!r} in line {loser.line} would "
                "want signed.",
                "",
            )


def _is_signed(rule: Rule) -> bool:
    return rule.approve is None


def _of_rule(rule: Rule) -> Iterator[LintFinding]:
    yield from _of_pattern(rule)
    if rule.mode == WARN_ONLY:
        yield _on(
            rule,
            "warn-mode",
            WARNING,
            "Nothing is refused: 'mode: warn' lets through whatever the rule would refuse.",
            "Write 'mode: enforce' when the warnings have stopped.",
        )
    if rule.approve is None:
        yield from _of_trust(rule)


def _of_pattern(rule: Rule) -> Iterator[LintFinding]:
    pattern = rule.pattern
    if unanchored := _unanchored(pattern.host):
        yield _on(rule, "unanchored-host", WARNING, *unanchored)
    if "/" not in pattern.text and ("." in pattern.text or pattern.text == "localhost"):
        yield _on(
            rule,
            "host-without-path",
            WARNING,
            f"It matches Docker Hub's {pattern.host}/{pattern.path}, not a host {pattern.text!r}.",
            f"Write '{pattern.text}/*' for everything on that host.",
        )
    if (
        pattern.host == DEFAULT_DOMAIN
        and "*" in pattern.path.lstrip("*")
        and ("/" not in pattern.path)
    ):
        yield _on(
            rule,
            "no-official-image",
            WARNING,
            "It matches no official image of Docker Hub: those are below docker.io/library/.",
            f"Write 'docker.io/library/{pattern.path}'.",
        )
    if rule.approve:
        yield from _of_approval(rule)


def _unanchored(host: str) -> tuple[str, str] | None:
    """Return what is wrong with the wildcards of a host, and what to write."""
    name, _, _port = host.rpartition(":") if ":" in host and "[" not in host else (host, "", "")
    if name == "*" or "*" not in name:
        return None
    if name.endswith("*"):
        bare = name.rstrip("*.")
        return (
            f"The host {host!r} is open at its end: it also matches '{bare}.attacker.example'.",
            "Write the whole host; a port may be '*'.",
        )
    if name.startswith("*") and not name.startswith("*."):
        bare = name.lstrip("*")
        return (
            f"The host {host!r} is open at its beginning: it also matches 'attacker{bare}'.",
            f"Write '*.{bare}' for its subdomains, or a rule for each host.",
        )
    return None


def _of_approval(rule: Rule) -> Iterator[LintFinding]:
    host, path = rule.pattern.host, rule.pattern.path
    everything = not path.strip("*/")
    if "*" in host.partition(":")[0]:
        what = "everything" if host == "*" and everything else "images of hosts that nobody listed"
        message = f"It approves {what}, without any signature."
    elif host in OPEN_REGISTRIES and everything:
        message = f"It approves all of {host}, where anybody can publish, without any signature."
    elif host in OPEN_REGISTRIES and "*" in path.partition("/")[0]:
        message = f"It approves names of {host} that anybody can register, without any signature."
    elif everything:
        yield _on(
            rule, "approve-host", NOTE, f"It approves all of {host}, without any signature.", ""
        )
        return
    else:
        return
    yield _on(
        rule, "approve-too-wide", WARNING, message, "Approve single repositories or namespaces."
    )


def _of_trust(rule: Rule) -> Iterator[LintFinding]:
    pins, requirement = rule.pins, rule.requirement
    if pins.trust_on_first_use:
        yield _on(
            rule,
            "trust-on-first-use",
            WARNING,
            "Whatever root the server shows first is believed, on every machine anew.",
            "Pin the root: 'signer inspect REPO' shows its key id.",
        )
    if pins.authorities and not pins.key_ids and not pins.certificates:
        yield _on(
            rule,
            "pinned-by-ca-only",
            NOTE,
            "Whoever gets a certificate for the repository's name from the CA can make its root.",
            "Pin the root's key id or certificate, too, where it is known.",
        )
    if requirement.wanted == 1 and len(requirement.signers) > 1:
        yield _on(
            rule,
            "one-of-many",
            WARNING,
            f"Any one of {len(requirement.signers)} signers suffices: each of their keys alone "
            "can let an image in.",
            "Leave 'threshold' out to require all of them, or write 2.",
        )
    if requirement.freshness.max_timestamp_age is None:
        yield _on(
            rule,
            "no-freshness",
            NOTE,
            "An old state may be served for as long as its timestamp is valid, 14 days.",
            "Write 'freshness: {max_timestamp_age: ...}'; it is signed anew at every publish.",
        )


def _on(rule: Rule, code: str, severity: str, message: str, hint: str) -> LintFinding:
    return LintFinding(code, severity, rule.line, message, hint, rule=rule.name)
