"""Policies of Connaisseur, Portieris and Docker engines."""

import base64
import json
from fnmatch import fnmatchcase
from itertools import zip_longest
from pathlib import Path
from textwrap import indent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signer.errors import UsageError
from signer.names import ImageReference
from signer.policy.importing.draft import Imported
from signer.policy.importing.source import import_policy
from signer.policy.load import parse_policy
from signer.policy.match import match
from signer.policy.model import Policy, Rule
from tests.attacks.keys import bare, pem_of, private_key

PEM = pem_of(private_key("one")).decode()
OTHER_PEM = pem_of(private_key("two")).decode()
ONE = str(bare("one").notary.canonical_id)
TWO = str(bare("two").notary.canonical_id)
BOTH = [("alice", {ONE}), ("bob", {TWO})]


def _import(text: str, **options: Any) -> tuple[Imported, Policy]:  # noqa: ANN401 - import's own
    imported = import_policy(text.encode(), Path("source.yaml"), **options)
    return imported, parse_policy(imported.text.encode(), Path("policy.yaml"))


def _rule_for(policy: Policy, image: str) -> Rule | None:
    return match(policy, ImageReference.parse(image)).rule


def _denied(policy: Policy, image: str) -> bool:
    rule = _rule_for(policy, image)
    return rule is None or rule.approve is False


# Connaisseur

VALIDATORS = f"""\
application:
  validators:
  - {{name: allow, type: static, approve: true}}
  - {{name: deny, type: static, approve: false}}
  - name: default
    type: notaryv1
    host: notary.example.com
    trustRoots:
    - name: default
      key: |
{indent(PEM, "        ")}
    - name: other
      key: |
{indent(OTHER_PEM, "        ")}
  - name: hub
    type: notaryv1
    trustRoots:
    - name: default
      key: |
{indent(PEM, "        ")}
  - {{name: cos, type: cosign, trustRoots: [{{name: default, key: x}}]}}
  policy:
"""


def _values(*rules: str) -> str:
    return VALIDATORS + "".join(f"  - {{{rule}}}\n" for rule in rules)


def test_connaisseurs_rules_are_carried_over() -> None:
    imported, policy = _import(
        _values(
            'pattern: "*:*", validator: deny',
            'pattern: "docker.io/library/*:*", validator: hub',
            'pattern: "dtr.example.com/admin/*:*"',
            'pattern: "registry.k8s.io/*:*", validator: allow',
            'pattern: "dtr.example.com/both/*:*", with: {trustRoot: "*"}',
            'pattern: "dtr.example.com/kept/*:*", with: {mode: insecureValidateOnly}',
        )
    )
    assert imported.kind == "connaisseur"
    assert imported.denied == 0
    rules = {rule.name: rule for rule in policy.rules}
    assert rules["*"].approve is False
    assert rules["registry.k8s.io/*"].approve is True
    hub = rules["docker.io/library/*"]
    assert (set(hub.pins.key_ids), hub.server, hub.requirement.released) == ({ONE}, "", True)
    mine = rules["dtr.example.com/admin/*"]
    assert (set(mine.pins.key_ids), mine.server) == ({ONE}, "https://notary.example.com")
    both = rules["dtr.example.com/both/*"].pins
    assert (set(both.key_ids), both.threshold) == ({ONE, TWO}, 2)
    assert rules["dtr.example.com/kept/*"].mutate == "never"
    assert _denied(policy, "dtr.example.com/docker.io/library/x"), "it matches there as well"
    for rule in policy.rules:
        before = imported.text.splitlines()[: rule.line - 1]
        assert before[-1].startswith("  #"), "each rule says where it is from"


def test_delegations_need_keys_and_are_refused_without() -> None:
    text = _values('pattern: "dtr.example.com/a/*:*", with: {delegations: [alice, bob]}')
    imported, policy = _import(text)
    assert imported.denied == 1
    assert _denied(policy, "dtr.example.com/a/x")
    assert "alice, bob" in imported.text
    assert any("--signer" in said for said in imported.warnings)
    imported, policy = _import(text, signers={"alice": ONE, "bob": TWO})
    rule = _rule_for(policy, "dtr.example.com/a/x")
    assert rule is not None
    assert [(s.name, set(s.keys)) for s in rule.requirement.signers] == BOTH
    assert rule.requirement.wanted == 2
    assert _denied(_import(text, signers={"alice": ONE})[1], "dtr.example.com/a/x")


