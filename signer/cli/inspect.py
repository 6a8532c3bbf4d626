"""``signer inspect``."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import print_json, short_digest, table, wrapped
from signer.cli.reporting import require_directory, write_report
from signer.cli.trusting import trust_options

if TYPE_CHECKING:
    from signer.signing.inspect import Inspection, RoleView, TagView
    from signer.signing.session import PinSources


@click.command("inspect", short_help="Show who signed what, with which keys.")
@click.argument("repository", metavar="REPOSITORY[:TAG]")
@click.option("--registry", is_flag=True, help="Compare every tag with the registry.")
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write a page for browsers, phones and paper, too.",
)
@trust_options
@global_options
def command(
    options: GlobalOptions,
    *,
    repository: str,
    registry: bool,
    html: Path | None,
    pins: "PinSources | None",
) -> int:
    """Show the roles, keys, versions, expiries and tags of a collection.

    With a TAG, also what each role and the registry have for it. What has expired is shown as such;
    what is not validly signed is not shown.
    """
    from signer.signing.inspect import inspect_collection

    if html is not None:
        require_directory(html)
    with options.session(pins) as session:
        inspection = inspect_collection(session, repository, ask_registry=registry)
    if html is not None:
        from signer.report.html import inspection_page

        write_report(html, inspection_page(inspection, now=session.clock()))
    if options.as_json:
        print_json("inspect", inspect_content(inspection))
    else:
        _print_text(inspection)
    return 0


def inspect_content(inspection: "Inspection") -> dict[str, Any]:
    """Return an inspection as JSON; times are RFC 3339 in UTC."""
    return {
        "repository": inspection.gun,
        "roles": [role_content(role) for role in inspection.roles],
        "tags": [_tag_content(tag) for tag in inspection.tags],
    }


def role_content(role: "RoleView") -> dict[str, Any]:
    """Return a role as JSON."""
    content: dict[str, Any] = {
        "name": role.name,
        "status": role.status,
        "version": role.version,
        "expires": role.expires.isoformat() if role.expires else None,
        "threshold": role.threshold,
        "keys": [
            {
                "key_id": key.key_id,
                "canonical_key_id": key.canonical_id,
                "type": key.key_type,
                "subject": key.subject,
                "not_after": key.not_after.isoformat() if key.not_after else None,
                "signed": key.signed,
                "certificate": key.certificate,
            }
            for key in role.keys
        ],
    }
    if role.paths is not None:
        content["paths"] = list(role.paths)
    if role.problem:
        content["problem"] = role.problem
    return content


def _tag_content(tag: "TagView") -> dict[str, Any]:
    return {
        "tag": tag.name,
        "digest": tag.digest,
        "length": tag.length,
        "signers": list(tag.signers),
        "roles": dict(tag.digests),
        "differs": tag.differs,
        "custom": tag.custom,
        "registry_digest": tag.registry_digest,
        "registry_problem": tag.registry_problem,
    }


def _print_text(inspection: "Inspection") -> None:
    click.echo(f"{inspection.gun}\n")
    rows = [
        [
            role.name,
            str(role.version or "-"),
            f"{role.expires:%Y-%m-%d}" if role.expires else "-",
            role.status,
            " ".join(f"{key.canonical_id[:12]}{'*' if key.signed else ''}" for key in role.keys),
        ]
        for role in inspection.roles
    ]
    click.echo(table(["ROLE", "VERSION", "EXPIRES", "STATUS", "KEYS (* signed)"], rows))
    for role in inspection.roles:
        if role.problem:
            click.echo(wrapped(f"{role.name}: {role.problem}"))
    click.echo()
    if not inspection.tags:
        click.echo("No tags are signed.")
        return
    rows = [
        [
            tag.name,
            short_digest(tag.digest) or "not released",
            ", ".join(tag.signers) or "-",
            _remark(tag),
        ]
        for tag in inspection.tags
    ]
    click.echo(table(["TAG", "DIGEST", "SIGNERS", ""], rows))
    for tag in inspection.tags:
        if tag.differs or len(inspection.tags) == 1:
            _print_tag(tag)


def _remark(tag: "TagView") -> str:
    if tag.differs:
        return "differs"
    if tag.registry_problem:
        return "registry unknown"
    return "same in registry" if tag.registry_digest else ""


def _print_tag(tag: "TagView") -> None:
    click.echo(f"\n{tag.name}")
    if not tag.digests:
        click.echo("  in no role")
    homes: dict[str, list[str]] = {}
    for role, digest in tag.digests.items():
        homes.setdefault(digest, []).append(role)
    if tag.registry_digest:
        homes.setdefault(tag.registry_digest, []).append("registry")
    for digest, names in homes.items():
        click.echo(f"  {digest}")
        click.echo(wrapped(", ".join(names), indent="    ", subsequent=""))
    if tag.registry_problem:
        click.echo(wrapped(f"  registry: {tag.registry_problem}"))
