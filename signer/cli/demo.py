"""``signer demo``."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import print_json
from signer.errors import SignerError

if TYPE_CHECKING:
    from signer.embedded.demo.story import Story

_START_SECONDS = 30
_STOP_SECONDS = 15


@click.command("demo", short_help="Show the whole supply chain on the embedded DTR.")
@global_options
def command(options: GlobalOptions) -> int:
    """Show the whole supply chain on the embedded DTR, in a temporary directory.

    Push, scan, promote, webhook, sign, verify, overwrite, forge, pin: each step and its outcome.
    Ends with 0 only if every step, refusals included, ended as it should.
    """
    from signer.embedded.demo.dtr import DtrAdmin
    from signer.embedded.demo.receiver import Receiver
    from signer.embedded.demo.story import Story, environment_of
    from signer.transport.ca import store_ca
    from signer.transport.http import HttpPool
    from signer.transport.tls import TlsSettings

    with tempfile.TemporaryDirectory(prefix="signer-demo-") as name:
        directory = Path(name)
        with _embedded_dtr(directory / "dtr") as (url, ca_file):
            host = url.removeprefix("https://")
            password = (directory / "dtr" / "admin-password").read_text(encoding="utf-8").strip()
            store_ca(directory / "docker", host, ca_file.read_bytes())
            with (
                HttpPool(tls=TlsSettings((ca_file,), None)) as pool,
                Receiver() as receiver,
            ):
                story = Story(
                    directory,
                    host,
                    DtrAdmin(pool, url, password=password),
                    environment_of(directory, host=host, password=password),
                    _silence if options.as_json or options.quiet else click.echo,
                )
                story.say(f"An embedded DTR runs at {url}, in {directory}.")
                story.tell(receiver)
    _report(story, options)
    return 0


def _silence(_text: str) -> None:
    """Show nothing: the outcome is printed as JSON, or not at all."""


def _report(story: "Story", options: GlobalOptions) -> None:
    if options.as_json:
        print_json("demo", {"steps": story.steps})
    elif not options.quiet:
        click.echo("\nEvery step ended as it should.")


@contextmanager
def _embedded_dtr(data: Path) -> Iterator[tuple[str, Path]]:
    """Run ``signer serve`` as a process of its own; yield its URL and its CA's file."""
    process = subprocess.Popen(  # noqa: S603 - this very program
        [sys.executable, "-m", "signer", "serve", "--data", str(data), "--listen", "localhost:0",
         "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line.startswith(b"{"):
            raise SignerError(
                "The embedded DTR did not start.",
                hint="Try 'signer serve --data DIR'; it needs: pip install 'signer[server]'.",
            )
        ready = json.loads(line)
        yield ready["url"], Path(ready["ca"])
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()