@pytest.mark.parametrize(
    "rule",
    [
        'pattern: "dtr.example.com/a:v1*", validator: allow',
        'pattern: "dtr.example.com/a:v1", validator: default',
        'pattern: "dtr.example.com/a@sha256:00*", validator: allow',
        'pattern: "dtr.example.com/a:*", validator: cos',
        'pattern: "dtr.example.com/a:*", validator: missing',
        'pattern: "dtr.example.com/a:*", with: {trustRoot: missing}',
        'pattern: "dtr.example.com/a:*", with: {threshold: 2}',
        'pattern: "dtr.example.com/a:*", with: {required: [x]}',
    ],
)
def test_what_cannot_be_expressed_is_refused_and_marked(rule: str) -> None:
    text = _values('pattern: "dtr.example.com/*:*", validator: allow', rule)
    imported, policy = _import(text)
    assert _denied(policy, "dtr.example.com/a")
    assert imported.denied == 1
    assert "refused instead" in imported.text


def test_the_unwritten_wildcard_at_the_end_is_kept_where_it_refuses() -> None:
    _, policy = _import(
        _values(
            'pattern: "dtr.example.com/*:*", validator: allow',
            'pattern: "dtr.example.com/evil", validator: deny',
            'pattern: "dtr.example.com/sign", validator: default',
            'pattern: "quay.io/good", validator: allow',
        )
    )
    assert _denied(policy, "dtr.example.com/evil-twin")
    assert _denied(policy, "dtr.example.com/evil/x")
    signed = _rule_for(policy, "dtr.example.com/signed")
    assert signed is not None
    assert signed.approve is None
    assert _rule_for(policy, "quay.io/good") is not None
    assert _rule_for(policy, "quay.io/goodness") is None


def test_a_rule_that_would_win_here_and_not_there_refuses() -> None:
    # There, three parts beat one; here, a host without wildcard beats one with it.
    imported, policy = _import(
        _values(
            'pattern: "dtr.example.com/*:*", validator: allow',
            'pattern: "*/team/secret:*", validator: deny',
        )
    )
    assert _denied(policy, "dtr.example.com/team/secret")
    assert imported.denied >= 1
    text = _values(
        'pattern: "dtr.example.com/*:*", validator: allow',
        'pattern: "dtr.example.com/*:v1", validator: deny',
    )
    assert _denied(_import(text)[1], "dtr.example.com/x"), "both are about the same repositories"


_HOSTS = st.sampled_from(["a.io", "b.io", "*", "*.io", "a.*"])
_PARTS = st.lists(st.sampled_from(["x", "y", "xy", "x*", "*", "*y"]), min_size=1, max_size=2)
_TAGS = st.sampled_from(["", "", ":*", ":*", ":v1", ":v*"])
_PATTERNS = st.builds(
    lambda host, parts, tag: "/".join([host, *parts]) + tag, _HOSTS, _PARTS, _TAGS
)
_NAMES = st.sampled_from(["allow", "deny", "default", "hub"])
_IMAGES = [
    f"{host}/{path}:{tag}"
    for host in ("a.io", "b.io", "c.net")
    for path in ("x", "y", "xy", "yx", "x/y", "x/x", "xy/y", "x/y/x", "x/a.io/x")
    for tag in ("v1", "w")
]


def _common(one: str, other: str) -> int:
    return next(
        (index for index, (a, b) in enumerate(zip(one, other, strict=False)) if a != b),
        min(len(one), len(other)),
    )


def _connaisseur(rules: list[tuple[str, str]], image: str) -> str:
    """Decide as Connaisseur is described to: implied wildcards, components, prefixes, length."""
    found = []
    for number, (pattern, name) in enumerate(rules):
        if fnmatchcase(image, f"*{pattern}*"):
            parts = pattern.split("/")
            prefixes = [
                _common(part, own)
                for part, own in zip_longest(parts, image.split("/"), fillvalue="")
            ]
            found.append(((len(parts), prefixes, len(pattern), -number), name))
    return max(found)[1] if found else "deny"


@settings(deadline=None, max_examples=150)
@given(
    rules=st.lists(st.tuples(_PATTERNS, _NAMES), min_size=1, max_size=5),
    otherwise=st.none() | _NAMES,
)
def test_nothing_is_accepted_that_connaisseur_would_refuse(
    rules: list[tuple[str, str]], otherwise: str | None
) -> None:
    rules = [*rules, *([("*:*", otherwise)] if otherwise else [])]
    written = [f"pattern: '{pattern}', validator: {name}" for pattern, name in rules]
    _, policy = _import(_values(*written))
    servers = {
        "": "hub",
        "https://notary.docker.io": "hub",
        "https://notary.example.com": "default",
    }
    for image in _IMAGES:
        theirs, rule = _connaisseur(rules, image), _rule_for(policy, image)
        if rule is None or rule.approve is False or theirs == "allow":
            continue
        ours = "allow" if rule.approve else servers[rule.server]
        assert ours == theirs, f"{image}: {rules}"


