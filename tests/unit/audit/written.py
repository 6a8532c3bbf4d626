"""Records that the tests write, with a fixed time and user."""

from datetime import UTC, datetime
from pathlib import Path

from signer.audit.circumstances import Circumstances
from signer.audit.log import AuditLog
from signer.audit.record import Outcome, content_of
from signer.audit.text import Redactor
from signer.dialect.canonical import Json

NOW = datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
GUN = "dtr.example.com/admin/flask"


def content(
    tag: str, *, action: str = "sign", status: str = "signed", time: datetime = NOW
) -> Json:
    who = Circumstances("ci", "runner-7", {}, ["signer", action], Redactor({}))
    outcome = Outcome(action, status, gun=GUN, tag=tag, digest="sha256:" + "ab" * 32)
    return content_of(outcome, who, time=time)


def write(path: Path, *tags: str) -> AuditLog:
    log = AuditLog(path)
    for tag in tags:
        log.append([content(tag)])
    return log
