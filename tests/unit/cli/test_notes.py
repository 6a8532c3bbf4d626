"""What the record says about a signing job's reasons."""

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from signer.cli.globals import GlobalOptions
from signer.cli.notes import note_signed
from signer.cli.recording import note, recorded
from signer.dtr.events import Event
from signer.dtr.gate import Condition, GateReport
from signer.dtr.job import JobResult
from signer.dtr.promotion import Promotion
from signer.errors import GateError, SignerError
from signer.signing.sign import SignResult

IMAGE = "dtr.example.com/admin/flask:2"
DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[], object]], list[dict[str, Any]]]:
    """Run a command that is recorded, and return its records."""
    config = tmp_path / "signer.toml"
    config.write_text('[audit]\nfile = "audit.jsonl"\n')

    def run(act: Callable[[], object], *, dry_run: bool = False) -> list[dict[str, Any]]:
        @recorded("sign")
        def command(_options: GlobalOptions, **_params: object) -> object:
            return act()

        with (
            click.Context(click.Command("sign")),
            contextlib.suppress(SignerError, KeyboardInterrupt),
        ):
            command(GlobalOptions(config=config), images=(IMAGE,), dry_run=dry_run)
        path = tmp_path / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    return run


def _job(status: str) -> JobResult:
    return JobResult(
        image=IMAGE,
        status=status,
        digest=DIGEST,
        error=GateError("The gate refuses.") if status == "refused" else None,
        event=Event("PROMOTION", "event.json", "2026-11-22T04:00:00Z", "/repositories/admin/flask"),
        promotion=Promotion("0c1d", DIGEST, "admin/flask_build", "66", "admin/flask", "2"),
        gate=GateReport("admin/flask:2", (Condition("max-critical", "fail", "3", "at most 0"),)),
    )


def test_a_jobs_record_has_event_promotion_and_gate(run: Any) -> None:  # noqa: ANN401 - the fixture
    (record,) = run(lambda: note_signed([_job("refused"), _job("skipped")]))
    assert (record["status"], record["error"]["code"]) == ("refused", "gate-refused")
    assert record["why"] == {
        "event": {
            "type": "PROMOTION",
            "source": "event.json",
            "created_at": "2026-11-22T04:00:00Z",
            "location": "/repositories/admin/flask",
        },
        "promotion": {
            "from": "admin/flask_build:66",
            "to": "admin/flask:2",
            "policy": "0c1d",
            "digest": DIGEST,
        },
        "gate": [{"code": "max-critical", "status": "fail", "seen": "3", "expected": "at most 0"}],
    }


def test_an_image_that_was_named_has_no_reasons(run: Any) -> None:  # noqa: ANN401 - the fixture
    (record,) = run(lambda: note_signed([SignResult(IMAGE, "signed", DIGEST)]))
    assert "why" not in record


def test_an_interrupted_command_is_recorded(run: Any) -> None:  # noqa: ANN401 - the fixture
    def interrupted() -> None:
        raise KeyboardInterrupt

    (record,) = run(interrupted)
    assert (record["status"], record["error"]["code"]) == ("failed", "interrupted")
    assert (record["what"]["gun"], record["what"]["tag"]) == ("dtr.example.com/admin/flask", "2")


def test_a_dry_run_records_nothing(run: Any) -> None:  # noqa: ANN401 - the fixture
    assert run(lambda: note_signed([_job("signed")]), dry_run=True) == []


def test_an_error_that_was_noted_is_recorded_once(run: Any) -> None:  # noqa: ANN401 - the fixture
    result = _job("refused")

    def act() -> None:
        note_signed([result])
        assert result.error is not None
        raise result.error

    assert len(run(act)) == 1


def test_without_a_command_there_is_nothing_to_record() -> None:
    note(lambda _action: pytest.fail("no record is kept"))
