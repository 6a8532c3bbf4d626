"""How a long job tells what it is doing; who shows it is no business of the job."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

Advance = Callable[[], None]
"""Says that one more thing of the stage is done."""

ShowStage = Callable[[str, int | None], AbstractContextManager[Advance]]
"""Shows a stage while its block runs: what is done, and of how many (None: nobody knows yet)."""


@contextmanager
def no_stage(_text: str, _total: int | None) -> Iterator[Advance]:
    """Show nothing."""
    yield _nothing


def _nothing() -> None:
    """Nobody watches."""
