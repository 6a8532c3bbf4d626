"""Portieris' policies: ``ImagePolicy`` of one namespace, or ``ClusterImagePolicy``.

Signers' keys are found in Secrets of the same file. Portieris pins no root, so what is imported
trusts on first use until somebody pins one.

Source: verification requirements, section 1.3.
"""

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from signer.errors import UsageError
from signer.names import parse_signer, printable
from signer.policy.importing.connaisseur import public_key
from signer.policy.importing.draft import Draft, DraftRule, flag, sequence, table, text

_KINDS: Final = ("ImagePolicy", "ClusterImagePolicy")
_KNOWN: Final = {"trust", "simple", "vulnerability", "mutateImage"}
_HARMLESS: Final = "insecureAcceptAnything"

_FindSigner = Callable[[str], tuple[str, str] | None]
"""Returns name and key id of the signer whom a Secret's name stands for."""


def import_portieris(
    documents: list[Any], signers: Mapping[str, str], namespace: str = ""
) -> Draft:
    """Read the policies of one scope.

    Raises:
        UsageError: there are none, they are of several scopes, or malformed.
    """
    objects = list(_objects(documents))
    policies = _of_one_scope(objects, namespace)
    secrets = {_name(one): one for one in objects if one.get("kind") == "Secret"}
    find_signer = partial(_signer, secrets, signers)
    draft = Draft(
        notes=["Portieris pins no root: pin one in each rule in place of trust_on_first_use."]
    )
    for policy in policies:
        spec = table(policy.get("spec"), "spec")
        for entry in sequence(spec.get("repositories"), "spec.repositories"):
            repository = table(entry, "a repository")
            draft.rules.append(_rule(repository, draft, find_signer))
    return draft


