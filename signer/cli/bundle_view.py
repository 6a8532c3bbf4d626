"""What ``signer bundle`` shows of a bundle: who made it, what is in it, until when it is valid."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from signer.cli.globals import GlobalOptions
from signer.cli.output import error_content, print_json, wrapped
from signer.errors import ExitCode, SignerError, worst_exit_code

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signer.names import Gun
    from signer.trust.bundle import Bundle
    from signer.trust.collection import TrustedCollection

_INDENT: Final = " " * 5
_SHOWN_ID: Final = 12
_DONE: Final = {"create": "created", "verify": "signature good", "update": "updated"}


@dataclass(frozen=True)
class BundleView:
    """What a command did with a bundle.

    Attributes:
        action: ``create``, ``verify`` or ``update``.
        path: the bundle's file.
        bundle: its content.
        signed_by: canonical ids of the keys whose signatures were verified.
        found: each collection, verified, or why it is refused.
    """

    action: str
    path: Path
    bundle: "Bundle"
    signed_by: tuple[str, ...]
    found: "Mapping[Gun, TrustedCollection | SignerError]"

    @property
    def policy(self) -> str | None:
        """SHA-256 of the policy that is in the bundle, as hex."""
        text = self.bundle.policy
        return hashlib.sha256(text.encode("utf-8")).hexdigest() if text else None


def show_bundle(view: BundleView, options: GlobalOptions) -> int:
    """Print a bundle as the options want it; return the exit code, the gravest refusal's."""
    if options.as_json:
        print_json("bundle", _content(view))
    else:
        _print_text(view, options)
    errors = [result for result in view.found.values() if isinstance(result, SignerError)]
    return worst_exit_code([int(error.exit_code) for error in errors])


def _content(view: BundleView) -> dict[str, Any]:
    return {
        "action": view.action,
        "file": str(view.path),
        "created": view.bundle.created.isoformat(),
        "signed_by": list(view.signed_by),
        "policy": view.policy,
        "collections": [
            _collection(view.bundle, gun) | _result(view.found[gun]) for gun in view.found
        ],
    }


def _collection(bundle: "Bundle", gun: "Gun") -> dict[str, Any]:
    bundled = bundle.collections[gun]
    return {"gun": gun, "older_roots": len(bundled.roots), "pins": list(bundled.pins)}


def _result(result: "TrustedCollection | SignerError") -> dict[str, Any]:
    if isinstance(result, SignerError):
        return {"status": _status(result), "reason": error_content(result)}
    return {
        "status": _status(result),
        "reason": None,
        "valid_until": result.valid_until.isoformat(),
        "roles": [
            {"name": name, "version": role.version, "expires": role.expires.isoformat()}
            for name, role in result.roles.items()
        ],
        "tags": sorted(_tags(result)),
    }


def _status(result: "TrustedCollection | SignerError") -> str:
    if not isinstance(result, SignerError):
        return "valid"
    return "expired" if result.exit_code == ExitCode.EXPIRED else "refused"


def _tags(collection: "TrustedCollection") -> set[str]:
    return {tag for role in collection.walk() for tag in role.targets.targets if role.admits(tag)}


def _print_text(view: BundleView, options: GlobalOptions) -> None:
    from signer.dialect.time import format_time

    if not options.quiet:
        signers = ", ".join(keyid[:_SHOWN_ID] for keyid in view.signed_by)
        click.echo(f"{_DONE[view.action]}  {view.path}")
        click.echo(f"  made {format_time(view.bundle.created)}, signed by {signers}")
        if view.policy:
            click.echo(f"  policy {view.policy[:_SHOWN_ID]}")
    for gun, result in view.found.items():
        if not isinstance(result, SignerError):
            if not options.quiet:
                _print_collection(gun, result)
            continue
        click.echo(f"{_status(result)}  {gun}")
        click.echo(wrapped(f"  reason   {result.message} ({result.code})", subsequent=_INDENT))
        if result.hint:
            click.echo(wrapped(f"  hint     {result.hint}", subsequent=_INDENT))


def _print_collection(gun: "Gun", collection: "TrustedCollection") -> None:
    from signer.dialect.time import format_time

    first = min(collection.roles.values(), key=lambda role: role.expires)
    click.echo(f"valid  {gun}")
    click.echo(f"  until  {format_time(first.expires)}, when {first.name} expires")
    versions = ", ".join(f"{name} {role.version}" for name, role in collection.roles.items())
    click.echo(wrapped(f"  roles  {versions}", subsequent=_INDENT))
    tags = sorted(_tags(collection))
    click.echo(wrapped(f"  tags   {', '.join(tags) or 'none'}", subsequent=_INDENT))
