"""The docker program after ``docker login``."""

from pathlib import Path

from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.peers import docker_programs


class LoggedIn:
    """``docker`` with an engine and an account at a registry.

    Attributes:
        config: ``DOCKER_CONFIG``, with what ``docker login`` stored.
    """

    def __init__(self, engine: Engine, host: str, account: tuple[str, str], config: Path) -> None:
        self._engine = engine
        self.config = config
        self._program = installed(docker_programs)[0]
        user, password = account
        self("login", host, "--username", user, "--password-stdin", input_text=password)

    def __call__(self, *args: str, input_text: str = "", expect: int = 0) -> str:
        """Run ``docker ARGS``, which must end with ``expect``; return all of its output."""
        done = self._engine.docker(
            *args,
            env={"DOCKER_CONFIG": str(self.config)},
            input_bytes=input_text.encode(),
            program=self._program,
        )
        output = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == expect, output
        return output
