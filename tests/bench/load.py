"""``python -m tests.bench.load``: clients that send reviews as fast as they are answered.

One process, one event loop, connections that stay open; a request is written as prepared bytes, so
that on a small machine most of the time is the server's. Standard input has a `Plan` as JSON,
standard output gets a `Tally`.
"""

import asyncio
import base64
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Final

_LENGTH: Final = b"content-length: "


@dataclass(frozen=True)
class Plan:
    """What is to be sent.

    Attributes:
        port: of the webhook, on localhost.
        ca_file: of its certificate.
        path: ``/mutate`` or ``/validate``.
        bodies: reviews, sent in turn.
        expected: for each body, the images that the patched object is to have.
        clients: connections at once.
        total: reviews altogether.
    """

    port: int
    ca_file: str
    path: str
    bodies: list[str]
    expected: list[list[str]]
    clients: int
    total: int


@dataclass
class Tally:
    """What came of it.

    Attributes:
        seconds: altogether.
        times: of each review, in seconds.
        wrong: answers with another verdict or digest than expected.
        first_wrong: one of them.
    """

    seconds: float = 0.0
    times: list[float] = field(default_factory=list)
    wrong: int = 0
    first_wrong: str = ""


async def run(plan: Plan) -> Tally:
    """Send all reviews and check every answer."""
    context = ssl.create_default_context(cafile=plan.ca_file)
    requests = [_request(plan, body.encode()) for body in plan.bodies]
    tally = Tally()
    numbers = iter(range(plan.total))

    async def client() -> None:
        reader, writer = await asyncio.open_connection(
            "localhost", plan.port, ssl=context, limit=2**24
        )
        for number in numbers:
            which = number % len(requests)
            begun = time.perf_counter()
            writer.write(requests[which])
            answer = await _answer(reader)
            tally.times.append(time.perf_counter() - begun)
            _check(answer, plan.expected[which], tally)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(plan.clients)))
    tally.seconds = time.perf_counter() - begun
    return tally


def _request(plan: Plan, body: bytes) -> bytes:
    head = (
        f"POST {plan.path}?timeout=30s HTTP/1.1\r\nHost: localhost:{plan.port}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _answer(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lower = head.lower()
    start = lower.index(_LENGTH) + len(_LENGTH)
    length = int(lower[start : lower.index(b"\r\n", start)])
    return await reader.readexactly(length)


def _check(answer: bytes, expected: list[str], tally: Tally) -> None:
    response: dict[str, Any] = json.loads(answer)["response"]
    patch = json.loads(base64.b64decode(response["patch"])) if "patch" in response else []
    found = [operation["value"] for operation in patch if operation["op"] == "replace"]
    if not response["allowed"] or found != expected:
        tally.wrong += 1
        tally.first_wrong = tally.first_wrong or answer.decode()[:2000]


def main() -> int:
    """Read a plan, run it, print the tally."""
    plan = Plan(**json.load(sys.stdin))
    print(json.dumps(asdict(asyncio.run(run(plan)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
