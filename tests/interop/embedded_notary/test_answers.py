"""The embedded Notary server answers every request as the real one does: NP 5 and 5.1."""

import json
import re
from typing import Any, Final

import httpx
import pytest

from tests.interop.embedded_notary import cases_root, cases_server, cases_targets
from tests.interop.embedded_notary.author import Author, Authors, put
from tests.interop.embedded_notary.cases import CASES, PATHS

_ADDED: Final = (cases_root, cases_targets, cases_server)
"""Modules that have added their cases."""

_STABLE: Final = re.compile(
    "Root modifications must|no pre-existing root|no snapshot was included|no timestamp keys"
)
"""Messages that the protocol fixes; the others are worded anew."""

_CREATED: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d*[1-9])?(?:Z|[+-]\d\d:\d\d)")
_MODIFIED: Final = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d UTC")


def summary(answer: httpx.Response, gun: str) -> dict[str, Any]:
    """Return what of an answer must be the same on both servers."""
    headers = answer.headers
    known: dict[str, Any] = {
        "request": f"{answer.request.method} {answer.request.url.path}".replace(gun, "GUN"),
        "status": answer.status_code,
        "type": headers.get("Content-Type"),
        "cache": headers.get("Cache-Control"),
        "modified": bool(_MODIFIED.fullmatch(headers.get("Last-Modified", ""))),
    }
    known["request"] = re.sub("[0-9a-fA-F]{64,}", "HASH", known["request"])
    if not answer.content:
        return known | {"body": ""}
    try:
        body = answer.json()
    except ValueError:
        return known | {"body": answer.text}
    return known | {"body": _comparable(body, gun)}


def _comparable(body: Any, gun: str) -> Any:  # noqa: ANN401 - JSON
    if "errors" in body:
        return [_error(error) for error in body["errors"]]
    if "records" in body:
        return [_record(record, gun) for record in body["records"] or []]
    if "signed" in body:
        signed = body["signed"]
        names = sorted(signed.get("meta", signed.get("targets", {})))
        return [signed["_type"], signed["version"], names, len(body["signatures"])]
    if "keyval" in body:
        return [list(body), list(body["keyval"]), body["keyval"]["private"]]
    return body


def _error(error: dict[str, Any]) -> dict[str, Any]:
    detail = error.get("detail")
    if isinstance(detail, dict) and "Error" in detail:
        message = " ".join(detail["Error"]["Msg"].split())  # Go's has a word missing in one
        assert message, "there is a message"
        stable = message if _STABLE.match(message) else ""
        detail = {**detail, "Error": {**detail["Error"], "Msg": stable}}
    elif isinstance(detail, str):
        detail = detail.replace("strconv.ParseInt: ", "")
    return {**error, "detail": detail}


def _record(record: dict[str, Any], gun: str) -> list[Any]:
    assert re.fullmatch("[0-9]+", record["ID"])
    assert _CREATED.fullmatch(record["CreatedAt"])
    assert record["GUN"] == gun
    return [list(record), record["Version"], len(record["SHA256"]), record["Category"]]


@pytest.mark.parametrize("published", [False, True], ids=["no collection", "a collection"])
@pytest.mark.parametrize("path", PATHS)
def test_every_route_is_answered_as_by_the_real_server(
    authors: Authors, path: str, published: bool
) -> None:
    answers = []
    for author in authors:
        if published:
            author.begin()
        answer = author.ask(*path.split(" ", 1))
        if "/v2/_trust/changefeed" in path and answer.status_code == 200:
            continue  # the servers have other collections
        answers.append(summary(answer, author.gun))
    assert len({json.dumps(answer) for answer in answers}) <= 1, answers


@pytest.mark.parametrize("name", CASES)
def test_every_rule_is_applied_as_by_the_real_server(authors: Authors, name: str) -> None:
    embedded, real = (
        [summary(answer, author.gun) for answer in CASES[name](author)] for author in authors
    )
    assert embedded == real


def test_the_whole_changefeed_is_of_all_collections(authors: Authors) -> None:
    feeds = []
    for author in authors:
        start = author.ask("GET", "/v2/_trust/changefeed?records=-1&change_id=-1").json()["records"]
        since = start[-1]["ID"] if start else "0"
        other = Author(author.client)
        author.begin()
        other.begin()
        query = f"/v2/_trust/changefeed?records=10&change_id={since}"
        records = author.ask("GET", query).json()["records"]
        names = {author.gun: "first", other.gun: "second"}
        feeds.append([(names[record["GUN"]], record["Category"]) for record in records])
    assert feeds == [[("first", "update"), ("second", "update")]] * 2


def test_expiries_and_other_fields_of_generated_files_are_as_the_real_servers(
    authors: Authors,
) -> None:
    found = []
    for author in authors:
        author.begin(edit=put(targets={}))
        signed = {
            role: author.get(f"{role}.json").json()["signed"] for role in ("snapshot", "timestamp")
        }
        found.append(
            {
                role: [sorted(content), content["expires"][:10], sorted(content["meta"])]
                + [sorted(entry) + sorted(entry["hashes"]) for entry in content["meta"].values()]
                for role, content in signed.items()
            }
        )
    assert found[0] == found[1]
