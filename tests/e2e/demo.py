"""The main job on real components, as a user runs it: ``python -m tests.e2e.demo``.

A notary-server and a docker-registry are started on loopback, in a temporary directory that is
removed afterwards. Every command is shown with its output; the demonstration ends with 1 as soon as
a command's exit code is not the expected one.
"""

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import textwrap
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Template
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.components.certificates import Authority
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.peers import trust_server_ca
from tests.components.registry import Registry
from tests.components.service import (
    MissingComponentError,
    StartError,
    clean_environment,
    find_program,
)

NEEDED: Final = {"notary-server": "notary", "docker-registry": "docker-registry"}
"""Debian package by the program that is started from it."""

_WIDTH: Final = 80
_SECONDS: Final = 60.0
_REPOSITORY: Final = "admin/flask"
_WRONG_KEY_ID: Final = "0" * 64
_CONTINUED: Final = " \\"


class UnexpectedExitCodeError(Exception):
    """A command ended otherwise than the demonstration says."""


@dataclass(frozen=True)
class Terminal:
    """Shows comments, commands and their output, in one directory and environment.

    Attributes:
        directory: where commands run.
        environment: what they see.
    """

    directory: Path
    environment: dict[str, str]

    def say(self, text: str) -> None:
        """Print a comment, broken at 80 columns."""
        print()
        print(textwrap.fill(text, _WIDTH, initial_indent="# ", subsequent_indent="# "))

    def export(self, name: str, value: str) -> None:
        """Set a variable for the commands that follow."""
        self.environment[name] = value
        print(f"$ export {name}={value}")

    def run(self, *command: str, expect: int = 0, silent: bool = False) -> str:
        """Run a command and show it with its output, which is returned.

        Args:
            command: its words; ``$NAME`` in them stands for a variable of the environment.
            expect: the exit code that it must end with.
            silent: whether its output is shown only if it fails.

        Raises:
            UnexpectedExitCodeError: its exit code is not ``expect``.
        """
        print(_shown(command), flush=True)
        words = [Template(word).safe_substitute(self.environment) for word in command]
        done = subprocess.run(
            [_program(words[0]), *words[1:]],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_SECONDS,
            check=False,
        )
        failed = done.returncode != expect
        if failed or not silent:
            print(done.stdout.rstrip(), flush=True)
        if failed:
            raise UnexpectedExitCodeError(
                f"{command[0]} {command[1]} ended with {done.returncode} instead of {expect}"
            )
        if expect:
            print(f"[exit code {expect}]")
        return done.stdout


def main() -> int:
    """Run the demonstration and return its exit code."""
    try:
        _require_programs()
        with tempfile.TemporaryDirectory(prefix="signer-demo-") as directory:
            home = Path(directory)
            authority = Authority(home / "authority")
            with (
                NotaryServer(home / "notary-server", authority) as notary,
                Registry(home / "registry", authority) as registry,
            ):
                _tell(home, notary, registry)
    except MissingComponentError as error:
        print(f"demo: {error}.", file=sys.stderr)
        return 1
    except (StartError, UnexpectedExitCodeError) as error:
        print(f"demo: {error}.", file=sys.stderr)
        return 1
    return 0


def _require_programs() -> None:
    """Name everything that is missing at once.

    Raises:
        MissingComponentError: a program is not installed.
    """
    missing = {}
    for program, package in NEEDED.items():
        try:
            find_program(program, package)
        except MissingComponentError:
            missing[program] = package
    if missing:
        programs, packages = " and ".join(missing), " ".join(missing.values())
        raise MissingComponentError(
            f"The demonstration needs {programs}. As root: apt-get install "
            f"--no-install-recommends {packages}"
        )


