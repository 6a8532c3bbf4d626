"""Starting, watching and ending one real program."""

import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Final, Self

LOOPBACK: Final = "127.0.0.1"
START_SECONDS: Final = 60.0
"""Generous, because machines that run tests are busy; a program that dies is noticed at once."""

STOP_SECONDS: Final = 15.0
POLL_SECONDS: Final = 0.05
_PORT_ATTEMPTS: Final = 5
_PORT_TAKEN: Final = "address already in use"
_SEARCH_PATH: Final = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"


class MissingComponentError(Exception):
    """A real program is not installed, or cannot run as this user.

    Attributes:
        package: the Debian package that has it; empty where another user is needed.
    """

    def __init__(self, what: str, package: str = "") -> None:
        advice = f": install the Debian package {package} (.ci/components does)" if package else ""
        super().__init__(f"{what}{advice}")
        self.package = package


class StartError(Exception):
    """A program did not become ready; the message ends with what it logged."""


def find_program(name: str, package: str) -> Path:
    """Return the path of ``name``, Debian's own first, else the first on PATH.

    Raises:
        MissingComponentError: there is none.
    """
    found = shutil.which(name, path=f"{_SEARCH_PATH}:{os.environ.get('PATH', '')}")
    if found is None:
        raise MissingComponentError(f"The program {name} is missing", package)
    return Path(found)


def clean_environment(home: Path) -> dict[str, str]:
    """Return the environment that programs get: nothing of the caller's but PATH."""
    path = os.environ.get("PATH", "")
    return {"PATH": f"{path}:{_SEARCH_PATH}", "HOME": str(home), "LANG": "C.UTF-8"}


def free_port() -> int:
    """Return a port of the loopback interface that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


class Service(ABC):
    """A program that listens on a port of the loopback interface.

    A subclass says how it is configured and how to ask whether it is ready. The first `start`
    chooses the port; a later one, after `stop`, listens on the same.

    Attributes:
        directory: the caller's, for configuration, data and logs.
        port: 0 until the first `start`.
    """

    name: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0

    @abstractmethod
    def configure(self) -> Sequence[str | Path]:
        """Write the configuration for `port` and return the command line."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask in the program's own protocol. An ``OSError`` counts as no."""

    def environment(self) -> Mapping[str, str]:
        """Return the program's environment."""
        return clean_environment(self.directory)

    def user(self) -> str | None:
        """Return the user to run as, where it is not the caller's."""
        return None

    def clean_up(self) -> None:  # noqa: B027 - most programs leave nothing
        """Remove what the program left outside `directory`; called by `stop`."""

    @property
    def log_file(self) -> Path:
        """Standard output and standard error of all starts."""
        return self.directory / f"{self.name}.log"

    @property
    def log(self) -> str:
        """Everything logged since the last `start`."""
        if not self.log_file.exists():
            return ""
        return self.log_file.read_bytes()[self._started_at :].decode(errors="replace")

    @property
    def pid(self) -> int:
        """The process id, or 0 while it is not running."""
        return self._process.pid if self._process else 0

    def start(self) -> Self:
        """Start the program and return once it is ready.

        Raises:
            MissingComponentError: it is not installed.
            StartError: it ended, or was not ready in time; the log is in the message.
        """
        if self._process is not None:
            raise RuntimeError(f"{self.name} is already running")
        chosen_before = bool(self.port)
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            if not chosen_before:
                self.port = free_port()
            try:
                self._launch()
                self._await_ready()
            except StartError:
                taken = _PORT_TAKEN in self.log.lower()
                self.stop()
                if not taken or attempt == _PORT_ATTEMPTS:
                    raise
            except BaseException:
                self.stop()
                raise
            else:
                return self
        raise AssertionError("the loop above returns or raises")

    def stop(self) -> None:
        """End the program and wait for its end; calling it twice is harmless."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(self.stop_signal)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(STOP_SECONDS)
        self.clean_up()

    def kill(self) -> None:
        """End the program as a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        self.stop()

    def __enter__(self) -> Self:
        return self.start() if self._process is None else self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _launch(self) -> None:
        command = [*_end_with_parent(self.stop_signal), *map(str, self.configure())]
        user = self.user()
        with self.log_file.open("ab") as log:
            self._started_at = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment()),
                cwd="/" if user else self.directory,
                user=user,
                group=user,
                extra_groups=[] if user else None,
                # A Ctrl-C at the terminal is the tests'; they end their programs in order.
                start_new_session=True,
            )

    def _await_ready(self) -> None:
        process = self._process
        if process is None:
            raise AssertionError("_launch sets the process")
        deadline = time.monotonic() + START_SECONDS
        while process.poll() is None:
            if self._says_ready():
                return
            if time.monotonic() > deadline:
                raise StartError(
                    f"{self.name} was not ready after {START_SECONDS:.0f} s:\n{self.log}"
                )
            try:
                process.wait(POLL_SECONDS)  # returns at once if the program ends meanwhile
            except subprocess.TimeoutExpired:
                continue
        raise StartError(f"{self.name} ended with status {process.returncode}:\n{self.log}")

    def _says_ready(self) -> bool:
        try:
            return self.is_ready()
        except OSError:
            return False


def _end_with_parent(stop_signal: signal.Signals) -> list[str]:
    """Ask the kernel to end the program if the tests are killed and cannot do it themselves."""
    setpriv = shutil.which("setpriv", path=_SEARCH_PATH)
    # The kernel watches the starting thread, so this is safe only for the main one.
    if setpriv is None or threading.current_thread() is not threading.main_thread():
        return []
    return [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"]