def _objects(documents: list[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        found = table(document, "a document")
        if found.get("kind") == "List":
            yield from _objects(sequence(found.get("items"), "items"))
        else:
            yield found


def _of_one_scope(objects: list[Mapping[str, Any]], namespace: str) -> list[Mapping[str, Any]]:
    scopes: dict[str, list[Mapping[str, Any]]] = {}
    for one in objects:
        if one.get("kind") in _KINDS:
            of = "" if one["kind"] == "ClusterImagePolicy" else _namespace(one)
            scopes.setdefault(of, []).append(one)
    if not scopes:
        raise UsageError("there is no ImagePolicy and no ClusterImagePolicy.")
    if namespace:
        chosen = scopes.get(namespace) or scopes.get("")
        if chosen is None:
            raise UsageError(f"there is no policy for the namespace {printable(namespace)!r}.")
        return chosen
    if len(scopes) > 1:
        names = ", ".join(name or "the cluster" for name in sorted(scopes))
        raise UsageError(
            f"there are policies for {printable(names)}; a namespace's policies replace the "
            "cluster's.",
            hint="Import one at a time, with --namespace NAME.",
        )
    return next(iter(scopes.values()))


def _metadata(one: Mapping[str, Any]) -> Mapping[str, Any]:
    return table(one.get("metadata"), "metadata")


def _name(one: Mapping[str, Any]) -> str:
    return text(_metadata(one).get("name"), "metadata.name")


def _namespace(one: Mapping[str, Any]) -> str:
    return text(_metadata(one).get("namespace"), "metadata.namespace") or "default"


def _rule(
    entry: Mapping[str, Any],
    draft: Draft,
    find_signer: _FindSigner,
) -> DraftRule:
    source = text(entry.get("name"), "a repository's name")
    if not source:
        raise UsageError("a repository has no name.")
    rule = DraftRule(source.lower(), source, rank=_rank(source))
    policy = table(entry.get("policy"), f"policy of {source!r}")
    head, _, last = source.rpartition("/")
    if "@" in source or ":" in last:
        rule.match = f"{head}/{last.partition(':')[0]}".partition("@")[0].lstrip("/").lower()
        return rule.deny("it is about tags or digests, and rules here are about repositories")
    if problem := _inexpressible(policy, source):
        return rule.deny(problem)
    trust = table(policy.get("trust"), f"trust of {source!r}")
    if not flag(trust.get("enabled"), "trust.enabled", default=False):
        rule.body = {"approve": True}
        rule.warnings.append("It approves without any signature, as there.")
        return rule
    return _signed(rule, policy, trust, draft, find_signer)


def _inexpressible(policy: Mapping[str, Any], source: str) -> str:
    unknown = sorted(set(policy) - _KNOWN)
    if unknown:
        return f"its key {printable(unknown[0])!r} is not known here"
    simple = table(policy.get("simple"), f"simple of {source!r}")
    kinds = [
        text(table(one, "a requirement").get("type"), "a requirement's type")
        for one in sequence(simple.get("requirements"), "simple.requirements")
    ]
    if set(simple) - {"requirements"} or any(kind != _HARMLESS for kind in kinds):
        return "it wants simple signing, which is no Docker Content Trust"
    vulnerability = table(policy.get("vulnerability"), f"vulnerability of {source!r}")
    if any(
        table(one, "vulnerability").get("enabled") is not False for one in vulnerability.values()
    ):
        return "it asks a vulnerability advisor, which is not asked here"
    return ""


def _signed(
    rule: DraftRule,
    policy: Mapping[str, Any],
    trust: Mapping[str, Any],
    draft: Draft,
    find_signer: _FindSigner,
) -> DraftRule:
    names = []
    for entry in sequence(trust.get("signerSecrets"), "signerSecrets"):
        label = text(table(entry, "a signer secret").get("name"), "a signer secret's name")
        found = find_signer(label)
        if found is None:
            return rule.deny(
                f"the Secret {printable(label)!r} with a signer's name and key is not in the "
                "file. Add it, or import again with --signer NAME=CERT.pem"
            )
        name, key_id = found
        if draft.signers.get(name, {key_id}) != {key_id}:
            return rule.deny(f"signer {name!r} has another key in another rule")
        draft.declare(name, [key_id])
        names.append(name)
    require: dict[str, Any] = {"released": True}
    if names:
        require = {"signers": list(dict.fromkeys(names)), "released": True}
    if len({key for name in require.get("signers", []) for key in draft.signers[name]}) < len(
        require.get("signers", [])
    ):
        return rule.deny("two of its signers have the same key")
    rule.warnings.append("It trusts a root on first use, as there.")
    rule.body = {"root": {"trust_on_first_use": True}, "require": require}
    if server := text(trust.get("trustServer"), "trustServer"):
        if not server.startswith(("https://", "http://")):
            return rule.deny(f"its trust server {printable(server)!r} is no URL")
        rule.body["server"] = f"https://{server.removeprefix('https://').removeprefix('http://')}"
        if server.startswith("http://"):
            rule.warnings.append("Its trust server was asked without TLS; signer asks over https.")
    if not flag(policy.get("mutateImage"), "mutateImage", default=True):
        rule.body["mutate"] = "never"
    return rule


def _signer(
    secrets: Mapping[str, Mapping[str, Any]], signers: Mapping[str, str], label: str
) -> tuple[str, str] | None:
    if label in signers:
        return label, signers[label]
    secret = secrets.get(label)
    if secret is None:
        return None
    name = _entry(secret, "name").strip()
    parse_signer(name)
    return name, public_key(_entry(secret, "publicKey"), f"the Secret {printable(label)!r}")


def _entry(secret: Mapping[str, Any], key: str) -> str:
    plain = table(secret.get("stringData"), "stringData")
    if key in plain:
        return text(plain[key], key)
    encoded = text(table(secret.get("data"), "data").get(key), key)
    try:
        return base64.b64decode("".join(encoded.split()), validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise UsageError(f"{key} of the Secret {_name(secret)!r} is no base64.") from error


def _rank(source: str) -> tuple[int, ...]:
    """The one with the most characters wins, a name without wildcard before all."""
    return ("*" not in source, len(source.replace("*", "")))
