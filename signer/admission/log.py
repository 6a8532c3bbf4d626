"""The server's log: one JSON object a line, written by a thread that delays nobody.

Where nobody reads the log, lines are dropped and counted: a full pipe must not stop decisions.
"""

import queue
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec

_MAX_WAITING: Final = 10_000
_CLOSE_SECONDS: Final = 1.0


class JsonLog:
    """Writes lines; safe for several threads.

    Args:
        out: where to.
        on_dropped: is called for every line that is dropped.
        clock: the time.
    """

    def __init__(
        self,
        out: BinaryIO,
        *,
        on_dropped: Callable[[], None] = lambda: None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._out = out
        self._on_dropped = on_dropped
        self._clock = clock
        self._lines: queue.Queue[bytes | None] = queue.Queue(_MAX_WAITING)
        self._thread = threading.Thread(target=self._write, name="log", daemon=True)
        self._thread.start()

    def __call__(self, level: str, event: str, content: Mapping[str, Any] | None = None) -> None:
        """Write a line: time, level (``info``, ``warning``, ``error``), event, and the content."""
        moment = self._clock().isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = {"time": moment, "level": level, "event": event, **(content or {})}
        try:
            self._lines.put_nowait(msgspec.json.encode(line) + b"\n")
        except queue.Full:
            self._on_dropped()

    def close(self) -> None:
        """Write what waits, for a moment at most."""
        try:
            self._lines.put(None, timeout=_CLOSE_SECONDS)
        except queue.Full:
            return
        self._thread.join(_CLOSE_SECONDS)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._out.write(line)
                self._out.flush()  # a line at a time: other processes write there, too
            except (OSError, ValueError):  # nobody reads any more
                self._on_dropped()
