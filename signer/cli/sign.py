"""``signer sign``."""

from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import error_content, error_text, print_json, wrapped
from signer.cli.signing_keys import key_options, load_keys
from signer.cli.trusting import trust_options
from signer.errors import worst_exit_code

if TYPE_CHECKING:
    from signer.cli.configuration import Configuration
    from signer.signing.session import PinSources
    from signer.signing.sign import SignResult


@click.command("sign", short_help="Sign image tags with the registry's digest.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@key_options
@click.option("--signer", metavar="NAME", help="Sign as this signer: targets/NAME and releases.")
@click.option("--digest", metavar="SHA256", help="Sign only if the registry has this digest.")
@click.option("--dry-run", is_flag=True, help="Check everything, publish nothing.")
@trust_options
@global_options
def command(
    options: GlobalOptions,
    *,
    images: tuple[str, ...],
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    signer: str | None,
    digest: str | None,
    dry_run: bool,
    pins: "PinSources | None",
) -> int:
    """Sign image tags, each with the digest that the registry has now.

    Every role is signed that the key may sign; all tags of a repository go out in one publish,
    which is read back. An IMAGE is HOST/NAMESPACE/REPO:TAG, with @sha256:... if that digest is
    required.
    """
    from signer.signing.allow import check_allowed
    from signer.signing.sign import as_request, sign_images, with_digest

    requests = [as_request(image) for image in images]
    if digest:
        requests = with_digest(requests, digest)
    file = options.configuration
    _warn_of_unused(file)
    for request in requests:
        check_allowed(request.reference, host=file.host, allow=file.allow)
    with options.session(pins) as session:
        session.prefetch(str(request.reference) for request in requests)
        signers = load_keys(
            session,
            options,
            keys=keys,
            guns=[request.reference.gun for request in requests],
            allow_shared_key_file=allow_shared_key_file,
        )
        results = sign_images(
            session,
            requests,
            signers=signers,
            signer=signer or file.signer,
            dry_run=dry_run,
        )
    failures = [result.error for result in results if result.error]
    if len(failures) == len(results) == 1:
        raise failures[0]
    if options.as_json:
        print_json("sign", {"results": [result_content(result) for result in results]})
    else:
        for result in results:
            _print_text(result, options, dry_run=dry_run)
    return worst_exit_code([int(error.exit_code) for error in failures])


def _warn_of_unused(file: "Configuration") -> None:
    """Say which sections of the file do not count for images that are named."""
    if file.has_gate:
        click.echo("warning: [signing.gate] applies to events only and was not asked.", err=True)
    if file.has_audit:
        click.echo("warning: [audit] has no effect in this version: no record is kept.", err=True)


def result_content(result: "SignResult") -> dict[str, Any]:
    """Return a result as JSON."""
    content: dict[str, Any] = {
        "image": result.image,
        "digest": result.digest,
        "previous_digest": result.previous_digest,
        "status": result.status,
        "roles": list(result.roles),
        "key_ids": list(result.key_ids),
        "versions": dict(result.versions),
    }
    if result.warnings:
        content["warnings"] = list(result.warnings)
    if result.error:
        content["reason"] = error_content(result.error)
    return content


def _print_text(result: "SignResult", options: GlobalOptions, *, dry_run: bool) -> None:
    if result.error:
        click.echo(f"{result.status}  {result.image}", err=True)
        click.echo(error_text(result.error, indent="  "), err=True)
        return
    for warning in result.warnings:
        click.echo(wrapped(f"warning: {warning}"), err=True)
    if options.quiet:
        return
    status = "would be signed" if dry_run and result.status == "signed" else result.status
    click.echo(f"{status}  {result.image}")
    click.echo(f"  {result.digest}")
    if result.previous_digest and result.previous_digest != result.digest:
        click.echo(f"  was {result.previous_digest}")
    roles = ", ".join(
        f"{role} (version {result.versions[role]})" if role in result.versions else role
        for role in result.roles
    )
    click.echo(wrapped(f"  roles  {roles}", subsequent=" " * 9))
