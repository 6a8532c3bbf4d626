from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from signer.audit.log import AuditLog
from signer.audit.selection import Selection, parse_since
from signer.errors import UsageError
from tests.unit.audit.written import GUN, NOW, content


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", datetime(2026, 11, 21, tzinfo=UTC)),
        ("2026-11-21T05:00:00+01:00", datetime(2026, 11, 21, 4, tzinfo=UTC)),
        ("30m", datetime(2026, 11, 22, 4, 0, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 21, 16, 30, tzinfo=UTC)),
        ("7d", datetime(2026, 11, 15, 4, 30, tzinfo=UTC)),
        ("2w", datetime(2026, 11, 8, 4, 30, tzinfo=UTC)),
    ],
)
def test_a_time_is_given_as_such_or_as_how_long_ago(text: str, moment: datetime) -> None:
    assert parse_since(text, now=NOW) == moment


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d", "2026-13-01", "999999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        parse_since(text, now=NOW)


@pytest.mark.parametrize(
    ("selection", "tags"),
    [
        (Selection(), ["1", "2", "3"]),
        (Selection(since=NOW), ["2", "3"]),
        (Selection(actions=frozenset({"revoke"})), ["2"]),
        (Selection(statuses=frozenset({"refused", "revoked"})), ["2", "3"]),
        (Selection(guns=frozenset({GUN})), ["1", "2", "3"]),
        (Selection(guns=frozenset({"dtr.example.com/admin/other"})), []),
        (Selection(since=NOW, statuses=frozenset({"refused"})), ["3"]),
    ],
)
def test_records_are_chosen(tmp_path: Path, selection: Selection, tags: list[str]) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append(
        [
            content("1", time=NOW - timedelta(hours=1)),
            content("2", action="revoke", status="revoked"),
            content("3", status="refused"),
        ]
    )
    assert [record.what("tag") for record in selection.of(log.read().records)] == tags
