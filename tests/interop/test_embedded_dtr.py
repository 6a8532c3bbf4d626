"""The embedded DTR's API as its users have it: promotion, webhooks, signatures, restarts."""

import base64
import contextlib
import itertools
import json
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import pytest

from signer.embedded.dtr.sender import ATTEMPT_SECONDS, send
from signer.embedded.dtr.webhooks import Endpoint
from tests.components.certificates import Authority
from tests.components.dtr_api import Api
from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.images import push_image
from tests.components.peers import NotaryCli
from tests.components.service import free_port
from tests.components.signer_cli import SignerCli
from tests.e2e.material import write_bundle
from tests.interop.logged_in import LoggedIn
from tests.interop.receiver import Receiver

if TYPE_CHECKING:
    from tests.components.notary_server import NotaryServer

_RETRY_SECONDS: Final = 40
_KILLS: Final = 4


@pytest.fixture(scope="module")
def dtr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDtr]:
    with EmbeddedDtr(tmp_path_factory.mktemp("embedded-dtr")) as running:
        yield running


@pytest.fixture
def api(dtr: EmbeddedDtr, fresh_repository: str) -> Api:
    return Api(dtr, fresh_repository)


@pytest.fixture
def signer(api: Api, tmp_path: Path) -> SignerCli:
    """A CI host whose key signs the target's tags as ``gitlab``."""
    made = SignerCli(
        tmp_path / "signer", authority=api.dtr.authority, env=api.dtr.environment_variables
    )
    bundle = write_bundle(made.home / "bundle")
    (made.home / "signer.toml").write_text(
        f'[registry]\nhost = "{api.dtr.host}"\n'
        '[signing]\nsigner = "gitlab"\nkey = "bundle/key.pem"\nallow = ["admin/*"]\n'
        "[signing.gate]\npromoted = true\nmax_critical = 0\n"
    )
    made("init", f"{api.dtr.host}/{api.target}", "--signer", f"gitlab={bundle / 'cert.pem'}")
    return made


def test_from_push_to_verified_image(api: Api, signer: SignerCli) -> None:
    with Receiver() as ci:
        api.subscribe("PROMOTION", ci.url, skipTLSVerification=True)
        push_image(api.dtr, api.source, "1", content=b"with a finding")
        api.scan("1", critical=1)
        assert api("GET", f"/repositories/{api.target}/tags") == []
        digest, _ = push_image(api.dtr, api.source, "2", content=b"clean")
        api.scan("2")
        image = f"{api.dtr.host}/{api.target}:2"
        signer("verify", image, "--signer", "gitlab", expect=3)
        events = ci.wait_for("PROMOTION", 2)
    before = api.tag(api.target, "2")
    assert (before["digest"], before["inNotary"], before["hashMismatch"]) == (digest, False, False)
    for number, event in enumerate(events):
        (signer.home / "events").mkdir(exist_ok=True)
        (signer.home / "events" / f"{number}.json").write_text(json.dumps(event))
    signed = signer.json("sign", "--event", "events")
    statuses = sorted(result["status"] for result in signed["results"])
    assert statuses == ["signed", "skipped"]
    assert signer.json("verify", image, "--signer", "gitlab")["images"][0]["digest"] == digest
    after = api.tag(api.target, "2")
    assert (after["inNotary"], after["hashMismatch"]) == (True, False)
    assert api.tag(api.source, "2")["inNotary"] is False

    push_image(api.dtr, api.target, "2", content=b"overwritten")
    assert api.tag(api.target, "2")["hashMismatch"] is True

    forged = events[0]["contents"] | {"sourceTag": "1", "targetTag": "1"}
    forgery = json.dumps(events[0] | {"contents": forged}).encode()
    signer("sign", "--event", "-", input_bytes=forgery, expect=10)


