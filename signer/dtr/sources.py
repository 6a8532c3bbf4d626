"""Where events come from: a file, a directory, standard input, text, or GitLab's variable.

Rules:

- nothing is read beyond the limit, whatever it is that was named;
- one source with a fault stops the run before anything is signed: its events may be worth nothing;
- ``TRIGGER_PAYLOAD`` holds a path (GitLab's "file" variable), or the text itself where a runner or
  a person exported that.

Source: dtr-ucp-ci reference, D.1, D.3.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from signer.dtr.events import Event, decode_event
from signer.errors import UsageError
from signer.names import printable

MAX_EVENT_SIZE: Final = 20_000_000
"""Bytes of one source; DTR's events are a few hundred each."""

TRIGGER_PAYLOAD: Final = "TRIGGER_PAYLOAD"
_STDIN: Final = "-"
_BOM: Final = b"\xef\xbb\xbf"


def read_events(
    source: str | None, *, environment: Mapping[str, str], stdin: BinaryIO
) -> list[Event]:
    """Read the events of one source, in order; at least one.

    Args:
        source: a path to a file (one event, or JSON lines), to a directory of such files, ``-`` for
            standard input, JSON text, or None for the variable ``TRIGGER_PAYLOAD``.
        environment: the process's environment.
        stdin: standard input, read where ``source`` is ``-``.

    Raises:
        UsageError: the source is missing, empty, too large (``event-too-large``), or has a
            malformed event (``bad-event``); the variable is unset (``no-event``).

    Source: dtr-ucp-ci reference, D.1.
    """
    if source is None:
        return _from_variable(environment.get(TRIGGER_PAYLOAD, ""))
    if source == _STDIN:
        return _decode(_read_bounded(stdin, "standard input"), "standard input")
    if _is_text(source):
        return _decode(source.encode("utf-8", "surrogatepass"), "--event")
    if not source.strip():
        raise UsageError(
            "--event is given an empty value.",
            hint="Is the variable in it unset? Give a file, '-', JSON text, or --event alone for "
            f"{TRIGGER_PAYLOAD}.",
            code="no-event",
        )
    return _from_path(source, printable(source))


def _from_variable(value: str) -> list[Event]:
    if not value.strip():
        raise UsageError(
            f"{TRIGGER_PAYLOAD} is unset or empty, so there is no event.",
            hint="GitLab (13.9 or later) sets it in pipelines that webhooks start. Elsewhere give "
            "--event FILE.",
            code="no-event",
        )
    if _is_text(value):
        return _decode(value.encode("utf-8", "surrogatepass"), TRIGGER_PAYLOAD)
    return _from_path(value, f"{TRIGGER_PAYLOAD} ({printable(value)})")


def _is_text(value: str) -> bool:
    """Tell JSON text from a path: an array is no event, but is better told so than not found."""
    return value.lstrip().startswith(("{", "["))


def _from_path(name: str, label: str) -> list[Event]:
    try:
        path = Path(name)
        if not path.is_dir():
            return _decode(_read_file(path, label), label)
        files = sorted(
            entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith(".")
        )
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise _unreadable(label, error) from error
    if not files:
        raise UsageError(f"The directory {label} has no event.", code="no-event")
    found: list[Event] = []
    for file in files:
        shown = f"{label.rstrip('/')}/{printable(file.name)}"
        found += _decode(_read_file(file, shown), shown)
    return found


def _read_file(path: Path, label: str) -> bytes:
    try:
        with path.open("rb") as file:
            return _read_bounded(file, label)
    except OSError as error:
        raise _unreadable(label, error) from error


def _read_bounded(file: BinaryIO, label: str) -> bytes:
    """Read up to the limit; what reaches it is refused when it is decoded."""
    try:
        return file.read(MAX_EVENT_SIZE)
    except OSError as error:
        raise _unreadable(label, error) from error


def _decode(content: bytes, label: str) -> list[Event]:
    """Decode one event, or several as JSON lines."""
    if len(content) >= MAX_EVENT_SIZE:
        raise UsageError(
            f"{label} has {MAX_EVENT_SIZE} bytes or more: too much for an event.",
            hint="Nothing of it was used.",
            code="event-too-large",
        )
    content = content.removeprefix(_BOM)
    if not content.strip():
        raise UsageError(f"{label} is empty, so there is no event.", code="no-event")
    lines = [(number, line) for number, line in enumerate(content.split(b"\n"), 1) if line.strip()]
    if len(lines) == 1 or not _is_document(lines[0][1]):
        return [decode_event(content, source=label)]
    return [decode_event(line, source=f"{label} line {number}") for number, line in lines]


def _is_document(line: bytes) -> bool:
    """Tell JSON lines from one document over several lines: there the first is not complete."""
    try:
        msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _unreadable(label: str, error: Exception) -> UsageError:
    reason = (error.strerror if isinstance(error, OSError) else "") or "it is no file's name"
    return UsageError(f"The event cannot be read from {label}: {reason}.", code="no-event")
