"""The engine's plugin protocol over HTTP.

Free requests are answered in the event loop, whatever the threads that decide wait for: the
plugin's own questions to the engine are among them.

Source: docker engine, "Plugin API" and "Access authorization plugin".
"""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from signer.admission.engine.endpoints import read_asks
from signer.admission.engine.journal import Journal
from signer.admission.engine.plugin import (
    DEADLINE_SECONDS,
    Decision,
    Plugin,
    makes_container,
    too_late,
    unrecordable,
)
from signer.admission.engine.refusal import unseen
from signer.admission.engine.request import EngineRequest
from signer.errors import SignerError

MAX_BODY: Final = 16 * 1024 * 1024
"""The engine shows at most 1 MB of a body, and that in base64."""

_MEDIA_TYPE: Final = "application/vnd.docker.plugins.v1.2+json"


def create_app(
    plugin: Plugin,
    journal: Journal,
    executor: Executor,
    *,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> Starlette:
    """Return the application.

    Args:
        plugin: decides.
        journal: where decisions are written.
        executor: the threads in which they are made.
        deadline_seconds: after which a request is refused.
    """
    endpoints = _Endpoints(plugin, journal, executor, deadline_seconds)
    return Starlette(
        routes=[
            Route("/Plugin.Activate", endpoints.activate, methods=["POST"]),
            Route("/AuthZPlugin.AuthZReq", endpoints.before, methods=["POST"]),
            Route("/AuthZPlugin.AuthZRes", endpoints.after, methods=["POST"]),
        ]
    )


class _Endpoints:
    def __init__(
        self, plugin: Plugin, journal: Journal, executor: Executor, deadline_seconds: float
    ) -> None:
        self._plugin = plugin
        self._journal = journal
        self._executor = executor
        self._deadline = deadline_seconds

    async def activate(self, _request: Request) -> Response:
        return _answer({"Implements": ["authz"]})

    async def before(self, request: Request) -> Response:
        """Decide before the engine does something."""
        asked = EngineRequest("", "")
        try:
            asked = EngineRequest.read(await _body(request))
            asks = read_asks(asked)
        except SignerError as error:
            return self._noted(self._plugin.refuse(asked, error))
        if asks is None:
            return _answer({"Allow": True})
        if self._journal.is_full:
            return self._noted(self._plugin.refuse(asked, unrecordable()))
        wanted = asks
        return await self._decided(asked, lambda: self._plugin.decide(asked, wanted))

    async def after(self, request: Request) -> Response:
        """Look at what the engine did."""
        done = EngineRequest("", "")
        try:
            done = EngineRequest.read(await _body(request))
        except SignerError as error:
            return self._noted(self._plugin.refuse(done, error))
        if not makes_container(done):
            return _answer({"Allow": True})
        return await self._decided(done, lambda: self._plugin.made(done))

    async def _decided(self, asked: EngineRequest, work: Callable[[], Decision | None]) -> Response:
        loop = asyncio.get_running_loop()
        try:
            decision = await asyncio.wait_for(
                loop.run_in_executor(self._executor, work), self._deadline
            )
        except TimeoutError:
            decision = self._plugin.refuse(asked, too_late())
        except RuntimeError:  # the threads are being ended
            ending = SignerError("The plugin is being ended.", code="shutting-down")
            decision = self._plugin.refuse(asked, ending)
        return _answer({"Allow": True}) if decision is None else self._noted(decision)

    def _noted(self, decision: Decision) -> Response:
        self._journal.decided(decision)
        return _answer({"Allow": decision.allowed, "Msg": decision.message})


async def _body(request: Request) -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > MAX_BODY:
            raise unseen("The request", f"its description has more than {MAX_BODY} bytes")
    return bytes(content)


def _answer(content: object) -> Response:
    return Response(json.dumps(content), media_type=_MEDIA_TYPE)
