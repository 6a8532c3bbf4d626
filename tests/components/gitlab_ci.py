"""GitLab pipelines run on this machine, by the program ``gitlab-ci-local`` and its shell executor.

The program is an npm package. It is installed into a directory of the virtual environment when it
is first wanted, with the versions and hashes of ``gitlab-ci-local/package-lock.json``.

What it does not do: ``retry``, ``resource_group``, collecting JUnit reports, and an exit code for
jobs with ``allow_failure:exit_codes``; a job's outcome is read from its output.
"""

import json
import os
import pwd
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from filelock import FileLock

from tests.components.service import MissingComponentError, clean_environment, find_program

_MANIFESTS: Final = Path(__file__).parent / "gitlab-ci-local"
_VERSION: Final = json.loads((_MANIFESTS / "package.json").read_text("utf-8"))["dependencies"][
    "gitlab-ci-local"
]
_INSTALLED: Final = Path(sys.prefix) / f"gitlab-ci-local-{_VERSION}"
_PROGRAM: Final = _INSTALLED / "node_modules" / ".bin" / "gitlab-ci-local"
_STATE: Final = ".gitlab-ci-local"
_INSTALL_SECONDS: Final = 300.0
_RUN_SECONDS: Final = 180.0
_OPTIONS: Final = (
    "--force-shell-executor",
    "--shell-isolation",  # each job in a copy of what is committed, as on a runner
    "--no-artifacts-to-source",
    "--color=false",
)
_ENDED: Final = re.compile(r"^(\S+)\s+finished in .*?(?:(FAIL|WARN)\s+(\d+)\s*)?$", re.M)
_COLOURS: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class PipelineRun:
    """A pipeline that has ended.

    Attributes:
        output: standard output and standard error of the program.
        exit_codes: of every job that ran, by its name.
        warned: jobs whose failure is allowed.
        directory: the project's.
    """

    output: str
    exit_codes: Mapping[str, int]
    warned: frozenset[str]
    directory: Path

    def dotenv(self, job: str) -> dict[str, str]:
        """Return the variables of the one ``artifacts:reports:dotenv`` of a job."""
        reports = self.directory / _STATE / "artifacts" / job / ".gitlab-ci-reports/dotenv"
        (file,) = reports.iterdir()
        return dict(line.split("=", 1) for line in file.read_text("utf-8").splitlines())

    def left(self, job: str, name: str) -> str:
        """Return a file that a job left in its working directory."""
        return (self.directory / _STATE / "builds" / job / name).read_text("utf-8")

    def log(self, job: str) -> str:
        """Return what a job printed, byte for byte."""
        file = self.directory / _STATE / "output" / f"{job}.log"
        return file.read_bytes().decode("utf-8")


class GitlabCi:
    """Runs the pipeline of a directory as GitLab would."""

    def __init__(self, directory: Path) -> None:
        """Find the programs and install the package.

        Raises:
            MissingComponentError: a program is missing, or the package cannot be installed.
        """
        for program, package in (("node", "nodejs"), ("git", "git"), ("rsync", "rsync")):
            find_program(program, package)
        self.directory = directory
        self.home = directory.parent / f"{directory.name}-home"
        self.home.mkdir(parents=True, exist_ok=True)
        directory.mkdir(parents=True, exist_ok=True)
        _install()

    def commit(self, project: str = "ci/signer") -> None:
        """Make the directory a git project, of this path in GitLab, with everything in it."""
        identity = ("-c", "user.name=example", "-c", "user.email=example@example.com")
        for command in (("init", "--quiet", "--initial-branch", "main"), ("add", "--all")):
            self._git(*command)
        self._git(*identity, "commit", "--quiet", "--message", "example")
        self._git("remote", "add", "origin", f"https://gitlab.example.com/{project}.git")

    def run(self, *jobs: str, source: str, variables: Mapping[str, str]) -> PipelineRun:
        """Run the pipeline on what is committed; what a former run left is removed.

        Args:
            jobs: those to run; otherwise all that the rules admit.
            source: ``CI_PIPELINE_SOURCE``: ``trigger``, ``push`` and so on.
            variables: of the project; a path makes one of type "file", as in GitLab a path.
        """
        given = {"GITLAB_CI": "true", "CI_PIPELINE_SOURCE": source, **variables}
        options = [part for name in given for part in ("--variable", f"{name}={given[name]}")]
        shutil.rmtree(self.directory / _STATE, ignore_errors=True)
        done = subprocess.run(
            [_PROGRAM, *_OPTIONS, *options, *jobs],
            cwd=self.directory,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_RUN_SECONDS,
            check=False,
        )
        output = _COLOURS.sub("", done.stdout.decode("utf-8", errors="replace"))
        ended = [
            match
            for match in _ENDED.finditer(output)
            if match[1] != "pipeline" and not match[0].endswith("after_script")
        ]
        return PipelineRun(
            output=output,
            exit_codes={match[1]: int(match[3] or 0) for match in ended},
            warned=frozenset(match[1] for match in ended if match[2] == "WARN"),
            directory=self.directory,
        )

    def _environment(self) -> dict[str, str]:
        environment = clean_environment(self.home)
        programs = Path(sys.executable).parent
        return environment | {"PATH": f"{programs}:{environment['PATH']}"}

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.directory, env=self._environment(), check=True)


def _install() -> None:
    """Install the package, unless it is there: several test runs may want it at once."""
    with FileLock(f"{_INSTALLED}.lock"):
        if _PROGRAM.exists():
            return
        npm = find_program("npm", "npm")
        shutil.rmtree(_INSTALLED, ignore_errors=True)
        new = _INSTALLED.with_name(f"{_INSTALLED.name}.new")
        shutil.rmtree(new, ignore_errors=True)
        shutil.copytree(_MANIFESTS, new)
        done = subprocess.run(
            [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", new],
            cwd=new,
            # A mirror is configured by the user's own files; the tests' home has none.
            env=dict(os.environ) | {"HOME": pwd.getpwuid(os.getuid()).pw_dir},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
            check=False,
        )
        if done.returncode:
            raise MissingComponentError(
                f"The npm package gitlab-ci-local {_VERSION} cannot be installed"
                f": {done.stderr[-500:]}"
            )
        new.rename(_INSTALLED)