def test_a_signed_tag_is_deleted_only_after_its_trust_data(api: Api, signer: SignerCli) -> None:
    push_image(api.dtr, api.source, "1")
    api.scan("1")
    image = f"{api.dtr.host}/{api.target}:1"
    signer("sign", image)
    path = f"/repositories/{api.target}/tags/1"
    refused = api("DELETE", path, expect=409)["errors"][0]["message"]
    assert "targets/gitlab" in refused
    with api.dtr.client() as client:
        digest = api.tag(api.target, "1")["digest"]
        answer = client.delete(f"/v2/{api.target}/manifests/{digest}")
        assert answer.status_code == 409
    assert "notary delete" in str(api("DELETE", f"/repositories/{api.target}", expect=409))
    signer("revoke", image)
    assert api.tag(api.target, "1")["inNotary"] is False
    api("DELETE", path, expect=204)


def test_what_notary_signs_is_seen(api: Api, tmp_path: Path) -> None:
    push_image(api.dtr, api.source, "1")
    digest, length = push_image(api.dtr, api.target, "1")
    notary = NotaryCli(tmp_path / "notary", cast("NotaryServer", api.dtr))
    auth = {"NOTARY_AUTH": _basic(api.dtr)}
    gun = f"{api.dtr.host}/{api.target}"
    for tag, value in (("1", digest), ("2", "sha256:" + "0" * 64)):
        hexadecimal = value.partition(":")[2]
        notary("addhash", gun, tag, str(length), "--sha256", hexadecimal, env=auth)
    notary("publish", gun, env=auth)
    shown = api.tag(api.target, "1")
    assert (shown["inNotary"], shown["hashMismatch"]) == (True, False)
    push_image(api.dtr, api.target, "2")
    shown = api.tag(api.target, "2")
    assert (shown["inNotary"], shown["hashMismatch"]) == (True, True)
    api("DELETE", f"/repositories/{api.target}", expect=409)
    notary("delete", gun, "--remote", env=auth)
    assert api.tag(api.target, "2")["inNotary"] is False
    api("DELETE", f"/repositories/{api.target}", expect=204)


def test_an_engine_pulls_what_was_promoted_and_cannot_push_over_it(
    api: Api, engine: Engine, tmp_path: Path
) -> None:
    engine.trust_registry(cast("Any", api.dtr))
    docker = LoggedIn(engine, api.dtr.host, api.dtr.admin, tmp_path / "docker-config")
    source, target = (f"{api.dtr.host}/{path}:1" for path in (api.source, api.target))
    engine.import_image(source, content=b"built")
    docker("push", source)
    api.scan("1")
    docker("pull", target)
    api("PATCH", f"/repositories/{api.target}", {"immutableTags": True})
    engine.import_image(target, content=b"another")
    assert (
        f"unknown: tag=1 cannot be overwritten because {api.dtr.host}/{api.target} is an "
        "immutable repository"
    ) in docker("push", target, expect=1)


def test_webhooks_that_wait_are_delivered_after_kills(tmp_path: Path) -> None:
    port = free_port()
    with EmbeddedDtr(tmp_path / "embedded") as dtr:
        api = Api(dtr, "admin/flask")
        endpoint = f"http://127.0.0.1:{port}/"
        api.subscribe("PROMOTION", endpoint, skipTLSVerification=True)
        for number in range(_KILLS):
            tag = str(number)
            push_image(dtr, api.source, tag, content=tag.encode())
            api.scan(tag)
            dtr.kill()  # at once: what was answered is promoted and queued
            dtr.start()
        started = time.monotonic()
        with Receiver(port) as ci:
            events = ci.wait_for("PROMOTION", 2 * _KILLS)
        assert time.monotonic() - started < _RETRY_SECONDS
    promoted = {event["contents"]["targetTag"] for event in events}
    assert promoted == {str(number) for number in range(_KILLS)}


def test_a_refused_webhook_is_retried_in_time_and_recorded(api: Api) -> None:
    with Receiver() as ci:
        ci.status = 500
        webhook = api.subscribe("TAG_PUSH", ci.url, skipTLSVerification=True)
        push_image(api.dtr, api.source, "1")
        _await(lambda: api.deliveries(webhook)[0]["attempts"] > 1)
        assert api.deliveries(webhook)[0]["responseStatus"] == 500
        ci.status = 200
        started = time.monotonic()
        (event,) = ci.wait_for("TAG_PUSH")
        assert time.monotonic() - started < _RETRY_SECONDS
        _await(lambda: api.deliveries(webhook)[0]["status"] == "delivered")
        (record,) = api.deliveries(webhook)
    assert (record["body"], record["error"]) == (event, "")


