"""``signer ci gitlab``, ``signer ci jenkins``, ``signer ci github``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import print_json
from signer.errors import UsageError
from signer.report.host import CiHost
from signer.report.pipeline import (
    EXAMPLE_HOST,
    PARTS,
    PipelineSettings,
    configuration,
    pipeline,
)

_Function = TypeVar("_Function", bound=Callable[..., Any])


@click.group("ci", short_help="Write ready pipelines for a CI system.")
@global_options
def command(options: GlobalOptions) -> None:
    """Write ready pipelines: build and push, mirror, sign what was promoted, verify and deploy.

    They hold no secret, and name the variables that they want.
    """


def _options(function: _Function) -> _Function:
    file = click.Path(path_type=Path, dir_okay=False)
    options = [
        click.option(
            "--only",
            "parts",
            type=click.Choice(PARTS),
            multiple=True,
            help="Leave out all other parts; repeatable.",
        ),
        click.option("--host", metavar="HOST[:PORT]", help="The DTR."),
        click.option(
            "--repository",
            metavar="NAMESPACE/REPO",
            default="admin/flask",
            show_default=True,
            help="Where DTR promotes to.",
        ),
        click.option("--signer", metavar="NAME", help="The signer's name."),
        click.option(
            "--image", metavar="IMAGE", help="Has signer, for the jobs.  [default: HOST/ci/signer]"
        ),
        click.option(
            "--root-key-id",
            "root_key_ids",
            metavar="ID",
            multiple=True,
            help="Pin this root key in the configuration file; repeatable.",
        ),
        click.option(
            "-o",
            "--output",
            type=file,
            help="Write the pipeline into this file, not to the screen.",
        ),
        click.option(
            "--settings", type=file, help="Also write the signer.toml that belongs to it, here."
        ),
        click.option("--force", is_flag=True, help="Replace files that are there."),
    ]
    for option in reversed(options):
        function = option(function)
    return function


@command.command("gitlab", short_help="Write .gitlab-ci.yml.")
@_options
@global_options
def gitlab(options: GlobalOptions, **params: Any) -> int:  # noqa: ANN401 - the options above
    """Write a .gitlab-ci.yml: to standard output, or into the file of -o."""
    return _write_pipeline("gitlab", options, **params)


@command.command("jenkins", short_help="Write a Jenkinsfile.")
@_options
@global_options
def jenkins(options: GlobalOptions, **params: Any) -> int:  # noqa: ANN401 - the options above
    """Write a Jenkinsfile: to standard output, or into the file of -o."""
    return _write_pipeline("jenkins", options, **params)


@command.command("github", short_help="Write a GitHub Actions workflow.")
@_options
@global_options
def github(options: GlobalOptions, **params: Any) -> int:  # noqa: ANN401 - the options above
    """Write a workflow of GitHub Actions: to standard output, or into the file of -o."""
    return _write_pipeline("github", options, **params)


def _write_pipeline(
    system: str,
    options: GlobalOptions,
    *,
    parts: tuple[str, ...],
    host: str | None,
    repository: str,
    signer: str | None,
    image: str | None,
    root_key_ids: tuple[str, ...],
    output: Path | None,
    settings: Path | None,
    force: bool,
) -> int:
    """Fill in what was given, then what the configuration file has, then examples."""
    file = options.configuration
    filled = PipelineSettings(
        host=host or file.host or EXAMPLE_HOST,
        repository=repository,
        signer=signer or file.signer or system,
        image=image or "",
        root_key_ids=root_key_ids or file.pins.key_ids,
    )
    text = pipeline(CiHost(system), filled, parts=parts or PARTS)
    written = {path: content for path, content in ((output, text),) if path}
    if settings:
        written[settings] = configuration(filled)
    _refuse_existing(written, force=force)
    for path, content in written.items():
        _write(path, content)
    if options.as_json:
        print_json("ci", {"system": system, "pipeline": text, "files": list(map(str, written))})
    elif output is None:
        click.echo(text, nl=False)
    if not options.as_json and not options.quiet:
        for path in written:
            click.echo(f"written  {path}", err=output is None)
    return 0


def _refuse_existing(files: dict[Path, str], *, force: bool) -> None:
    for path in files:
        if path.exists() and not force:
            raise UsageError(
                f"{path} is there already; nothing was written.",
                hint="Choose another name, or replace it with --force.",
                code="file-exists",
            )


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error
