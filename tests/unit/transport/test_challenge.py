import time

import pytest

from signer.transport.challenge import parse_challenges

BEARER = 'Bearer realm="https://a.example/token",service="dtr",scope="repository:a/b:push,pull"'
BEARER_PARAMETERS = {
    "realm": "https://a.example/token",
    "service": "dtr",
    "scope": "repository:a/b:push,pull",
}


def shown(*fields: str) -> list[tuple[str, dict[str, str]]]:
    return [(item.scheme, item.parameters) for item in parse_challenges(fields)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ([BEARER], [("bearer", BEARER_PARAMETERS)]),
        (
            [BEARER.replace("Bearer", "bEARER").replace("realm", "REALM")],
            [("bearer", BEARER_PARAMETERS)],
        ),
        (['Basic realm="x"'], [("basic", {"realm": "x"})]),
        (["Basic"], [("basic", {})]),
        (
            [f'Basic realm="x, y", {BEARER}'],
            [("basic", {"realm": "x, y"}), ("bearer", BEARER_PARAMETERS)],
        ),
        ([BEARER, "Negotiate"], [("bearer", BEARER_PARAMETERS), ("negotiate", {})]),
        (["Bearer realm=plain , service=s"], [("bearer", {"realm": "plain", "service": "s"})]),
        ([r'Basic realm="a \"quoted\" name"'], [("basic", {"realm": 'a "quoted" name'})]),
        (['Bearer realm="first",realm="second"'], [("bearer", {"realm": "first"})]),
        (['Bearer realm="unfinished'], [("bearer", {"realm": ""})]),
        ([""], []),
        ([',, ="x"'], []),
        ([], []),
    ],
)
def test_challenges_are_read_in_order(
    fields: list[str], expected: list[tuple[str, dict[str, str]]]
) -> None:
    assert shown(*fields) == expected


def test_a_long_and_hostile_field_is_read_quickly() -> None:
    before = time.process_time()
    parse_challenges(["Bearer " + "a" * 50_000, 'Bearer realm="' + "\\" * 50_000, "x " * 50_000])
    assert time.process_time() - before < 5
