"""What ``signer policy check`` finds in policies that can be loaded."""

from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.policy.lint import lint
from signer.policy.lint_finding import LintFinding
from signer.policy.overlap import includes, overlap
from signer.policy.pattern import Pattern, compile_glob
from tests.attacks.keys import NOW
from tests.unit.policy.material import (
    KEY_ID,
    RELEASED,
    ROOTED,
    policy_text,
    rule,
    write_certificate,
)

OTHER_ID = "cd" * 32
FRESH = "freshness: {max_timestamp_age: 14d}"
GOOD = (ROOTED, RELEASED, FRESH)


def _found(text: str, origin: Path = Path("policy.yaml")) -> dict[str, LintFinding]:
    found = lint(text.encode(), origin, now=NOW).findings
    for one in found:
        assert one.message.endswith(".")
        assert one.line > 0
    return {one.code: one for one in found}


def _codes(*lines: str, match: str = "dtr.example.com/admin/*", before: str = "") -> set[str]:
    return set(_found(policy_text(rule(match, *(lines or GOOD)), before=before)))


def test_a_good_policy_has_no_findings() -> None:
    assert _codes() == set()


def test_a_missing_default_is_noted() -> None:
    text = policy_text(rule("a/b", *GOOD)).replace("default: deny\n", "")
    assert _found(text)["no-default"].severity == "note"


@pytest.mark.parametrize(
    "host", ["example.com*", "*example.com", "example.*", "dtr*", "*dtr.example.com", "a*.com*"]
)
def test_a_wildcard_that_leaves_the_host_open_is_found(host: str) -> None:
    found = _found(policy_text(rule(f"{host}/admin/*", *GOOD)))
    assert set(found) == {"unanchored-host"}
    assert found["unanchored-host"].severity == "warning"
    assert found["unanchored-host"].line == 5


@pytest.mark.parametrize(
    "host", ["*.example.com", "dtr.example.com", "dtr.example.com:*", "*", "dtr*.example.com"]
)
def test_an_anchored_host_is_not(host: str) -> None:
    assert _codes(match=f"{host}/admin/*") == set()


@pytest.mark.parametrize(
    ("match", "code"),
    [
        ("*", "approve-too-wide"),
        ("*/*", "approve-too-wide"),
        ("*/admin/*", "approve-too-wide"),
        ("*.example.com/*", "approve-too-wide"),
        ("docker.io/*", "approve-too-wide"),
        ("docker.io/*/*", "approve-too-wide"),
        ("docker.io/bit*/redis", "approve-too-wide"),
        ("quay.io/*", "approve-too-wide"),
        ("ghcr.io/**", "approve-too-wide"),
        ("registry.k8s.io/*", "approve-host"),
        ("dtr.example.com/*", "approve-host"),
        ("library/*", ""),
        ("busybox", ""),
        ("quay.io/prometheus/*", ""),
    ],
)
def test_an_approval_that_is_too_wide_is_found(match: str, code: str) -> None:
    assert _codes("approve: true", match=match) == ({code} if code else set())
    assert "approve-too-wide" not in _codes("approve: false", match=match)


def test_a_rule_that_can_never_win_is_shadowed() -> None:
    text = policy_text(rule("a.example.com/x*", *GOOD), rule("a.example.com/x**", *GOOD))
    found = _found(text)
    assert set(found) == {"shadowed"}
    assert found["shadowed"].rule == "a.example.com/x**"
    assert "line 5" in found["shadowed"].message
    text = policy_text(rule("a.example.com/x**", *GOOD), rule("a.example.com/x*", *GOOD))
    assert _found(text)["shadowed"].line == 5


def test_equally_specific_rules_that_overlap_are_ambiguous() -> None:
    text = policy_text(rule("a.example.com/x*z", *GOOD), rule("a.example.com/xz*", *GOOD))
    assert set(_found(text)) == {"ambiguous"}
    text = policy_text(rule("a.example.com/x*", *GOOD), rule("a.example.com/z*", *GOOD))
    assert _found(text) == {}


def test_an_approval_inside_what_is_to_be_signed_is_noted() -> None:
    text = policy_text(
        rule("dtr.example.com/*", *GOOD), rule("dtr.example.com/tmp/*", "approve: true")
    )
    assert _found(text)["exception"].rule == "dtr.example.com/tmp/*"


