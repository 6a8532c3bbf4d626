"""The entry point: finds the command, runs it, and turns errors into a message and an exit code.

Commands are loaded when they are called: ``signer --help`` loads nothing of the library.
"""

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from itertools import pairwise
from typing import Final

import click

from signer import __version__
from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import report_error
from signer.errors import ExitCode, SignerError, UsageError

SECTIONS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "Sign and verify": {
        "sign": ("signer.cli.sign", "Sign image tags with the registry's digest."),
        "reconcile": (
            "signer.cli.reconcile",
            "Sign what DTR has promoted and nobody has signed.",
        ),
        "verify": ("signer.cli.verify", "Decide whether images are signed as required."),
        "pin": ("signer.cli.pin", "Rewrite image tags to verified digests."),
        "inspect": ("signer.cli.inspect", "Show who signed what, with which keys."),
        "revoke": ("signer.cli.revoke", "Take a tag's signature away."),
    },
    "Collections and keys": {
        "init": ("signer.cli.init", "Create a trusted collection with its signers."),
        "delegation": ("signer.cli.delegation", "List, add and remove a collection's signers."),
        "keys": ("signer.cli.keys", "List, make and import private keys; check bundles."),
        "ca": ("signer.cli.ca", "Fetch a DTR's CA, against its fingerprint."),
    },
    "Policy and deployment": {
        "policy": ("signer.cli.policy", "Lint, explain, test and import policies."),
        "bundle": (
            "signer.cli.bundle",
            "Everything needed to decide without a network, in one file.",
        ),
        "admission": (
            "signer.cli.admission",
            "Let nothing run but what a policy accepts.",
        ),
        "state": ("signer.cli.state", "Show, export and import known roots and versions."),
        "audit": ("signer.cli.audit", "Show and check the record of what was signed."),
        "ci": ("signer.cli.ci", "Write ready pipelines for a CI system."),
    },
    "Try it, and drop-in": {
        "demo": (
            "signer.cli.demo",
            "Show the whole supply chain on the embedded DTR.",
        ),
        "serve": ("signer.cli.serve", "Run the embedded DTR."),
        "trust": (
            "signer.cli.docker_trust",
            "docker trust's commands and flags, with its output.",
        ),
    },
}
"""Command by section: the module that has ``command``, and the command's short help."""

_SWITCH_SECONDS: Final = 0.0005
_COLLECT_AFTER: Final = 50_000
"""New objects until Python looks for cycles: libraries make many, and none is garbage."""

_COMMANDS: Final = {name: entry for table in SECTIONS.values() for name, entry in table.items()}


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command's module."""
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(_COMMANDS[cmd_name][0]).command
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, from the table alone."""
        for section, table in SECTIONS.items():
            with formatter.section(section):
                formatter.write_dl([(name, text) for name, (_, text) in table.items()])


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "--version", prog_name="signer")
@global_options
def cli(options: GlobalOptions) -> None:
    """Docker Content Trust without Docker: sign promoted images, verify before deployment.

    Options that are shown here are accepted before and after a command's name. Exit codes: 0 done,
    2 usage, 3 not signed, 4 trust data invalid, 5 expired, 6 network, 7 credentials, 8 key,
    9 conflict, 10 gate, 1 anything else.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends the process with the command's exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Threads that talk to servers get their turn at once while others import libraries.
    sys.setswitchinterval(_SWITCH_SECONDS)
    gc.set_threshold(_COLLECT_AFTER)
    code = run(given)
    gc.freeze()  # the process ends here: nothing in it has to be searched for cycles
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; errors have been shown."""
    as_json = "--json" in arguments or "--format=json" in arguments
    as_json = as_json or ("--format", "json") in pairwise(arguments)
    try:
        result = cli.main(args=list(arguments), prog_name="signer", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads any more
        return ExitCode.FAILURE
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback leaves here
        return report_error(_as_signer_error(error), as_json=as_json)
    return int(result or 0)


def _as_signer_error(error: BaseException) -> SignerError:
    match error:
        case SignerError():
            return error
        case click.UsageError():
            hint = f"See '{error.ctx.command_path} --help'." if error.ctx else ""
            return UsageError(error.format_message(), hint=hint)
        case click.ClickException():
            return SignerError(error.format_message())
        case click.Abort() | KeyboardInterrupt():
            return SignerError("Interrupted.", code="interrupted")
    return SignerError(
        f"An internal error, {type(error).__name__}: {error}",
        hint="This is a fault of signer; please report it with the command and this line.",
        code="internal",
    )
