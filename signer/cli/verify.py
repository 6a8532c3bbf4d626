"""``signer verify``."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.deciding import Deciding, deciding_options, undecided
from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import error_content, print_json
from signer.cli.reporting import publish_reports, report_options
from signer.errors import UsageError, worst_exit_code
from signer.names import ImageReference

if TYPE_CHECKING:
    from signer.policy.verdict import Verdict
    from signer.report.outcome import Outcome
    from signer.workloads.found import FoundImage

_FILE_ENDINGS = {".dockerfile", ".json", ".yaml", ".yml"}
_FORMATS = ("text", "json", "sarif", "junit", "github", "codequality", "html")


@dataclass(frozen=True)
class _Asked:
    """An image to decide about, and where it is named.

    Attributes:
        reference: the image.
        found: its place in a file; None where it was an argument.
    """

    reference: ImageReference
    found: "FoundImage | None" = None


@click.command("verify", short_help="Decide whether images are signed as required.")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option(
    "-f",
    "--file",
    "files",
    multiple=True,
    metavar="FILE",
    help="Every image in a compose file, Kubernetes manifest or Dockerfile; '-' is stdin.",
)
@deciding_options
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    metavar="FORMAT",
    help=f"{', '.join(_FORMATS[:-1])} or {_FORMATS[-1]}.  [default: text]",
)
@global_options
@report_options("verify")
def command(
    options: GlobalOptions,
    *,
    images: tuple[str, ...],
    files: tuple[str, ...],
    form: str | None,
    deciding: Deciding,
) -> int:
    """Decide whether images are signed as required, and by whom.

    A policy file says what is required, or the options do: a tag is looked up as docker does, in
    targets/releases, then in targets; every --signer must have signed the same digest in a role of
    its own; and some way of trusting the root is required: a pin, --trust-on-first-use, or an
    earlier run. Prints the digest to deploy.
    """
    form = _form(options, form)
    if files:
        # The files of '-f *.yml' come as arguments, all but the first.
        more = tuple(name for name in images if _is_file(name))
        files += more
        images = tuple(name for name in images if name not in more)
    asked = [_Asked(ImageReference.parse(image)) for image in images]
    asked += _in_files(files, deciding)
    if not (images or files):
        raise UsageError("No image to verify was given.", hint="Give an IMAGE, or -f FILE.")
    verdicts = _decide(options, deciding, asked)
    outcomes = _Outcomes(asked, verdicts)
    error = undecided(verdicts)
    if error is not None and form in {"text", "json"}:
        publish_reports(outcomes.make)
        raise error
    _print(form, options, outcomes)
    publish_reports(outcomes.make)
    return worst_exit_code([int(verdict.exit_code) for verdict in verdicts])


def _is_file(name: str) -> bool:
    """Tell a file's name from an image's; what may be both must not go unverified as an image."""
    if not Path(name).is_file():
        return False
    if Path(name).suffix.lower() in _FILE_ENDINGS:
        return True
    try:
        ImageReference.parse(name)
    except UsageError:
        return True
    raise UsageError(
        f"{name!r} may be an image, and there is a file of this name.",
        hint=f"Write -f {name} for the file; for the image, call signer in another directory.",
        code="ambiguous-name",
    )


def _form(options: GlobalOptions, form: str | None) -> str:
    if options.as_json and form not in {None, "json"}:
        raise UsageError(f"--json and --format {form} were given; standard output takes one.")
    return "json" if options.as_json else form or "text"


def _in_files(files: Sequence[str], deciding: Deciding) -> list[_Asked]:
    if not files:
        return []
    from signer.workloads.find import find_images

    sources: list[Path | str] = [name if name == "-" else Path(name) for name in files]
    found = find_images(sources, environment=os.environ, resources=deciding.resources)
    if not found:
        click.echo(f"note: {', '.join(files)} names no image.", err=True)
    return [_Asked(image.reference, image) for image in found]


def _decide(options: GlobalOptions, deciding: Deciding, asked: Sequence[_Asked]) -> "list[Verdict]":
    if not asked:
        return []
    references = [image.reference for image in asked]
    with deciding.open_session(options) as session:
        deciding.prefetch(session, references)
        verdicts = deciding.decide(session, references)
    return [
        replace(verdict, image=image.found.reference_text) if image.found else verdict
        for verdict, image in zip(verdicts, asked, strict=True)
    ]


@dataclass(frozen=True)
class _Outcomes:
    """Verdicts with the places of their images."""

    asked: Sequence[_Asked]
    verdicts: "Sequence[Verdict]"

    def make(self) -> "list[Outcome]":
        from signer.report.outcome import of_verdict

        return [
            of_verdict(verdict, **_place(image.found))
            for image, verdict in zip(self.asked, self.verdicts, strict=True)
        ]

    def content(self) -> dict[str, Any]:
        """Return the verdicts as JSON; the overall one is the worst."""
        order = ["reject", "warn", "accept"]
        overall = min((v.verdict for v in self.verdicts), key=order.index, default="accept")
        images = [
            _content(verdict) | _place(image.found)
            for image, verdict in zip(self.asked, self.verdicts, strict=True)
        ]
        return {"verdict": overall, "images": images}


def _place(found: "FoundImage | None") -> dict[str, Any]:
    return {"file": found.file, "line": found.line, "path": found.path} if found else {}


def _content(verdict: "Verdict") -> dict[str, Any]:
    return {
        "image": verdict.image,
        "verdict": verdict.verdict,
        "digest": verdict.digest,
        "rule": verdict.rule,
        **({"runner_up": verdict.runner_up} if verdict.runner_up else {}),
        "signers": list(verdict.signers),
        "role": verdict.role,
        "checks": [
            {
                "step": int(check.step),
                "code": check.step.code,
                "status": check.status,
                "detail": check.detail,
            }
            for check in verdict.checks
        ],
        "reason": error_content(verdict.reason) if verdict.reason else None,
        **({"warnings": list(verdict.warnings)} if verdict.warnings else {}),
    }


def _print(form: str, options: GlobalOptions, outcomes: _Outcomes) -> None:
    if form == "json":
        print_json("verify", outcomes.content())
    elif form == "text":
        from signer.report.text import verdict_text

        for outcome in outcomes.make():
            text = verdict_text(outcome, verbose=options.verbose, quiet=options.quiet)
            if text:
                click.echo(text)
    else:
        from signer.report.render import render

        now = datetime.now(tz=UTC)
        click.echo(render(outcomes.make(), form, command="verify", now=now), nl=False)