def _tell(home: Path, notary: NotaryServer, registry: Registry) -> None:
    terminal = _terminal(home, notary, registry)
    image = f"{registry.host}/{_REPOSITORY}:latest"
    gun = image.rpartition(":")[0]

    terminal.say("The CI system gets a key and a certificate (a UCP client bundle is the same).")
    _make_certificate(terminal)
    terminal.say(
        "The admin creates the trusted collection, with the CI's certificate as its signer. Root "
        "and targets keys stay in the admin's directory; nobody else needs them."
    )
    printed = terminal.run(
        "signer", "init", gun, "--signer", "gitlab=cert.pem", "--trust-dir", "admin"
    )
    terminal.say("What pins the root is given to everybody who signs or verifies.")
    terminal.export("ROOT_KEY_ID", _word_after(printed, "--root-key-id"))
    pin = ("--root-key-id", "$ROOT_KEY_ID")

    terminal.say("An image is pushed and promoted to 'latest'. Nobody has signed it yet.")
    _push(registry, "the first image")
    terminal.run("signer", "verify", image, "--trust-dir", "admin", expect=3)

    terminal.say("A CI job signs it. All that it holds is its own key, and the pin of the root.")
    sign = ("signer", "sign", image, "--key", "key.pem", "--trust-dir", "ci", *pin)
    terminal.run(*sign)
    terminal.say("Another machine, which knows nothing but the pin, accepts the image.")
    verify = ("signer", "verify", image, "--signer", "gitlab", "--trust-dir", "cluster", *pin)
    terminal.run(*verify)
    terminal.say("A wrong pin is an attack until it is explained.")
    wrong = ("--trust-dir", "stranger", "--root-key-id", _WRONG_KEY_ID)
    terminal.run("signer", "verify", image, *wrong, expect=4)

    terminal.say("The tag is moved to another image. The verdict still names what was signed.")
    _push(registry, "the second image")
    terminal.run(*verify)
    terminal.say("Signing again signs what the registry has now, and shows both digests.")
    terminal.run(*sign)
    terminal.run("signer", "inspect", gun, "--trust-dir", "cluster")

    terminal.say("The signature is taken away: the image stays, but is refused from now on.")
    terminal.run("signer", "revoke", image, "--key", "key.pem", "--trust-dir", "ci")
    terminal.run(*verify, expect=3)
    print("\nEvery command ended with the expected exit code.")


def _terminal(home: Path, notary: NotaryServer, registry: Registry) -> Terminal:
    """Make an empty home in which docker's directory trusts the servers' certificates."""
    directory = home / "work"
    directory.mkdir()
    environment = clean_environment(directory)
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    config = directory / "docker"
    for host in (notary.host, registry.host):
        trust_server_ca(config, host, notary.authority)
    terminal = Terminal(directory, environment)
    print(f"Everything happens in {home}, which is removed at the end.")
    terminal.say("Here the Notary server has a port of its own; a DTR is both on one.")
    terminal.export("SIGNER_SERVER", notary.url)
    terminal.say("tls/HOST/ca.crt in docker's directory holds the servers' CA ('signer ca').")
    terminal.export("DOCKER_CONFIG", str(config))
    terminal.say("Passphrases of the keys that are made.")
    terminal.export("DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE", "worthless-root")
    terminal.export("DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE", "worthless-targets")
    return terminal


def _make_certificate(terminal: Terminal) -> None:
    """Make ``key.pem`` and ``cert.pem`` with openssl, or without it where it is missing."""
    if shutil.which("openssl", path=terminal.environment["PATH"]):
        terminal.run(
            *shlex.split("openssl req -x509 -newkey rsa:2048 -nodes -batch -days 365"),
            *shlex.split("-subj /CN=gitlab -keyout key.pem -out cert.pem"),
            silent=True,
        )
        return
    print("(made by Python: the program openssl is not installed)")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "gitlab")])
    now = datetime.now(tz=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=365))
        .sign(key, SHA256())
    )
    key_file = terminal.directory / "key.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (terminal.directory / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))


def _word_after(text: str, word: str) -> str:
    words = text.split()
    return words[words.index(word) + 1]


def _push(registry: Registry, content: str) -> None:
    digest, length = push_image(registry, _REPOSITORY, "latest", content=content.encode())
    print(f"(pushed over the registry's API: {length} bytes of manifest,\n {digest})")


def _program(name: str) -> str:
    """Prefer the program beside this Python: the environment that the demonstration is run from."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def _shown(command: tuple[str, ...]) -> str:
    """Return a command as typed, in lines of at most 80 columns; an option keeps its value."""
    pieces: list[str] = []
    for word in command:
        if pieces and pieces[-1].startswith("-") and not word.startswith("-"):
            pieces[-1] += f" {word}"
        else:
            pieces.append(word)
    lines = ["$"]
    for piece in pieces:
        if len(lines[-1]) + len(piece) + len(" " + _CONTINUED) <= _WIDTH:
            lines[-1] += f" {piece}"
        else:
            lines.append(f"    {piece}")
    return f"{_CONTINUED}\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
