"""``signer state``: known roots and high-water marks."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import print_json, table
from signer.errors import NotFoundError

if TYPE_CHECKING:
    from signer.names import Gun
    from signer.trust.state import StateStore, TrustState

_STATE = click.option(
    "--state",
    default="",
    metavar="URL",
    help="Directory, or redis://, rediss://, unix:// URL.  [default: in --trust-dir]",
)
_REPOSITORIES = click.argument("repositories", nargs=-1, metavar="[REPO...]")


@click.group("state", short_help="Show, export and import known roots and versions.")
@global_options
def command(options: GlobalOptions) -> None:
    """Show, export and import known roots and the highest versions seen."""


@command.command("show", short_help="Show known roots and versions.")
@_REPOSITORIES
@_STATE
@global_options
def show_command(options: GlobalOptions, *, repositories: tuple[str, ...], state: str) -> int:
    """Show root, versions and time of the last change for each REPO, otherwise for all."""
    with _store(options, state) as store:
        found = _load(store, repositories)
        content = [_content(store, gun, one) for gun, one in found.items()]
        where = store.description
    if options.as_json:
        print_json("state", {"location": where, "states": content})
        return 0
    if not content:
        click.echo(f"Nothing is remembered in {where}.")
        return 0
    for number, one in enumerate(content):
        click.echo("\n" * bool(number) + f"{one['gun']}  (changed {one['changed'] or 'unknown'})")
        click.echo(f"  root version {one['root_version']}, key ids:")
        for key_id, canonical in zip(
            one["root_key_ids"], one["root_canonical_key_ids"], strict=True
        ):
            click.echo(f"    {key_id}")
            if canonical != key_id:
                click.echo(f"    (canonical {canonical})")
        rows = [[f"  {role}", str(version)] for role, version in one["versions"].items()]
        click.echo(table(["  ROLE", "HIGHEST VERSION SEEN"], rows))
    return 0


@command.command("export", short_help="Write known roots and versions into one file.")
@_REPOSITORIES
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file.  [default: standard output]",
)
@_STATE
@global_options
def export_command(
    options: GlobalOptions, *, repositories: tuple[str, ...], output: Path | None, state: str
) -> int:
    """Write what is remembered of each REPO, otherwise of all, as one JSON file.

    It holds no secret, but whoever may alter it decides which roots are trusted where it is
    imported.
    """
    from signer.files import write_named_file
    from signer.trust.state_export import encode_export

    with _store(options, state) as store:
        found = _load(store, repositories)
    text = encode_export(found)
    if output is None:
        click.echo(text, nl=False)
        return 0
    write_named_file(output, text)
    if options.as_json:
        print_json("state", {"file": str(output), "exported": list(found)})
    elif not options.quiet:
        click.echo(f"exported {_count(found)} to {output}")
    return 0


@command.command("import", short_help="Merge an exported file into what is known.")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@_STATE
@global_options
def import_command(options: GlobalOptions, *, file: Path, state: str) -> int:
    """Merge FILE, or '-', into what is remembered: versions only rise.

    A root that contradicts the known one is refused with 4; then nothing of FILE is imported.
    """
    from signer.files import read_named_file
    from signer.trust.state_export import MAX_SIZE, decode_export, import_states

    dashed = str(file) == "-"
    if dashed:
        text = sys.stdin.buffer.read(MAX_SIZE + 1)
    else:
        text = read_named_file(file, max_bytes=MAX_SIZE)
    states = decode_export(text, origin="Standard input" if dashed else str(file))
    with _store(options, state) as store:
        outcomes = import_states(store, states)
    if options.as_json:
        content = [{"gun": gun, "status": status} for gun, status in outcomes.items()]
        print_json("state", {"imported": content})
    elif not options.quiet:
        for gun, status in outcomes.items():
            click.echo(f"{status:<9}  {gun}")
        click.echo(f"imported {_count(outcomes)}")
    return 0


@contextmanager
def _store(options: GlobalOptions, state: str) -> "Iterator[StateStore]":
    """Open the states that are named, or the trust directory's."""
    with options.session(state_url=state) as session:
        yield session.states


def _load(store: "StateStore", repositories: Sequence[str]) -> "dict[Gun, TrustState]":
    """Load what is asked for, otherwise all that there is.

    Raises:
        NotFoundError: nothing is remembered of a repository that was named.
    """
    from signer.names import parse_gun

    guns = list(dict.fromkeys(map(parse_gun, repositories))) or store.guns()
    found = {}
    for gun in guns:
        state = store.load(gun)
        if state is not None:
            found[gun] = state
        elif repositories:
            raise NotFoundError(
                f"Nothing is remembered of {gun} in {store.description}.",
                hint="A collection is remembered once it has been read.",
                code="not-remembered",
            )
    return found


def _content(store: "StateStore", gun: "Gun", state: "TrustState") -> dict[str, Any]:
    from signer.constants import ROOT
    from signer.errors import TrustDataError
    from signer.trust.state_export import root_of

    try:
        root = root_of(state)
    except TrustDataError as error:
        raise store.unreadable(gun) from error
    keys = [root.keys[key_id] for key_id in root.roles[ROOT].keyids]
    changed = store.changed(gun)
    return {
        "gun": gun,
        "root_version": root.version,
        "root_key_ids": [key.keyid for key in keys],
        "root_canonical_key_ids": [getattr(key, "canonical_id", key.keyid) for key in keys],
        "versions": dict(sorted(state.versions.items())),
        "changed": f"{changed:%Y-%m-%dT%H:%M:%SZ}" if changed else None,
    }


def _count(items: "dict[Gun, Any]") -> str:
    return f"{len(items)} collection{'' if len(items) == 1 else 's'}"
