"""``signer revoke``."""

from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import note_revoked
from signer.cli.output import print_json, wrapped
from signer.cli.recording import recorded
from signer.cli.signing_keys import key_options, load_keys
from signer.cli.trusting import trust_options

if TYPE_CHECKING:
    from signer.signing.session import PinSources


@click.command("revoke", short_help="Take a tag's signature away.")
@click.argument("image")
@key_options
@trust_options
@global_options
@recorded("revoke")
def command(
    options: GlobalOptions,
    *,
    image: str,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    pins: "PinSources | None",
) -> int:
    """Take the tag of IMAGE out of every role that the keys at hand can sign.

    The image stays in the registry. Roles that still have the tag, because their keys are not at
    hand, are named.
    """
    from signer.names import ImageReference
    from signer.signing.revoke import revoke_tag

    with options.session(pins) as session:
        signers = load_keys(
            session,
            options,
            keys=keys,
            guns=[ImageReference.parse(image).gun],
            allow_shared_key_file=allow_shared_key_file,
        )
        result = revoke_tag(session, image, signers=signers)
    note_revoked(result)
    if options.as_json:
        print_json(
            "revoke",
            {
                "image": result.image,
                "status": result.status,
                "previous_digest": result.previous_digest,
                "roles": list(result.roles),
                "remaining": list(result.remaining),
                "versions": dict(result.versions),
            },
        )
        return 0
    if not options.quiet:
        click.echo(f"{result.status}  {result.image}")
        click.echo(wrapped(f"  from  {', '.join(result.roles)}"))
    if result.remaining:
        still = ", ".join(result.remaining)
        click.echo(wrapped(f"warning: {still} still has it; its key is not at hand."), err=True)
    return 0
