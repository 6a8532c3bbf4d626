"""Killed at any moment, or out of space: keys, state and collection stay readable."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.components.fixtures import IN_CI
from tests.e2e.story import Collection, WatchedSigner, directory_content

KILLS = 12


def _kill_after(signer: WatchedSigner, seconds: float, *arguments: str | Path) -> None:
    running = signer.start(*arguments)
    with suppress(subprocess.TimeoutExpired):
        running._process.wait(seconds)
    with suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGKILL)
    running.wait(expect=None)


def _duration(signer: WatchedSigner, *arguments: str | Path) -> float:
    began = time.monotonic()
    signer(*arguments)
    return time.monotonic() - began


def test_sign_killed_at_random_moments_leaves_everything_usable(collection: Collection) -> None:
    chance = random.Random(2)  # noqa: S311 - moments, no secrets
    collection.push("v0")
    whole = _duration(collection.admin, "sign", collection.image("v0"), "--key", collection.key)
    for number in range(1, KILLS + 1):
        digest = collection.push("moving", str(number).encode())
        moment = chance.uniform(0.3, 1.0) * whole
        _kill_after(
            collection.admin, moment, "sign", collection.image("moving"), "--key", collection.key
        )
        if number % 4 == 0:
            collection.admin("inspect", collection.gun)
    (result,) = collection.admin.json("sign", collection.image("moving"), "--key", collection.key)[
        "results"
    ]
    assert result["digest"] == digest
    verdicts = collection.admin.json("verify", collection.image("v0"), collection.image("moving"))[
        "images"
    ]
    assert [verdict["verdict"] for verdict in verdicts] == ["accept", "accept"]


def test_init_killed_at_random_moments_can_be_run_again(
    signer: WatchedSigner, fresh_gun: str
) -> None:
    chance = random.Random(3)  # noqa: S311 - moments, no secrets
    whole = _duration(signer, "init", f"{fresh_gun}-0")
    for number in range(1, KILLS // 2 + 1):
        gun = f"{fresh_gun}-{number}"
        _kill_after(signer, chance.uniform(0.4, 1.0) * whole, "init", gun)
        assert signer.json("init", gun)["status"] in {"initialised", "up-to-date"}
    keys = signer.json("keys", "list")["keys"]
    assert [key["role"] for key in keys].count("root") == 1
    for key in keys:
        assert Path(key["path"]).read_bytes().endswith(b"-----END ENCRYPTED PRIVATE KEY-----\n")


@pytest.mark.parametrize("role", ["timestamp", "targets", "targets/releases", "root"])
def test_damaged_cache_files_cost_a_download_and_nothing_else(
    collection: Collection, role: str
) -> None:
    collection.prepare(v1=b"example")
    file = collection.admin.trust_directory / "tuf" / collection.gun / "metadata" / f"{role}.json"
    for content in (file.read_bytes()[:100], b"", b"\0" * 100):
        file.write_bytes(content)
        collection.admin("verify", collection.image("v1"))


def test_a_damaged_state_file_is_named_and_nothing_is_assumed(collection: Collection) -> None:
    collection.prepare(v1=b"example")
    (file,) = (collection.admin.trust_directory / "signer").rglob("_state.json")
    file.write_bytes(file.read_bytes()[:50])
    for options in ((), collection.pinned()):
        answer = collection.admin.json("verify", collection.image("v1"), *options, expect=None)
        reason = answer["images"][0]["reason"] if "images" in answer else answer
        assert reason["code"] == "trust-state-unreadable"
        assert str(file) in reason["message"]
    collection.push("v2")
    arguments = ("sign", collection.image("v2"), "--key", collection.key)
    assert collection.admin.json(*arguments, expect=1)["code"] == "trust-state-unreadable"


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with hardly any space."""
    directory = tmp_path / "full"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=0700", "tmpfs", str(directory)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        if IN_CI:
            pytest.fail("a small tmpfs needs root")
        pytest.skip("not run: a small tmpfs needs root")
    try:
        yield directory
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def _fill(directory: Path) -> Path:
    file = directory / "filler"
    with suppress(OSError), file.open("wb", buffering=0) as filler:
        while True:
            filler.write(b"x" * 512)
    return file


def test_a_full_disk_is_said_and_nothing_is_lost(
    collection: Collection, full_disk: Path, tmp_path: Path
) -> None:
    digest = collection.push("v1")
    signer = WatchedSigner(tmp_path / "other", collection.server, trust_directory=full_disk)
    signer("inspect", collection.gun, *collection.pinned())
    before = directory_content(full_disk)
    filler = _fill(full_disk)
    collection.prepare(v2=b"two")
    for command in (
        ("keys", "generate", "alice"),
        ("init", f"{collection.gun}-second"),
        ("verify", collection.image("v2")),
        ("sign", collection.image("v1"), "--key", collection.key),
    ):
        answer = signer.json(*command, expect=None)
        reason = answer["images"][0]["reason"] if "images" in answer else answer
        assert reason["code"] == "not-writable", (command, answer)
        assert "No space left" in reason["message"]
        content = directory_content(full_disk)
        assert {name: content[name] for name in before} == before, command
    filler.unlink()
    (result,) = signer.json("sign", collection.image("v1"), "--key", collection.key)["results"]
    assert result["digest"] == digest


def test_a_trust_directory_that_cannot_be_written_is_said(
    collection: Collection, full_disk: Path, tmp_path: Path
) -> None:
    """Read-only for root, too."""
    subprocess.run(["mount", "-o", "remount,ro", str(full_disk)], check=True)
    signer = WatchedSigner(tmp_path / "other", collection.server, trust_directory=full_disk)
    collection.prepare(v1=b"example")
    for command in (
        ("keys", "generate", "alice"),
        ("init", f"{collection.gun}-second"),
        ("verify", collection.image("v1"), *collection.pinned()),
    ):
        answer = signer.json(*command, expect=None)
        reason = answer["images"][0]["reason"] if "images" in answer else answer
        assert "Read-only file system" in reason["message"], (command, answer)
        assert "--trust-dir" in reason["hint"]
    assert not list(full_disk.iterdir())
    assert not list(signer.home.glob("*.pub"))
