"""``signer keys``: private keys of the trust directory, and client bundles."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, docker_directory, global_options
from signer.cli.notes import note_keys
from signer.cli.output import print_json, table, wrapped
from signer.cli.recording import recorded
from signer.errors import UsageError

if TYPE_CHECKING:
    from signer.keys.store import KeyStore, StoredKey
    from signer.signing.session import Session


@click.group("keys", short_help="List, make and import private keys; check bundles.")
@global_options
def command(options: GlobalOptions) -> None:
    """List, make and import private keys; check client bundles."""


@command.command("list", short_help="Show the trust directory's private keys.")
@global_options
def list_command(options: GlobalOptions) -> int:
    """Show the private keys of the trust directory, by role."""
    store = _store(options)
    keys = store.list()
    if options.as_json:
        content = [
            {
                "key_id": key.key_id,
                "role": key.role,
                "repository": key.gun,
                "path": str(key.path),
                "encrypted": key.encrypted,
            }
            for key in keys
        ]
        print_json("keys", {"directory": str(store.directory), "keys": content})
        return 0
    if not keys:
        click.echo(f"No private keys in {store.directory}.")
        return 0
    rows = [
        [key.role or "-", key.key_id, key.gun or "-", "" if key.encrypted else "not encrypted"]
        for key in keys
    ]
    click.echo(table(["ROLE", "KEY ID", "REPOSITORY", ""], rows))
    return 0


@command.command("generate", short_help="Make a signer's key.")
@click.argument("name")
@click.option(
    "--type",
    "key_type",
    type=click.Choice(["ecdsa", "rsa", "ed25519"]),
    default="ecdsa",
    show_default=True,
    help="ecdsa is P-256; rsa has 3072 bits.",
)
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where NAME.pub goes.  [default: here]",
)
@global_options
@recorded("keys-generate")
def generate_command(options: GlobalOptions, *, name: str, key_type: str, directory: Path) -> int:
    """Make a key for the signer NAME: the private half into the trust directory, NAME.pub here.

    NAME may be 'root' for a root key.
    """
    with options.session() as session:
        stored, public_file = make_key(session, name, key_type=key_type, directory=directory)
    note_keys("generated", [stored])
    if options.as_json:
        content = {"key_id": stored.key_id, "path": str(stored.path), "public": str(public_file)}
        print_json("keys", content | {"role": name, "type": key_type})
    elif not options.quiet:
        click.echo(f"made  {stored.key_id}  ({key_type}, role {name})")
        click.echo(f"  private  {stored.path}")
        click.echo(f"  public   {public_file}")
    return 0


def make_key(
    session: "Session", name: str, *, key_type: str, directory: Path
) -> "tuple[StoredKey, Path]":
    """Make and store a signer's key, and write its public half to ``directory``.

    Raises:
        UsageError: the name is no signer's, or the public file exists already.
        PassphraseError: there is no passphrase to encrypt the key with.
    """
    from signer.files import write_atomically
    from signer.keys.generate import generate_private_key
    from signer.keys.pem import encode_public_key_file
    from signer.names import parse_signer

    if name != "root":
        parse_signer(name)
    public_file = directory / f"{name}.pub"
    if public_file.exists():
        raise UsageError(f"{public_file} exists already.", hint="Move it, or use --dir.")
    private_key = generate_private_key(key_type)
    stored = session.store.add(private_key, role=name, passphrase=session.passphrases.new(name))
    try:
        write_atomically(public_file, encode_public_key_file(private_key.public_key(), name))
    except BaseException:
        session.store.remove(stored)
        raise
    return stored, public_file


@command.command("import", short_help="Put private keys into the trust directory.")
@click.argument("source")
@click.option(
    "--role", default="", metavar="ROLE", help="Role or signer's name.  [default: the file's own]"
)
@click.option(
    "--repository", default="", metavar="REPO", help="Collection of a targets or snapshot key."
)
@click.option("--allow-shared-key-file", is_flag=True, help="Accept a file that others may read.")
@global_options
@recorded("keys-import")
def import_command(
    options: GlobalOptions,
    *,
    source: str,
    role: str,
    repository: str,
    allow_shared_key_file: bool,
) -> int:
    """Put the private keys of SOURCE, a PEM file, client bundle or '-', into the trust directory.

    They are encrypted under the passphrase of the environment or terminal.
    """
    from signer.keys.importing import import_keys

    with options.session() as session:
        stored = import_keys(
            source,
            store=session.store,
            passphrases=session.passphrases,
            environment=session.settings.environment,
            role=role,
            gun=repository,
            allow_shared_key_file=allow_shared_key_file,
        )
    note_keys("imported", stored)
    if options.as_json:
        content = [
            {"key_id": key.key_id, "role": key.role, "repository": key.gun, "path": str(key.path)}
            for key in stored
        ]
        print_json("keys", {"imported": content})
    elif not options.quiet:
        for key in stored:
            click.echo(f"imported  {key.key_id}  (role {key.role})\n  {key.path}")
    return 0


@command.command("bundle", short_help="Check a UCP client bundle.")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@global_options
def bundle_command(options: GlobalOptions, *, path: Path) -> int:
    """Check that certificate and key of a client bundle (zip file or directory) belong together.

    Shows the key's type, both key ids, the certificate's subject and expiry. Nothing is stored.
    """
    from signer.errors import ExpiredError
    from signer.keys.bundle import read_bundle

    with options.session() as session:
        bundle = read_bundle(path, passphrases=session.passphrases)
        now = session.clock()
    content = {
        "path": str(path),
        "type": bundle.key_type,
        "key_id": bundle.key_id,
        "canonical_key_id": bundle.canonical_id,
        "subject": bundle.subject,
        "not_after": bundle.not_after.isoformat(),
        "expired": now >= bundle.not_after,
    }
    if options.as_json:
        print_json("keys", content)
    elif not options.quiet:
        click.echo(f"{path}: certificate and key belong together")
        click.echo(f"  key type          {bundle.key_type}")
        click.echo(f"  key id            {bundle.key_id}")
        click.echo(f"  canonical key id  {bundle.canonical_id}")
        click.echo(wrapped(f"  subject           {bundle.subject}", subsequent=" " * 20))
        click.echo(f"  expires           {bundle.not_after:%Y-%m-%d %H:%M} UTC")
    if now >= bundle.not_after and not options.as_json:
        raise ExpiredError(
            f"The certificate of {path} expired at {bundle.not_after:%Y-%m-%d %H:%M} UTC.",
            hint="Download a new bundle, and add its certificate as a signer before it is used.",
            code="certificate-expired",
        )
    return 5 if now >= bundle.not_after else 0


def _store(options: GlobalOptions) -> "KeyStore":
    """Open the key store without a session: listing keys needs no library."""
    from signer.keys.store import KeyStore

    trust_dir = options.trust_dir or docker_directory(os.environ) / "trust"
    return KeyStore(trust_dir / "private")
