"""GitLab's endpoint for pipeline triggers, on loopback: keeps payloads as GitLab hands them on."""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.components.threaded import ThreadedServer

TOKEN: Final = "glptt-worthless-example"
_ROUTE: Final = re.compile(r"/api/v4/projects/(?P<id>\d+)/(?:ref/(?P<ref>[^/]+)/)?trigger/pipeline")
_WAIT_SECONDS: Final = 60.0


class GitlabTrigger(ThreadedServer):
    """Answers 201 to the right token and 404 to another, as GitLab does.

    A payload has all parameters but the token: the body's, those of the URL, and ``variables``.

    Attributes:
        directory: where the payloads are, one file for each pipeline.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self._payloads: list[Path] = []
        self._changed = threading.Condition()
        self._port = self.listen(_handler_for(self))

    @property
    def url(self) -> str:
        """The endpoint with the branch in its path."""
        return f"{self._base}/ref/main/trigger/pipeline?token={TOKEN}"

    @property
    def plain_url(self) -> str:
        """The endpoint as the reference architecture writes it."""
        return f"{self._base}/trigger/pipeline?token={TOKEN}&ref=main"

    def wait_for(self, kind: str, count: int = 1) -> list[Path]:
        """Wait for ``count`` payloads of a type of event, and return their files."""

        def found() -> list[Path]:
            return [file for file in self._payloads if json.loads(file.read_text())["type"] == kind]

        with self._changed:
            arrived = self._changed.wait_for(lambda: len(found()) >= count, _WAIT_SECONDS)
        assert arrived, f"{len(found())} of {count} {kind} arrived"
        return found()

    def keep(self, project: str, parameters: dict[str, Any]) -> int:
        """Keep a payload, unless the token is wrong; return the answer's status."""
        with self._changed:
            if parameters.pop("token", None) != TOKEN:
                return 404
            file = self.directory / f"{len(self._payloads) + 1}.json"
            file.write_text(json.dumps({"id": project, "variables": {}, **parameters}))
            self._payloads.append(file)
            self._changed.notify_all()
            return 201

    @property
    def _base(self) -> str:
        return f"http://localhost:{self._port}/api/v4/projects/7"


def _handler_for(trigger: GitlabTrigger) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _WAIT_SECONDS

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            url = urlsplit(self.path)
            route = _ROUTE.fullmatch(url.path)
            status = 404
            if route:
                path = {"ref": unquote(route["ref"])} if route["ref"] else {}
                status = trigger.keep(route["id"], {**body, **dict(parse_qsl(url.query)), **path})
            self.send_response_only(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Keep the tests' output clean."""

    return Handler
