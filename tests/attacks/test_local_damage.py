"""What a damaged disk, a full one, or somebody with access to the files can do."""

import base64
import errno
import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode, SignerError
from signer.trust.pinning import Pins
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import DIGEST, OTHER, RELEASES, SimulatedCollection

# The cache is never believed


def truncate(wire: bytes) -> bytes:
    return wire[: len(wire) // 2]


def empty(_: bytes) -> bytes:
    return b""


def forge(wire: bytes) -> bytes:
    return wire.replace(b"GhoaGhoa", b"KysrKysr")


@pytest.mark.parametrize("damage", [truncate, empty, forge, lambda _: bytes(1000)])
@pytest.mark.parametrize("role", [ROOT, TIMESTAMP, SNAPSHOT, TARGETS, RELEASES])
def test_a_damaged_cache_file_just_costs_a_download(
    server: SimulatedCollection,
    reader: Reader,
    role: str,
    damage: Callable[[bytes], bytes],
) -> None:
    reader.read()
    file = reader.cache.directory / f"{role}.json"
    file.write_bytes(damage(file.read_bytes()))
    assert reader.accepts(":1", "gitlab") == DIGEST
    assert file.read_bytes() == server.files[role]


def test_a_cache_of_another_collection_is_not_believed(
    server: SimulatedCollection, reader: Reader, tmp_path: Path
) -> None:
    other = SimulatedCollection.with_signers("gitlab", gun="other.example.com/x/y")
    other.sign_tag(RELEASES, "1", OTHER)
    other.publish(RELEASES)
    stranger = Reader(other, tmp_path / "other")
    stranger.read()
    reader.cache.directory.parent.mkdir(parents=True)
    stranger.cache.directory.rename(reader.cache.directory)
    assert reader.accepts() == DIGEST
    del server


def test_an_old_cache_is_no_reason_to_believe_an_old_state(
    server: SimulatedCollection, reader: Reader, tmp_path: Path
) -> None:
    """Somebody restores a backup of the cache alone, and plays the old server."""
    reader.read()
    old = server.save()
    backup = tmp_path / "backup"
    reader.cache.directory.rename(backup)
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    reader.read()
    reader.forget_cache()
    reader.cache.directory.parent.mkdir(parents=True)
    backup.rename(reader.cache.directory)
    server.serve(old)
    reader.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_left_over_temporary_files_of_a_killed_process_do_no_harm(reader: Reader) -> None:
    reader.read()
    for directory in (reader.cache.directory, reader.states.path(reader.gun).parent):
        (directory / ".new-abcdef").write_bytes(b'{"signed":')
    assert reader.accepts() == DIGEST


# The state is never silently begun anew


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[bytes], bytes]:
    def damage(wire: bytes) -> bytes:
        content = json.loads(wire)
        change(content)
        return json.dumps(content).encode("ascii")

    return damage


def other_root(_: bytes) -> str:
    other = SimulatedCollection.with_signers(gun="other.example.com/x/y")
    spoilt = other.files[ROOT].replace(b'"version":1', b'"version":9')
    return base64.b64encode(spoilt).decode("ascii")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": empty,
    "truncated": truncate,
    "zeros": lambda wire: bytes(len(wire)),
    "no json": lambda _: b"garbage",
    "an array": lambda _: b"[]",
    "null": lambda _: b"null",
    "deep": lambda _: b"[" * 100_000,
    "invalid utf-8": lambda wire: wire.replace(b"versions", b"version\xff"),
    "no root": edit(lambda content: content.pop("root")),
    "no versions": edit(lambda content: content.pop("versions")),
    "no pins": edit(lambda content: content.pop("pins")),
    "root null": edit(lambda content: content.update(root=None)),
    "root empty": edit(lambda content: content.update(root="")),
    "root no base64": edit(lambda content: content.update(root="!")),
    "root no metadata": edit(lambda content: content.update(root="e30=")),
    "root truncated": edit(lambda content: content.update(root=content["root"][:400])),
    "root unsigned": edit(lambda content: content.update(root=other_root(b""))),
    "versions a list": edit(lambda content: content.update(versions=[])),
    "versions null": edit(lambda content: content.update(versions=None)),
    "a version text": edit(lambda content: content["versions"].update(timestamp="x")),
    "a version null": edit(lambda content: content["versions"].update(timestamp=None)),
    "a version infinite": lambda wire: wire.replace(b'"timestamp": 1', b'"timestamp": 1e999'),
    "pins a number": edit(lambda content: content.update(pins=1)),
}


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.parametrize("pins", [None, TOFU, Pins()], ids=["pinned", "first use", "no pin"])
def test_a_damaged_state_is_refused_with_its_path_and_never_begun_anew(
    reader: Reader, name: str, pins: Pins | None
) -> None:
    reader.read()
    if pins is not None:
        reader.pins = pins
    file = reader.states.path(reader.gun)
    damaged = DAMAGES[name](file.read_bytes())
    assert damaged != file.read_bytes()
    file.write_bytes(damaged)
    with pytest.raises(SignerError) as caught:
        reader.read()
    assert caught.value.code == "trust-state-unreadable"
    assert caught.value.exit_code == ExitCode.FAILURE
    assert str(file) in caught.value.message
    assert file.read_bytes() == damaged


