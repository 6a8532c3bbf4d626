"""``signer init``."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import note_initialised
from signer.cli.output import print_json, wrapped
from signer.cli.recording import recorded
from signer.cli.trusting import pin_options
from signer.errors import UsageError
from signer.files import read_named_file

if TYPE_CHECKING:
    from signer.keys.signers import NotarySigner
    from signer.signing.initialise import Initialised
    from signer.signing.session import PinSources, Session


@click.command("init", short_help="Create a trusted collection with its signers.")
@click.argument("repository")
@click.option(
    "--signer",
    "signers",
    multiple=True,
    metavar="NAME=CERT.pem",
    help="A signer's certificate or public key; repeatable, also for one name.",
)
@click.option("--root-key", metavar="KEY", help="Root key: an id, a PEM file or a URI.")
@click.option(
    "--root-cert",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The root key's certificate.  [default: self-signed, CN = REPOSITORY]",
)
@pin_options
@global_options
@recorded("init")
def command(
    options: GlobalOptions,
    *,
    repository: str,
    signers: tuple[str, ...],
    root_key: str | None,
    root_cert: Path | None,
    pins: "PinSources | None",
) -> int:
    """Create the trusted collection of REPOSITORY, published at once.

    Root and targets keys are made in the trust directory (a single root key that is there is used
    again); the server keeps the snapshot and timestamp keys. Run again with the same arguments it
    changes nothing.
    """
    from signer.signing.initialise import init_collection

    with options.session(pins) as session:
        result = init_collection(
            session,
            repository,
            signers=_certificates(signers),
            root_key=_root_key(session, root_key) if root_key else None,
            root_certificate=read_named_file(root_cert) if root_cert else None,
        )
    note_initialised(result)
    if options.as_json:
        print_json(
            "init",
            {
                "repository": result.gun,
                "status": result.status,
                "root_key_ids": list(result.root_key_ids),
                "root_canonical_key_ids": list(result.root_canonical_key_ids),
                "root_keys": _root_keys(result),
                "signers": {name: list(ids) for name, ids in result.signers.items()},
                "keys": {role: str(path) for role, path in result.keys.items()},
                "versions": dict(result.versions),
            },
        )
    elif not options.quiet:
        _print_text(result)
    return 0


def _certificates(signers: tuple[str, ...]) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for item in signers:
        name, equals, file = item.partition("=")
        if not equals or not name or not file:
            raise UsageError(f"--signer {item!r} is not NAME=CERT.pem.")
        found.setdefault(name, []).append(read_named_file(Path(file)))
    return found


def _root_key(session: "Session", source: str) -> "NotarySigner":
    from signer.constants import ROOT

    found = session.load_signers(source, role=ROOT)
    if len(found) > 1:
        raise UsageError(f"--root-key {source} holds {len(found)} keys; give one.")
    return found[0]


def _root_keys(result: "Initialised") -> list[dict[str, str]]:
    names = ("key_id", "canonical_key_id", "certificate")
    columns = (result.root_key_ids, result.root_canonical_key_ids, result.root_certificates)
    return [dict(zip(names, key, strict=True)) for key in zip(*columns, strict=True)]


def _print_text(result: "Initialised") -> None:
    click.echo(f"{result.status}  {result.gun}")
    for name, ids in result.signers.items():
        click.echo(f"  signer {name}: {', '.join(key_id[:12] for key_id in ids)}")
    click.echo("Pin the root where images are verified, with one of:")
    for key_id in dict.fromkeys((*result.root_key_ids, *result.root_canonical_key_ids)):
        click.echo(f"  --root-key-id {key_id}")
    for role, path in result.keys.items():
        click.echo(f"{role} key: {path}")
    if result.keys:
        click.echo(
            wrapped(
                "Move the root and targets keys offline and keep a copy: without them nobody can "
                "change signers or rotate keys. Signing images needs neither.",
                subsequent="",
            )
        )