def test_a_key_that_is_there_twice_is_named_with_its_line() -> None:
    with pytest.raises(UsageError, match=r"^source\.yaml:2: the key 'application' is there twice"):
        _import("application: {}\napplication: {}\n")


def test_a_usual_policy_decides_as_it_does_there() -> None:
    rules = [
        ("*:*", "deny"),
        ("a.io/x/*:*", "default"),
        ("a.io/x/free:*", "allow"),
        ("b.io/*:*", "allow"),
        ("b.io/y/*:*", "deny"),
    ]
    written = [f"pattern: '{pattern}', validator: {name}" for pattern, name in rules]
    _, policy = _import(_values(*written))
    for image in ("a.io/x/y:1", "a.io/x/free:1", "b.io/x:1", "b.io/y/x:1", "c.net/x:1", "a.io/y:1"):
        theirs, rule = _connaisseur(rules, image), _rule_for(policy, image)
        assert rule is not None
        ours = {True: "allow", False: "deny", None: "default"}[rule.approve]
        assert ours == theirs, image


# Portieris


def _portieris(policy: str, name: str = "us.icr.io/ns/*", kind: str = "ClusterImagePolicy") -> str:
    return (
        f"apiVersion: portieris.cloud.ibm.com/v1\nkind: {kind}\nmetadata: {{name: a}}\nspec:\n"
        f"  repositories:\n  - {{name: '{name}', policy: {policy}}}\n"
    )


def _secret(label: str, name: str, pem: str) -> str:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    return (
        f"---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {label}}}\n"
        f"data: {{name: {encoded(name)}, publicKey: {encoded(pem)}}}\n"
    )


def test_portieris_trust_is_carried_over_with_the_keys_of_its_secrets() -> None:
    trust = (
        "{trust: {enabled: true, trustServer: 'https://notary.example.com:4443', "
        "signerSecrets: [{name: s1}, {name: s2}]}, mutateImage: false}"
    )
    imported, policy = _import(
        _portieris(trust) + _secret("s1", "alice", PEM) + _secret("s2", "bob", OTHER_PEM)
    )
    (rule,) = policy.rules
    assert (imported.kind, rule.name, rule.server) == (
        *("portieris", "us.icr.io/ns/*", "https://notary.example.com:4443"),
    )
    assert [(s.name, set(s.keys)) for s in rule.requirement.signers] == BOTH
    assert (rule.requirement.wanted, rule.requirement.released) == (2, True)
    assert rule.pins.trust_on_first_use
    assert rule.mutate == "never"
    assert any("first use" in said for said in imported.warnings)


@pytest.mark.parametrize("policy", ["{}", "null", "{trust: {enabled: false}}", "{trust: {}}"])
def test_an_empty_policy_of_portieris_means_allow_and_says_so(policy: str) -> None:
    imported, found = _import(_portieris(policy))
    assert found.rules[0].approve is True
    assert any("without any signature" in said for said in imported.warnings)


@pytest.mark.parametrize(
    "policy",
    [
        "{trust: {enabled: true, signerSecrets: [{name: missing}]}}",
        "{simple: {requirements: [{type: reject}]}}",
        "{trust: {enabled: true}, simple: {requirements: [{type: signedBy}]}}",
        "{simple: {storeURL: x}}",
        "{vulnerability: {ICCRVA: {enabled: true}}}",
        "{vulnerability: {ICCRVA: {}}}",
        "{trusted: {enabled: true}}",
        "{trust: {enabled: true, trustServer: notary}}",
    ],
)
def test_what_portieris_wants_and_is_not_known_here_is_refused(policy: str) -> None:
    imported, found = _import(_portieris(policy))
    assert found.rules[0].approve is False
    assert imported.denied == 1


def test_one_key_under_two_names_is_no_two_signers() -> None:
    trust = "{trust: {enabled: true, signerSecrets: [{name: s1}, {name: s2}]}}"
    secrets = _secret("s1", "alice", PEM) + _secret("s2", "bob", PEM)
    assert _import(_portieris(trust) + secrets)[1].rules[0].approve is False


def test_policies_of_several_scopes_are_imported_one_at_a_time() -> None:
    text = _portieris("{}") + "---\n" + _portieris("{}", "quay.io/x", "ImagePolicy")
    with pytest.raises(UsageError, match="default"):
        _import(text)
    assert [rule.name for rule in _import(text, namespace="default")[1].rules] == ["quay.io/x"]
    assert [rule.name for rule in _import(text, namespace="z")[1].rules] == ["us.icr.io/ns/*"]


