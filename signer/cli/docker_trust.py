"""``signer trust``: takes ``docker trust``'s commands and flags, with its output.

Where docker trust errs, this does not follow it (docker-trust reference, "The ten traps"): a tag
is signed with the registry's digest (T1), every key is proved (T2), ``signer remove`` removes (T3),
inspect never answers from a cache (T4), TLS is always verified (T5), a key file is loaded or
refused (T9). Signing never creates a collection; ``signer add`` does, as docker's.

As with docker, an unknown root is trusted on first use, unless the configuration pins one.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import (
    note_delegation,
    note_initialised,
    note_keys,
    note_revoked,
    note_signed,
)
from signer.cli.output import report_error
from signer.cli.recording import note_failure, recorded
from signer.errors import SignerError, UsageError, worst_exit_code
from signer.files import read_named_file

if TYPE_CHECKING:
    from signer.keys.signers import NotarySigner
    from signer.names import Gun
    from signer.signing.inspect import Inspection
    from signer.signing.session import Session


@click.group("trust", short_help="docker trust's commands and flags, with its output.")
@global_options
def command(options: GlobalOptions) -> None:
    """Manage trust on images with docker trust's commands and flags."""


@command.command("inspect", short_help="Return low-level information about keys and signatures.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE[:TAG]...")
@click.option("--pretty", is_flag=True, help="Print the information in a human friendly format.")
@global_options
def inspect_command(options: GlobalOptions, *, images: tuple[str, ...], pretty: bool) -> int:
    """Return low-level information about keys and signatures."""
    from signer.cli.docker_trust_view import docker_json, pretty_text
    from signer.names import ImageReference
    from signer.signing.inspect import inspect_collection

    found: list[tuple[str, Inspection]] = []
    codes = []
    with _session(options) as session:
        for image in images:
            reference = ImageReference.parse(image)
            try:
                inspection = inspect_collection(
                    session, str(replace(reference, digest="")), ask_registry=False
                )
                _refuse_expired(inspection)
                found.append((image, inspection))
            except SignerError as error:
                codes.append(report_error(error, as_json=False))
                if pretty:
                    break
    if pretty:
        for image, inspection in found:
            click.echo(pretty_text(image, inspection), nl=False)
    else:
        click.echo(docker_json(found))
    return worst_exit_code(codes)


@command.command("sign", short_help="Sign an image.")
@click.argument("image", metavar="IMAGE:TAG")
@click.option("--local", is_flag=True, help="Refused: push the image first; no engine is asked.")
@global_options
@recorded("sign")
def sign_command(options: GlobalOptions, *, image: str, local: bool) -> int:
    """Sign an image with the registry's digest and the keys of the trust directory."""
    from signer.signing.sign import as_request, sign_images

    if local:
        raise UsageError(
            "There is no engine to push a local image.",
            hint="Push it with 'docker push', then sign without --local.",
        )
    request = as_request(image)
    gun = request.reference.gun
    click.echo(f"Signing and pushing trust metadata for {image}", err=True)
    with _session(options) as session:
        [result] = sign_images(session, [request], signers=_keys(session, [gun]))
    note_signed([result])
    if result.error:
        raise result.error
    for warning in result.warnings:
        click.echo(f"warning: {warning}", err=True)
    if result.previous_digest and result.previous_digest != result.digest:
        click.echo(f"The tag had digest {result.previous_digest}", err=True)
    click.echo(f"Successfully signed {result.image}")
    return 0


@command.command("revoke", short_help="Remove trust for an image.")
@click.argument("image", metavar="IMAGE[:TAG]")
@click.option("-y", "--yes", is_flag=True, help="Do not prompt for confirmation.")
@global_options
@recorded("revoke")
def revoke_command(options: GlobalOptions, *, image: str, yes: bool) -> int:
    """Remove trust for an image, or for all tags of a repository."""
    from signer.names import ImageReference
    from signer.signing.inspect import inspect_collection
    from signer.signing.revoke import revoke_tag

    reference = ImageReference.parse(image)
    with _session(options) as session:
        tags = [reference.tag]
        if not reference.tag:
            _confirm(f"Confirm you would like to delete all signature data for {image}?", yes=yes)
            tags = [tag.name for tag in inspect_collection(session, reference.gun).tags]
            if not tags:
                raise SignerError(
                    f"could not remove signature for {image}: no signed tags to remove"
                )
        signers = _keys(session, [reference.gun])
        for tag in tags:
            result = revoke_tag(session, str(reference.with_tag(tag)), signers=signers)
            note_revoked(result, goes_on=True)
    click.echo(f"Successfully deleted signature for {image}")
    return 0


@command.group("signer", short_help="Manage entities who can sign images.")
@global_options
def signer_group(options: GlobalOptions) -> None:
    """Manage entities who can sign images."""


@signer_group.command("add", short_help="Add a signer.")
@click.argument("name")
@click.argument("repositories", nargs=-1, required=True, metavar="REPOSITORY...")
@click.option(
    "--key",
    "key_files",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="Path to the signer's public key file or certificate.",
)
@global_options
@recorded("delegation-add")
def add_command(
    options: GlobalOptions, *, name: str, repositories: tuple[str, ...], key_files: tuple[Path, ...]
) -> int:
    """Add a signer; a repository without trust data is initialised."""
    pems = [read_named_file(path) for path in key_files]
    with _session(options) as session:
        return _each(
            repositories,
            f'Adding signer "{name}" to {{}}...',
            lambda repository: _add(session, repository, name=name, pems=pems),
            done=f"Successfully added signer: {name} to {{}}",
            failed="failed to add signer to: {}",
        )