def test_a_receiver_that_hangs_delays_no_push_and_no_other_receiver(api: Api) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hanging, Receiver() as ci:
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
        for kind in ("TAG_PUSH", "MANIFEST_PUSH"):
            api.subscribe(kind, url, skipTLSVerification=True)
        api.subscribe("TAG_PUSH", ci.url, skipTLSVerification=True)
        started = time.monotonic()
        for number in range(5):
            push_image(api.dtr, api.source, str(number), content=str(number).encode())
        assert time.monotonic() - started < 10
        ci.wait_for("TAG_PUSH", 5)


def test_a_receiver_that_answers_byte_by_byte_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        stopped = threading.Event()

        def drip() -> None:
            connection, _ = listening.accept()
            with connection:
                for byte in itertools.cycle(b"HTTP/1.1 200 OK "):
                    if stopped.wait(0.2):
                        return
                    with contextlib.suppress(OSError):
                        connection.send(bytes([byte]))

        dripping = threading.Thread(target=drip)
        dripping.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        started = time.monotonic()
        outcome = send(Endpoint(url, skip_tls_verification=True), b"{}")
        stopped.set()
        dripping.join()
    assert (outcome.status, outcome.error) == (0, "the receiver did not answer in time")
    assert time.monotonic() - started < ATTEMPT_SECONDS + 5


def test_the_server_ends_in_order_while_a_receiver_hangs(tmp_path: Path) -> None:
    with (
        EmbeddedDtr(tmp_path / "embedded") as dtr,
        socket.create_server(("127.0.0.1", 0)) as hanging,
    ):
        api = Api(dtr, "admin/flask")
        url = f"http://127.0.0.1:{hanging.getsockname()[1]}/"
        api.subscribe("TAG_PUSH", url, skipTLSVerification=True)
        push_image(dtr, api.source, "1")
        started = time.monotonic()
        dtr.stop()
    assert time.monotonic() - started < 10
    assert "Traceback" not in dtr.log


def test_pushes_scans_and_promotions_at_once_lose_nothing(api: Api) -> None:
    tags = [f"{pusher}-{number}" for pusher in range(4) for number in range(6)]
    with Receiver() as ci, ThreadPoolExecutor(4) as pushers:
        api.subscribe("PROMOTION", ci.url, skipTLSVerification=True)

        def push(tag: str) -> str:
            digest, _ = push_image(api.dtr, api.source, tag, content=tag.encode())
            api.scan(tag)
            return digest

        digests = dict(zip(tags, pushers.map(push, tags), strict=True))
        events = ci.wait_for("PROMOTION", 2 * len(tags))
    promoted = api("GET", f"/repositories/{api.target}/tags")
    assert {tag["name"]: tag["digest"] for tag in promoted} == digests
    real = [event["contents"] for event in events if event["contents"]["promotedAt"][:4] != "0001"]
    assert {one["targetTag"]: one["digest"] for one in real} == digests
    assert len(real) == len(tags)


def test_certificates_of_receivers_are_verified(api: Api, authority: Authority) -> None:
    with Receiver(certificate=authority.server) as ci:
        test = {"type": "PROMOTION", "endpoint": ci.url}
        refused = api("POST", "/webhooks/test", test, expect=400)["errors"][0]["message"]
        assert "not trusted" in refused
        assert "token" not in refused
        assert ci.bodies == []
        api("POST", "/webhooks/test", test | {"tlsCert": authority.ca_file.read_text()})
        api("POST", "/webhooks/test", test | {"skipTLSVerification": True})
    assert len(ci.bodies) == 2
    assert ci.bodies[0] == ci.bodies[1]


def _await(condition: Any) -> None:  # noqa: ANN401 - anything that can be called
    """Wait, for a minute at most, until a condition holds."""
    waiting = threading.Event()
    for _ in range(600):
        if condition():
            return
        waiting.wait(0.1)
    raise AssertionError("it never came")


def _basic(dtr: EmbeddedDtr) -> str:
    return base64.b64encode(":".join(dtr.admin).encode()).decode()
