"""What holds for every command: help, options before and after its name, errors as JSON."""

import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from signer import __version__
from tests.components.peers import PASSPHRASE
from tests.components.service import clean_environment
from tests.components.signer_cli import PROGRAM
from tests.e2e.story import Collection, WatchedSigner

COMMANDS = [
    "",
    "sign",
    "verify",
    "pin",
    "inspect",
    "revoke",
    "init",
    "delegation",
    "delegation list",
    "delegation add",
    "delegation remove",
    "keys",
    "keys list",
    "keys generate",
    "keys import",
    "keys bundle",
    "ca",
    "reconcile",
    "demo",
    "serve",
    "trust",
    "state",
    "state show",
    "state export",
    "state import",
    "admission engine",
    "admission kubernetes",
    "audit",
    "audit show",
    "audit verify",
    "bundle",
    "bundle create",
    "bundle verify",
    "bundle update",
    "policy",
    "policy check",
    "policy explain",
    "policy test",
    "policy import",
]


@pytest.fixture
def plain(tmp_path: Path) -> WatchedSigner:
    """``signer`` without a server."""
    return WatchedSigner(tmp_path / "signer")


def test_every_help_fits_into_80_columns(plain: WatchedSigner) -> None:
    for command in COMMANDS:
        shown = plain(*command.split(), "--help").stdout
        assert shown == plain(*command.split(), "-h").stdout
        assert shown.startswith(f"Usage: signer {command}".rstrip())
        assert max(map(len, shown.splitlines())) <= 80, command
        assert not re.search(r"\b(None|PATH\.\.\.|FLOAT|TEXT)\b", shown), command


def test_the_help_has_the_commands_by_section(plain: WatchedSigner) -> None:
    shown = plain("--help").stdout
    sections = re.findall(r"^([A-Z][a-z -]+):\n((?:  .*\n)+)", shown, re.MULTILINE)
    names = {title: re.findall(r"^  ([a-z]+) ", body, re.MULTILINE) for title, body in sections}
    assert names["Sign and verify"] == [
        "sign",
        "reconcile",
        "verify",
        "pin",
        "inspect",
        "revoke",
    ]
    assert names["Collections and keys"][:4] == ["init", "delegation", "keys", "ca"]
    assert next(iter(names)) == "Options"


def test_the_version_is_the_packages(plain: WatchedSigner) -> None:
    assert plain("--version").stdout == f"signer, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["bogus"],
        ["sign"],
        ["sign", "--bogus", "x"],
        ["verify"],
        ["init"],
        ["init", "a", "b"],
        ["keys"],
        ["keys", "bogus"],
        ["keys", "bundle"],
        ["delegation", "add", "localhost:1/a/b", "name"],
        ["ca"],
        ["--timeout", "soon", "keys", "list"],
        ["--config", "missing.toml", "sign", "localhost:1/a/b:1"],
        ["verify", "localhost:1/a/b:1", "--json", "--timeout", "-1"],
    ],
    ids=" ".join,
)
def test_wrong_usage_is_one_json_object_or_two_lines(
    plain: WatchedSigner, arguments: list[str]
) -> None:
    for before in (True, False):
        given = ["--json", *arguments] if before else [*arguments, "--json"]
        done = plain(*given, expect=2)
        assert done.json["schema"] == "signer.error/1"
        assert done.stderr == ""
    if "--json" not in arguments:
        done = plain(*arguments, expect=2)
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")


@pytest.mark.parametrize("options", [["--format", "json"], ["--format=json"]], ids=" ".join)
def test_an_error_is_one_json_object_where_json_is_the_format(
    plain: WatchedSigner, options: list[str]
) -> None:
    done = plain("verify", "localhost:1/a/b:1", "--policy", "missing.yaml", *options, expect=2)
    assert (done.json["schema"], done.stderr) == ("signer.error/1", "")


