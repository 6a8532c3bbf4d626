"""The rules of promotion policies."""

import pytest

from signer.embedded.dtr.events import Scan
from signer.embedded.dtr.rules import FIELDS, Facts, Rule, check_rules, unmet
from signer.embedded.errors import ApiError

_AT = "2026-11-22T01:55:19Z"


def _scan(critical: int = 0, major: int = 0, minor: int = 0, **changes: object) -> Scan:
    values = {
        "digest": "sha256:" + "0" * 64,
        "os": "linux",
        "architecture": "amd64",
        "status": 6,
        "critical": critical,
        "major": major,
        "minor": minor,
        "checked_at": _AT,
    }
    return Scan(**{**values, **changes})  # type: ignore[arg-type] # as the tests write it


def _holds(rule: Rule, tag: str = "66", *scans: Scan) -> bool:
    check_rules([rule])
    return not unmet([rule], Facts(tag, scans))


@pytest.mark.parametrize(
    ("operator", "met_by"),
    [
        ("lte", {1, 2}),
        ("lt", {1}),
        ("eq", {2}),
        ("equals", {2}),
        ("ne", {1, 3}),
        ("neq", {1, 3}),
        ("gte", {2, 3}),
        ("gt", {3}),
    ],
)
def test_counts_are_compared_as_numbers(operator: str, met_by: set[int]) -> None:
    rule = Rule("vulnerability_major", operator, ("2",))
    assert {count for count in (1, 2, 3) if _holds(rule, "1", _scan(major=count))} == met_by


@pytest.mark.parametrize(
    ("field", "scan"),
    [
        ("vulnerability_critical", _scan(critical=10)),
        ("vulnerability_major", _scan(major=10)),
        ("vulnerability_minor", _scan(minor=10)),
        ("vulnerability_all", _scan(3, 3, 4)),
    ],
)
def test_each_severity_has_a_field(field: str, scan: Scan) -> None:
    assert _holds(Rule(field, "eq", ("10",)), "1", scan)
    assert not _holds(Rule(field, "lte", ("9",)), "1", scan)


@pytest.mark.parametrize(
    ("operator", "values", "met_by"),
    [
        ("equals", ("1.0",), {"1.0"}),
        ("eq", ("1.0",), {"1.0"}),
        ("ne", ("1.0",), {"1.0-rc", "2.0"}),
        ("starts with", ("1.",), {"1.0", "1.0-rc"}),
        ("starts_with", ("1.",), {"1.0", "1.0-rc"}),
        ("sw", ("1.",), {"1.0", "1.0-rc"}),
        ("ends with", ("-rc",), {"1.0-rc"}),
        ("contains", ("0-",), {"1.0-rc"}),
        ("one of", ("1.0", "2.0"), {"1.0", "2.0"}),
        ("oo", ("1.0", "2.0"), {"1.0", "2.0"}),
        ("not one of", ("1.0", "2.0"), {"1.0-rc"}),
        ("matches", (r"^[0-9]+\.[0-9]+$",), {"1.0", "2.0"}),
        ("before", ("1.0-rc",), {"1.0"}),
        ("after", ("1.0-rc",), {"2.0"}),
    ],
)
def test_tags_are_compared_as_texts(
    operator: str, values: tuple[str, ...], met_by: set[str]
) -> None:
    rule = Rule("tag", operator, values)
    assert {tag for tag in ("1.0", "1.0-rc", "2.0") if _holds(rule, tag)} == met_by


def test_one_component_meets_a_rule_and_all_must_not_be_what_is_refused() -> None:
    scan = _scan(components=("openssl", "zlib"), licenses=("GPL-3.0", "MIT"))
    assert _holds(Rule("component", "starts with", ("open",)), "1", scan)
    assert not _holds(Rule("component", "ne", ("zlib",)), "1", scan)
    assert _holds(Rule("license", "one of", ("MIT",)), "1", scan)
    assert not _holds(Rule("license", "not one of", ("GPL-3.0", "AGPL-3.0")), "1", scan)
    assert _holds(Rule("license", "not one of", ("AGPL-3.0",)), "1", scan)


@pytest.mark.parametrize("field", [field for field in FIELDS if field != "tag"])
def test_what_was_not_scanned_meets_no_rule_about_findings(field: str) -> None:
    rules = {
        "component": Rule(field, "ne", ("x",)),
        "license": Rule(field, "not one of", ("x",)),
    }
    rule = rules.get(field, Rule(field, "lte", ("1000",)))
    assert _holds(rule, "1", _scan())
    for scans in [(), (_scan(status=1),), (_scan(status=0),), (_scan(), _scan(status=3))]:
        assert not _holds(rule, "1", *scans)


def test_every_platform_must_meet_a_rule() -> None:
    rule = Rule("vulnerability_critical", "lte", ("0",))
    assert _holds(rule, "1", _scan(), _scan())
    assert not _holds(rule, "1", _scan(), _scan(critical=1))


def test_all_rules_must_hold_and_those_that_do_not_are_named() -> None:
    met, missed = Rule("tag", "equals", ("1",)), Rule("tag", "contains", ("x",))
    assert unmet([met, missed], Facts("1", ())) == (missed,)
    assert unmet([], Facts("1", ())) == ()


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        (Rule("severity", "lte", ("0",)), "field is one of tag"),
        (Rule("vulnerability_critical", "contains", ("0",)), "operators of vulnerability_critical"),
        (Rule("vulnerability_critical", "lte", ("ten",)), "is a number"),
        (Rule("vulnerability_critical", "lte", ("-1",)), "is a number"),
        (Rule("vulnerability_critical", "lte", ()), "exactly one"),
        (Rule("vulnerability_critical", "lte", ("1", "2")), "exactly one"),
        (Rule("tag", "lte", ("1",)), "operators of tag"),
        (Rule("tag", "equals", ("",)), "characters"),
        (Rule("tag", "one of", ()), "one text or more"),
        (Rule("license", "equals", ("MIT",)), "operators of license are noo, oo"),
        (Rule("tag", "matches", ("(",)), "no regular expression of Go's: missing"),
        (Rule("tag", "matches", ("((a{1000}){1000})",)), "invalid repetition size"),
        (Rule("tag", "matches", ("(?=a)",)), "invalid perl operator"),
        (Rule("tag", "matches", (r"(a)\1",)), "invalid escape sequence"),
    ],
)
def test_a_rule_that_cannot_be_evaluated_is_refused_with_its_number(
    rule: Rule, problem: str
) -> None:
    with pytest.raises(ApiError, match=problem) as refused:
        check_rules([Rule("tag", "equals", ("1",)), rule])
    assert refused.value.status == 400
    assert refused.value.message.startswith("rules[1]: ")


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|a)*$", "^" + "a*" * 100 + "b$"])
def test_a_pattern_that_python_would_ponder_for_years_is_answered(pattern: str) -> None:
    rule = Rule("tag", "matches", (pattern,))
    assert not _holds(rule, "a" * 127 + "!")
