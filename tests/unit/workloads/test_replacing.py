"""Replacing files: all or none, with nothing left beside them."""

import os
import stat
from pathlib import Path

import pytest

from signer.files import UnwritableDirectoryError
from signer.workloads.replacing import NewFile, replace_files


def content(directory: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()
    }


def test_files_keep_their_mode_and_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    real = tmp_path / "real" / "a.yml"
    real.write_bytes(b"old")
    real.chmod(0o640)
    link = tmp_path / "link.yml"
    link.symlink_to("real/a.yml")
    script = tmp_path / "b.yml"
    script.write_bytes(b"old")
    script.chmod(0o755)
    new = tmp_path / "new.yml"
    replace_files([NewFile(link, b"1"), NewFile(script, b"2"), NewFile(new, b"3", 0o604)])
    assert link.is_symlink()
    assert content(tmp_path) == {
        "real/a.yml": b"1", "link.yml": b"1", "b.yml": b"2", "new.yml": b"3",
    }  # fmt: skip
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (real, script, new)}
    assert modes == {"a.yml": 0o640, "b.yml": 0o755, "new.yml": 0o604}


def test_a_file_keeps_its_group(tmp_path: Path) -> None:
    file = tmp_path / "a.yml"
    file.write_bytes(b"old")
    file.chmod(0o640)
    others = {*os.getgroups(), *([12345] if os.geteuid() == 0 else [])} - {os.getegid()}
    group = min(others, default=os.getegid())
    os.chown(file, -1, group)
    replace_files([NewFile(file, b"new")])
    assert (file.stat().st_gid, stat.S_IMODE(file.stat().st_mode)) == (group, 0o640)


def test_one_that_cannot_be_written_leaves_all_as_they_were(tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    a.write_bytes(b"old")
    b.mkdir()
    with pytest.raises(UnwritableDirectoryError, match="no regular file"):
        replace_files([NewFile(a, b"new"), NewFile(b, b"new")])
    assert content(tmp_path) == {"a": b"old"}


def test_a_replacement_that_fails_takes_back_those_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "ac":
        (tmp_path / name).write_bytes(b"old " + name.encode())
    (tmp_path / "a").chmod(0o600)
    replace = Path.replace

    def failing(self: Path, target: Path) -> Path:
        if Path(target).name == "c":
            raise OSError(28, os.strerror(28))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", failing)
    files = [NewFile(tmp_path / name, b"new") for name in "abc"]
    with pytest.raises(UnwritableDirectoryError) as error:
        replace_files(files)
    assert error.value.message == f"Cannot write {tmp_path / 'c'}: No space left on device."
    assert content(tmp_path) == {"a": b"old a", "c": b"old c"}
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600


def test_an_interruption_takes_back_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"old")
    replace = Path.replace

    def interrupted(self: Path, target: Path) -> Path:
        if Path(target).name == "b":
            raise KeyboardInterrupt
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replace_files([NewFile(tmp_path / name, b"new") for name in "ab"])
    assert content(tmp_path) == {"a": b"old"}