@pytest.mark.parametrize(
    ("lines", "code", "severity"),
    [
        ((*GOOD, "mode: warn"), "warn-mode", "warning"),
        (("root: {trust_on_first_use: true}", RELEASED, FRESH), "trust-on-first-use", "warning"),
        ((ROOTED, RELEASED), "no-freshness", "note"),
    ],
)
def test_weak_terms_of_a_rule_are_found(lines: tuple[str, ...], code: str, severity: str) -> None:
    found = _found(policy_text(rule("dtr.example.com/a", *lines)))
    assert {one.code: one.severity for one in found.values()} == {code: severity}


def test_one_of_many_signers_is_found() -> None:
    before = f'signers:\n  a: {{keys: ["id:{KEY_ID}"]}}\n  b: {{keys: ["id:{OTHER_ID}"]}}\n'
    for limit, codes in (
        (", threshold: 1", {"one-of-many"}),
        (", threshold: 2", set()),
        ("", set()),
    ):
        line = f"require: {{signers: [a, b]{limit}}}"
        assert _codes(ROOTED, line, FRESH, before=before) == codes


def test_unused_signers_and_teams_are_found() -> None:
    before = (
        f'signers:\n  a: {{keys: ["id:{KEY_ID}"]}}\n  b: {{keys: ["id:{OTHER_ID}"]}}\n'
        "teams:\n  ci: [a]\n"
    )
    found = _found(policy_text(rule("a.b/c", *GOOD), before=before))
    assert {code: one.line for code, one in found.items()} == {"unused-signer": 6, "unused-team": 8}


def test_a_host_without_a_path_is_found() -> None:
    assert _codes(match="dtr.example.com") == {"host-without-path"}
    assert _codes(match="docker.io/nginx*") == {"no-official-image"}


@pytest.mark.parametrize(
    ("begins", "days", "code"),
    [
        (NOW - timedelta(days=30), 10, "certificate-expired"),
        (NOW - timedelta(days=30), 40, "certificate-expires"),
        (NOW + timedelta(days=1), 40, "certificate-not-yet-valid"),
        (NOW - timedelta(days=30), 400, ""),
    ],
)
def test_certificates_out_of_date_or_nearly_are_found(
    tmp_path: Path, begins: timedelta, days: int, code: str
) -> None:
    write_certificate(tmp_path / "gitlab.pem", begins=begins, days=days)  # type: ignore[arg-type] # a time
    write_certificate(tmp_path / "root.pem", begins=begins, days=days)  # type: ignore[arg-type] # a time
    write_certificate(tmp_path / "ca.pem", begins=begins, days=days, ca=True)  # type: ignore[arg-type] # a time
    text = policy_text(
        rule("a.b/c", "root: {certs: [root.pem], ca: ca.pem}", "require: {signers: [g]}", FRESH),
        before="signers:\n  g: {keys: [gitlab.pem]}\n",
    )
    found = lint(text.encode(), tmp_path / "policy.yaml", now=NOW).findings
    assert [one.code for one in found] == ([code] * 3 if code else [])
    if code:
        assert [one.line for one in found] == [5, 8, 8]


def test_a_root_that_is_pinned_by_a_ca_alone_is_noted(tmp_path: Path) -> None:
    write_certificate(tmp_path / "ca.pem", ca=True)
    text = policy_text(rule("a.b/c", "root: {ca: ca.pem}", RELEASED, FRESH))
    assert set(_found(text, tmp_path / "policy.yaml")) == {"pinned-by-ca-only"}


_WORDS = ["".join(letters) for size in range(7) for letters in product("ab", repeat=size)]
_GLOBS = st.text("ab*", min_size=1, max_size=4)


@given(one=_GLOBS, other=_GLOBS)
def test_overlap_and_inclusion_are_those_of_the_words_that_match(one: str, other: str) -> None:
    first, second = Pattern(one, "a", one), Pattern(other, "a", other)
    of_one = {word for word in _WORDS if compile_glob(one).fullmatch(word)}
    of_other = {word for word in _WORDS if compile_glob(other).fullmatch(word)}
    assert overlap(first, second) == bool(of_one & of_other)
    if includes(first, second):
        assert of_other <= of_one
