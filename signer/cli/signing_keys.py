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
    role: str = "",
) -> "list[NotarySigner]":
    """Load the keys that were named, or find those of the trust directory that fit.

    Raises:
        KeyUnusableError: a key cannot be used, or none fits.
        PassphraseError: a passphrase is missing or was rejected.
    """
    from signer.errors import KeyUnusableError
    from signer.keys.example import refuse_example_key
    from signer.keys.sources import load_signers
    from signer.signing.stored import stored_signers

    named = list(keys) or _default_keys(session, options)
    listed = list(dict.fromkeys(guns))
    if not named:
        return stored_signers(session, listed)
    try:
        signers = [
            signer
            for source in named
            for signer in load_signers(
                source,
                store=session.store,
                passphrases=session.passphrases,
                environment=session.settings.environment,
                role=role,
                allow_example_keys=True,
                allow_shared_key_file=allow_shared_key_file,
                prompt=session.prompt,
            )
        ]
    except KeyUnusableError as error:
        if error.code == "key-file-shared":
            error.hint += ", or pass --allow-shared-key-file for a file that CI made."
        raise
    for signer in signers:
        for gun in listed:
            refuse_example_key(signer.canonical_id, gun.partition("/")[0])
    return signers


def _default_keys(session: "Session", options: "GlobalOptions") -> list[str]:
    if session.settings.environment.get("SIGNER_KEY"):
        return ["env:SIGNER_KEY"]
    return [options.configuration.key] if options.configuration.key else []
