"""Reports for the CI system that runs a command: files where asked, and what its pages show.

A command with ``@report_options`` hands its outcomes to ``publish_reports``; where it ends with an
error before that, the error is reported. Nothing is written but what the command prints anyway.
"""

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from signer.cli.globals import GlobalOptions
from signer.cli.output import wrapped
from signer.errors import SignerError, UsageError
from signer.report.host import CiHost, debug_warning, detect_host

if TYPE_CHECKING:
    from signer.report.outcome import Outcome

_Function = TypeVar("_Function", bound=Callable[..., Any])
_META: Final = "signer.reports"


@dataclass
class _Reports:
    """What one run of a command is to report."""

    command: str
    options: GlobalOptions
    junit: Path | None
    dotenv: Path | None
    form: str = "text"
    done: bool = False
    annotated: bool = False

    @property
    def prints_text(self) -> bool:
        """Whether standard output is for people, and not one report or one object."""
        return self.form == "text" and not self.options.as_json

    @property
    def wanted(self) -> bool:
        """Whether anybody reads reports; otherwise their modules are not even loaded."""
        on_host = detect_host(os.environ) in {CiHost.GITLAB, CiHost.GITHUB}
        return bool(self.junit or self.dotenv or on_host)


def report_options(command: str) -> Callable[[_Function], _Function]:
    """Add ``--junit`` and ``--dotenv`` to a command; it belongs below ``@global_options``."""

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def wrapper(
            options: GlobalOptions, *, junit: Path | None, dotenv: Path | None, **params: object
        ) -> Any:  # noqa: ANN401 - whatever the command returns
            for file in (junit, dotenv):
                require_directory(file)
            form = str(params.get("form") or "text")
            reports = _Reports(command, options, junit, dotenv, form)
            click.get_current_context().meta[_META] = reports
            _warn_of_debugging()
            try:
                return function(options, **params)
            except SignerError as error:
                _report_error(reports, error)
                raise

        file = click.Path(path_type=Path, dir_okay=False)
        wrapper = click.option(
            "--dotenv", type=file, help="Write the digest as variables for later CI jobs."
        )(wrapper)
        return click.option("--junit", type=file, help="Write every check as JUnit XML.")(wrapper)  # type: ignore[return-value] # click adds parameters to it

    return decorate


def publish_reports(make_outcomes: "Callable[[], Sequence[Outcome]]") -> None:
    """Report outcomes, where anybody asked for it; they are made only then.

    Raises:
        SignerError: a report cannot be written; the command's work has been done before.
    """
    reports = click.get_current_context().meta.get(_META)
    if not isinstance(reports, _Reports) or not reports.wanted or reports.done:
        return
    reports.done = True
    reports.annotated = reports.form == "github"  # the command has printed just that
    _publish(reports, make_outcomes())


def _report_error(reports: _Reports, error: SignerError) -> None:
    if not reports.wanted or reports.done:
        return
    reports.done = True
    from signer.report.outcome import of_error

    try:
        _publish(reports, [of_error(error)])
    except SignerError as second:  # the first error is the one that counts
        click.echo(wrapped(f"warning: {second.message}"), err=True)


def _publish(reports: _Reports, outcomes: "Sequence[Outcome]") -> None:
    from signer.report import github, gitlab
    from signer.report.junit import junit

    command = reports.command
    host = detect_host(os.environ)
    if reports.junit:
        write_report(reports.junit, junit(outcomes, command=command))
    if reports.dotenv:
        write_report(reports.dotenv, gitlab.dotenv(outcomes))
    if host is CiHost.GITLAB and reports.prints_text and not reports.options.quiet:
        now = datetime.now(tz=UTC)
        click.echo(gitlab.sections(outcomes, command=command, now=now), nl=False, color=True)
    if host is CiHost.GITHUB:
        if not reports.annotated:
            # Standard output may be one object; the runner reads commands from both.
            text = github.annotations(outcomes, command=command, base=Path.cwd())
            click.echo(text, nl=False, err=not reports.prints_text)
        _append("GITHUB_OUTPUT", github.step_outputs(outcomes))
        _append("GITHUB_STEP_SUMMARY", github.summary(outcomes, command=command))


def _warn_of_debugging() -> None:
    text = debug_warning(os.environ)
    if text:
        click.echo(wrapped(f"warning: {text}"), err=True)


def require_directory(file: Path | None) -> None:
    """Find out before the work that a report has no place to go.

    Raises:
        UsageError: there is no such directory.
    """
    if file is not None and not file.parent.is_dir():
        raise UsageError(f"There is no directory {file.parent} to write {file.name} into.")


def write_report(file: Path, text: str) -> None:
    """Write a report to a file, in UTF-8.

    Raises:
        SignerError: it cannot be written; the command's work has been done before.
    """
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(str(file), error) from error


def _append(variable: str, text: str) -> None:
    name = os.environ.get(variable)
    if not name:
        return
    try:
        with Path(name).open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _unwritable(f"{name} ({variable})", error) from error


def _unwritable(name: str, error: OSError) -> SignerError:
    return SignerError(
        f"The report {name} cannot be written: {error.strerror or error}.",
        hint="The command's own work has been done.",
        code="report-not-written",
    )
