"""What is written behind the answers: the log, the audit record; and what is read beside them."""

import io
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from signer.admission import log as log_module
from signer.admission import record as record_module
from signer.admission.log import JsonLog
from signer.admission.policy_file import PolicyFile
from signer.admission.record import DecisionRecord
from signer.audit.log import AuditFileError, AuditLog
from signer.audit.record import Outcome
from signer.errors import UsageError

POLICY = 'apiVersion: signer/v1\nkind: TrustPolicy\nrules: [{match: "x.io/*", approve: true}]\n'


class Full:
    """An audit record on a full disk."""

    def __init__(self) -> None:
        self.is_full = True
        self.written: list[Any] = []
        self.tried = threading.Event()

    def append(self, contents: Sequence[Any]) -> None:
        self.tried.set()
        if self.is_full:
            raise AuditFileError("The disk is full.")
        self.written.extend(contents)


def outcome(tag: str) -> Outcome:
    return Outcome("admission", "accepted", gun="x.io/a", tag=tag)


def test_decisions_are_recorded_together(tmp_path: Path) -> None:
    record = DecisionRecord(AuditLog(tmp_path / "audit.jsonl"))
    for number in range(50):
        record.add([outcome(str(number))])
    record.close()
    lines = (tmp_path / "audit.jsonl").read_text().splitlines()
    assert [json.loads(line)["what"]["tag"] for line in lines] == [str(n) for n in range(50)]


def test_what_cannot_be_recorded_waits_and_in_the_end_refuses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(record_module, "MAX_WAITING", 3)
    monkeypatch.setattr(record_module, "_RETRY_SECONDS", 0.01)
    disk, told = Full(), []
    worked = threading.Event()

    def on_error(error: object) -> None:
        told.append(error is None)
        if error is None:
            worked.set()

    record = DecisionRecord(cast("AuditLog", disk), on_error=on_error)
    record.add([outcome("1"), outcome("2")])
    assert disk.tried.wait(20)
    fullness = [record.is_full]
    record.add([outcome("3")])
    fullness.append(record.is_full)
    disk.is_full = False
    assert worked.wait(20)
    record.close()
    assert [content["what"]["tag"] for content in disk.written] == ["1", "2", "3"]
    assert told == [False, True]
    assert [*fullness, record.is_full] == [False, True, False]


def test_a_log_that_nobody_reads_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_module, "_MAX_WAITING", 2)
    gate, dropped = threading.Event(), []

    class Blocked(io.BytesIO):
        def write(self, data: Any) -> int:  # noqa: ANN401 - of the base class
            gate.wait(20)
            return super().write(data)

    out = Blocked()
    log = JsonLog(out, on_dropped=lambda: dropped.append(1))
    for number in range(10):
        log("info", "line", {"number": number})
    assert len(dropped) >= 7
    gate.set()
    log.close()
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["number"] for line in lines] == list(range(10 - len(dropped)))


def test_a_policy_is_exchanged_with_the_certificates_beside_it(tmp_path: Path) -> None:
    seconds, told = [0.0], []
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    policy = PolicyFile(
        file,
        on_reload=lambda found, error: told.append((found is not None, error is not None)),
        monotonic=lambda: seconds[0],
    )
    first = policy.current
    policy.refresh()
    seconds[0] += 60
    policy.refresh()
    assert policy.current is first
    assert told == []
    file.write_text(POLICY.replace("x.io", "y.io"))
    policy.refresh()
    assert policy.current.key != first.key
    file.write_text("nonsense: [")
    policy.refresh()
    seconds[0] += 60
    policy.refresh()
    assert policy.current.policy.rules[0].name == "y.io/*"
    errors = [policy.error]
    file.unlink()
    policy.refresh()
    file.write_text(POLICY.replace("x.io", "y.io"))
    policy.refresh()
    errors.append(policy.error)
    assert [error is None for error in errors] == [False, True]
    assert told[0] == (True, False)
    assert told[1] == (False, True)
    assert told[-1] == (True, False)


def test_a_wrong_policy_at_the_start_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY + "resources: [{apiVersion: x/v1, kind: X, images: ['$..image']}]\n")
    with pytest.raises(UsageError) as caught:
        PolicyFile(file)
    assert "$..image" in caught.value.message
