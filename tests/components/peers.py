"""The Go programs that must understand what we write: ``notary`` and ``docker trust``."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.components.certificates import Authority
from tests.components.engine import Engine
from tests.components.notary_server import NotaryServer
from tests.components.service import MissingComponentError, clean_environment, find_program

PASSPHRASE: Final = "worthless example passphrase"
_SECONDS: Final = 120.0
Finished = subprocess.CompletedProcess[str]


class PeerError(AssertionError):
    """A Go program ended with a status that was not expected; the message has its output."""


def run(
    command: list[str],
    env: Mapping[str, str],
    *,
    input_text: str = "",
    expect: int | None = 0,
    cwd: Path | None = None,
) -> Finished:
    """Run a program to its end.

    ``expect`` is the status it must end with; None accepts any.

    Raises:
        PeerError: it ended with another status, or not within two minutes.
    """
    try:
        done = subprocess.run(
            command,
            env=dict(env),
            input=input_text,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_SECONDS,
            check=False,
            cwd=cwd,
        )
    except subprocess.TimeoutExpired as error:
        raise PeerError(f"{' '.join(command)}: no end after {_SECONDS:.0f} s") from error
    if expect is not None and done.returncode != expect:
        raise PeerError(
            f"{' '.join(command)}: status {done.returncode} instead of {expect}\n"
            f"--- standard output\n{done.stdout}\n--- standard error\n{done.stderr}"
        )
    return done


class NotaryCli:
    """The ``notary`` program with a trust directory of its own.

    Attributes:
        trust_directory: its keys and cache, in the caller's directory.
    """

    def __init__(
        self, directory: Path, server: NotaryServer, *, passphrase: str = PASSPHRASE
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.trust_directory = directory / "trust"
        self._home = directory
        self._server = server
        self._passphrase = passphrase

    def __call__(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        input_text: str = "",
        expect: int | None = 0,
    ) -> Finished:
        """Run ``notary ARGS``; errors are on its standard output (NP 6.2)."""
        program = find_program("notary", "notary")
        roles = ("ROOT", "TARGETS", "SNAPSHOT", "DELEGATION")
        environment = clean_environment(self._home) | {
            f"NOTARY_{role}_PASSPHRASE": self._passphrase for role in roles
        }
        options = ("-s", self._server.url, "--tlscacert", str(self._server.authority.ca_file))
        return run(
            [str(program), "-d", str(self.trust_directory), *options, *map(str, args)],
            environment | dict(env or {}),
            input_text=input_text,
            expect=expect,
        )


@cache
def docker_programs() -> tuple[Path, ...]:
    """Return every ``docker`` that has ``docker trust``, Debian's first.

    Raises:
        MissingComponentError: there is none.
    """
    folders = ["/usr/bin", *os.environ.get("PATH", "").split(os.pathsep)]
    found: dict[Path, Path] = {}
    for folder in folders:
        candidate = shutil.which("docker", path=folder)
        if candidate is not None:
            found.setdefault(Path(candidate).resolve(), Path(candidate))
    able = tuple(program for program in found.values() if _has_trust(program))
    if not able:
        raise MissingComponentError("No docker program has `docker trust`", "docker.io")
    return able


def _has_trust(program: Path) -> bool:
    done = run([str(program), "trust", "--help"], clean_environment(Path("/")), expect=None)
    return done.returncode == 0 and "docker trust" in done.stdout


class DockerCli:
    """A ``docker`` program with a configuration directory, a trust server and an engine.

    Without an engine its commands find none at ``DOCKER_HOST``; `docker trust` works without.
    Docker switches TLS verification off for the trust server of a registry on loopback
    (docker-trust T5); the CA is installed all the same.

    Attributes:
        config: ``DOCKER_CONFIG``; its ``trust`` holds keys and cache.
        program: path of the program; Debian's where none is given.
    """

    def __init__(
        self,
        config: Path,
        server: NotaryServer,
        *,
        engine: Engine | None = None,
        program: Path | None = None,
        passphrase: str = PASSPHRASE,
    ) -> None:
        self.config = config
        self.program = program or docker_programs()[0]
        self._server = server
        self._engine = engine
        self._passphrase = passphrase
        trust_server_ca(config, server.host, server.authority)

    @property
    def trust_directory(self) -> Path:
        """Where it keeps keys and cache."""
        return self.config / "trust"

    def __call__(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        input_text: str = "",
        expect: int | None = 0,
    ) -> Finished:
        """Run ``docker ARGS``; content trust is off unless ``env`` says otherwise."""
        socket = self._engine.socket if self._engine else self.config / "no-engine.sock"
        environment = clean_environment(self.config) | {
            "DOCKER_HOST": f"unix://{socket}",
            "DOCKER_CONFIG": str(self.config),
            "DOCKER_CONTENT_TRUST_SERVER": self._server.url,
            "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE": self._passphrase,
            "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": self._passphrase,
        }
        return run(
            [str(self.program), *map(str, args)],
            environment | dict(env or {}),
            input_text=input_text,
            expect=expect,
        )

    def trust(
        self, *args: str | Path, env: Mapping[str, str] | None = None, expect: int | None = 0
    ) -> Finished:
        """Run ``docker trust ARGS``."""
        return self("trust", *args, env=env, expect=expect)

    def trusted(
        self, *args: str | Path, env: Mapping[str, str] | None = None, expect: int | None = 0
    ) -> Finished:
        """Run ``docker ARGS`` with ``DOCKER_CONTENT_TRUST=1``."""
        return self(*args, env={"DOCKER_CONTENT_TRUST": "1"} | dict(env or {}), expect=expect)


def trust_server_ca(docker_config: Path, host: str, authority: Authority) -> Path:
    """Install the CA where docker looks for that of a trust server (docker-trust A.3)."""
    file = docker_config / "tls" / host / "ca.crt"
    file.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(authority.ca_file, file)
    return file