def test_a_directory_in_the_states_place_is_refused(reader: Reader) -> None:
    reader.states.path(reader.gun).mkdir(parents=True)
    reader.refuses("trust-state-unreadable", ExitCode.FAILURE, step=0)


def test_a_file_in_the_trust_directorys_place_is_refused(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    (tmp_path / "trust").write_bytes(b"")
    reader = Reader(server, tmp_path / "trust")
    reader.refuses("trust-state-unreadable", ExitCode.FAILURE, step=0)


# Writing


def fail_with(number: int) -> Callable[..., None]:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EIO])
@pytest.mark.parametrize("function", ["tempfile.mkstemp", "os.fdopen", "os.fchmod"])
def test_a_directory_that_cannot_be_written_is_named_and_nothing_is_changed(
    server: SimulatedCollection,
    reader: Reader,
    monkeypatch: pytest.MonkeyPatch,
    function: str,
    number: int,
) -> None:
    reader.read()
    before = files_of(reader.trust_dir)
    server.publish(RELEASES)
    with monkeypatch.context() as patch:
        patch.setattr(f"signer.files.{function}", fail_with(number))
        error = reader.refuses("not-writable", ExitCode.FAILURE, step=0)
    assert str(reader.trust_dir) in error.message
    assert os.strerror(number) in error.message
    assert files_of(reader.trust_dir) == before
    assert reader.accepts() == DIGEST


def files_of(directory: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_a_disk_that_is_full_only_for_the_state_keeps_the_former_one(
    server: SimulatedCollection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.read()
    former = reader.states.path(reader.gun).read_bytes()
    server.publish(RELEASES)
    with monkeypatch.context() as patch:
        patch.setattr("signer.files.os.fsync", fail_with(errno.ENOSPC))
        reader.refuses("not-writable", ExitCode.FAILURE, step=0)
    assert reader.states.path(reader.gun).read_bytes() == former


def test_a_lock_that_cannot_be_made_is_named(reader: Reader) -> None:
    (reader.states.path(reader.gun).parent / "_lock").mkdir(parents=True)
    error = reader.refuses("not-writable", ExitCode.FAILURE, step=0)
    assert "_lock" in error.message


def test_a_lock_that_another_holds_is_not_waited_for_for_ever(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    monkeypatch.setattr("signer.trust.state_files._LOCK_SECONDS", 0)
    lock = reader.states.path(reader.gun).parent / "_lock"
    lock.parent.mkdir(parents=True)
    with FileLock(lock):
        error = reader.refuses("not-writable", ExitCode.FAILURE, step=0)
    assert "another process" in error.message
    assert reader.accepts() == DIGEST


def test_without_news_nothing_is_written_so_a_read_only_directory_will_do(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader.read()
    monkeypatch.setattr("signer.files.tempfile.mkstemp", fail_with(errno.EROFS))
    assert reader.accepts() == DIGEST


def test_a_symbolic_link_as_trust_directory_is_followed(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "trust").symlink_to(tmp_path / "real")
    reader = Reader(server, tmp_path / "trust")
    assert reader.accepts() == DIGEST
    assert (tmp_path / "real" / "signer").is_dir()
    assert (tmp_path / "trust").is_symlink()


def test_a_symbolic_link_as_state_file_is_replaced_and_its_aim_is_left_alone(
    server: SimulatedCollection, reader: Reader, tmp_path: Path
) -> None:
    reader.read()
    file = reader.states.path(reader.gun)
    aim = tmp_path / "aim"
    file.rename(aim)
    file.symlink_to(aim)
    former = aim.read_bytes()
    server.publish(RELEASES)
    reader.read()
    assert aim.read_bytes() == former
    assert not file.is_symlink()


def test_a_dangling_link_as_trust_directory_is_refused(
    server: SimulatedCollection, tmp_path: Path
) -> None:
    (tmp_path / "trust").symlink_to(tmp_path / "nowhere")
    reader = Reader(server, tmp_path / "trust")
    reader.refuses("not-writable", ExitCode.FAILURE, step=0)


def test_nobody_else_may_read_what_is_remembered(reader: Reader) -> None:
    reader.read()
    for path in reader.trust_dir.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_refused_reading_leaves_no_trace(server: SimulatedCollection, reader: Reader) -> None:
    reader.read()
    before = files_of(reader.trust_dir)
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(TARGETS, RELEASES)
    server.answers[TARGETS] = b"{}"
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=8)
    assert files_of(reader.trust_dir) == before
