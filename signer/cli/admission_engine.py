"""``signer admission engine``."""

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.errors import SignerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from signer.admission.record import DecisionRecord

_HOLD_SECONDS = 0.0
"""The server is asked about every request, as what was signed a moment ago may be run at once.

An unchanged collection costs two short requests, and nothing is verified again.
"""

_DEFAULT_SOCKET = "/run/docker/plugins/signer.sock"
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("engine", short_help="Let a Docker engine run only what a policy accepts.")
@click.option("--policy", required=True, type=_FILE, help="The policy file.")
@click.option(
    "--socket",
    "socket_path",
    type=_FILE,
    default=_DEFAULT_SOCKET,
    show_default=True,
    help="Where the engine finds the plugin; the name is the plugin's.",
)
@global_options
def command(options: GlobalOptions, *, policy: Path, socket_path: Path) -> int:
    """Run the authorization plugin of a Docker engine.

    Start it before the engine, and the engine with --authorization-plugin=signer, where the
    socket is signer.sock. DOCKER_HOST names the engine's own socket, which is asked for the digests
    of the images that it has. Decisions are logged on standard error, one line of JSON each.
    SIGTERM ends it.
    """
    try:
        from signer.admission.engine.server import PluginSocket, serve
    except ImportError as error:
        if (error.name or "").partition(".")[0] not in {"starlette", "uvicorn"}:
            raise
        raise UsageError(
            f"The plugin needs {error.name}, which is not installed.",
            hint="pip install 'signer[server]'",
            code="missing-extra",
        ) from error
    from signer.admission.collections import KeptCollections
    from signer.admission.engine.api import EngineApi
    from signer.admission.engine.journal import Journal, told_of_record
    from signer.admission.engine.plugin import Plugin
    from signer.admission.log import JsonLog
    from signer.admission.policy_file import PolicyFile
    from signer.cli.admission import server_session

    def ready() -> None:
        if options.as_json:
            content = {"schema": "signer.admission-engine/1", "socket": str(socket_path)}
            click.echo(json.dumps(content))
        elif not options.quiet:
            click.echo(f"listening  {socket_path}")
        sys.stdout.flush()

    policies = PolicyFile(policy)
    engine = EngineApi.of(os.environ)
    log = JsonLog(sys.stderr.buffer)
    record = _record(options, told_of_record(log))
    journal = Journal(log, record)
    policies.on_reload = journal.reloaded
    session = server_session(options)
    collections = KeptCollections(session, hold_seconds=_HOLD_SECONDS)
    plugin = Plugin(policies, collections, engine, registry=session.registry, clock=session.clock)
    serve(plugin, policies, PluginSocket(socket_path), journal=journal, on_ready=ready)
    if record is not None:
        record.close()
    log.close()
    sys.stdout.flush()
    # Threads that wait for a server that hangs must not hold up the end.
    os._exit(0)


def _record(
    options: GlobalOptions, on_error: "Callable[[SignerError | None], None]"
) -> "DecisionRecord | None":
    path = options.configuration.audit_file
    if path is None:
        return None
    from signer.admission.record import DecisionRecord
    from signer.audit.log import AuditLog

    audit = AuditLog(path)
    audit.check()
    return DecisionRecord(audit, on_error=on_error)
