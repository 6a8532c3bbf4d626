"""Waiting in an event loop for what threads do: for a bounded time, and without a thread."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any


class Waits:
    """Those who wait; belongs to one event loop.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._waits: set[asyncio.Event] = set()
        self._hurried = False

    def hurry(self) -> None:
        """Let nobody wait any more."""
        self._hurried = True
        for waiting in self._waits:
            waiting.set()

    async def until_done(self, futures: Sequence[Future[Any]], *, ends: float) -> None:
        """Wait until all are done, or the time is over; nothing is cancelled.

        Args:
            futures: of any threads.
            ends: seconds of the monotonic clock.
        """
        waiting = [future for future in futures if not future.done()]
        if not waiting or self._hurried:
            return
        done = asyncio.Event()
        loop, left = asyncio.get_running_loop(), len(waiting)

        def one_less() -> None:
            nonlocal left
            left -= 1
            if not left:
                done.set()

        for future in waiting:
            future.add_done_callback(partial(_tell, loop, one_less))
        self._waits.add(done)
        try:
            await asyncio.wait_for(done.wait(), max(0.0, ends - self._monotonic()))
        except TimeoutError:
            return
        finally:
            self._waits.discard(done)


def _tell(
    loop: asyncio.AbstractEventLoop, callback: Callable[[], None], _future: Future[Any]
) -> None:
    try:
        loop.call_soon_threadsafe(callback)
    except RuntimeError:  # the loop has ended, and with it whoever waited
        return
