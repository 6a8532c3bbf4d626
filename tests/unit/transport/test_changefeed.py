import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from signer.errors import AuthError, NetworkError, NotFoundError, SignerError
from signer.names import Gun, RoleName
from signer.transport.changefeed import Change, read_page
from signer.transport.notary import NotaryServer
from tests.unit.transport.simulated import make_pool, no_credentials

GUN = Gun("dtr.example.com/admin/flask")
BASE = "https://notary.example.com:4443"
SHA256 = "ab" * 32


def _record(number: int, **changed: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    return {
        "ID": str(number),
        "CreatedAt": "2026-11-22T04:30:00.123456789Z",
        "GUN": GUN,
        "Version": number,
        "SHA256": SHA256,
        "Category": "update",
    } | changed


def _page(*records: dict[str, Any]) -> bytes:
    return json.dumps({"count": len(records), "records": list(records) or None}).encode()


def test_pages_are_read_to_the_end(tmp_path: Path) -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        after = int(request.url.params["change_id"])
        numbers = range(after + 1, min(after + 500, 700) + 1)
        return httpx.Response(200, content=_page(*map(_record, numbers)))

    with make_pool(handler) as pool:
        server = NotaryServer(pool, BASE, GUN, credentials=no_credentials(tmp_path))
        changes = server.changefeed()
    assert [change.id for change in changes] == list(range(1, 701))
    assert changes[0] == Change(1, "2026-11-22T04:30:00.123456789Z", 1, SHA256, "update")
    start = f"{BASE}/v2/{GUN}/_trust/changefeed?records=500&change_id="
    assert seen == [f"{start}0", f"{start}500"]


def test_an_empty_changefeed_has_null_records() -> None:
    assert read_page(_page(), gun=GUN, after=0) == []


@pytest.mark.parametrize(
    "record",
    [
        _record(7),
        _record(8, ID="x"),
        _record(8, GUN="dtr.example.com/admin/other"),
        _record(8, SHA256="AB"),
        _record(8, Category="edit"),
        _record(8, Version="1"),
        {"ID": "8"},
    ],
)
def test_what_is_no_page_is_refused(record: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"it |its "):
        read_page(_page(record), gun=GUN, after=7)


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (httpx.Response(404, text="no"), NotFoundError, "no-changefeed"),
        (httpx.Response(200, text="<html>"), NetworkError, "not-a-notary-server"),
        (httpx.Response(503, text=""), NetworkError, "server-error"),
        (
            httpx.Response(403, json={"errors": [{"code": "DENIED", "message": "no"}]}),
            AuthError,
            "forbidden",
        ),
    ],
)
def test_failures_are_told_apart(
    tmp_path: Path, answer: httpx.Response, kind: type[SignerError], code: str
) -> None:
    with make_pool(lambda _request: answer) as pool, pytest.raises(kind) as caught:
        NotaryServer(pool, BASE, GUN, credentials=no_credentials(tmp_path)).changefeed()
    assert caught.value.code == code


def _lost(_request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("reset")


@pytest.mark.parametrize(
    ("handler", "told"),
    [
        (lambda _request: httpx.Response(200), [(GUN, True)]),
        (lambda _request: httpx.Response(502), [(GUN, False)]),
        (_lost, [(GUN, False)]),
        (lambda _request: httpx.Response(400, json={"errors": [{"code": "VERSION"}]}), []),
    ],
)
def test_an_upload_is_told_unless_it_was_surely_refused(
    tmp_path: Path,
    handler: Callable[[httpx.Request], httpx.Response],
    told: list[tuple[str, bool]],
) -> None:
    seen: list[tuple[str, bool]] = []

    def on_upload(gun: Gun, _files: object, answered: bool) -> None:
        seen.append((gun, answered))

    with make_pool(handler) as pool:
        server = NotaryServer(
            pool,
            BASE,
            GUN,
            credentials=no_credentials(tmp_path),
            on_upload=on_upload,
        )
        try:
            server.publish({RoleName("targets"): b"{}"})
        except SignerError:
            assert told != [(GUN, True)]
    assert seen == told
