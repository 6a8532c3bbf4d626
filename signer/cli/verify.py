"""``signer verify``."""

from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import error_content, print_json, wrapped
from signer.cli.reporting import publish_reports, report_options
from signer.cli.trusting import trust_options
from signer.errors import ExitCode, worst_exit_code

if TYPE_CHECKING:
    from signer.policy.verdict import Verdict
    from signer.report.outcome import Outcome
    from signer.signing.session import PinSources

_DECIDED = {ExitCode.OK, ExitCode.NOT_SIGNED, ExitCode.TRUST_DATA, ExitCode.EXPIRED}

_INDENT = " " * 5  # under a step's status, and a digest behind it still fits


@click.command("verify", short_help="Decide whether images are signed as required.")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--signer", "signers", multiple=True, metavar="NAME", help="Who must have signed; repeatable."
)
@trust_options
@global_options
@report_options("verify")
def command(
    options: GlobalOptions,
    *,
    images: tuple[str, ...],
    signers: tuple[str, ...],
    pins: "PinSources | None",
) -> int:
    """Decide whether images are signed, and by whom.

    A tag is looked up as docker does, in targets/releases, then in targets. Every --signer must
    have signed the same digest in a role of its own. Some way of trusting the root is required: a
    pin, --trust-on-first-use, or an earlier run. Prints the digest to deploy.
    """
    with options.session(pins) as session:
        session.prefetch(images, signers=signers)
        from signer.policy.evaluate import verify_images
        from signer.policy.requirement import Requirement

        verdicts = verify_images(session, images, requirement=Requirement(signers=signers))
    codes = [int(verdict.exit_code) for verdict in verdicts]
    if not _DECIDED.intersection(codes) and verdicts[0].reason:
        publish_reports(lambda: _outcomes(verdicts))
        raise next(v.reason for v in verdicts if v.reason and v.exit_code == worst_exit_code(codes))
    if options.as_json:
        print_json("verify", verify_content(verdicts))
    else:
        for verdict in verdicts:
            _print_text(verdict, options)
    publish_reports(lambda: _outcomes(verdicts))
    return worst_exit_code(codes)


def _outcomes(verdicts: "list[Verdict]") -> "list[Outcome]":
    from signer.report.outcome import of_verdict

    return [of_verdict(verdict) for verdict in verdicts]


def verify_content(verdicts: "list[Verdict]") -> dict[str, Any]:
    """Return verdicts as JSON; the overall one is the worst."""
    order = ["reject", "warn", "accept"]
    overall = min((verdict.verdict for verdict in verdicts), key=order.index)
    return {"verdict": overall, "images": [_content(verdict) for verdict in verdicts]}


def _content(verdict: "Verdict") -> dict[str, Any]:
    return {
        "image": verdict.image,
        "verdict": verdict.verdict,
        "digest": verdict.digest,
        "rule": verdict.rule,
        "signers": list(verdict.signers),
        "role": verdict.role,
        "checks": [
            {
                "step": int(check.step),
                "code": check.step.code,
                "status": check.status,
                "detail": check.detail,
            }
            for check in verdict.checks
        ],
        "reason": error_content(verdict.reason) if verdict.reason else None,
    }


def _print_text(verdict: "Verdict", options: GlobalOptions) -> None:
    rejected = verdict.verdict == "reject"
    if options.quiet and not rejected:
        return
    click.echo(f"{verdict.verdict}  {verdict.image}")
    if not rejected:
        click.echo(f"  {verdict.digest}")
        signers = ", ".join(verdict.signers) or "nobody by name"
        click.echo(wrapped(f"  signers  {signers} (found in {verdict.role})", subsequent=_INDENT))
    reason = verdict.reason
    if reason:
        step = f", step {reason.step}" if reason.step else ""
        said = f"  reason   {reason.message} ({reason.code}{step})"
        click.echo(wrapped(said, subsequent=_INDENT))
        if reason.hint:
            click.echo(wrapped(f"  hint     {reason.hint}", subsequent=_INDENT))
    if options.verbose:
        for check in verdict.checks:
            said = f"  {int(check.step):2} {check.status}  {check.step.code}: {check.detail}"
            click.echo(wrapped(said.rstrip(": "), subsequent=_INDENT))
