"""The ``signer`` program as its user runs it: a process with a home of its own."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from tests.components.certificates import Authority
from tests.components.notary_server import NotaryServer
from tests.components.peers import PASSPHRASE
from tests.components.service import clean_environment

PROGRAM: Final = Path(sys.executable).parent / "signer"
"""The console script that belongs to the interpreter of the tests."""

_SECONDS: Final = 120.0
Arg = str | Path


class SignerProgramError(AssertionError):
    """``signer`` ended otherwise than expected; the message has its output."""


@dataclass(frozen=True)
class Done:
    """A run that has ended.

    Attributes:
        command: the command line.
        status: the exit code.
        stdout: standard output, UTF-8.
        stderr: standard error, UTF-8.
    """

    command: tuple[str, ...]
    status: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the command prints
        """The one JSON object on standard output; the command line needs ``--json``."""
        try:
            return json.loads(self.stdout)
        except ValueError as error:
            raise SignerProgramError(f"no JSON on standard output\n{self}") from error

    def __str__(self) -> str:
        return (
            f"{' '.join(self.command)}: status {self.status}\n"
            f"--- standard output\n{self.stdout}\n--- standard error\n{self.stderr}"
        )


class Running:
    """A run that goes on until `wait`; as a context manager it is killed after its block."""

    def __init__(self, process: "subprocess.Popen[bytes]", command: tuple[str, ...]) -> None:
        self._process = process
        self._command = command

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def wait(
        self, input_bytes: bytes = b"", *, expect: int | None = 0, seconds: float = _SECONDS
    ) -> Done:
        """Wait for the end; it is killed after ``seconds``.

        Raises:
            SignerProgramError: it ended with another status than ``expect`` (None accepts any),
                with a traceback, or not in time.
        """
        __tracebackhide__ = True
        try:
            out, err = self._process.communicate(input_bytes, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            self._process.kill()
            self._process.communicate()
            said = f"{' '.join(self._command)}: no end after {seconds:.0f} s"
            raise SignerProgramError(said) from error
        done = Done(
            self._command,
            self._process.returncode,
            out.decode(errors="replace"),
            err.decode(errors="replace"),
        )
        if "Traceback (most recent call last)" in done.stderr + done.stdout:
            raise SignerProgramError(f"a traceback was shown\n{done}")
        if "This is a fault of signer" in done.stderr + done.stdout:
            raise SignerProgramError(f"an internal error\n{done}")
        if expect is not None and done.status != expect:
            raise SignerProgramError(f"expected status {expect}\n{done}")
        return done

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


class SignerCli:
    """``signer`` with a home, a docker configuration and a trust directory of its own.

    Every run gets ``--server`` and ``--ca`` before the command's name (without ``server``,
    neither), the passphrase for every role, and nothing else of the caller's environment.

    Attributes:
        home: ``HOME``; the working directory of every run, too.
        config: ``DOCKER_CONFIG``.
        trust_directory: keys, cache and trust state.
    """

    def __init__(
        self,
        directory: Path,
        server: NotaryServer | None = None,
        *,
        authority: Authority | None = None,
        trust_directory: Path | None = None,
        passphrase: str | None = PASSPHRASE,
        env: Mapping[str, str] | None = None,
    ) -> None:
        """Make ``directory``.

        ``authority`` is the server's unless given; ``trust_directory`` may be another program's;
        ``env`` is added to the environment of every run.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.home = directory
        self.config = directory / ".docker"
        self.trust_directory = trust_directory or self.config / "trust"
        authority = authority or (server.authority if server else None)
        options: list[Arg] = ["--trust-dir", trust_directory] if trust_directory else []
        options += ["--server", server.url] if server else []
        options += ["--ca", authority.ca_file] if authority else []
        self._options = tuple(map(str, options))
        self._env = {} if passphrase is None else passphrase_environment(passphrase)
        self._env |= dict(env or {})

    def __call__(
        self,
        *args: Arg,
        env: Mapping[str, str] | None = None,
        input_bytes: bytes = b"",
        expect: int | None = 0,
    ) -> Done:
        """Run ``signer ARGS`` to its end; see `Running.wait` for ``expect`` and what it raises."""
        return self.start(*args, env=env).wait(input_bytes, expect=expect)

    def json(
        self,
        *args: Arg,
        env: Mapping[str, str] | None = None,
        input_bytes: bytes = b"",
        expect: int | None = 0,
    ) -> Any:  # noqa: ANN401 - whatever the command prints
        """Run ``signer ARGS --json`` and return the object that it prints."""
        return self(*args, "--json", env=env, input_bytes=input_bytes, expect=expect).json

    def start(self, *args: Arg, env: Mapping[str, str] | None = None) -> Running:
        """Start ``signer ARGS``; the caller waits for its end."""
        command = (str(PROGRAM), *self._options, *map(str, args))
        environment = clean_environment(self.home) | {
            "DOCKER_CONFIG": str(self.config),
            "PYTHONFAULTHANDLER": "1",  # a crash of a C library says where, on standard error
        }
        process = subprocess.Popen(
            command,
            env=environment | self._env | dict(env or {}),
            cwd=self.home,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,  # no terminal of the caller's to ask on
        )
        return Running(process, command)


def passphrase_environment(passphrase: str) -> dict[str, str]:
    """Return the variables that give the passphrase of every role's key."""
    roles = ("ROOT", "REPOSITORY")
    return {f"DOCKER_CONTENT_TRUST_{role}_PASSPHRASE": passphrase for role in roles}
