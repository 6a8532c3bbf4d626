"""``signer pin``."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from signer.cli.deciding import Deciding, deciding_options, undecided
from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import error_content, print_json, wrapped
from signer.cli.pin_target import PinTarget
from signer.errors import ExitCode, UsageError, worst_exit_code
from signer.workloads.source import STDIN, Source

if TYPE_CHECKING:
    from signer.policy.verdict import Verdict
    from signer.workloads.found import FoundImage
    from signer.workloads.pinning import WorkloadFiles


PINNED = "pinned"
ALREADY_PINNED = "already-pinned"
UNPINNED = "unpinned"
REFUSED = "refused"


@dataclass(frozen=True)
class Pin:
    """What becomes of an image.

    Attributes:
        image: where it was found.
        verdict: about it.
        status: ``pinned``, ``already-pinned``, ``unpinned`` or ``refused``.
    """

    image: "FoundImage"
    verdict: "Verdict"
    status: str

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.image.file}:{self.image.line}"


@click.command("pin", short_help="Rewrite image tags to verified digests.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    help="Write to this file; for several files, into this directory.",
)
@click.option("-i", "--in-place", is_flag=True, help="Rewrite the files themselves.")
@click.option("--check", is_flag=True, help="Change nothing; fail where an image is not pinned.")
@deciding_options
@global_options
def command(
    options: GlobalOptions,
    *,
    files: tuple[str, ...],
    output: str | None,
    in_place: bool,
    check: bool,
    deciding: Deciding,
) -> int:
    """Rewrite the images of compose files, Kubernetes manifests and Dockerfiles to TAG@DIGEST.

    Every image must be accepted as 'signer verify' would; then its digest is appended, and nothing
    else changes. If one is refused no file is written. '-' reads standard input. Without -o or -i
    the file goes to standard output.
    """
    target = PinTarget.of(files, output=output, in_place=in_place, check=check)
    read = _read(files, deciding)
    verdicts = _decide(options, deciding, read.all_images)
    rewrites = not check and all(verdict.verdict != "reject" for verdict in verdicts)
    pins = [
        Pin(image, verdict, _status(image, verdict, rewrites=rewrites))
        for image, verdict in zip(read.all_images, verdicts, strict=True)
    ]
    error = undecided(verdicts)
    if error is not None:
        raise error
    codes = [int(pin.verdict.exit_code) for pin in pins if pin.status == REFUSED]
    if check:
        codes += [int(ExitCode.FAILURE) for pin in pins if pin.status == UNPINNED]
    rewritten: list[Source] = list(read.sources)
    if rewrites:
        from signer.workloads.pinning import pin_images

        rewritten = pin_images(read, [_digest(pin) for pin in pins])
        target.write(read.sources, rewritten)
    if options.as_json:
        print_json("pin", _content(pins, read.sources, rewritten, target, failed=bool(codes)))
    else:
        _print(pins, options, target)
        if target.prints and not codes:
            click.echo(rewritten[0].content, nl=False)
    return worst_exit_code(codes)


def _read(files: Sequence[str], deciding: Deciding) -> "WorkloadFiles":
    from signer.workloads.pinning import read_workloads

    if files.count(STDIN) > 1:
        raise UsageError("Standard input can be read only once.")
    return read_workloads(files, environment=os.environ, resources=deciding.resources)


def _decide(
    options: GlobalOptions, deciding: Deciding, images: "Sequence[FoundImage]"
) -> "list[Verdict]":
    """Decide about images, each reference once; return a verdict for each image."""
    references = list(dict.fromkeys(image.reference for image in images))
    if not references:
        return []
    with deciding.open_session(options) as session:
        deciding.prefetch(session, references)
        verdicts = dict(zip(references, deciding.decide(session, references), strict=True))
    return [verdicts[image.reference] for image in images]


def _status(image: "FoundImage", verdict: "Verdict", *, rewrites: bool) -> str:
    if verdict.verdict == "reject":
        return REFUSED
    if image.reference.digest:
        return ALREADY_PINNED
    return PINNED if verdict.digest and rewrites else UNPINNED


def _digest(pin: Pin) -> str:
    return pin.verdict.digest if pin.status == PINNED else ""


def _content(
    pins: Sequence[Pin],
    sources: Sequence[Source],
    rewritten: Sequence[Source],
    target: PinTarget,
    *,
    failed: bool,
) -> dict[str, Any]:
    """Return what was done as JSON; the overall verdict is the worst."""
    order = ["reject", "warn", "accept"]
    overall = min((pin.verdict.verdict for pin in pins), key=order.index, default="accept")
    files = []
    for before, after in zip(sources, rewritten, strict=True):
        path = None if failed else target.path_of(before)
        file: dict[str, Any] = {
            "file": before.name,
            "changed": before.text != after.text,
            "output": str(path) if path else "",
        }
        if target.prints and not failed:
            file["content"] = after.content.decode()
        files.append(file)
    return {"verdict": overall, "files": files, "images": [_image(pin) for pin in pins]}


def _image(pin: Pin) -> dict[str, Any]:
    verdict, image = pin.verdict, pin.image
    return {
        "image": image.reference_text,
        "file": image.file,
        "line": image.line,
        "path": image.path,
        "status": pin.status,
        "pinned": _pinned(pin),
        "verdict": verdict.verdict,
        "digest": verdict.digest,
        "rule": verdict.rule,
        "signers": list(verdict.signers),
        "role": verdict.role,
        "reason": error_content(verdict.reason) if verdict.reason else None,
    }


def _pinned(pin: Pin) -> str:
    """Return the reference with its digest; empty where it has none."""
    from signer.workloads.pinning import pinned_text

    return pinned_text(pin.image, _digest(pin)) if pin.status in {PINNED, ALREADY_PINNED} else ""


def _print(pins: Sequence[Pin], options: GlobalOptions, target: PinTarget) -> None:
    """Say what became of each image: on standard error, where a file or nothing else is printed."""
    from signer.report.outcome import of_verdict
    from signer.report.text import verdict_text

    refused = any(pin.status == REFUSED for pin in pins)
    for pin in pins:
        image = pin.image
        if pin.status == REFUSED:
            outcome = of_verdict(pin.verdict, file=image.file, line=image.line, path=image.path)
            click.echo(verdict_text(outcome), err=True)
        elif pin.status == UNPINNED and (target.check or not pin.verdict.digest):
            said = f"{pin.place}: {image.path}: {image.reference_text} {_left_as_it_is(pin)}"
            click.echo(wrapped(said), err=True)
        elif not (options.quiet or target.prints or refused):
            click.echo(f"{pin.status}  {pin.place}  {_pinned(pin)}")


def _left_as_it_is(pin: Pin) -> str:
    """Say why an image that is not refused has no digest."""
    verdict = pin.verdict
    if verdict.digest:
        return f"is not pinned to the signed digest, {verdict.digest}."
    if verdict.verdict == "warn":
        why = verdict.reason.message if verdict.reason else ""
        return f"stays as it is: the rule {verdict.rule!r} only warns. {why}".rstrip()
    return f"stays as it is: the rule {verdict.rule!r} approves it without a signature."
