"""``signer ca``."""

import os

import click

from signer.cli.globals import GlobalOptions, docker_directory, global_options
from signer.cli.notes import note_ca
from signer.cli.output import print_json
from signer.cli.recording import recorded
from signer.errors import UsageError


@click.command("ca", short_help="Fetch a DTR's CA, against its fingerprint.")
@click.argument("host")
@click.option(
    "--sha256",
    "fingerprints",
    multiple=True,
    metavar="FINGERPRINT",
    help="The CA certificate's SHA-256 fingerprint, as its admin told you.",
)
@global_options
@recorded("ca")
def command(options: GlobalOptions, *, host: str, fingerprints: tuple[str, ...]) -> int:
    """Fetch the CA of a DTR from https://HOST/ca and store it for docker and signer.

    It goes to $DOCKER_CONFIG/tls/HOST/ca.crt, but only if its fingerprint is the one given with
    --sha256, or is confirmed on the terminal: the connection itself proves nothing yet.
    """
    from signer.cli.prompt import confirm
    from signer.constants import DEFAULT_TIMEOUT_SECONDS
    from signer.transport.ca import fetch_ca, store_ca

    fetched = fetch_ca(host, timeout_seconds=options.timeout or DEFAULT_TIMEOUT_SECONDS)
    shown = not options.as_json and not options.quiet
    if shown or not fingerprints:
        for certificate in fetched.certificates:
            click.echo(f"subject      {certificate.subject}", err=not shown)
            click.echo(f"expires      {certificate.not_after:%Y-%m-%d} UTC", err=not shown)
            click.echo(f"fingerprint  {certificate.sha256_fingerprint}", err=not shown)
    if fingerprints:
        confirmed = fetched.confirmed(fingerprints)
    elif confirm("Is this what the DTR's admin told you?"):
        confirmed = fetched
    else:
        raise UsageError(
            f"The CA of {host} was not confirmed; nothing was stored.",
            hint="Ask the DTR's admin for the fingerprint and pass it with --sha256.",
            code="not-confirmed",
        )
    path = store_ca(docker_directory(os.environ), host, confirmed.pem)
    note_ca(host, [certificate.sha256_fingerprint for certificate in confirmed.certificates])
    if options.as_json:
        certificates = [
            {
                "subject": certificate.subject,
                "not_after": certificate.not_after.isoformat(),
                "sha256": certificate.sha256_fingerprint,
            }
            for certificate in confirmed.certificates
        ]
        print_json("ca", {"host": host, "path": str(path), "certificates": certificates})
    elif shown:
        click.echo(f"stored       {path}")
    return 0
