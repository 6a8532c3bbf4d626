"""The queue of webhooks: nothing is lost, nobody waits for a receiver that hangs."""

import threading

import httpx
import pytest

from signer.embedded.dtr.deliveries import KEPT, Deliveries
from signer.embedded.dtr.sender import Outcome, _origin, send
from signer.embedded.dtr.webhooks import Endpoint, Webhooks
from signer.embedded.errors import ApiError
from tests.unit.embedded.dtr.world import SOURCE, World

_DESIGNS_LIMIT = 40


def _deliveries(world: World, webhook_id: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = world.call("GET", f"/webhooks/{webhook_id}/deliveries")
    return found


def test_a_refused_body_is_sent_again_until_it_is_received(world: World) -> None:
    webhook = world.subscribe("TAG_PUSH")
    world.receiver.status = 503
    world.push(SOURCE, "1")
    for attempts in range(1, 12):
        assert world.dtr.api.deliveries.send_due() == 1
        assert world.dtr.api.deliveries.send_due() == 0
        (shown,) = _deliveries(world, webhook)
        assert (shown["status"], shown["attempts"]) == ("pending", attempts)
        assert (shown["responseStatus"], shown["error"]) == (503, "refused")
        world.clock.forward(seconds=_DESIGNS_LIMIT / 2)
    world.receiver.status = 200
    assert len(world.deliver()) == 1
    (shown,) = _deliveries(world, webhook)
    assert (shown["status"], shown["responseStatus"], shown["error"]) == ("delivered", 200, "")
    assert shown["body"] == world.receiver.bodies[0]
    world.clock.forward(days=2)
    assert world.deliver() == []


def test_the_first_retry_is_soon(world: World) -> None:
    world.subscribe("TAG_PUSH")
    world.receiver.status = 0
    world.push(SOURCE, "1")
    world.deliver()
    world.receiver.status = 200
    world.clock.forward(seconds=1)
    assert len(world.deliver()) == 1


def test_after_a_day_it_is_given_up(world: World) -> None:
    webhook = world.subscribe("TAG_PUSH")
    world.receiver.status = 404
    world.push(SOURCE, "1")
    world.deliver()
    world.clock.forward(days=1)
    world.deliver()
    assert _deliveries(world, webhook)[0]["status"] == "failed"
    world.receiver.status = 200
    world.clock.forward(days=1)
    assert world.deliver() == []


def test_a_body_that_is_refused_holds_up_no_other(world: World) -> None:
    world.subscribe("TAG_PUSH")
    world.receiver.status = 500
    world.push(SOURCE, "1")
    world.deliver()
    world.receiver.status = 200
    world.push(SOURCE, "2")
    assert [body["contents"]["tag"] for body in world.deliver()] == ["2"]
    world.clock.forward(seconds=1)
    assert [body["contents"]["tag"] for body in world.deliver()] == ["1"]


def test_what_waits_survives_a_restart_and_is_due_at_once(world: World) -> None:
    world.subscribe("TAG_PUSH")
    world.receiver.status = 500
    for tag in ("1", "2"):
        world.push(SOURCE, tag)
    for _ in range(6):
        world.deliver()
        world.clock.forward(seconds=20)
    world.deliver()
    world.reopen()
    world.receiver.status = 200
    assert world.deliver() == []
    world.dtr.api.deliveries.start()
    world.dtr.api.deliveries.stop()
    world.deliver()
    assert sorted(body["contents"]["tag"] for body in world.receiver.bodies) == ["1", "2"]


def test_what_is_undone_is_not_told(world: World) -> None:
    world.subscribe("REPO_CREATED", "admin")
    with pytest.raises(ApiError), world.dtr.database.write():
        world.dtr.repositories.create("admin", "app", author="admin")
        world.dtr.repositories.create("admin", "app", author="admin")
    assert world.deliver() == []


def test_unsubscribing_drops_what_waits(world: World) -> None:
    webhook = world.subscribe("TAG_PUSH")
    world.push(SOURCE, "1")
    world.call("DELETE", f"/webhooks/{webhook}", expect=204)
    assert world.deliver() == []


def test_the_record_of_deliveries_comes_in_pages_and_does_not_grow_for_ever(
    world: World,
) -> None:
    webhook = world.subscribe("TAG_PUSH")
    hook = world.dtr.api.deliveries
    found = world.dtr.database
    for number in range(3):
        world.push(SOURCE, str(number))
    world.deliver()
    first = world.client().get(f"/api/v0/webhooks/{webhook}/deliveries?pageSize=2")
    assert [one["body"]["contents"]["tag"] for one in first.json()] == ["0", "1"]
    start = first.headers["X-Next-Page-Start"]
    rest = world.client().get(f"/api/v0/webhooks/{webhook}/deliveries?pageStart={start}")
    assert [one["body"]["contents"]["tag"] for one in rest.json()] == ["2"]
    with found.write() as connection:
        connection.execute("UPDATE deliveries SET status = 'pending', next_at = 0 WHERE id = 3")
        connection.executemany(
            "INSERT INTO deliveries (webhook, type, body, status, created_at, next_at, give_up_at)"
            " VALUES (?, 'TAG_PUSH', '{}', 'delivered', '', 0, 0)",
            [(webhook,)] * KEPT,
        )
    assert hook.send_due() == 1
    with found.read() as connection:
        (count,) = connection.execute("SELECT COUNT(*) FROM deliveries").fetchone()
    assert count == KEPT


class _Hanging:
    """A receiver that never answers, beside one that does."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.hanging = threading.Event()
        self.received = threading.Event()

    def __call__(self, endpoint: Endpoint, body: bytes) -> Outcome:
        if "slow" in endpoint.url:
            self.hanging.set()
            self.released.wait(30)
        else:
            self.received.set()
        return Outcome(200, "")


def test_threads_deliver_in_the_background_past_a_receiver_that_hangs(world: World) -> None:
    for kind in ("TAG_PUSH", "MANIFEST_PUSH"):
        world.subscribe(kind, SOURCE, "http://slow.test/")
    slow = _Hanging()
    webhooks = Webhooks(world.dtr.database)
    deliveries = Deliveries(world.dtr.database, webhooks, sender=slow)
    for tag in ("1", "2"):
        world.push(SOURCE, tag, tag.encode())
    world.subscribe("TAG_PUSH", SOURCE, "http://fast.test/")
    world.push(SOURCE, "3")
    deliveries.start()
    try:
        assert slow.hanging.wait(10)
        assert slow.received.wait(10)
    finally:
        slow.released.set()
        deliveries.stop()


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, ""),
        (201, ""),
        (204, ""),
        (302, "the receiver answered 302"),
        (404, "the receiver answered 404"),
        (503, "the receiver answered 503"),
    ],
)
def test_only_2xx_is_a_receipt(status: int, error: str) -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(status, headers={"Location": "https://elsewhere.test/"})

    endpoint = Endpoint("https://ci.test/hook?token=worthless")
    outcome = send(endpoint, b'{"type":"TAG_PUSH"}', transport=httpx.MockTransport(answer))
    assert (outcome.status, outcome.error) == (status, error)
    (request,) = asked
    assert (request.method, request.content) == ("POST", b'{"type":"TAG_PUSH"}')
    assert request.headers["Content-Type"] == "application/json"


def test_a_receivers_user_and_password_are_sent() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(200)

    endpoint = Endpoint("https://ci:worthless@ci.test/hook")
    assert send(endpoint, b"{}", transport=httpx.MockTransport(answer)).is_received
    assert asked[0].headers["Authorization"] == "Basic Y2k6d29ydGhsZXNz"
    assert str(_origin(endpoint)) == "https://ci.test"


def test_what_goes_wrong_is_told_without_the_receivers_token() -> None:
    def fail(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError(f"no way to {request.url}")

    endpoint = Endpoint("https://ci.test/hook?token=worthless")
    outcome = send(endpoint, b"{}", transport=httpx.MockTransport(fail))
    assert (outcome.status, outcome.error) == (0, "the receiver could not be reached")
    assert "worthless" not in repr(endpoint)
