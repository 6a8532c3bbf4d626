"""``signer admission``: servers that let nothing run but what a policy accepts."""

import json
import os
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.admission_engine import command as engine_command
from signer.cli.globals import GlobalOptions, global_options
from signer.errors import UsageError

if TYPE_CHECKING:
    from signer.signing.session import Session

_REQUEST_SECONDS = 4.0
"""Shorter than the API server waits, so that a refusal can say why."""

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("admission", short_help="Let nothing run but what a policy accepts.")
@global_options
def command(options: GlobalOptions) -> None:
    """Servers that let nothing run but what a policy accepts."""


command.add_command(engine_command)


@command.command("kubernetes", short_help="Run the admission webhook for Kubernetes.")
@click.option("--policy", required=True, type=_FILE, metavar="FILE", help="The policy.")
@click.option(
    "--listen",
    default="0.0.0.0:8443",
    metavar="HOST:PORT",
    show_default=True,
    help="Port 0 is a free one.",
)
@click.option("--tls-cert", type=_FILE, metavar="FILE", help="The server's certificate, PEM.")
@click.option("--tls-key", type=_FILE, metavar="FILE", help="Its key, PEM, no passphrase.")
@click.option(
    "--insecure-http", is_flag=True, help="Serve without TLS, on a loopback address alone."
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes.",
)
@click.option(
    "--state",
    default="",
    metavar="URL",
    help="Trust state: directory, or redis://, rediss://, unix:// URL.  [default: in --trust-dir]",
)
@global_options
def kubernetes_command(
    options: GlobalOptions,
    *,
    policy: Path,
    listen: str,
    tls_cert: Path | None,
    tls_key: Path | None,
    insecure_http: bool,
    workers: int,
    state: str,
) -> int:
    """Run the admission webhook: POST /mutate and /validate, GET /livez, /readyz, /metrics.

    Policy and certificate are read again when they change; wrong ones do not come into force. One
    JSON line for every decision goes to standard error. SIGTERM ends it, in 10 seconds at most.
    """
    _require_extra()
    from signer.admission.workers import Webhook, serve
    from signer.serving.listen import Listen

    address = Listen.parse(listen, example="0.0.0.0:8443", default_host="0.0.0.0")  # noqa: S104 - as asked
    _check_tls(tls_cert, tls_key, insecure_http=insecure_http, is_loopback=address.is_loopback)
    audit_file = options.configuration.audit_file
    audit = None
    if audit_file is not None:
        from signer.audit.log import AuditLog

        audit = AuditLog(audit_file)

    def ready(url: str) -> None:
        if options.as_json:
            click.echo(json.dumps({"schema": "signer.admission/1", "url": url}))
        elif not options.quiet:
            click.echo(f"serving   {url}")
        sys.stdout.flush()

    code = serve(
        Webhook(
            policy=policy,
            listen=address,
            certificate=tls_cert,
            key=tls_key,
            session=lambda: server_session(options, state=state),
            workers=workers,
            audit=audit,
        ),
        on_ready=ready,
    )
    # Threads that wait for a server that hangs must not hold up the end.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _require_extra() -> None:
    """Look for what the webhook needs; loaded it is later, in each process."""
    for name in ("starlette", "uvicorn", "prometheus_client"):
        if find_spec(name) is None:
            raise UsageError(
                f"The admission webhook needs {name}, which is not installed.",
                hint="pip install 'signer[server]'",
                code="missing-extra",
            )


def server_session(options: GlobalOptions, *, state: str = "") -> "Session":
    """Open a session for a server that decides: nobody to ask, and answers in time.

    Args:
        options: the global ones.
        state: where the trust state is; empty for the trust directory.
    """
    from signer.admission.lanes import CONNECTIONS
    from signer.signing.session import Session

    given = replace(options, timeout=options.timeout or _REQUEST_SECONDS)
    with given.session() as opened:
        return Session(replace(opened.settings, state_url=state, max_connections=CONNECTIONS))


def _check_tls(
    certificate: Path | None, key: Path | None, *, insecure_http: bool, is_loopback: bool
) -> None:
    if insecure_http:
        if certificate or key:
            raise UsageError("--insecure-http goes without --tls-cert and --tls-key.")
        if not is_loopback:
            raise UsageError("--insecure-http is for a loopback address alone.")
    elif certificate is None or key is None:
        raise UsageError(
            "Give --tls-cert and --tls-key.",
            hint="The API server speaks TLS with webhooks. To try it out on a loopback address, "
            "there is --insecure-http.",
        )
