"""Connaisseur's Helm values: ``application.validators`` and ``application.policy``.

Its patterns have a wildcard at both ends that nobody wrote. Here, rules that approve are taken as
they are written; those that refuse or want a signature keep the wildcards, as far as it matters.

Source: verification requirements, sections 1.1 and 1.2.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from signer.dialect.keys import NotaryKey
from signer.errors import UsageError
from signer.names import DEFAULT_DOMAIN, printable
from signer.policy.importing.draft import Draft, DraftRule, flag, sequence, table, text
from signer.policy.importing.wildcards import refuse_inside_longer_names
from signer.policy.pattern import Pattern

_HUB_SERVER: Final = "notary.docker.io"
_ALL: Final = "*"


@dataclass(frozen=True)
class _Validator:
    """An entry of ``validators``; ``problem`` says why it cannot be carried over."""

    name: str
    kind: str
    approve: bool = False
    server: str = ""
    roots: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    comments: tuple[str, ...] = ()


def import_connaisseur(
    documents: list[Any], signers: Mapping[str, str], _namespace: str = ""
) -> Draft:
    """Read Helm values or the configuration file itself.

    Raises:
        UsageError: it has no validators or no policy, or they are malformed.
    """
    values = table(documents[0] if documents else None, "the file")
    if "application" in values:
        values = table(values["application"], "application")
    validators = {
        one.name: one
        for entry in sequence(values.get("validators"), "validators")
        for one in [_validator(table(entry, "a validator"))]
    }
    rules = sequence(values.get("policy"), "policy")
    if not validators or not rules:
        raise UsageError("there are no validators, or no policy.")
    draft = Draft()
    for entry in rules:
        draft.rules.append(_rule(table(entry, "a rule"), validators, draft, signers))
    refuse_inside_longer_names(
        draft, {number: _whole_glob(rule.source) for number, rule in enumerate(draft.rules)}
    )
    return draft


def _validator(entry: Mapping[str, Any]) -> _Validator:
    name = text(entry.get("name"), "a validator's name") or "default"
    kind = text(entry.get("type"), f"type of validator {name!r}")
    if kind == "static":
        return _Validator(name, kind, approve=flag(entry.get("approve"), "approve", default=False))
    if kind != "notaryv1":
        problem = f"validator {name!r} is of type {kind!r}, which is no Docker Content Trust"
        return _Validator(name, kind, problem=problem)
    host = text(entry.get("host"), f"host of validator {name!r}") or _HUB_SERVER
    server = f"https://{host.removeprefix('https://').removeprefix('http://')}"
    comments = []
    if host.startswith("http://"):
        comments.append("Its Notary server was asked without TLS; signer asks over https.")
    if entry.get("cert"):
        comments.append("Its CA of the Notary server is given to signer with --ca.")
    if entry.get("auth"):
        comments.append("Its credentials are taken from docker's configuration by signer.")
    roots: dict[str, str] = {}
    given = entry.get("trustRoots", entry.get("trust_roots"))
    for root in sequence(given, f"trustRoots of validator {name!r}"):
        part = table(root, "a trust root")
        label = text(part.get("name"), "a trust root's name") or "default"
        pem = text(part.get("key"), f"key of trust root {label!r}")
        roots[label] = public_key(pem, f"trust root {label!r}")
    problem = "" if roots else f"validator {name!r} has no trust root"
    return _Validator(
        name, kind, server=server, roots=roots, problem=problem, comments=tuple(comments)
    )


def public_key(pem: str, what: str) -> str:
    """Return the id of a public key in PEM form.

    Raises:
        UsageError: it is none, or one that Notary has no form for.
    """
    try:
        key = load_pem_public_key(pem.encode())
        return NotaryKey.from_public_key(key).keyid  # type: ignore[arg-type] # refused inside
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{what} has no public key in PEM form that Notary knows.") from error


def _rule(
    entry: Mapping[str, Any],
    validators: Mapping[str, _Validator],
    draft: Draft,
    signers: Mapping[str, str],
) -> DraftRule:
    source = text(entry.get("pattern"), "a rule's pattern")
    options = table(entry.get("with"), f"'with' of {source!r}")
    name = text(entry.get("validator"), f"validator of {source!r}") or "default"
    repository, tag = _split_tag(source)
    inner = "*" in repository.rpartition("/")[0]
    rule = DraftRule("", source, rank=_rank(source), vague=inner)
    validator = validators.get(name)
    if validator is None:
        rule.deny(f"validator {name!r} is not there")
    elif validator.problem:
        rule.deny(validator.problem)
    elif validator.kind == "static":
        rule.body = {"approve": validator.approve}
        if validator.approve:
            rule.warnings.append("It approves without any signature, as there.")
    else:
        rule.comments += validator.comments
        _signed(rule, validator, options, draft, signers)
    if tag not in {None, "*"}:
        if rule.denies:
            rule.warnings.append(f"It refuses every tag, not only {tag!r}.")
        else:
            rule.deny(f"it is about the tags {tag!r}, and rules here are about repositories")
    open_ended = tag is None and not rule.body.get("approve")
    rule.match = _pattern(repository, open_ended=open_ended)
    if _is_hub(rule) and rule.body.get("server") == f"https://{_HUB_SERVER}":
        del rule.body["server"]
    return rule


def _signed(
    rule: DraftRule,
    validator: _Validator,
    options: Mapping[str, Any],
    draft: Draft,
    signers: Mapping[str, str],
) -> None:
    chosen = text(options.get("trustRoot", options.get("trust_root")), "trustRoot") or "default"
    key_ids = list(validator.roots.values()) if chosen == _ALL else [validator.roots.get(chosen)]
    if None in key_ids:
        rule.deny(f"validator {validator.name!r} has no trust root {chosen!r}")
        return
    root: dict[str, Any] = {"key_ids": sorted({key for key in key_ids if key})}
    if len(root["key_ids"]) > 1:
        root["threshold"] = len(root["key_ids"])
    require: dict[str, Any] = {"released": True}
    names = [
        text(one, "a delegation") for one in sequence(options.get("delegations"), "delegations")
    ]
    names = [name.removeprefix("targets/") for name in names]
    names = [name for name in dict.fromkeys(names) if name != "releases"]
    missing = [name for name in names if name not in signers]
    if missing:
        shown = ", ".join(printable(name) for name in missing)
        rule.deny(
            f"it wants the delegations {shown}, and their keys are not known: Connaisseur goes by "
            "the name alone. Import again with --signer NAME=CERT.pem for each"
        )
        return
    for name in names:
        draft.declare(name, [signers[name]])
    if names:
        require = {"signers": names, "released": _wants_release(options)}
    else:
        rule.comments.append(
            "As docker does, a tag that is not in targets/releases is looked for in targets; "
            "Connaisseur does so only where there are no delegations."
        )
    rule.body = {"root": root, "require": require, "server": validator.server}
    if text(options.get("mode"), "mode") == "insecureValidateOnly":
        rule.body["mutate"] = "never"
    known = {"trustRoot", "trust_root", "delegations", "mode"}
    for option in options:
        if option not in known:
            rule.deny(f"its option {printable(option)!r} is not known here")
            return


def _wants_release(options: Mapping[str, Any]) -> bool:
    names = sequence(options.get("delegations"), "delegations")
    return "targets/releases" in names or "releases" in names


def _split_tag(source: str) -> tuple[str, str | None]:
    """Split a pattern into repository and tag; None where it has no tag, which means any."""
    repository, at, _digest = source.partition("@")
    head, slash, last = repository.rpartition("/")
    last, colon, tag = last.partition(":")
    if at:
        return head + slash + last, f"{tag}@{_digest}"
    return head + slash + last, tag if colon else None


def _pattern(repository: str, *, open_ended: bool) -> str:
    repository = repository.lower()
    if open_ended and not repository.endswith("*"):
        repository += "*"
    if "/" in repository or repository == "*":
        return repository
    return f"{DEFAULT_DOMAIN}/library/{repository}"


def _whole_glob(source: str) -> str:
    """The glob of whole names, with the wildcards at both ends; without tag and digest."""
    repository, tag = _split_tag(source.lower())
    glob = f"*{repository}" if tag is not None else f"*{repository}*"
    return re.sub(r"\*+", "*", glob)


def _rank(source: str) -> tuple[int, ...]:
    """How specific Connaisseur takes a pattern to be, as far as that is so for every image."""
    parts = source.split("/")
    prefixes = [len(part.partition("*")[0]) for part in parts]
    return (len(parts), *prefixes, len(source))


def _is_hub(rule: DraftRule) -> bool:
    return Pattern.parse(rule.match).host == DEFAULT_DOMAIN
