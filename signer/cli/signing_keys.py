"""Which private keys a command signs with."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from signer.cli.globals import GlobalOptions
    from signer.keys.signers import NotarySigner
    from signer.names import Gun
    from signer.signing.session import Session

_Function = TypeVar("_Function", bound=Callable[..., Any])


def key_options(function: _Function) -> _Function:
    """Add ``--key`` and ``--allow-shared-key-file``."""
    options = [
        click.option(
            "--key",
            "keys",
            multiple=True,
            metavar="KEY",
            help="PEM file, client bundle, key id, '-', env:NAME, or a URI such as hsm:...  "
            "[default: SIGNER_KEY, the configuration file's, or the trust directory's]",
        ),
        click.option(
            "--allow-shared-key-file",
            is_flag=True,
            help="Accept a key file that others may read (CI 'File' variables).",
        ),
    ]
    for option in reversed(options):
        function = option(function)
    return function


def load_keys(
    session: "Session",
    options: "GlobalOptions",
    *,
    keys: Iterable[str],
    guns: Iterable["Gun"],
    allow_shared_key_file: bool,
) -> "list[NotarySigner]":
    """Load the keys that were named, or find those of the trust directory that fit.

    Raises:
        KeyUnusableError: a key cannot be used, or none fits.
        PassphraseError: a passphrase is missing or was rejected.
    """
    from signer.errors import KeyUnusableError
    from signer.signing.stored import stored_signers

    named = list(keys) or _default_keys(session, options)
    if not named:
        return stored_signers(session, list(dict.fromkeys(guns)))
    try:
        return [
            signer
            for source in named
            for signer in session.load_signers(source, allow_shared_key_file=allow_shared_key_file)
        ]
    except KeyUnusableError as error:
        if error.code == "key-file-shared":
            error.hint += ", or pass --allow-shared-key-file for a file that CI made."
        raise


def _default_keys(session: "Session", options: "GlobalOptions") -> list[str]:
    if session.settings.environment.get("SIGNER_KEY"):
        return ["env:SIGNER_KEY"]
    return [options.configuration.key] if options.configuration.key else []
