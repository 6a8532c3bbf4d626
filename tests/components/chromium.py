"""Headless Chromium, which opens pages as a person would and tells what they look like.

It is spoken to through the DevTools protocol over a pair of pipes, so it listens on no port, and
can resolve no name.
"""

import base64
import contextlib
import fcntl
import json
import os
import select
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.components.service import clean_environment, find_program

_SECONDS: Final = 60.0
"""For one answer; generous, because machines that run tests are busy."""

_STOP_SECONDS: Final = 15.0
_OPTIONS: Final = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--remote-debugging-pipe",
)


class ChromiumError(AssertionError):
    """Chromium ended, answered with an error, or not in time."""


@dataclass(frozen=True)
class Look:
    """What a page looks like at one width.

    Attributes:
        width: of the window, in CSS pixels.
        content_width: of the page's content; more than ``width`` where it overflows.
        requests: the addresses that it loaded beside itself, ``data:`` ones excepted.
        messages: what the browser reported about the page, such as refused styles.
    """

    width: int
    content_width: int
    requests: tuple[str, ...]
    messages: tuple[str, ...]


class Chromium:
    """A browser with a profile of its own; a context manager.

    Attributes:
        directory: of the profile and of what the browser logs.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._next = 0
        self._buffer = b""
        self._events: list[dict[str, Any]] = []
        self._session = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the browser.

        Raises:
            MissingComponentError: it is not installed.
        """
        program = find_program("chromium", "chromium")
        self.directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as ours:
            their_in, self._to = map(_raised, os.pipe())
            self._from, their_out = map(_raised, os.pipe())
            for number in (their_in, their_out):
                ours.callback(os.close, number)
            command = [program, *_OPTIONS, f"--user-data-dir={self.directory / 'profile'}"]
            if os.geteuid() == 0:
                command.append("--no-sandbox")  # the sandbox refuses to work for root
            log = ours.enter_context((self.directory / "chromium.log").open("wb"))
            # The browser reads its commands from 3 and answers on 4.
            self._process = subprocess.Popen(
                ["bash", "-c", f'exec "$0" "$@" 3<&{their_in} 4>&{their_out}', *map(str, command)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=clean_environment(self.directory),
                pass_fds=(their_in, their_out),
            )
        try:
            target = self._ask("Target.createTarget", url="about:blank")["targetId"]
            attached = self._ask("Target.attachToTarget", targetId=target, flatten=True)
            self._session = attached["sessionId"]
            for domain in ("Page", "Network", "Log", "Runtime"):
                self._ask(f"{domain}.enable")
        except BaseException:
            self.stop()
            raise
        return self

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the browser and wait for its end."""
        process, self._process = self._process, None
        if process is None:
            return
        self._session = ""
        with contextlib.suppress(ChromiumError, OSError):
            self._ask("Browser.close")
        os.close(self._to)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_STOP_SECONDS)
        os.close(self._from)

    def look(self, file: Path, *, width: int, height: int = 844, dark: bool = False) -> Look:
        """Open a file at a width, and wait until it is loaded."""
        self._ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._ask("Emulation.setEmulatedMedia", features=[scheme])
        self._events.clear()
        self._ask("Page.navigate", url=file.as_uri())
        self._await_event("Page.loadEventFired")
        content_width = self.evaluate("document.documentElement.scrollWidth")
        return Look(width, int(content_width), tuple(self._requests(file)), tuple(self._messages()))

    def evaluate(self, expression: str) -> Any:  # noqa: ANN401 - whatever the expression gives
        """Return the value of a JavaScript expression in the page."""
        answer = self._ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise ChromiumError(answer["exceptionDetails"])
        return answer["result"].get("value")

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write a picture of the page, in PNG form: all of it, or what the window shows."""
        answer = self._ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        file.write_bytes(base64.b64decode(answer["data"]))

    def pdf(self, file: Path) -> None:
        """Print the page on A4."""
        answer = self._ask(
            "Page.printToPDF",
            printBackground=True,
            preferCSSPageSize=True,
            paperWidth=8.27,
            paperHeight=11.69,
        )
        file.write_bytes(base64.b64decode(answer["data"]))

    def _requests(self, file: Path) -> Iterator[str]:
        for event in self._events:
            if event["method"] == "Network.requestWillBeSent":
                url = event["params"]["request"]["url"]
                if not url.startswith("data:") and url != file.as_uri():
                    yield url

    def _messages(self) -> Iterator[str]:
        for event in self._events:
            if event["method"] == "Log.entryAdded":
                yield event["params"]["entry"]["text"]
            elif event["method"] in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
                yield json.dumps(event["params"])

    def _ask(self, method: str, **params: Any) -> dict[str, Any]:  # noqa: ANN401 - as the protocol has them
        self._next += 1
        message = {"id": self._next, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + _SECONDS
        while True:
            answer = self._receive(deadline, method)
            if answer.get("id") == self._next:
                if "error" in answer:
                    raise ChromiumError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result
            self._events.append(answer)

    def _await_event(self, method: str) -> None:
        deadline = time.monotonic() + _SECONDS
        while not any(event["method"] == method for event in self._events):
            self._events.append(self._receive(deadline, method))

    def _receive(self, deadline: float, waited_for: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._from], [], [], left)[0]:
                raise ChromiumError(f"no answer in time to {waited_for}")
            chunk = os.read(self._from, 1 << 16)
            if not chunk:
                log = (self.directory / "chromium.log").read_text("utf-8", errors="replace")
                raise ChromiumError(f"chromium ended at {waited_for}:\n{log}")
            self._buffer += chunk
        message, _, self._buffer = self._buffer.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found


def _raised(number: int) -> int:
    """Return the descriptor under a number that is neither 3 nor 4."""
    raised = fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 10)
    os.close(number)
    return raised
