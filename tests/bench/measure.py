"""One timed run of a program: how long, how much work, how many requests and connections."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.proxy import DelayingProxy
from tests.components.service import Service

_LONGEST_SECONDS: Final = 300.0
_SETTLE_SECONDS: Final = 0.02
_ANSWERED: Final = b"response completed"
_PUBLISHED: Final = b'"http.request.method":"POST"'


@dataclass(frozen=True)
class Command:
    """A command line with its whole environment."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """What one run took.

    Attributes:
        seconds: from the start of the first process to the end of the last.
        cpu_seconds: user and system time of the processes.
        requests: answered by Notary server and registry, by their own logs.
        connections: made to both, counted by the proxies.
        publishes: uploads of metadata among the requests.
    """

    seconds: float
    cpu_seconds: float
    requests: int
    connections: int
    publishes: int


class ProgramError(Exception):
    """A measured program failed: what it did not do has no duration."""


@dataclass(frozen=True)
class Meters:
    """Where requests and connections are counted."""

    services: tuple[Service, ...]
    proxies: tuple[DelayingProxy, ...]

    def set_round_trip(self, milliseconds: int) -> None:
        """Set the round-trip time of connections from now on."""
        for proxy in self.proxies:
            proxy.round_trip_seconds = milliseconds / 1000

    def connections(self) -> int:
        """Return how many connections there have been."""
        return sum(proxy.connections for proxy in self.proxies)

    def log_sizes(self) -> list[int]:
        """Return how long the logs are now."""
        return [service.log_file.stat().st_size for service in self.services]

    def answers_since(self, sizes: Sequence[int]) -> list[bytes]:
        """Return the log lines of answers after ``sizes``, once the logs have come to rest."""
        before, now = None, self.log_sizes()
        while before != now:
            time.sleep(_SETTLE_SECONDS)
            before, now = now, self.log_sizes()
        return [
            line
            for service, size in zip(self.services, sizes, strict=True)
            for line in _tail(service.log_file, size).splitlines()
            if _ANSWERED in line
        ]


def measure(commands: Sequence[Command], *, directory: Path, meters: Meters) -> Run:
    """Run commands one after another, from process start to process end.

    Raises:
        ProgramError: one failed; its output is in the message.
    """
    sizes, connections = meters.log_sizes(), meters.connections()
    cpu_seconds = 0.0
    begun = time.perf_counter()
    for command in commands:
        cpu_seconds += _run(command, directory)
    seconds = time.perf_counter() - begun
    answers = meters.answers_since(sizes)
    return Run(
        seconds=seconds,
        cpu_seconds=cpu_seconds,
        requests=len(answers),
        connections=meters.connections() - connections,
        publishes=sum(_PUBLISHED in line for line in answers),
    )


def _run(command: Command, directory: Path) -> float:
    """Run one command and return its processor time in seconds."""
    output = directory / "output"
    with output.open("wb") as file:
        # Files, not pipes: nobody has to wake up and read while the clock runs.
        process = subprocess.Popen(
            command.arguments,
            env=dict(command.environment),
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        guard = threading.Timer(_LONGEST_SECONDS, process.kill)
        guard.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            guard.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        said = output.read_text(errors="replace")
        raise ProgramError(
            f"{' '.join(command.arguments)}: status {process.returncode}\n{said[-4000:]}"
        )
    return usage.ru_utime + usage.ru_stime


def _tail(file: Path, start: int) -> bytes:
    with file.open("rb") as log:
        log.seek(start)
        return log.read()
