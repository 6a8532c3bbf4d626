"""The programs side by side: command lines that do the same job with a directory of their own."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from signer.names import Gun
from tests.bench.measure import Command
from tests.bench.stage import DIGEST, LENGTH, SIGNER_NAME, Stage
from tests.components.peers import PASSPHRASE, docker_programs, run, trust_server_ca
from tests.components.service import clean_environment, find_program
from tests.components.signer_cli import PROGRAM


@dataclass(frozen=True)
class Programs:
    """Makes command lines; ``directory`` is always a program's own: keys, cache and all."""

    stage: Stage

    def signer(self, directory: Path, *arguments: str) -> Command:
        """Return ``signer ARGUMENTS``."""
        options = ("--server", self._server, "--ca", str(self.stage.authority.ca_file))
        return Command(
            (str(PROGRAM), *options, *arguments),
            clean_environment(directory) | {"DOCKER_CONFIG": str(directory)},
        )

    def notary(self, directory: Path, *arguments: str) -> Command:
        """Return ``notary ARGUMENTS``."""
        program = find_program("notary", "notary")
        options = ("-s", self._server, "--tlscacert", str(self.stage.authority.ca_file))
        return Command(
            (str(program), "-d", str(directory / "trust"), *options, *arguments),
            clean_environment(directory) | {"NOTARY_DELEGATION_PASSPHRASE": PASSPHRASE},
        )

    def docker(self, directory: Path, *arguments: str) -> Command:
        """Return ``docker trust ARGUMENTS``, Debian's, without an engine."""
        proxy = self.stage.notary_proxy
        trust_server_ca(directory, proxy.host, self.stage.authority)
        return Command(
            (str(docker_programs()[0]), "trust", *arguments),
            clean_environment(directory)
            | {
                "DOCKER_CONFIG": str(directory),
                "DOCKER_HOST": f"unix://{directory / 'no-engine.sock'}",
                "DOCKER_CONTENT_TRUST_SERVER": self._server,
                "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": PASSPHRASE,
            },
        )

    def verify(self, directory: Path, images: Sequence[str]) -> list[Command]:
        """Verify all images in one run of ``signer``."""
        return [self.signer(directory, "verify", "--trust-on-first-use", *images)]

    def lookup(self, directory: Path, images: Sequence[str]) -> list[Command]:
        """Look up each image with ``notary``, which takes one at a time."""
        return [self.notary(directory, "lookup", *image.rsplit(":", 1)) for image in images]

    def inspect_each(self, directory: Path, images: Sequence[str]) -> list[Command]:
        """Inspect each image with a ``docker trust`` of its own, as a deployment script does."""
        return [self.docker(directory, "inspect", image) for image in images]

    def inspect_all(self, directory: Path, images: Sequence[str]) -> list[Command]:
        """Inspect all images with one ``docker trust``."""
        return [self.docker(directory, "inspect", *images)]

    def sign(self, directory: Path, gun: Gun, tags: Sequence[str]) -> list[Command]:
        """Sign tags with ``signer``, which asks the registry for each manifest."""
        images = [f"{gun}:{tag}" for tag in tags]
        key = ("--key", str(self.stage.key))
        return [self.signer(directory, "sign", *key, "--trust-on-first-use", *images)]

    def add_and_publish(self, directory: Path, gun: Gun, tags: Sequence[str]) -> list[Command]:
        """Stage each tag with ``notary``, which believes the digest it is given, and publish."""
        roles = ("-r", f"targets/releases,targets/{SIGNER_NAME}")
        adds = [
            self.notary(directory, "addhash", gun, tag, str(LENGTH), "--sha256", DIGEST, *roles)
            for tag in tags
        ]
        return [*adds, self.notary(directory, "publish", gun)]

    def sign_again(self, directory: Path, gun: Gun, tags: Sequence[str]) -> list[Command]:
        """Sign tags with ``docker trust`` that are signed already: all it can without an engine."""
        return [self.docker(directory, "sign", f"{gun}:{tag}") for tag in tags]

    def import_key(self, command: Command) -> None:
        """Run a command that stores the signer's key; not timed."""
        run(list(command.arguments), command.environment)

    @property
    def _server(self) -> str:
        return self.stage.notary_proxy.url


def versions() -> dict[str, str]:
    """Return what is being compared, for the head of the table."""
    environment = clean_environment(Path(os.sep))
    docker = run([str(docker_programs()[0]), "--version"], environment).stdout.strip()
    notary = str(find_program("notary", "notary"))
    said = run([notary, "version"], environment).stdout.split()
    signer = run([str(PROGRAM), "--version"], environment).stdout.strip()
    return {"signer": signer, "docker": docker, "notary": " ".join(said)}
