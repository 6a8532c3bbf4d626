"""One repository in a registry and on a Notary server, and the programs that work on it."""

import hashlib
import itertools
import json
from base64 import b64decode
from pathlib import Path
from typing import Any, Final

import httpx

from signer.dialect.envelope import Envelope
from signer.dialect.lint import prove_wire
from tests.components.engine import Engine
from tests.components.images import Kind, push_image
from tests.components.notary_server import NotaryServer
from tests.components.peers import PASSPHRASE, DockerCli, NotaryCli
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.interop.identities import Identity, make_identity

TOFU: Final = "--trust-on-first-use"
_numbers = itertools.count(1)
_contents = itertools.count(1)


class Scene:
    """A repository that no other test uses.

    Attributes:
        directory: of the test; every program has a directory of its own below it.
        server: the Notary server.
        repository: its path in the registry.
        gun: its name.
    """

    def __init__(self, directory: Path, server: NotaryServer, registry: Registry) -> None:
        self.directory = directory
        self.server = server
        self.repository = f"interop/example-{next(_numbers)}"
        self.gun = f"{registry.host}/{self.repository}"
        self._registry = registry

    def image(self, tag: str) -> str:
        """Return the reference of a tag."""
        return f"{self.gun}:{tag}"

    def push(self, tag: str, *, kind: Kind = "docker") -> tuple[str, int]:
        """Put a new image under a tag; return its manifest's ``sha256:HEX`` and length."""
        content = f"worthless example {next(_contents)}".encode()
        return push_image(self._registry, self.repository, tag, kind=kind, content=content)

    def identity(self, name: str, kind: str = "p256", *, passphrase: str = "") -> Identity:
        """Make a signer's files."""
        return make_identity(self.directory / "identities", name, kind=kind, passphrase=passphrase)

    def signer(
        self, name: str = "signer", *, trust_directory: Path | None = None, passphrase: str = ""
    ) -> SignerCli:
        """Return ``signer`` as a user of that name has it."""
        return SignerCli(
            self.directory / name,
            self.server,
            trust_directory=trust_directory,
            passphrase=passphrase or PASSPHRASE,
        )

    def notary(
        self, name: str = "notary", *, trust_directory: Path | None = None, passphrase: str = ""
    ) -> NotaryCli:
        """Return ``notary`` as a user of that name has it."""
        notary = NotaryCli(self.directory / name, self.server, passphrase=passphrase or PASSPHRASE)
        if trust_directory is not None:
            notary.trust_directory = trust_directory
        return notary

    def docker(
        self,
        name: str = "docker",
        *,
        config: Path | None = None,
        engine: Engine | None = None,
        program: Path | None = None,
    ) -> DockerCli:
        """Return ``docker`` as a user of that name has it, or with another's configuration."""
        directory = config or self.directory / name
        return DockerCli(directory, self.server, engine=engine, program=program)

    def init(self, admin: SignerCli, *identities: Identity) -> Any:  # noqa: ANN401 - JSON
        """Initialise the collection by ``signer init`` with signers; return its JSON."""
        options = [f"--signer={one.name}={one.certificate}" for one in identities]
        return admin.json("init", self.gun, *options)

    def signed(self, role: str) -> Any:  # noqa: ANN401 - JSON
        """Return the ``signed`` part of a file on the server, read by ``json`` alone."""
        return json.loads(self.server.metadata(self.gun, f"{role}.json"))["signed"]

    def versions(self) -> dict[str, int]:
        """Return the version of every role that the server shows."""
        return {name: json.loads(wire)["signed"]["version"] for name, wire in self.files().items()}

    def files(self) -> dict[str, bytes]:
        """Return the present file of every role that the server's snapshot names, and of it."""
        snapshot = self.server.metadata(self.gun, "snapshot.json")
        names = ["timestamp", *json.loads(snapshot)["signed"]["meta"]]
        found = {name: self.server.metadata(self.gun, f"{name}.json") for name in names}
        return found | {"snapshot": snapshot}

    def check_files(self) -> set[str]:
        """Prove byte-identical round trips of every file, old roots too, and its recorded hash.

        Returns:
            The names of the files: roles, and ``N.root``.
        """
        files = self.files()
        meta = json.loads(files["snapshot"])["signed"]["meta"]
        for name, entry in meta.items():
            assert hashlib.sha256(files[name]).digest() == b64decode(entry["hashes"]["sha256"])
        for version in range(1, json.loads(files["root"])["signed"]["version"] + 1):
            name = f"{version}.root"
            files[name] = self.server.metadata(self.gun, f"{name}.json")
        for name, wire in files.items():
            assert Envelope.from_bytes(wire).to_bytes() == wire, name
            prove_wire(wire, where=name)
        return set(files)

    def has_role(self, role: str) -> bool:
        """Tell whether the server has a file of a role."""
        try:
            self.server.metadata(self.gun, f"{role}.json")
        except httpx.HTTPStatusError:
            return False
        return True


def hexed(digest: str) -> str:
    """Return the hex digits of ``sha256:HEX``, as the Go programs show them."""
    return digest.removeprefix("sha256:")
