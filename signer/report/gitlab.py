"""GitLab: collapsible sections of a job's log, and variables for later jobs.

Source: dtr-ucp-ci reference, D.2.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from signer.names import printable
from signer.report.outcome import Kind, Outcome, worst

_ERASE: Final = "\x1b[0K"
_MAX_DOTENV_BYTES: Final = 5_000
_MAX_DOTENV_VARIABLES: Final = 20
"""What GitLab takes by default; a larger file would fail the job."""


def sections(outcomes: Sequence[Outcome], *, command: str, now: datetime) -> str:
    """Return one section of the log for each image that has findings.

    Those of refused and failed images are open, the others collapsed.

    Args:
        outcomes: in the order of the command's results.
        command: the command's name, for the sections' ids.
        now: when they begin and end; GitLab shows the time between.
    """
    shown = [outcome for outcome in outcomes if outcome.findings]
    return "".join(
        _section(outcome, name=f"signer_{command}_{number}", seconds=int(now.timestamp()))
        for number, outcome in enumerate(shown, 1)
    )


def dotenv(outcomes: Sequence[Outcome]) -> str:
    """Return the variables that later jobs get through ``artifacts:reports:dotenv``.

    ``SIGNER_COUNT`` and ``SIGNER_STATUS`` always, the latter of the worst outcome. For a single
    image that is signed or accepted ``SIGNER_IMAGE``, ``SIGNER_DIGEST`` and ``SIGNER_REFERENCE``;
    for several ``SIGNER_REFERENCE_1`` and so on, of those that are, as many as GitLab takes. What
    was refused or failed leaves no reference behind.
    """
    lead = worst(outcomes)
    lines = [f"SIGNER_COUNT={len(outcomes)}", f"SIGNER_STATUS={lead.status if lead else 'none'}"]
    if len(outcomes) == 1 and lead and lead.digest:
        lines += [
            f"SIGNER_IMAGE={lead.image}",
            f"SIGNER_DIGEST={lead.digest}",
            f"SIGNER_REFERENCE={lead.reference}",
        ]
    elif len(outcomes) > 1:
        good = [outcome.reference for outcome in outcomes if outcome.reference]
        lines += [f"SIGNER_REFERENCE_{number}={text}" for number, text in enumerate(good, 1)]
    return _within_limits(lines)


def _within_limits(lines: Sequence[str]) -> str:
    text = ""
    for line in lines[:_MAX_DOTENV_VARIABLES]:
        if len(text) + len(line) + 1 > _MAX_DOTENV_BYTES:
            break
        text += f"{line}\n"
    return text


def _section(outcome: Outcome, *, name: str, seconds: int) -> str:
    collapsed = "" if outcome.kind in {Kind.REFUSED, Kind.FAILED} else "[collapsed=true]"
    title = printable(f"checks of {outcome.title}: {outcome.status}")
    lines = [
        f"  {finding.status}  {finding.name}: {printable(finding.detail)}".rstrip(": ")
        for finding in outcome.findings
    ]
    begin = f"{_ERASE}section_start:{seconds}:{name}{collapsed}\r{_ERASE}{title}\n"
    end = f"{_ERASE}section_end:{seconds}:{name}\r{_ERASE}\n"
    return begin + "".join(f"{line}\n" for line in lines) + end
