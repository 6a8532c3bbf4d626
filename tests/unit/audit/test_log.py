import errno
import multiprocessing
import os
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from filelock import FileLock

from signer.audit.log import AuditFileError, AuditLog
from signer.audit.record import FIRST
from signer.errors import UsageError
from tests.unit.audit.written import content, write


def test_records_are_appended_and_chained(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1")
    first = path.read_bytes()
    log.append([content("2"), content("3")])
    assert path.read_bytes().startswith(first)
    records = log.read().records
    assert [record.what("tag") for record in records] == ["1", "2", "3"]
    assert [record.previous for record in records] == [FIRST, records[0].hash, records[1].hash]
    assert path.stat().st_mode & 0o777 == 0o600


def test_long_records_are_chained(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1")
    for _ in range(3):
        long = content("2")
        long["why"] = {str(number): "x" * 1000 for number in range(300)}
        log.append([long])
    assert not log.read().problems
    assert len(log.read().records) == 4


@pytest.mark.parametrize("keep", [1, 40, 400, -2])
def test_a_torn_line_is_named_by_the_next_record_and_never_joined(
    tmp_path: Path, keep: int
) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1", "2")
    before = path.read_bytes()
    lines = before.splitlines()
    torn = lines[1][:keep]
    path.write_bytes(lines[0] + b"\n" + torn)
    assert [problem.code for problem in log.read().problems] == ["torn"]
    log.append([content("3")])
    after = path.read_bytes().split(b"\n")
    assert after[:2] == [lines[0], torn]
    chain = log.read()
    assert (chain.problems, chain.torn) == ((), (2,))
    assert [record.status for record in chain.records] == ["signed", "torn-line", "signed"]
    assert [record.what("action") for record in chain.records] == ["sign", "torn-line", "sign"]


def test_a_record_that_lacks_only_its_line_feed_counts(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1", "2")
    path.write_bytes(path.read_bytes()[:-1])
    assert not log.read().problems
    log.append([content("3")])
    chain = log.read()
    assert (len(chain.records), chain.problems, chain.torn) == (3, (), ())


def test_a_kill_while_a_torn_line_is_named_is_survived(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1")
    first = path.read_bytes()
    path.write_bytes(first + b'{"er')
    log.append([content("2")])
    whole = path.read_bytes()
    for cut in range(len(first) + 1, len(whole)):
        path.write_bytes(whole[:cut])
        log.append([content("3")])
        chain = log.read()
        # Cut exactly behind the line feed, nothing tells a torn line from an altered one.
        cut_behind_feed = whole[:cut] == first + b'{"er\n'
        assert bool(chain.problems) == cut_behind_feed, cut
        assert chain.records[0].what("tag") == "1"
        assert chain.records[-1].what("tag") == "3"


def test_a_torn_first_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    path.write_bytes(b'{"how')
    log = write(path, "1")
    assert (log.read().problems, log.read().torn) == ((), (1,))


def test_an_altered_last_line_is_never_taken_for_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1", "2")
    path.write_bytes(path.read_bytes().replace(b'"tag":"2"', b'"tag":"9"'))
    log.append([content("3")])
    assert [(problem.line, problem.code) for problem in log.read().problems] == [(2, "altered")]


def _append(path: Path, name: str, together: Barrier) -> None:
    together.wait(60)
    for number in range(25):
        AuditLog(path).append([content(f"{name}.{number}")])


def test_processes_that_append_at_once_keep_the_chain(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(4)
    processes = [context.Process(target=_append, args=(path, f"p{n}", together)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    chain = AuditLog(path).read()
    assert (len(chain.records), chain.problems, chain.torn) == (100, (), ())


def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "audit.jsonl"
    log = write(path, "1")
    before = path.read_bytes()
    real = os.write
    calls: list[int] = []

    def full(file: int, data: bytes) -> int:
        calls.append(file)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:30])

    with monkeypatch.context() as patch:
        patch.setattr("signer.audit.log.os.write", full)
        with pytest.raises(AuditFileError, match="No space left"):
            log.append([content("2")])
    assert path.read_bytes() == before
    log.append([content("2")])
    assert not log.read().problems


def test_what_cannot_be_written_is_known_before(tmp_path: Path) -> None:
    with pytest.raises(AuditFileError, match="its directory does not exist"):
        AuditLog(tmp_path / "none" / "audit.jsonl").check()
    (tmp_path / "directory").mkdir()
    with pytest.raises(AuditFileError, match="directory"):
        AuditLog(tmp_path / "directory").check()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(AuditFileError, match="no regular file"):
        AuditLog(tmp_path / "pipe").check()
    (tmp_path / "key.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    with pytest.raises(AuditFileError, match="another kind"):
        AuditLog(tmp_path / "key.pem").check()
    path = tmp_path / "audit.jsonl"
    with (
        FileLock(f"{path}.lock"),
        pytest.raises(AuditFileError, match="another process holds its lock"),
    ):
        AuditLog(path, lock_seconds=0).check()
    AuditLog(path).check()
    assert path.read_bytes() == b""


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        AuditLog(tmp_path / "audit.jsonl").read()
