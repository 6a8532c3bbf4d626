"""Recording what commands change, in the file of ``[audit]``.

A command with ``@recorded`` finds out before its work that the record can be written, and hands
what became of it to ``note``, before it prints anything. Where it ends with an error, that is
recorded.
Without ``[audit]``, and for ``--dry-run``, nothing happens and nothing is loaded.
"""

import functools
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from signer.cli.output import error_text
from signer.errors import GateError, SignerError

if TYPE_CHECKING:
    from signer.audit.log import AuditLog
    from signer.audit.record import Outcome, PublishedFile
    from signer.cli.globals import GlobalOptions
    from signer.names import Gun, RoleName

_Function = TypeVar("_Function", bound=Callable[..., Any])
_META: Final = "signer.recording"
_NOTHING_DONE: Final = frozenset({"refused", "skipped", "up-to-date"})
REFERENCES: Final = ("images", "image", "repositories", "repository")
"""Parameters of commands that name images or repositories."""


class Recording:
    """What one run of a command is to record.

    Args:
        action: the command's.
        log: the file.
        subjects: the references that it was given.
        signer: the signer's name that it was given.
        host: the host that it was given.
    """

    def __init__(
        self,
        action: str,
        log: "AuditLog",
        subjects: Sequence[str],
        *,
        signer: str = "",
        host: str = "",
    ) -> None:
        self.action = action
        self.log = log
        self.subjects = subjects
        self.signer = signer
        self.host = host
        self.noted = False
        self._uploads: list[tuple[Gun, Mapping[RoleName, bytes], bool]] = []

    def on_upload(self, gun: "Gun", files: "Mapping[RoleName, bytes]", answered: bool) -> None:
        """Keep what went to a server until its outcome is noted; from any thread."""
        self._uploads.append((gun, files, answered))

    def append(self, outcomes: "Sequence[Outcome]") -> None:
        """Write outcomes, each with the files of its collection that were published.

        Raises:
            AuditFileError: they are not in the file; they have been shown on standard error.
        """
        from signer.audit.circumstances import circumstances
        from signer.audit.log import AuditFileError
        from signer.audit.record import content_of, seal
        from signer.signing.session import utc_now

        if not outcomes:
            return
        who = circumstances(os.environ, sys.argv)
        now = utc_now()
        contents = [content_of(outcome, who, time=now) for outcome in self._with_uploads(outcomes)]
        try:
            self.log.append(contents)
        except AuditFileError as error:
            for content in contents:
                click.echo(seal(content, previous="").decode("utf-8"), err=True)
            raise AuditFileError(
                f"What was done could not be recorded. {error.message}",
                hint="It was done all the same. Its record is on standard error: keep it. "
                f"{error.hint}",
                code="audit-not-written",
            ) from error

    def _with_uploads(self, outcomes: "Sequence[Outcome]") -> "Iterator[Outcome]":
        from dataclasses import replace

        uploads, self._uploads = self._uploads, []
        for outcome in outcomes:
            peers = [other for other in outcomes if other.gun == outcome.gun]
            changes = outcome.status not in _NOTHING_DONE
            if changes or all(other.status in _NOTHING_DONE for other in peers):
                files = [
                    file
                    for gun, wires, answered in uploads
                    if gun == outcome.gun
                    for file in _published(wires, answered=answered)
                ]
                yield replace(outcome, published=files)
            else:
                yield outcome

    def failures(self, error: BaseException) -> "list[Outcome]":
        """Return what is to be recorded of a command that ended with an error."""
        from dataclasses import replace

        from signer.audit.record import Outcome
        from signer.names import ImageReference

        shown = error if isinstance(error, SignerError) else _interrupted(error)
        status = "refused" if isinstance(error, GateError) else "failed"
        failed = Outcome(self.action, status, signer=self.signer, host=self.host, error=shown)
        found: list[Outcome] = []
        for subject in self.subjects:
            try:
                reference = ImageReference.parse(subject)
            except SignerError:
                continue
            gun, tag, digest = reference.gun, reference.tag, reference.digest
            found.append(replace(failed, gun=gun, tag=tag, digest=digest))
        known = {outcome.gun for outcome in found}
        others = dict.fromkeys(gun for gun, _, _ in self._uploads if gun not in known)
        found += [replace(failed, gun=gun) for gun in others]
        return found or [failed]


def recorded(
    action: str, *, references: Sequence[str] = REFERENCES
) -> Callable[[_Function], _Function]:
    """Record what a command changes; the decorator belongs below ``@global_options``.

    Args:
        action: the name of what it does, for the record.
        references: parameters that name images or repositories with their host.
    """

    def decorate(function: _Function) -> _Function:
        @functools.wraps(function)
        def wrapper(options: "GlobalOptions", **params: Any) -> Any:  # noqa: ANN401 - whatever the command takes and returns
            path = options.configuration.audit_file
            if path is None or params.get("dry_run"):
                return function(options, **params)
            from signer.audit.log import AuditLog

            recording = Recording(
                action,
                AuditLog(path),
                list(_subjects(params, references)),
                signer=params.get("signer") or params.get("name") or "",
                host=params.get("host") or "",
            )
            recording.log.check()
            click.get_current_context().meta[_META] = recording
            try:
                return function(options, **params)
            except BaseException as error:
                _record_failure(recording, error)
                raise

        return wrapper  # type: ignore[return-value] # the same parameters

    return decorate


def current_recording() -> Recording | None:
    """Return the running command's recording; None where nothing is recorded."""
    context = click.get_current_context(silent=True)
    found = context.meta.get(_META) if context else None
    return found if isinstance(found, Recording) else None


def note(make_outcomes: "Callable[[str], Sequence[Outcome]]", *, goes_on: bool = False) -> None:
    """Record outcomes, where a record is kept; they are made only then.

    Args:
        make_outcomes: is given the command's action.
        goes_on: the command has more to do, whose error would be another outcome.

    Raises:
        AuditFileError: what was done could not be recorded.
    """
    recording = current_recording()
    if recording is not None:
        recording.noted = not goes_on
        recording.append(make_outcomes(recording.action))


def note_failure(gun: str, error: SignerError) -> None:
    """Record the failure of one of several things that a command does.

    Raises:
        AuditFileError: it could not be recorded.
    """
    from signer.audit.record import Outcome

    status = "refused" if isinstance(error, GateError) else "failed"
    note(lambda action: [Outcome(action, status, gun=gun, error=error)], goes_on=True)


def _record_failure(recording: Recording, error: BaseException) -> None:
    """Record an error that ends the command, unless its outcome is recorded already."""
    from signer.audit.log import AuditFileError

    if recording.noted or isinstance(error, AuditFileError):
        return
    try:
        recording.append(recording.failures(error))
    except AuditFileError as second:  # the first error is the one that counts
        click.echo(error_text(second), err=True)


def _published(wires: "Mapping[RoleName, bytes]", *, answered: bool) -> "Iterator[PublishedFile]":
    import hashlib
    import json

    from signer.audit.record import PublishedFile

    for role, wire in sorted(wires.items()):
        version = int(json.loads(wire)["signed"]["version"])
        yield PublishedFile(role, version, hashlib.sha256(wire).hexdigest(), answered)


def _subjects(params: Mapping[str, Any], references: Sequence[str]) -> Iterator[str]:
    for name in references:
        given = params.get(name)
        yield from [given] if isinstance(given, str) else given or ()


def _interrupted(error: BaseException) -> SignerError:
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return SignerError("Interrupted.", code="interrupted")
    return SignerError(f"{type(error).__name__}: {error}", code="internal")
