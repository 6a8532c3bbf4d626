"""``make demo``'s program: it runs through, and says what is wrong where it does not."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.service import MissingComponentError, clean_environment
from tests.docs.conftest import ROOT
from tests.e2e import demo


@pytest.mark.usefixtures("notary_server", "registry")
def test_the_demonstration_runs_through_and_fits_into_80_columns(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.e2e.demo"],
        cwd=ROOT,
        env=clean_environment(tmp_path) | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    outcomes = re.findall(
        r"^(initialised|signed|accept|reject|revoked|\[exit code \d+\])", done.stdout, re.M
    )
    assert outcomes == [
        *("initialised", "reject", "[exit code 3]", "signed", "accept"),
        *("reject", "[exit code 4]", "accept", "signed", "revoked", "reject", "[exit code 3]"),
    ]
    first, second = re.findall(r"^ (sha256:\w+)\)$", done.stdout, re.M)
    assert re.search(rf"\n  {second}\n  was {first}\n", done.stdout)
    too_wide = [line for line in done.stdout.splitlines() if len(line) > 80]
    path_or_typed = re.compile(rf"{re.escape(str(tmp_path))}|[.]key$|^[$] |^    --")
    assert [line for line in too_wide if not path_or_typed.search(line)] == []
    assert list(tmp_path.iterdir()) == []


def test_everything_that_is_missing_is_named_with_its_package(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def find_nothing(name: str, package: str) -> Path:
        raise MissingComponentError(f"The program {name} is missing", package)

    monkeypatch.setattr(demo, "find_program", find_nothing)
    assert demo.main() == 1
    said = capsys.readouterr().err
    assert "notary-server and docker-registry" in said
    assert "apt-get install --no-install-recommends notary docker-registry" in said


@pytest.mark.usefixtures("notary_server", "registry")
def test_a_step_that_ends_otherwise_ends_the_demonstration(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def accept_nothing(home: Path, _notary: NotaryServer, _registry: Registry) -> None:
        demo.Terminal(home, clean_environment(home)).run("sh", "-c", "exit 3", expect=4)

    monkeypatch.setattr(demo, "_tell", accept_nothing)
    assert demo.main() == 1
    assert "ended with 3 instead of 4" in capsys.readouterr().err


def test_long_commands_are_shown_in_lines_that_can_be_copied() -> None:
    shown = demo._shown(("signer", "verify", "i" * 40, "--trust-dir", "d" * 20, "--pin", "p" * 60))
    assert shown.splitlines() == [
        f"$ signer verify {'i' * 40} \\",
        f"    --trust-dir {'d' * 20} \\",
        f"    --pin {'p' * 60}",
    ]
