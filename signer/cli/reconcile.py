"""``signer reconcile``."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import note_signed
from signer.cli.output import print_json, wrapped
from signer.cli.recording import recorded
from signer.cli.reporting import publish_reports, report_options
from signer.cli.signing_keys import key_options
from signer.cli.trusting import trust_options
from signer.errors import UsageError, worst_exit_code

if TYPE_CHECKING:
    from signer.dtr.answers import Tag
    from signer.dtr.api import DtrApi
    from signer.dtr.job import JobResult
    from signer.dtr.progress import ShowStage
    from signer.dtr.promotion import Promotion
    from signer.dtr.reconcile import Plan
    from signer.report.outcome import Outcome
    from signer.signing.session import PinSources, Session


@click.command("reconcile", short_help="Sign what DTR has promoted and nobody has signed.")
@click.argument("repositories", nargs=-1, required=True, metavar="REPO...")
@key_options
@click.option("--signer", metavar="NAME", help="Sign as this signer: targets/NAME and releases.")
@click.option(
    "--since",
    metavar="TIME",
    help="Leave out tags last changed before this; or how long ago: 12h, 7d.",
)
@click.option("--no-provenance", is_flag=True, help="Sign nothing beside the digests.")
@click.option("--dry-run", is_flag=True, help="Check everything, publish nothing.")
@trust_options
@global_options
@recorded("sign", references=())
@report_options("reconcile")
def command(
    options: GlobalOptions,
    *,
    repositories: tuple[str, ...],
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    signer: str | None,
    since: str | None,
    no_provenance: bool,
    dry_run: bool,
    pins: "PinSources | None",
) -> int:
    """Find promoted tags of REPO (NAMESPACE/REPO or HOST/NAMESPACE/REPO) without a valid signature.

    Webhooks are sent once and forgotten; this is the safety net. Each tag passes the same gate as
    an event.
    """
    from signer.audit.selection import parse_since
    from signer.cli.progress import stages
    from signer.cli.sign_events import job_content, job_settings, key_opener
    from signer.dtr.signing_job import sign_promotions

    settings = job_settings(
        options, signer=signer, with_provenance=not no_provenance, dry_run=dry_run
    )
    if not settings.host:
        raise UsageError(
            "No registry is configured, so there is nothing to reconcile with.",
            hint='Write [registry] host = "HOST[:PORT]" into signer.toml.',
            code="no-host",
        )
    moment = parse_since(since, now=datetime.now(UTC)) if since else None
    names = [_path(repository, settings.host) for repository in repositories]
    stage = stages(options)
    with options.session(pins) as session:
        plans = _plans(
            session, settings.host, names, signer=settings.signer, since=moment, stage=stage
        )
        promotions: list[Promotion] = [found.promotion for plan in plans for found in plan.unsigned]
        opener = key_opener(
            session, options, keys=keys, allow_shared_key_file=allow_shared_key_file
        )
        results = sign_promotions(
            session, promotions, settings=settings, open_keys=opener, stage=stage
        )
    note_signed(results)
    if options.as_json:
        print_json(
            "reconcile",
            {
                "repositories": [_plan_content(plan) for plan in plans],
                "results": [job_content(result) for result in results],
            },
        )
    else:
        _print_text(plans, results, options, dry_run=dry_run)
    publish_reports(lambda: _outcomes(results, dry_run=dry_run))
    return worst_exit_code([int(result.error.exit_code) for result in results if result.error])


def _plans(
    session: "Session",
    host: str,
    repositories: list[str],
    *,
    signer: str,
    since: datetime | None,
    stage: "ShowStage",
) -> "list[Plan]":
    """Compare DTR's tags with the collection of each repository."""
    from signer.dtr.api import DtrApi
    from signer.dtr.reconcile import plan_repository
    from signer.names import Gun

    api = DtrApi(session.pool, host, credentials=session.credentials)
    session.prefetch(f"{host}/{repository}" for repository in repositories)
    return [
        plan_repository(
            repository,
            _tags(api, repository, stage),
            session.client(Gun(f"{host}/{repository}")).update(),
            signer=signer,
            since=since,
        )
        for repository in repositories
    ]


def _tags(api: "DtrApi", repository: str, stage: "ShowStage") -> "list[Tag]":
    """Read all tags of a repository, page by page."""
    tags = []
    with stage(f"Reading the tags of {repository}", None) as advance:
        for tag in api.tags(repository):
            tags.append(tag)
            advance()
    return tags


def _outcomes(results: "list[JobResult]", *, dry_run: bool) -> "list[Outcome]":
    from signer.report.outcome import of_result

    return [of_result(result, dry_run=dry_run) for result in results]


def _path(repository: str, host: str) -> str:
    """Return ``NAMESPACE/REPO``; a host in front must be the configured one."""
    from signer.names import ImageReference

    given = repository.removeprefix(f"{host}/")
    reference = ImageReference.parse(f"{host}/{given}")
    if reference.tag or reference.digest or reference.domain != host or "/" not in given:
        raise UsageError(
            f"{repository!r} is no repository of {host}.", hint="Write NAMESPACE/REPO."
        )
    return reference.path


def _plan_content(plan: "Plan") -> dict[str, object]:
    return {
        "repository": plan.repository,
        "unsigned": [found.promotion.target for found in plan.unsigned],
        "signed": plan.signed,
        "not_promoted": plan.not_promoted,
        "older": plan.older,
        "unusable": list(plan.unusable),
    }


def _print_text(
    plans: "list[Plan]", results: "list[JobResult]", options: GlobalOptions, *, dry_run: bool
) -> None:
    from signer.cli.sign import print_result

    for plan in plans:
        for problem in plan.unusable:
            click.echo(wrapped(f"warning: {problem}"), err=True)
        if not options.quiet:
            said = (
                f"{plan.repository}: {plan.signed} signed, {len(plan.unsigned)} to sign, "
                f"{plan.not_promoted} not promoted"
            )
            click.echo(f"{said}, {plan.older} older" if plan.older else said)
    for result in results:
        print_result(result, options, dry_run=dry_run)
