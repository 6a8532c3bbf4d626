"""Which rule decides."""

import random
from pathlib import Path

from signer.names import ImageReference
from signer.policy.load import parse_policy
from signer.policy.match import match
from tests.unit.policy.material import parse, policy_text, rule

RULES = [
    rule("*"),
    rule("dtr.example.com/*"),
    rule("dtr.example.com/admin/*"),
    rule("dtr.example.com/admin/flask"),
    rule("*.example.com/admin/flask"),
    rule("busybox", "approve: true"),
]


def _names(text: str, image: str) -> list[str]:
    found = match(parse(text), ImageReference.parse(image))
    return [considered.name for considered in found.considered]


def test_the_most_specific_rule_wins_whatever_the_order_of_the_file() -> None:
    shuffled = random.Random(4)  # noqa: S311 - the order of a test
    for _ in range(20):
        rules = shuffled.sample(RULES, len(RULES))
        assert _names(policy_text(*rules), "dtr.example.com/admin/flask:1") == [
            "dtr.example.com/admin/flask",
            "dtr.example.com/admin/*",
            "dtr.example.com/*",
            "*.example.com/admin/flask",
            "*",
        ]


def test_the_runner_up_is_the_next_one() -> None:
    found = match(parse(policy_text(*RULES)), ImageReference.parse("busybox"))
    assert found.rule is not None
    assert found.runner_up is not None
    assert (found.rule.name, found.runner_up.name) == ("busybox", "*")
    alone = match(parse(policy_text(rule("busybox"))), ImageReference.parse("busybox"))
    assert alone.rule is not None
    assert alone.runner_up is None


def test_of_equally_specific_rules_the_first_of_the_file_wins() -> None:
    one, other = rule("a.example.com/x*z"), rule("a.example.com/xz*")
    assert _names(policy_text(one, other), "a.example.com/xzz")[0] == "a.example.com/x*z"
    assert _names(policy_text(other, one), "a.example.com/xzz")[0] == "a.example.com/xz*"


def test_nothing_matches_where_no_rule_is_about_the_image() -> None:
    text = policy_text(*RULES[1:])
    found = match(parse(text), ImageReference.parse("evil.com/dtr.example.com/admin/flask"))
    assert found.considered == ()
    assert found.rule is None
    assert found.runner_up is None


def test_the_digest_of_a_policy_is_of_its_bytes() -> None:
    text = policy_text(rule("busybox"))
    one = parse_policy(text.encode(), Path("a.yaml"))
    assert one.digest == parse_policy(text.encode(), Path("b.yaml")).digest
    assert one.digest != parse_policy(text.encode() + b"\n", Path("a.yaml")).digest
