"""Events: decoded strictly, and sorted out."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signer.dtr.contents import ManifestContents, ScanCompletedContents, TagContents
from signer.dtr.events import Promoted, Skipped, classify, decode_event, sort_out
from signer.dtr.promotion import Promotion
from signer.errors import SignerError, UsageError
from tests.unit.dtr.bodies import (
    DIGEST,
    OTHER,
    OTHERS,
    POLICY,
    PROMOTION,
    SCAN_COMPLETED,
    TAG_PUSH,
    promotion,
    text,
)

PROPERTY = settings(deadline=None, database=None, derandomize=True)


def decide(body: object) -> Promoted | Skipped:
    return classify(decode_event(text(body), source="event.json"))


def fault(body: object) -> UsageError:
    with pytest.raises(UsageError) as caught:
        decode_event(text(body), source="event.json")
    assert caught.value.code == "bad-event"
    assert caught.value.message.startswith("event.json ")
    return caught.value


def test_a_promotion_is_to_be_signed_with_what_it_claims() -> None:
    outcome = decide(PROMOTION)
    assert isinstance(outcome, Promoted)
    claimed = outcome.promotion
    assert claimed.promoted_at is not None
    assert claimed.promoted_at.isoformat() == "2019-05-22T01:55:19+00:00"
    assert (claimed.source, claimed.target) == ("admin/flask_build:66", "admin/flask:66")
    assert (claimed.digest, claimed.policy_id) == (DIGEST, POLICY)
    assert outcome.event.created_at == "2019-05-22T01:55:20.471286995Z"
    assert outcome.event.location == "/repositories/admin/flask/tags/66"


@pytest.mark.parametrize("body", OTHERS, ids=lambda body: str(body["type"]))
def test_every_other_type_says_what_it_is_and_signs_nothing(body: dict[str, Any]) -> None:
    outcome = decide(body)
    assert isinstance(outcome, Skipped)
    assert outcome.code == "other-type"
    assert body["type"] in outcome.reason


def test_contents_are_typed() -> None:
    push = decode_event(text(TAG_PUSH), source="e").contents
    assert isinstance(push, TagContents)
    assert (push.image_name, push.pushed_at) == (
        "dtr.example.com/admin/flask_build:latest",
        "2017-12-18T02:33:45Z",
    )
    scan = decode_event(text(SCAN_COMPLETED), source="e").contents
    assert isinstance(scan, ScanCompletedContents)
    assert (scan.scan_summary.reponame, scan.scan_summary.critical) == ("flask_build", 5)
    manifest = decode_event(text(OTHERS[3]), source="e").contents
    assert isinstance(manifest, ManifestContents)


def test_a_scan_summary_may_call_the_repository_by_its_documented_name() -> None:
    summary = dict(SCAN_COMPLETED["contents"]["scanSummary"])
    summary["repository"] = summary.pop("reponame")
    body = {**SCAN_COMPLETED, "contents": {**SCAN_COMPLETED["contents"], "scanSummary": summary}}
    contents = decode_event(text(body), source="e").contents
    assert isinstance(contents, ScanCompletedContents)
    assert contents.scan_summary.repository == "flask_build"


def test_gitlabs_own_keys_and_unknown_fields_are_ignored() -> None:
    body = {"id": "12", "ref": "main", "variables": {}, **promotion(novel={"a": [1.5]})}
    assert isinstance(decide(body), Promoted)


@pytest.mark.parametrize(
    "name",
    [
        "promotionPolicyID",
        "digest",
        "sourceRepository",
        "sourceTag",
        "targetRepository",
        "targetTag",
        "promotedAt",
    ],
)
def test_each_field_of_a_promotion_must_be_there_and_be_text(name: str) -> None:
    contents = dict(PROMOTION["contents"])
    del contents[name]
    assert f"contents.{name}" in fault({**PROMOTION, "contents": contents}).message
    for wrong in (5, None, True, ["x"], {"a": 1}):
        assert f"contents.{name}" in fault(promotion(**{name: wrong})).message


@pytest.mark.parametrize(
    ("name", "values"),
    [
        (
            "digest",
            ["", "latest", "sha256:5b49", DIGEST.upper(), DIGEST + "\n", "sha512:" + "0" * 128],
        ),
        (
            "targetRepository",
            ["", "admin/Flask", "admin/../flask", "admin/flask:1", "/admin/flask", "admin//flask"],
        ),
        (
            "targetRepository",
            [
                "admin/flask/",
                "admin/fl%61sk",
                "admin/flask@" + DIGEST,
                "admin/flask\n",
                "a?b",
                "é/b",
            ],
        ),
        ("sourceRepository", ["", "admin/flask build", "https://x/y"]),
        ("targetTag", ["", "..", "a/b", "a b", "a:b", "1@" + DIGEST, "x" * 129, "-1", "1\n"]),
        ("sourceTag", ["", ".x", "1#2"]),
        ("promotionPolicyID", ["../x", "a/b", "a b", "-x", "x" * 129, "é"]),
        ("promotedAt", ["", "yesterday", "2019-05-22", "2019-13-22T01:55:19Z", "2019-05-22T01:55"]),
    ],
)
def test_names_that_are_none_are_refused_by_field(name: str, values: list[str]) -> None:
    for value in values:
        assert f"contents.{name}" in fault(promotion(**{name: value})).message, value


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], "Expected `object`"),
        ([PROMOTION], "Expected `object`"),
        ("PROMOTION", "Expected `object`"),
        (5, "Expected `object`"),
        (None, "Expected `object`"),
        ({}, "type"),
        ({"id": "1", "ref": "main", "variables": {}}, "type"),
        ({**PROMOTION, "type": 5}, "type"),
        ({**PROMOTION, "type": None}, "type"),
        ({**PROMOTION, "createdAt": 5}, "createdAt"),
        ({**PROMOTION, "location": {}}, "location"),
        ({**PROMOTION, "contents": None}, "contents"),
        ({**PROMOTION, "contents": []}, "contents"),
        ({**PROMOTION, "contents": "no json"}, "contents"),
        ({"type": "PROMOTION"}, "contents"),
        ({**TAG_PUSH, "contents": {**TAG_PUSH["contents"], "tag": 5}}, "contents.tag"),
        (
            {
                **SCAN_COMPLETED,
                "contents": {
                    **SCAN_COMPLETED["contents"],
                    "scanSummary": {
                        **SCAN_COMPLETED["contents"]["scanSummary"],
                        "critical": "5",
                    },
                },
            },
            "contents.scanSummary.critical",
        ),
    ],
)
def test_wrong_types_are_refused_and_the_field_is_named(body: object, field: str) -> None:
    assert field in fault(body).message


@pytest.mark.parametrize(
    "wire", [b"", b"{", b"{}x", b"\xff\xfe", b"[" * 100_000, b'{"type":"\xff"}', b"NaN", b'{"a":"$']
)
def test_what_is_no_json_is_refused_without_being_repeated(wire: bytes) -> None:
    with pytest.raises(UsageError) as caught:
        decode_event(wire, source="TRIGGER_PAYLOAD")
    assert caught.value.code == "bad-event"
    assert len(caught.value.message) < 200


def test_a_message_does_not_repeat_the_text() -> None:
    with pytest.raises(UsageError) as caught:
        decode_event(b"hunter2: the content of any file", source="/etc/some-file")
    assert "hunter2" not in caught.value.message


def test_a_form_encoded_body_has_text_only() -> None:
    contents = json.loads(json.dumps(SCAN_COMPLETED["contents"]))
    summary = contents["scanSummary"]
    contents["scanSummary"] = {name: str(value).lower() for name, value in summary.items()}
    event = decode_event(text({**SCAN_COMPLETED, "contents": contents}), source="e")
    assert isinstance(event.contents, ScanCompletedContents)
    assert event.contents.scan_summary.critical == 5
    assert event.contents.scan_summary.should_rescan is False
    contents["scanSummary"]["critical"] = "many"
    assert "critical" in fault({**SCAN_COMPLETED, "contents": contents}).message


def test_a_forms_field_may_hold_the_contents_as_json_text() -> None:
    body = {**PROMOTION, "contents": json.dumps(PROMOTION["contents"])}
    assert decide(body) == decide(PROMOTION)


@pytest.mark.parametrize(
    "body",
    [
        {
            "type": "PROMOTION",
            "contents": {
                "namespace": "foo",
                "repository": "bar",
                "tag": "latest",
                "author": "",
                "pushedAt": "2015-01-02T15:04:05Z",
            },
        },
        promotion(
            sourceRepository="foo/bar",
            targetRepository="foo/bar2",
            promotedAt="2015-01-02T15:04:05.678Z",
        ),
        {
            "type": "SCAN_COMPLETED",
            "contents": {
                "namespace": "foo",
                "repository": "bar",
                "scanSummary": {"check_completed_at": "2015-01-02T15:04:05Z"},
            },
        },
        {
            "type": "TAG_PUSH",
            "contents": {
                "namespace": "foo",
                "repository": "bar",
                "tag": "latest",
                "digest": DIGEST,
                "author": "",
                "pushedAt": "2015-01-02T15:04:05Z",
            },
        },
    ],
)
def test_dtrs_test_payload_is_recognised_whatever_its_type(body: dict[str, Any]) -> None:
    outcome = decide(body)
    assert isinstance(outcome, Skipped)
    assert outcome.code == "test-payload"


@pytest.mark.parametrize(
    "changes",
    [
        {"targetRepository": "foo/bar"},
        {"promotedAt": "2015-01-02T15:04:05Z"},
        {"targetRepository": "foo/bars", "promotedAt": "2015-01-02T15:04:05Z"},
    ],
)
def test_neither_its_name_nor_its_time_alone_make_a_test_payload(changes: dict[str, str]) -> None:
    assert isinstance(decide(promotion(**changes)), Promoted)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00.5Z"])
def test_a_copy_with_the_zero_time_is_skipped(time: str) -> None:
    outcome = decide(promotion(promotedAt=time))
    assert isinstance(outcome, Skipped)
    assert outcome.code == "zero-time"


def outcomes_of(*bodies: object) -> list[str]:
    events = [decode_event(text(body), source=f"{n}") for n, body in enumerate(bodies)]
    return [
        outcome.code if isinstance(outcome, Skipped) else "sign" for outcome in sort_out(events)
    ]


def test_one_promotion_that_is_delivered_several_times_is_signed_once() -> None:
    again = promotion(promotedAt="2019-05-22T01:55:21Z")
    zero = promotion(promotedAt="0001-01-01T00:00:00Z")
    assert outcomes_of(zero, PROMOTION, zero, again, PROMOTION) == [
        "zero-time",
        "sign",
        "zero-time",
        "duplicate",
        "duplicate",
    ]


def test_another_tag_digest_or_source_is_no_duplicate() -> None:
    others = [
        promotion(targetTag="67"),
        promotion(digest=OTHER),
        promotion(targetRepository="admin/other"),
        promotion(sourceTag="65"),  # forged or true: the gate finds out which of the two is
    ]
    assert outcomes_of(PROMOTION, *others) == ["sign"] * 5


@PROPERTY
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    ),
    st.sampled_from(["PROMOTION", "TAG_PUSH", "SCAN_COMPLETED", "REPO_EVENT", "NOVEL"]),
)
def test_whatever_the_contents_only_our_errors_come_out(contents: object, kind: str) -> None:
    try:
        outcome = decide({"type": kind, "contents": contents})
    except SignerError as error:
        assert error.code == "bad-event"
    else:
        assert isinstance(outcome, Skipped)


@PROPERTY
@given(
    st.sampled_from(sorted(PROMOTION["contents"])),
    st.text() | st.integers() | st.none() | st.lists(st.text(), max_size=2),
)
def test_a_promotion_with_any_field_replaced_is_refused_or_names_only_names(
    name: str, value: object
) -> None:
    try:
        outcome = decide(promotion(**{name: value}))
    except SignerError as error:
        assert f"contents.{name}" in error.message
        return
    if isinstance(outcome, Promoted):
        assert isinstance(outcome.promotion, Promotion)
        assert outcome.promotion.target_at("dtr.example.com").domain == "dtr.example.com"
        assert outcome.promotion.source_at("dtr.example.com").path.isascii()


@PROPERTY
@given(st.binary())
def test_whatever_the_bytes_only_our_errors_come_out(wire: bytes) -> None:
    with pytest.raises(SignerError):
        decode_event(wire, source="e")