def test_global_options_stand_before_or_after_the_name(
    collection: Collection, tmp_path: Path
) -> None:
    server = ("--server", collection.server.url)
    authority = ("--ca", collection.server.authority.ca_file)
    trust = ("--trust-dir", tmp_path / "elsewhere")
    plain = WatchedSigner(tmp_path / "plain")
    command = ("delegation", "list", collection.gun, *collection.pinned())
    before = plain(*server, *authority, *trust, "--json", *command).json
    after = plain(*command, *server, *authority, *trust, "--json").json
    mixed = plain(*server, "--json", *command, *authority, *trust).json
    assert before == after == mixed
    assert list((tmp_path / "elsewhere").iterdir())
    wrong = ("--server", "https://localhost:1")
    assert plain(*wrong, *authority, *trust, *command, *server).stdout, "the later one holds"


def test_the_server_may_come_from_the_environment(collection: Collection, tmp_path: Path) -> None:
    authority = collection.server.authority
    plain = WatchedSigner(tmp_path / "plain", authority=authority)
    command = ("delegation", "list", collection.gun, *collection.pinned())
    url, nowhere = collection.server.url, "https://localhost:1"
    plain(*command, env={"SIGNER_SERVER": url, "DOCKER_CONTENT_TRUST_SERVER": nowhere})
    plain(*command, env={"DOCKER_CONTENT_TRUST_SERVER": url})
    plain(*command, "--server", url, env={"SIGNER_SERVER": nowhere})


def test_verbose_says_requests_on_standard_error_and_keeps_secrets(collection: Collection) -> None:
    collection.push("1.0")
    done = collection.admin("-v", "sign", collection.image("1.0"), "--key", collection.key)
    assert "HTTP" in done.stderr
    assert done.stdout.startswith("signed  ")
    done = collection.admin("verify", collection.image("1.0"), "-v", "--json")
    assert done.json["verdict"] == "accept"


def test_a_reader_that_goes_away_ends_the_program_quietly(collection: Collection) -> None:
    collection.prepare(v1=b"example")
    running = collection.admin.start("inspect", collection.gun)
    process = running._process
    assert process.stdout is not None
    process.stdout.close()
    process.stdout = None
    done_error = process.communicate(b"")[1]
    assert b"Traceback" not in done_error
    assert b"Exception ignored" not in done_error


def test_interrupted_says_so_without_a_traceback(collection: Collection) -> None:
    import signal

    running = collection.admin.start("sign", collection.image("1"), "--key", "-")
    os.kill(running.pid, signal.SIGCONT)
    from contextlib import suppress

    with suppress(subprocess.TimeoutExpired):
        running._process.wait(2)  # it waits for the key on standard input
    os.kill(running.pid, signal.SIGINT)
    done = running.wait(expect=None, seconds=20)
    assert done.status != 0
    assert "Interrupted" in done.stderr


def test_a_terminal_is_asked_for_the_passphrase_and_the_root(
    collection: Collection, tmp_path: Path
) -> None:
    """The one story at a terminal: an unknown root is shown and confirmed, a key is unlocked."""
    collection.push("1.0")
    keys = WatchedSigner(tmp_path / "keys", collection.server)
    keys("keys", "import", collection.key, "--role", "gitlab")
    command = [str(PROGRAM), "--server", collection.server.url]
    command += ["--ca", str(collection.server.authority.ca_file)]
    command += ["sign", collection.image("1.0")]
    leader, follower = pty.openpty()
    environment = clean_environment(keys.home) | {"DOCKER_CONFIG": str(keys.config)}
    process = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    shown = _converse(leader, [("confirm it? [y/N]:", "y"), ("passphrase for", PASSPHRASE)])
    assert process.wait(60) == 0, shown
    assert collection.root_key_id in shown
    assert "signed  " in shown
    assert PASSPHRASE not in shown


def _converse(terminal: int, dialogue: list[tuple[str, str]]) -> str:
    shown = ""
    while True:
        try:
            part = os.read(terminal, 4096)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part.decode()
        if dialogue and dialogue[0][0] in shown:
            os.write(terminal, dialogue.pop(0)[1].encode() + b"\n")
    os.close(terminal)
    assert not dialogue, shown
    return shown
