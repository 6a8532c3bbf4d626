"""Options that say which root to trust; every command that reads a collection takes them."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from signer.signing.session import PinSources

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)

_KEY_ID = click.option("--root-key-id", multiple=True, metavar="ID", help="Pin a root key.")
_CERTIFICATE = click.option(
    "--root-cert", multiple=True, type=_FILE, help="Pin a root certificate or public key."
)
_AUTHORITY = click.option(
    "--root-ca", multiple=True, type=_FILE, help="Pin a CA of root certificates."
)
_FIRST_USE = click.option(
    "--trust-on-first-use",
    is_flag=True,
    help="Trust whatever root the server shows, if none is known yet.",
)


def trust_options(function: _Function) -> _Function:
    """Add the options; the function gets them as ``pins``: PinSources, or None where none."""

    @functools.wraps(function)
    def wrapper(*args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever the command has
        certificates = params.pop("root_cert")
        pins = _pins(params, tuple(certificates))
        return function(*args, pins=pins, **params)

    return _KEY_ID(_CERTIFICATE(_AUTHORITY(_FIRST_USE(wrapper))))  # type: ignore[return-value] # with more parameters


def pin_options(function: _Function) -> _Function:
    """Add the options but ``--root-cert``, which means something else to ``init``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever the command has
        return function(*args, pins=_pins(params, ()), **params)

    return _KEY_ID(_AUTHORITY(_FIRST_USE(wrapper)))  # type: ignore[return-value] # with more parameters


def _pins(params: dict[str, Any], certificates: tuple[Path, ...]) -> "PinSources | None":
    """Take the options out of a command's parameters."""
    key_ids = tuple(params.pop("root_key_id"))
    authorities = tuple(params.pop("root_ca"))
    first_use = bool(params.pop("trust_on_first_use"))
    if not (key_ids or certificates or authorities or first_use):
        return None
    from signer.signing.session import PinSources

    return PinSources(key_ids, certificates, authorities, first_use)
