"""``signer serve``."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.errors import UsageError

if TYPE_CHECKING:
    from signer.embedded.app import Dtr

_DEFAULT_LISTEN = "localhost:8443"


@click.command("serve", short_help="Run the embedded DTR.")
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything is kept; made at the first start.",
)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default=_DEFAULT_LISTEN,
    show_default=True,
    help="Port 0 is a free one, the same at every start.",
)
@global_options
def command(options: GlobalOptions, *, data: Path, listen: str) -> int:
    """Run an embedded DTR: registry, Notary server, token server and API on one address.

    It is for demonstrations, tests and development. The first start makes a CA (DATA/ca.pem) and
    the account admin (password in DATA/admin-password). It has no scanner: what a scan finds is
    told to it. Ctrl-C or SIGTERM ends it.
    """
    try:
        from signer.embedded.server import DEFAULT_LISTEN, serve
        from signer.serving.listen import Listen
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"starlette", "uvicorn"}:
            raise
        raise UsageError(
            f"The embedded DTR needs {error.name}, which is not installed.",
            hint="pip install 'signer[server]'",
            code="missing-extra",
        ) from error

    def ready(dtr: "Dtr") -> None:
        ca = str(dtr.certificates.ca_file.absolute())
        if options.as_json:
            click.echo(json.dumps({"schema": "signer.serve/1", "url": dtr.url, "ca": ca}))
        elif not options.quiet:
            click.echo(f"serving   {dtr.url}")
            click.echo(f"ca        {ca}")
            click.echo(f"account   admin, password in {data.absolute() / 'admin-password'}")

    address = Listen.parse(listen, example=DEFAULT_LISTEN)
    serve(data, listen=address, on_ready=ready, access_log=options.verbose)
    return 0
