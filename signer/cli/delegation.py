"""``signer delegation``: the signers of a collection."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import note_delegation
from signer.cli.output import print_json, table, wrapped
from signer.cli.recording import recorded
from signer.cli.signing_keys import key_options, load_keys
from signer.cli.trusting import trust_options
from signer.files import read_named_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signer.signing.delegations import DelegationChange
    from signer.signing.session import PinSources


@click.group("delegation", short_help="List, add and remove a collection's signers.")
@global_options
def command(options: GlobalOptions) -> None:
    """List, add and remove the signers of a collection."""


@command.command("list", short_help="Show delegations, their keys and states.")
@click.argument("repository")
@trust_options
@global_options
def list_command(options: GlobalOptions, *, repository: str, pins: "PinSources | None") -> int:
    """Show the delegations of REPOSITORY: keys, paths, threshold, version, expiry."""
    from signer.names import parse_gun
    from signer.signing.inspect import inspect_collection

    parse_gun(repository)
    with options.session(pins) as session:
        inspection = inspect_collection(session, repository)
    delegations = [role for role in inspection.roles if role.paths is not None]
    if options.as_json:
        from signer.cli.inspect import role_content

        content = [role_content(role) for role in delegations]
        print_json("delegation", {"repository": inspection.gun, "delegations": content})
        return 0
    if not delegations:
        click.echo(f"{inspection.gun} has no delegations: the targets key signs its tags.")
        return 0
    rows = [
        [
            role.name if not index else "",
            f"{role.status} v{role.version}"
            if not index and role.version
            else (role.status if not index else ""),
            (f"{role.expires:%Y-%m-%d}" if role.expires else "-") if not index else "",
            str(role.threshold) if not index else "",
            ", ".join(path or '""' for path in role.paths or ()) if not index else "",
            f"{key.canonical_id[:12]} {key.key_type}" if key else "no key",
        ]
        for role in delegations
        for index, key in enumerate(role.keys or (None,))
    ]
    click.echo(table(["ROLE", "STATUS", "EXPIRES", "THRESHOLD", "PATHS", "KEY"], rows))
    return 0


@command.command("add", short_help="Add a signer, or keys to one.")
@click.argument("repository")
@click.argument("name")
@click.argument(
    "certificates", nargs=-1, required=True, type=click.Path(path_type=Path, dir_okay=False)
)
@key_options
@trust_options
@global_options
@recorded("delegation-add")
def add_command(
    options: GlobalOptions,
    *,
    repository: str,
    name: str,
    certificates: tuple[Path, ...],
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    pins: "PinSources | None",
) -> int:
    """Let the owners of CERTIFICATES sign REPOSITORY as NAME.

    The keys are listed in targets/NAME and targets/releases, with all paths. Needs the targets key.
    """
    from signer.keys.certificates import load_signer_certificate
    from signer.names import parse_gun
    from signer.signing.delegations import add_signer

    gun = parse_gun(repository)
    with options.session(pins) as session:
        public = [
            load_signer_certificate(read_named_file(path), now=session.clock(), origin=str(path))
            for path in certificates
        ]
        signers = load_keys(
            session, options, keys=keys, guns=[gun], allow_shared_key_file=allow_shared_key_file
        )
        result = add_signer(session, repository, name=name, keys=public, signers=signers)
    return _report(result, options, key_ids=[key.canonical_id for key in public])


@command.command("remove", short_help="Remove a signer.")
@click.argument("repository")
@click.argument("name")
@click.option("--force", is_flag=True, help="Even if released tags cannot be pulled afterwards.")
@key_options
@trust_options
@global_options
@recorded("delegation-remove")
def remove_command(
    options: GlobalOptions,
    *,
    repository: str,
    name: str,
    force: bool,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    pins: "PinSources | None",
) -> int:
    """Remove the signer NAME of REPOSITORY, and its keys from targets/releases.

    Needs the targets key; where only NAME signed targets/releases, also another of its keys, with
    which it is signed again in the same publish.
    """
    from signer.names import parse_gun
    from signer.signing.delegations import remove_signer

    gun = parse_gun(repository)
    with options.session(pins) as session:
        signers = load_keys(
            session, options, keys=keys, guns=[gun], allow_shared_key_file=allow_shared_key_file
        )
        result = remove_signer(session, repository, name=name, signers=signers, force=force)
    return _report(result, options)


def _report(
    result: "DelegationChange", options: GlobalOptions, *, key_ids: "Sequence[str]" = ()
) -> int:
    note_delegation(result, key_ids=key_ids)
    if options.as_json:
        print_json(
            "delegation",
            {
                "repository": result.gun,
                "signer": result.signer,
                "status": result.status,
                "versions": dict(result.versions),
                "warnings": list(result.warnings),
            },
        )
        return 0
    for warning in result.warnings:
        click.echo(wrapped(f"warning: {warning}"), err=True)
    if not options.quiet:
        versions = ", ".join(f"{role} version {number}" for role, number in result.versions.items())
        click.echo(f"{result.status}  signer {result.signer} of {result.gun}")
        if versions:
            click.echo(wrapped(f"  published {versions}"))
    return 0
