"""A progress bar on standard error, where a person sees it: on a terminal, and nowhere else."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from signer.cli.globals import GlobalOptions
from signer.dtr.progress import Advance, ShowStage, no_stage


def stages(options: GlobalOptions) -> ShowStage:
    """Return what shows the stages of a command: bars on a terminal, otherwise nothing.

    With ``--json`` or ``-q`` nobody watches, and ``-v`` writes lines of its own between.
    """
    silent = options.as_json or options.quiet or options.verbose
    if silent or not sys.stderr or not sys.stderr.isatty():
        return no_stage
    return _bar


@contextmanager
def _bar(text: str, total: int | None) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    # Transient: what the command prints afterwards is all that stays on the screen.
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(text, total=total)

        def advance() -> None:
            progress.advance(task)

        yield advance