@signer_group.command("remove", short_help="Remove a signer.")
@click.argument("name")
@click.argument("repositories", nargs=-1, required=True, metavar="REPOSITORY...")
@click.option("-f", "--force", is_flag=True, help="Even if it was the last to sign releases.")
@global_options
@recorded("delegation-remove")
def remove_command(
    options: GlobalOptions, *, name: str, repositories: tuple[str, ...], force: bool
) -> int:
    """Remove a signer."""
    from signer.names import parse_gun
    from signer.signing.delegations import remove_signer

    with _session(options) as session:
        return _each(
            repositories,
            f'Removing signer "{name}" from {{}}...',
            lambda repository: note_delegation(
                remove_signer(
                    session,
                    repository,
                    name=name,
                    signers=_keys(session, [parse_gun(repository)]),
                    force=force,
                ),
                goes_on=True,
            ),
            done=f"Successfully removed {name} from {{}}",
            failed="error removing signer from: {}",
        )


@command.group("key", short_help="Manage keys for signing Docker images.")
@global_options
def key_group(options: GlobalOptions) -> None:
    """Manage keys for signing Docker images."""


@key_group.command("generate", short_help="Generate and load a signing key-pair.")
@click.argument("name")
@click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Directory to generate key in.  [default: here]",
)
@global_options
@recorded("keys-generate")
def generate_command(options: GlobalOptions, *, name: str, directory: Path) -> int:
    """Generate and load a signing key-pair."""
    from signer.cli.keys import make_key

    click.echo(f"Generating key for {name}...")
    with options.session() as session:
        stored, public_file = make_key(session, name, key_type="ecdsa", directory=directory)
    note_keys("generated", [stored])
    click.echo(
        "Successfully generated and loaded private key. Corresponding public key available: "
        f"{public_file.resolve()}"
    )
    return 0


@key_group.command("load", short_help="Load a private key file for signing.")
@click.argument("key_file", metavar="KEYFILE")
@click.option("--name", default="signer", show_default=True, help="Name for the loaded key.")
@global_options
@recorded("keys-import")
def load_command(options: GlobalOptions, *, key_file: str, name: str) -> int:
    """Load a private key file for signing."""
    from signer.keys.importing import import_keys

    click.echo(f'Loading key from "{key_file}"...')
    with options.session() as session:
        stored = import_keys(
            key_file,
            store=session.store,
            passphrases=session.passphrases,
            environment=session.settings.environment,
            role=name,
        )
    note_keys("imported", stored)
    click.echo(f"Successfully imported key from {key_file}")
    return 0


def _session(options: GlobalOptions) -> "Session":
    from signer.signing.session import PinSources

    pins = options.configuration.pins
    return options.session(pins if pins != PinSources() else PinSources(trust_on_first_use=True))


def _keys(session: "Session", guns: "list[Gun]") -> "list[NotarySigner]":
    from signer.signing.stored import stored_signers

    return stored_signers(session, guns)


def _add(session: "Session", repository: str, *, name: str, pems: list[bytes]) -> None:
    from signer.keys.certificates import load_signer_certificate
    from signer.names import parse_gun
    from signer.signing.delegations import add_signer
    from signer.signing.initialise import init_collection
    from signer.trust.client import NoTrustDataError

    gun = parse_gun(repository)
    keys = [load_signer_certificate(pem, now=session.clock(), origin=name) for pem in pems]
    try:
        session.client(gun).update()
    except NoTrustDataError:
        click.echo(f"Initializing signed repository for {repository}...")
        made = init_collection(session, repository, signers={name: pems})
        note_initialised(made, goes_on=True)
        click.echo(f'Successfully initialized "{repository}"')
        return
    signers = _keys(session, [gun])
    result = add_signer(session, repository, name=name, keys=keys, signers=signers)
    note_delegation(result, key_ids=[key.canonical_id for key in keys], goes_on=True)


def _each(repositories: tuple[str, ...], begin: str, act: Any, *, done: str, failed: str) -> int:  # noqa: ANN401 - any result
    """Act on each repository; errors of one do not stop the others, as with docker."""
    codes = []
    wrong = []
    for repository in repositories:
        click.echo(begin.format(repository))
        try:
            act(repository)
            click.echo(done.format(repository))
        except SignerError as error:
            note_failure(repository, error)
            codes.append(report_error(error, as_json=False))
            wrong.append(repository)
    if wrong:
        click.echo(failed.format(", ".join(wrong)), err=True)
    return worst_exit_code(codes)


def _confirm(question: str, *, yes: bool) -> None:
    from signer.cli.prompt import confirm

    if not yes and not confirm(question):
        raise UsageError("Not confirmed; nothing was changed.", hint="Pass --yes in scripts.")


def _refuse_expired(inspection: "Inspection") -> None:
    """Docker shows nothing of a collection that has expired."""
    from signer.errors import ExpiredError

    for role in inspection.roles:
        if role.status == "expired":
            raise ExpiredError(role.problem)
