"""``signer sign``."""

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.notes import note_signed
from signer.cli.output import error_content, error_text, print_json, wrapped
from signer.cli.recording import recorded
from signer.cli.reporting import publish_reports, report_options
from signer.cli.signing_keys import key_options, load_keys
from signer.cli.trusting import trust_options
from signer.errors import UsageError, worst_exit_code

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from signer.cli.configuration import Configuration
    from signer.report.outcome import Outcome
    from signer.signing.session import PinSources
    from signer.signing.sign import SignResult


FROM_VARIABLE: Final = "TRIGGER_PAYLOAD"
"""What a bare ``--event`` stands for."""


@click.command("sign", short_help="Sign image tags with the registry's digest.")
@click.argument("images", nargs=-1, metavar="[IMAGE...]")
@click.option(
    "--event",
    "events",
    multiple=True,
    is_flag=False,
    flag_value=FROM_VARIABLE,
    metavar="EVENT",
    help="DTR's webhook body: a file, a directory, '-' or JSON text; alone: TRIGGER_PAYLOAD.",
)
@key_options
@click.option("--signer", metavar="NAME", help="Sign as this signer: targets/NAME and releases.")
@click.option("--digest", metavar="SHA256", help="Sign only if the registry has this digest.")
@click.option(
    "--sbom",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Sign the digest and kind of this bill of materials, too.",
)
@click.option(
    "--annotate", "annotations", multiple=True, metavar="NAME=VALUE", help="Sign this, too."
)
@click.option("--no-provenance", is_flag=True, help="Sign nothing beside an event's digest.")
@click.option("--dry-run", is_flag=True, help="Check everything, publish nothing.")
@trust_options
@global_options
@recorded("sign")
@report_options("sign")
def command(
    options: GlobalOptions,
    *,
    images: tuple[str, ...],
    events: tuple[str, ...],
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    signer: str | None,
    digest: str | None,
    sbom: Path | None,
    annotations: tuple[str, ...],
    no_provenance: bool,
    dry_run: bool,
    pins: "PinSources | None",
) -> int:
    """Sign image tags, each with the digest that the registry has now.

    Every role is signed that the key may sign; all tags of a repository go out in one publish,
    which is read back. An IMAGE is HOST/NAMESPACE/REPO:TAG, with @sha256:... if that digest is
    required.

    With --event, what DTR says was promoted is signed instead, with the digest of the event, if DTR
    agrees that it was promoted and scanned: the gate of the configuration file, which also names
    the only host. What is signed beside it tells where it came from.
    """
    if bool(images) == bool(events):
        raise UsageError(
            "Give images to sign, or --event: not both."
            if images
            else "There is nothing to sign: no IMAGE and no --event.",
        )
    if events:
        if digest:
            raise UsageError("--digest is for an IMAGE; an event has its own.")
        from signer.cli.sign_events import sign_from_events

        return sign_from_events(
            options,
            [None if event == FROM_VARIABLE else event for event in events],
            keys=keys,
            allow_shared_key_file=allow_shared_key_file,
            signer=signer,
            sbom=sbom,
            annotations=read_annotations(annotations),
            with_provenance=not no_provenance,
            dry_run=dry_run,
            pins=pins,
        )
    from signer.signing.allow import check_allowed
    from signer.signing.sign import as_request, sign_images, with_digest

    requests = [as_request(image) for image in images]
    if digest:
        requests = with_digest(requests, digest)
    custom = _custom(read_annotations(annotations), sbom=None if no_provenance else sbom)
    if custom:
        requests = [replace(request, custom=custom) for request in requests]
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
    return report(results, options, dry_run=dry_run)


def report(
    results: "Sequence[SignResult]",
    options: GlobalOptions,
    *,
    dry_run: bool,
    content: "Callable[[SignResult], dict[str, Any]] | None" = None,
) -> int:
    """Record and show results, and return the exit code.

    A single failure is raised instead, unless it is the gate's refusal, whose conditions are shown.
    """
    note_signed(results)
    failures = [result.error for result in results if result.error]
    gated = content is not None and any(result.status == "refused" for result in results)
    if len(failures) == len(results) == 1 and not gated:
        publish_reports(lambda: _outcomes(results, dry_run=dry_run))
        raise failures[0]
    if options.as_json:
        shape = content or result_content
        print_json("sign", {"results": [shape(result) for result in results]})
    else:
        for result in results:
            print_result(result, options, dry_run=dry_run)
    publish_reports(lambda: _outcomes(results, dry_run=dry_run))
    return worst_exit_code([int(error.exit_code) for error in failures])


def _outcomes(results: "Sequence[SignResult]", *, dry_run: bool) -> "list[Outcome]":
    from signer.report.outcome import of_result

    return [of_result(result, dry_run=dry_run) for result in results]


def read_annotations(given: tuple[str, ...]) -> dict[str, str]:
    """Read ``--annotate NAME=VALUE``.

    Raises:
        UsageError: no ``=``, an empty or repeated name, ``provenance``, which is reserved, or
            characters that a Go client could not write again.
    """
    found: dict[str, str] = {}
    for item in given:
        name, equals, text = item.partition("=")
        if not equals or not name or name in found or name == "provenance":
            raise UsageError(
                f"--annotate {item!r} is not NAME=VALUE with a name of its own.",
                hint="'provenance' is reserved; each name may be given once.",
            )
        found[name] = text
    if found:
        _check_writable(found)
    return found


def _check_writable(annotations: dict[str, str]) -> None:
    from signer.dialect.errors import UnwritableError
    from signer.dialect.lint import check_custom

    try:
        check_custom(annotations, where="--annotate")
    except UnwritableError as error:  # here it is a wrong argument, not wrong trust data
        raise UsageError(
            error.message,
            hint="Leave out <, >, & and control characters: docker and notary could not edit the "
            "collection any more.",
        ) from error


def _custom(annotations: dict[str, str], *, sbom: Path | None) -> dict[str, Any]:
    """Return what is signed beside the digest of an image that was named."""
    custom: dict[str, Any] = dict(annotations)
    if sbom is not None:
        from signer.dtr.provenance import pipeline_of, provenance
        from signer.dtr.sbom import read_sbom

        custom |= provenance(None, pipeline=pipeline_of(os.environ), sbom=read_sbom(sbom))
    return custom


def _warn_of_unused(file: "Configuration") -> None:
    """Say that the gate does not count for images that are named."""
    if file.has_gate:
        click.echo("warning: [signing.gate] applies to events only and was not asked.", err=True)


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


def print_result(result: "SignResult", options: GlobalOptions, *, dry_run: bool) -> None:
    """Show a result as text; refusals and warnings go to standard error."""
    if result.error:
        click.echo(f"{result.status}  {result.image}", err=True)
        click.echo(error_text(result.error, indent="  "), err=True)
        return
    for warning in result.warnings:
        click.echo(wrapped(f"warning: {warning}"), err=True)
    if options.quiet:
        return
    if result.status == "skipped":
        click.echo(f"skipped  {result.image}".rstrip())
        click.echo(wrapped(f"  {result.reason}"))
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
