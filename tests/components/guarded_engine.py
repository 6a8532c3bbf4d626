"""A real Docker engine whose requests are authorised by ``signer admission engine``."""

import http.client
import itertools
import json
import os
import socket
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.service import Service, clean_environment, free_port
from tests.components.signer_cli import PROGRAM

PLUGINS: Final = Path("/run/docker/plugins")
_numbers = itertools.count(1)


class AdmissionPlugin(Service):
    """``signer admission engine``, at a socket in the engine's plugin directory.

    Attributes:
        policy: its policy file, which must be there before the start.
        plugin: the plugin's name.
        engine: the socket of the engine that it asks.
    """

    name: ClassVar[str] = "signer-admission-engine"

    def __init__(self, directory: Path, dtr: EmbeddedDtr) -> None:
        super().__init__(directory)
        self.dtr = dtr
        self.policy = directory / "policy.yaml"
        self.plugin = f"signer-test-{os.getpid()}-{next(_numbers)}"
        self.socket = PLUGINS / f"{self.plugin}.sock"
        self.engine = Path()
        self.options: list[str] = []

    def configure(self) -> Sequence[str | Path]:
        """Nothing but the command line."""
        return [
            PROGRAM,
            "--ca",
            self.dtr.ca_file,
            "admission",
            "engine",
            "--policy",
            self.policy,
            "--socket",
            self.socket,
            "--json",
            *self.options,
        ]

    def environment(self) -> Mapping[str, str]:
        """The engine's socket, and an account at the DTR."""
        return clean_environment(self.directory) | {
            "DOCKER_HOST": f"unix://{self.engine}",
            **self.dtr.environment_variables,
        }

    def is_ready(self) -> bool:
        """It has printed its line."""
        return '{"schema": "signer.admission-engine/1"' in self.log

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return the lines of an event since the start."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]


class GuardedEngine(Engine):
    """``dockerd --authorization-plugin=NAME``; its plugin is started first and ended last."""

    def __init__(self, directory: Path, plugin: AdmissionPlugin) -> None:
        super().__init__(directory)
        self.plugin = plugin
        self.swarm_port = free_port()

    def configure(self) -> Sequence[str | Path]:
        """Start the plugin, which does not need the engine yet."""
        command = super().configure()
        self.plugin.engine = self.socket
        self.plugin.start()
        return [*command, f"--authorization-plugin={self.plugin.plugin}"]

    def clean_up(self) -> None:
        """End the plugin."""
        self.plugin.stop()
        super().clean_up()

    def request(
        self,
        line: str,
        headers: Iterable[tuple[str, str]] = (),
        *,
        body: bytes = b"",
        is_chunked: bool = False,
    ) -> "RawAnswer":
        """Send a request as it is written, byte for byte.

        Args:
            line: method and URI.
            headers: in this order, doubled ones too; the length of a body is added.
            body: its bytes.
            is_chunked: send the body without its length.
        """
        fields = [("Host", "engine"), ("Connection", "close"), *headers]
        if is_chunked:
            fields.append(("Transfer-Encoding", "chunked"))
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        elif body:
            fields.append(("Content-Length", str(len(body))))
        head = f"{line} HTTP/1.1\r\n" + "".join(f"{name}: {text}\r\n" for name, text in fields)
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(60)
            connection.connect(str(self.socket))
            with suppress(BrokenPipeError):  # it may answer before it has read everything
                connection.sendall(head.encode("latin-1") + b"\r\n" + body)
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            content = b"" if answer.status == 101 else answer.read()
        return RawAnswer(answer.status, content.decode("utf-8", "replace"))


@dataclass(frozen=True)
class RawAnswer:
    """The engine's answer."""

    status: int
    text: str

    @property
    def is_refused(self) -> bool:
        """Whether the plugin refused it."""
        return self.status == 403 and "authorization denied by plugin" in self.text
