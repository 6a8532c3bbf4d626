"""The protocol as the engine speaks it, and what is looked at again."""

import asyncio
import base64
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import httpx
import pytest
from starlette.applications import Starlette

from signer.admission.engine.api import LocalImage
from signer.admission.engine.app import create_app
from signer.admission.engine.journal import Journal
from signer.admission.engine.plugin import Plugin
from signer.admission.log import JsonLog
from signer.admission.policy_file import PolicyFile
from signer.errors import NetworkError
from signer.names import ImageReference
from signer.signing.session import utc_now

if TYPE_CHECKING:
    from signer.admission.collections import KeptCollections

APPROVED = "h.example/approved/x:1"
GOOD_ID = f"sha256:{'ab' * 32}"
EVIL_ID = f"sha256:{'cd' * 32}"
POLICY = """
apiVersion: signer/v1
kind: TrustPolicy
rules:
  - {match: "h.example/approved/*", approve: true}
"""


@dataclass
class FakeEngine:
    """An engine that has one image of a name, and makes containers of another."""

    made_of: str = GOOD_ID
    removed: list[str] = field(default_factory=list)
    is_hanging: bool = False
    end: threading.Event = field(default_factory=threading.Event)

    def image(self, name: str) -> LocalImage | None:
        if self.is_hanging:
            self.end.wait(10)
        if name in {APPROVED, GOOD_ID}:
            return LocalImage(GOOD_ID, (ImageReference.parse(APPROVED),))
        return LocalImage(EVIL_ID) if name == EVIL_ID else None

    def service(self, _name: str) -> bytes | None:
        raise NetworkError("not asked for")

    def image_of(self, _container: str) -> str:
        return self.made_of

    def remove(self, container: str) -> None:
        self.removed.append(container)


@dataclass
class Stage:
    engine: FakeEngine
    app: Starlette
    lines: BytesIO
    log: JsonLog

    def post(self, path: str, content: bytes = b"") -> dict[str, Any]:
        async def answer() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://plugin") as client:
                return await client.post(path, content=content)

        answered = asyncio.run(answer())
        assert answered.status_code == 200
        found: dict[str, Any] = answered.json()
        return found

    def ask(self, kind: str, **content: object) -> dict[str, Any]:
        return self.post(f"/AuthZPlugin.AuthZ{kind}", json.dumps(content).encode())

    def create(self, image: str) -> dict[str, Any]:
        return self.ask("Req", **created(image))


def created(image: str) -> dict[str, object]:
    return {
        "RequestMethod": "POST",
        "RequestUri": "/v1.41/containers/create",
        "RequestHeaders": {"Content-Type": "application/json"},
        "RequestBody": base64.b64encode(json.dumps({"Image": image}).encode()).decode(),
    }


def answered(image: str, answer: object = None) -> dict[str, object]:
    body = json.dumps({"Id": "c0ffee"} if answer is None else answer).encode()
    response = base64.b64encode(body).decode()
    return created(image) | {"ResponseStatusCode": 201, "ResponseBody": response}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    engine = FakeEngine()
    plugin = Plugin(
        PolicyFile(policy),
        cast("KeptCollections", None),  # no rule of this policy reads a collection
        engine,
        registry=lambda _reference: pytest.fail("no registry is asked"),
        clock=utc_now,
    )
    lines = BytesIO()
    log = JsonLog(lines)
    with ThreadPoolExecutor(2) as executor:
        app = create_app(plugin, Journal(log), executor, deadline_seconds=0.3)
        yield Stage(engine, app, lines, log)
        engine.end.set()


def test_it_says_that_it_authorises(stage: Stage) -> None:
    assert stage.post("/Plugin.Activate") == {"Implements": ["authz"]}


def test_a_request_is_allowed_or_refused_in_one_line_with_reason_hint_and_code(
    stage: Stage,
) -> None:
    assert stage.create(APPROVED) == {"Allow": True, "Msg": ""}
    refused = stage.create("h.example/other:1")
    assert refused["Allow"] is False
    assert refused["Msg"].startswith("No rule of the policy")
    assert refused["Msg"].endswith("(no-rule)")
    assert "\n" not in refused["Msg"]
    stage.log.close()
    first, second = map(json.loads, stage.lines.getvalue().splitlines())
    assert (first["event"], first["verdict"]) == ("decision", "accept")
    assert (second["level"], second["code"]) == ("warning", "no-rule")
    assert second["request"] == "POST /v1.41/containers/create"


def test_what_is_no_description_is_refused(stage: Stage) -> None:
    for path in ("/AuthZPlugin.AuthZReq", "/AuthZPlugin.AuthZRes"):
        answer = stage.post(path, b"{")
        assert (answer["Allow"], "(unclear-request)" in answer["Msg"]) == (False, True)


def test_a_decision_that_takes_too_long_is_a_refusal_and_free_requests_do_not_wait(
    stage: Stage,
) -> None:
    stage.engine.is_hanging = True
    begun = time.monotonic()
    for _ in range(3):  # more than there are threads
        assert "(timeout)" in stage.create(APPROVED)["Msg"]
    assert stage.ask("Req", RequestMethod="GET", RequestUri="/containers/json")["Allow"] is True
    assert time.monotonic() - begun < 5


def test_a_container_of_the_image_that_was_accepted_stays(stage: Stage) -> None:
    stage.create(APPROVED)
    assert stage.ask("Res", **answered(APPROVED))["Allow"] is True
    assert stage.engine.removed == []


def test_a_container_of_an_image_that_was_exchanged_meanwhile_is_removed(stage: Stage) -> None:
    stage.create(APPROVED)
    stage.engine.made_of = EVIL_ID
    answer = stage.ask("Res", **answered(APPROVED))
    assert answer["Allow"] is False
    assert "its image was exchanged" in answer["Msg"]
    assert stage.engine.removed == ["c0ffee"]


def test_an_answer_that_does_not_name_the_container_is_refused(stage: Stage) -> None:
    assert stage.ask("Res", **answered(APPROVED, {}))["Allow"] is False


def test_other_answers_pass(stage: Stage) -> None:
    failed = created(APPROVED) | {"ResponseStatusCode": 404}
    assert stage.ask("Res", **failed)["Allow"] is True
    assert stage.ask("Res", RequestMethod="GET", RequestUri="/_ping")["Allow"] is True
