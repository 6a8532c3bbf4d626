"""Reading reviews, whatever is sent, and timeouts as Go writes them."""

import json

import pytest

from signer.admission.review import BadReviewError, decode_request, parse_timeout, shortened
from tests.components.webhook import pod, review_of

GOOD = json.dumps(review_of(pod("x"))).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":null}',
        b'{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":""}}',
        b'{"apiVersion":7,"kind":"AdmissionReview","request":{}}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        GOOD[:-20],
        GOOD.replace(b"admission.k8s.io/v1", b"admission.k8s.io/v2"),
        GOOD.replace(b'"AdmissionReview"', b'"Status"'),
        GOOD.replace(b'"operation": "CREATE"', b'"operation": 1e999'),
        GOOD.replace(b"shop", b"\xed\xa0\x80"),
    ],
)
def test_what_is_no_review_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(BadReviewError) as caught:
        decode_request(body)
    assert caught.value.status == 400


def test_the_uid_is_known_though_the_version_is_not() -> None:
    body = json.loads(GOOD)
    body["apiVersion"] = "admission.k8s.io/v1beta1"
    with pytest.raises(BadReviewError) as caught:
        decode_request(json.dumps(body).encode())
    assert caught.value.uid == body["request"]["uid"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("10s", 10), ("1m", 30), ("500ms", 0.5), ("1.5s", 1.5), ("0m2s", 2), ("1h0m0s", 30),
     (None, 10), ("", 10), ("x", 10), ("-1s", 10), ("0s", 10), ("5", 10), ("1ns", 0.1)],
)  # fmt: skip
def test_timeouts(text: str | None, seconds: float) -> None:
    assert parse_timeout(text) == pytest.approx(seconds)


def test_warnings_fit_into_a_header() -> None:
    said = shortened("a\r\nb" + "x" * 1000)
    assert len(said) == 256
    assert said.startswith("a  bx")