# Docker


def _daemon(**section: Any) -> str:  # noqa: ANN401 - any JSON
    return json.dumps({"debug": True, "content-trust": section})


def test_a_daemons_pins_are_carried_over() -> None:
    pinning = {
        "root-keys": {"dtr.example.com/admin/*": [ONE, TWO]},
        "cert-ids": {"dtr.example.com/admin/flask": [TWO]},
        "official-library-images": True,
    }
    imported, policy = _import(
        _daemon(
            mode="enforced", **{"trust-pinning": pinning, "allow-expired-cached-trust-data": True}
        )
    )
    assert imported.kind == "docker"
    rules = {rule.name: rule for rule in policy.rules}
    assert rules["dtr.example.com/admin/*"].pins.key_ids == {ONE, TWO}
    assert rules["dtr.example.com/admin/flask"].pins.key_ids == {TWO}
    assert rules["docker.io/library/*"].approve is False
    assert all(rule.mode == "enforce" for rule in policy.rules)
    assert any("Expired" in said for said in imported.warnings)


def test_a_permissive_daemon_only_warns_about_what_it_pins() -> None:
    pinning = {"root-keys": {"a.b/*": [ONE]}}
    _, policy = _import(_daemon(mode="permissive", **{"trust-pinning": pinning}))
    assert policy.rules[0].mode == "warn"
    assert _rule_for(policy, "c.d/x") is None


@pytest.mark.parametrize(
    "section",
    [
        {},
        {"mode": "disabled"},
        {"mode": "enforce"},
        {"mode": 1},
        {"mode": "enforced", "trust-pining": {}},
        {"mode": "enforced", "trust-pinning": {"root-key": {}}},
        {"mode": "enforced", "trust-pinning": {"root-keys": {"a.b/c": ["short"]}}},
        {"mode": "enforced", "trust-pinning": {"root-keys": {"a.b/c:1": [ONE]}}},
        {"mode": "enforced", "trust-pinning": {"root-keys": {"a.b/c d": [ONE]}}},
        {"mode": "enforced", "trust-pinning": []},
    ],
)
def test_a_section_that_is_disabled_or_wrong_is_a_usage_error(section: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"source\.yaml|pattern"):
        _import(_daemon(**section))


@pytest.mark.parametrize("pinning", [{}, {"root-keys": {}}, {"root-keys": {"a.b/c": []}}])
def test_a_daemon_without_pins_gives_a_policy_that_denies(pinning: dict[str, Any]) -> None:
    _, policy = _import(_daemon(mode="enforced", **{"trust-pinning": pinning}))
    assert _denied(policy, "busybox")
    assert _denied(policy, "a.b/c")


# Anything else


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "[]",
        "a: b",
        "{",
        "application: {}",
        "application: {validators: [], policy: []}",
        "application: {validators: [x], policy: [y]}",
        "validators: {}",
        "kind: ImagePolicy",
        "kind: ClusterImagePolicy\nspec: []",
        "kind: List\nitems: [1]",
        "apiVersion: signer/v1\nkind: TrustPolicy\n",
    ],
)
def test_what_is_no_policy_is_a_usage_error_or_denies(text: str) -> None:
    try:
        _, policy = _import(text)
    except UsageError:
        return
    assert _denied(policy, "busybox")


_LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(0, 2),
    st.text("ab*/:.\n\x07", max_size=5),
    st.sampled_from(["static", "notaryv1", "default", "enforced", "ImagePolicy", PEM, "a.b/*"]),
)
_KEYS = st.sampled_from(
    [
        *("application", "validators", "policy", "name", "type", "approve", "host", "key", "with"),
        *("trustRoots", "pattern", "validator", "delegations", "trustRoot", "kind", "metadata"),
        *("spec", "repositories", "trust", "enabled", "signerSecrets", "simple", "data"),
        *("content-trust", "mode", "trust-pinning", "root-keys", "cert-ids", "items", "a.b/c"),
    ]
)
_TREES = st.recursive(
    _LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(content=_TREES, kind=st.sampled_from(["connaisseur", "portieris", "docker"]))
def test_any_content_gives_a_policy_or_a_usage_error(content: object, kind: str) -> None:
    try:
        imported = import_policy(json.dumps(content).encode(), Path("x"), kind=kind)
    except UsageError:
        return
    parse_policy(imported.text.encode(), Path("policy.yaml"))
