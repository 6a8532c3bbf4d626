"""The webhook's paths: every answer in time and well formed, whatever is sent.

The API server counts no answer, a late one and one with a status of 500 alike, as a failure without
a reason. So what cannot be decided in time is refused with one, and so is what goes wrong here.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from signer.admission.body import read_body
from signer.admission.decision import Decisions
from signer.admission.kubernetes import Reviewed, review
from signer.admission.log import JsonLog
from signer.admission.metrics import MEDIA_TYPE, Metrics
from signer.admission.policy_file import InForce, PolicyFile
from signer.admission.readiness import UNREACHABLE, Readiness
from signer.admission.record import DecisionRecord, outcomes
from signer.admission.review import (
    Answer,
    BadReviewError,
    Request,
    decode_request,
    parse_timeout,
    refusal,
)
from signer.names import printable

MUTATE: Final = "mutate"
VALIDATE: Final = "validate"

_SHARE: Final = 0.1
_LONGEST_MARGIN: Final = 1.0
_MAX_LOGGED: Final = 50
_MAX_LOGGED_MESSAGE: Final = 2000


@dataclass(frozen=True)
class Parts:
    """What the webhook consists of.

    Attributes:
        policy: the file, and what is in force of it.
        decisions: decides about images.
        readiness: asks the servers that the policy names.
        metrics: counts.
        log: one line for every review.
        record: the audit record, or None.
    """

    policy: PolicyFile
    decisions: Decisions
    readiness: Readiness
    metrics: Metrics
    log: JsonLog
    record: DecisionRecord | None = None


def create_app(parts: Parts) -> Starlette:
    """Return the webhook as an ASGI application."""
    return Starlette(
        routes=[
            Route("/mutate", _Reviews(parts, MUTATE), methods=["POST"]),
            Route("/validate", _Reviews(parts, VALIDATE), methods=["POST"]),
            Route("/livez", _live, methods=["GET"]),
            Route("/readyz", _ready(parts), methods=["GET"]),
            Route("/metrics", _metrics(parts), methods=["GET"]),
        ],
        exception_handlers={HTTPException: _no_route},
    )


def seconds_for(timeout: str | None) -> float:
    """Return how long a review may take, by its ``timeout`` parameter, with time to answer."""
    seconds = parse_timeout(timeout)
    return seconds - min(seconds * _SHARE, _LONGEST_MARGIN)


class _Reviews:
    """One of both endpoints; an ASGI application, which Starlette calls as it is."""

    def __init__(self, parts: Parts, endpoint: str) -> None:
        self._parts = parts
        self._endpoint = endpoint

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's
        http = HttpRequest(scope, receive)
        begun = time.monotonic()
        ends = begun + seconds_for(http.query_params.get("timeout"))
        try:
            async with asyncio.timeout(ends - begun):
                body = await read_body(http)
            request = decode_request(body)
        except ClientDisconnect:
            return
        except TimeoutError:
            await self._refuse(
                BadReviewError("The body took too long.", status=408, code="timeout"), begun
            )(scope, receive, send)
            return
        except BadReviewError as error:
            await self._refuse(error, begun)(scope, receive, send)
            return
        answer = await self._review(request, begun=begun, ends=ends)
        await _json(answer.encode(), 200)(scope, receive, send)

    async def _review(self, request: Request, *, begun: float, ends: float) -> Answer:
        parts = self._parts
        in_force = parts.policy.current
        record = parts.record if not request.dryRun else None
        try:
            if record is not None and record.is_full:
                message = "The decision could not be recorded: the audit record is not writable."
                done = Reviewed(refusal(request.uid, "audit-not-writable", message))
            else:
                done = await review(
                    request,
                    in_force=in_force,
                    decisions=parts.decisions,
                    mutate=self._endpoint == MUTATE,
                    seconds=max(0.0, ends - time.monotonic()),
                )
        except BadReviewError as error:
            done = Reviewed(refusal(request.uid, error.code, error.message, status=400))
        except Exception as error:  # noqa: BLE001 - a refusal with a reason, never a 500
            said = f"An internal error, {type(error).__name__}: {printable(str(error))}."
            done = Reviewed(refusal(request.uid, "internal", said))
        self._note(request, done, in_force, seconds=time.monotonic() - begun)
        if record is not None and done.decisions:
            record.add(list(outcomes(request, self._endpoint, done.decisions, in_force)))
        return done.answer

    def _note(self, request: Request, done: Reviewed, in_force: InForce, *, seconds: float) -> None:
        metrics, answer = self._parts.metrics, done.answer
        metrics.review(self._endpoint, done.verdict, answer.reason, seconds=seconds)
        for decision in done.decisions:
            verdict = decision.verdict
            code = verdict.reason.code if verdict.reason else ""
            metrics.image(verdict.rule, verdict.verdict, code, cached=decision.cached)
        content: dict[str, Any] = {
            "endpoint": self._endpoint,
            "uid": request.uid,
            "operation": request.operation,
            "kind": request.kind.kind,
            "namespace": request.namespace or "",
            "name": request.name or "",
            "user": request.userInfo.username if request.userInfo else "",
            "dry_run": bool(request.dryRun),
            "allowed": answer.allowed,
            "verdict": done.verdict,
            "reason": answer.reason,
            "message": answer.message[:_MAX_LOGGED_MESSAGE],
            "let_through": done.why,
            "patched": bool(answer.patch),
            "images": _images(done),
            "policy": in_force.policy.digest,
            "seconds": round(seconds, 6),
        }
        kept = {name: value for name, value in content.items() if value not in ("", [])}
        self._parts.log("info" if answer.allowed else "warning", "decision", kept)

    def _refuse(self, error: BadReviewError, begun: float) -> Response:
        seconds = time.monotonic() - begun
        self._parts.metrics.review(self._endpoint, "error", error.code, seconds=seconds)
        content = {"endpoint": self._endpoint, "uid": error.uid, "status": error.status}
        content |= {"allowed": False, "reason": error.code, "message": error.message}
        self._parts.log("warning", "bad-request", content)
        answer = refusal(error.uid, error.code, error.message, status=error.status)
        return _json(answer.encode(), error.status)


def _images(done: Reviewed) -> Sequence[dict[str, Any]]:
    found = []
    for decision in done.decisions[:_MAX_LOGGED]:
        verdict = decision.verdict
        entry: dict[str, Any] = {"image": verdict.image, "verdict": verdict.verdict}
        entry |= {"digest": verdict.digest, "rule": verdict.rule}
        entry["code"] = verdict.reason.code if verdict.reason else ""
        found.append({name: value for name, value in entry.items() if value})
    return found


def _json(content: bytes, status: int) -> Response:
    return Response(content, status, media_type="application/json")


def _live(_request: HttpRequest) -> Response:
    return JSONResponse({"live": True})


_Endpoint = Callable[[HttpRequest], Awaitable[Response]]


def _ready(parts: Parts) -> _Endpoint:
    async def ready(_request: HttpRequest) -> Response:
        in_force = parts.policy.current
        servers = await run_in_threadpool(parts.readiness.servers, in_force.policy)
        state = await run_in_threadpool(parts.readiness.state)
        # One server of several that is down has its images refused, with the reason; the others'
        # images need the webhook.
        can_read = not servers or {*servers.values()} != {UNREACHABLE}
        is_ready = can_read and state != UNREACHABLE
        content = {
            "ready": is_ready,
            "policy": {"sha256": in_force.policy.digest, "rules": len(in_force.policy.rules)},
            "servers": servers,
            "state": state,
        }
        if parts.policy.error is not None:
            content["policy_error"] = parts.policy.error.message
        return JSONResponse(content, 200 if is_ready else 503)

    return ready


def _metrics(parts: Parts) -> _Endpoint:
    async def metrics(_request: HttpRequest) -> Response:
        text = await run_in_threadpool(parts.metrics.text)
        return Response(text, headers={"Content-Type": MEDIA_TYPE})

    return metrics


def _no_route(_request: HttpRequest, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise TypeError("only the router's errors come here")
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)
