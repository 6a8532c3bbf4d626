"""Who acted, and how: the same for all that one command does."""

import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signer import __version__
from signer.audit.text import Redactor

CI_VARIABLES: Final = (
    "GITLAB_USER_LOGIN",
    "CI_JOB_URL",
    "CI_PIPELINE_URL",
    "CI_PIPELINE_SOURCE",
    "CI_PROJECT_PATH",
    "CI_COMMIT_SHA",
    "BUILD_URL",
    "BUILD_USER_ID",
    "JOB_NAME",
    "GIT_COMMIT",
    "GITHUB_ACTOR",
    "GITHUB_TRIGGERING_ACTOR",
    "GITHUB_SERVER_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_RUN_ID",
    "GITHUB_WORKFLOW_REF",
    "GITHUB_SHA",
)
"""Variables of GitLab, Jenkins and GitHub Actions that say who runs what (dtr-ucp-ci, D)."""


@dataclass(frozen=True)
class Circumstances:
    """Who and how.

    Attributes:
        user: the system's user.
        host: the machine's name.
        ci: variables of the CI system, by name; the job's word, which its author can change.
        command: the command line without secrets.
        redactor: takes secrets out of everything else.
    """

    user: str
    host: str
    ci: Mapping[str, str]
    command: Sequence[str]
    redactor: Redactor

    @property
    def who(self) -> dict[str, object]:
        """The record's part of this name."""
        return {"user": self.user, "host": self.host, "ci": dict(self.ci)}

    @property
    def how(self) -> dict[str, object]:
        """The record's part of this name."""
        return {"command": list(self.command), "signer": __version__}


def circumstances(environment: Mapping[str, str], arguments: Sequence[str]) -> Circumstances:
    """Find out who runs this process.

    Args:
        environment: of the process.
        arguments: its command line, the program first.
    """
    redactor = Redactor(environment)
    program = [Path(argument).name for argument in arguments[:1]]
    return Circumstances(
        user=_user(),
        host=socket.gethostname(),
        ci={name: environment[name] for name in CI_VARIABLES if environment.get(name)},
        command=redactor.command([*program, *arguments[1:]]),
        redactor=redactor,
    )


def _user() -> str:
    """Ask the system, not the variables, which a job can set."""
    number = os.getuid()
    try:
        import pwd

        return pwd.getpwuid(number).pw_name
    except (ImportError, KeyError):  # a container may run as a number without a name
        return str(number)
