"""The ``content-trust`` section of a Docker engine's ``daemon.json`` (Mirantis Container Runtime).

Repositories that no pin names are not carried over: here, what no rule matches is denied.

Source: verification requirements, section 1.4; dtr-ucp-ci reference, section C.
"""

from collections.abc import Mapping
from typing import Any, Final

from signer.errors import UsageError
from signer.names import parse_key_id, printable
from signer.policy.importing.draft import Draft, DraftRule, flag, sequence, table, text

_MODES: Final = {"enforced": "", "permissive": "warn"}
_SECTION: Final = {"mode", "trust-pinning", "allow-expired-cached-trust-data"}
_PINNING: Final = {"root-keys", "cert-ids", "official-library-images", "library-images"}


def import_docker(documents: list[Any], _signers: Mapping[str, str], _namespace: str = "") -> Draft:
    """Read the section.

    Raises:
        UsageError: there is none, it is disabled, or malformed.
    """
    daemon = table(documents[0] if documents else None, "the file")
    section = table(daemon.get("content-trust"), "content-trust")
    mode = text(section.get("mode"), "content-trust.mode").lower()
    if mode not in _MODES:
        raise UsageError(
            f"content-trust.mode is {printable(mode or 'disabled')!r}: the engine checks nothing, "
            "and there is nothing to import.",
            hint="'enforced' and 'permissive' are imported.",
        )
    pinning = table(section.get("trust-pinning"), "trust-pinning")
    _refuse_unknown(section, _SECTION, "content-trust")
    _refuse_unknown(pinning, _PINNING, "trust-pinning")
    draft = Draft(notes=["Repositories that no pin names are denied; there they may be believed."])
    if flag(section.get("allow-expired-cached-trust-data"), "allow-expired-...", default=False):
        draft.notes.append("Expired trust data are refused here; there they were allowed.")
    for source in ("root-keys", "cert-ids"):
        for name, given in table(pinning.get(source), source).items():
            draft.rules.append(_pinned(name, given, source))
    for source in ("official-library-images", "library-images"):
        if flag(pinning.get(source), source, default=False):
            rule = DraftRule("docker.io/library/*", source)
            draft.rules.append(
                rule.deny("Docker's own root key is built into the engine; pin its key id here")
            )
    if _MODES[mode]:
        _only_warn(draft)
    return draft


def _refuse_unknown(found: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in found:
        if name not in known:
            raise UsageError(f"{where} has the key {printable(name)!r}, which is not known here.")


def _pinned(name: str, given: Any, source: str) -> DraftRule:  # noqa: ANN401 - any JSON
    key_ids = [
        parse_key_id(text(one, "a key id"))
        for one in sequence(given, f"{source} of {printable(name)!r}")
    ]
    last = name.rpartition("/")[2]
    rule = DraftRule(name.lower(), f"{source}: {name}", rank=_rank(name))
    if ":" in last or "@" in name:
        raise UsageError(f"{source} names {printable(name)!r}, which is no repository.")
    if not key_ids:
        return rule.deny("no key is pinned")
    rule.body = {"root": {"key_ids": sorted(set(key_ids))}, "require": {"released": True}}
    return rule


def _only_warn(draft: Draft) -> None:
    draft.notes.append("The engine's mode is permissive: each rule only warns.")
    for rule in draft.rules:
        if not rule.denies:
            rule.body["mode"] = "warn"


def _rank(name: str) -> tuple[int, ...]:
    return ("*" not in name, len(name))
