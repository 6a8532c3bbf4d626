"""What the stories share: ``signer`` under watch, and a collection with its images.

Whatever a story is about, every run is held to what holds for all commands: no secret in any
output, one JSON object where one was asked for, lines of at most 80 columns on standard error.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from signer.keys.signers import FileSigner
from signer.names import Gun
from signer.signing.session import Session, Settings, utc_now
from signer.signing.sign import sign_images
from tests.components.images import Kind, push_image
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.components.signer_cli import Arg, Done, SignerCli

WIDTH: Final = 80
_SECRET_NAMES: Final = re.compile(r".*(PASSPHRASE|PASSWORD|_AUTH|_KEY|SECRET)")
_FILES: Final = (
    "root",
    "1.root",
    "2.root",
    "snapshot",
    "timestamp",
    "targets",
    "targets/releases",
    "targets/gitlab",
    "targets/jenkins",
)


class WatchedSigner(SignerCli):
    """``signer``, every run of which is held to the rules of this module."""

    def __call__(
        self,
        *args: Arg,
        env: Mapping[str, str] | None = None,
        input_bytes: bytes = b"",
        expect: int | None = 0,
    ) -> Done:
        """Run ``signer ARGS`` to its end and check its output."""
        done = super().__call__(*args, env=env, input_bytes=input_bytes, expect=expect)
        secrets = [
            value
            for name, value in {**self._env, **(env or {})}.items()
            if _SECRET_NAMES.fullmatch(name) and len(value) > 4
        ]
        check_output(done, [*secrets, *_lines(input_bytes)], as_json="--json" in map(str, args))
        return done

    def session(self, *, clock: Callable[[], datetime] = utc_now) -> Session:
        """Open a session of the library with the same settings, for what a story begins with."""
        return Session(
            Settings(
                trust_dir=self.trust_directory,
                docker_config=self.config,
                server=self._options[self._options.index("--server") + 1],
                ca_files=(Path(self._options[self._options.index("--ca") + 1]),),
                environment=self._env,
            ),
            clock=clock,
        )


def check_output(done: Done, secrets: list[str], *, as_json: bool) -> None:
    """Hold a run to the rules of this module."""
    text = done.stdout + done.stderr
    assert not [secret for secret in secrets if secret in text], done
    assert not re.search(r"BEGIN [A-Z ]*PRIVATE KEY", text), done
    if as_json and done.stdout:
        content = json.loads(done.stdout)
        assert re.fullmatch(r"signer\.[a-z]+/1", content["schema"]), done
        assert next(iter(content)) == "schema"
        if content["schema"] == "signer.error/1":
            assert list(content) == ["schema", "code", "message", "hint", "exit_code"]
            assert content["exit_code"] == done.status
            assert re.fullmatch(r"[a-z][a-z0-9-]*", content["code"]), done
            _check_sentence(content["message"])
    if not as_json and "HTTP Request" not in done.stderr:
        wide = [
            line for line in done.stderr.splitlines() if len(line) > WIDTH and len(line.split()) > 2
        ]
        assert not wide, wide
    shows_first = {"bundle", "ca"}  # what the error is about is shown before it
    if not as_json and done.stderr.startswith("error: ") and not shows_first & {*done.command}:
        assert not done.stdout, done


def _check_sentence(message: str) -> None:
    assert message[-1] in ".:)?", message
    assert "None" not in message.split(), message


def _lines(secret: bytes) -> list[str]:
    return [line for line in secret.decode(errors="replace").splitlines() if len(line) > 40]


@dataclass(frozen=True)
class Collection:
    """A trusted collection, its images' repository, and who may sign.

    Attributes:
        gun: its name.
        registry: where the images are.
        server: where the trust data is.
        admin: who initialised it, with the root and targets keys.
        bundle: the client bundle of signer gitlab.
        root_key_id: for pinning.
    """

    gun: Gun
    registry: Registry
    server: NotaryServer
    admin: WatchedSigner
    bundle: Path
    root_key_id: str

    @property
    def key(self) -> Path:
        """The key file of signer gitlab."""
        return self.bundle / "key.pem"

    @property
    def certificate(self) -> Path:
        """The certificate of signer gitlab."""
        return self.bundle / "cert.pem"

    @property
    def path(self) -> str:
        """The repository without its host."""
        return self.gun.partition("/")[2]

    def image(self, tag: str) -> str:
        """Return the reference of a tag."""
        return f"{self.gun}:{tag}"

    def push(self, tag: str, content: bytes = b"example", *, kind: Kind = "docker") -> str:
        """Put an image under a tag and return its digest."""
        return push_image(self.registry, self.path, tag, content=content, kind=kind)[0]

    def sign(self, *tags: str) -> Done:
        """Sign tags as gitlab."""
        return self.admin("sign", *map(self.image, tags), "--key", self.key)

    def files(self) -> dict[str, bytes]:
        """Return every file that the server has of the collection."""
        return server_files(self.server, self.gun)

    def prepare(self, **contents: bytes) -> dict[str, str]:
        """Push and sign tags as gitlab in this process; return their digests."""
        digests = {tag: self.push(tag, content) for tag, content in contents.items()}
        with self.admin.session() as session:
            key = load_pem_private_key(self.key.read_bytes(), None)
            assert isinstance(key, EllipticCurvePrivateKey)
            results = sign_images(
                session, [self.image(tag) for tag in contents], signers=[FileSigner(key)]
            )
        assert {result.status for result in results} == {"signed"}, results
        return digests

    def version(self, role: str) -> int:
        """Return the version of a role's file on the server."""
        return int(json.loads(self.server.metadata(self.gun, f"{role}.json"))["signed"]["version"])

    def stranger(self, directory: Path) -> WatchedSigner:
        """Return a ``signer`` that knows nothing but the server's CA."""
        return WatchedSigner(directory, self.server, passphrase=None)

    def pinned(self) -> tuple[str, str]:
        """Return the options that pin the root."""
        return ("--root-key-id", self.root_key_id)


def server_files(server: NotaryServer, gun: str) -> dict[str, bytes]:
    """Return every file that a server has of a collection, by name."""
    found = {}
    for name in _FILES:
        try:
            found[name] = server.metadata(gun, f"{name}.json")
        except httpx.HTTPStatusError as error:
            assert error.response.status_code == 404, error
    return found


def uploads(server: NotaryServer, gun: str) -> int:
    """Return how many uploads of a collection the server has logged since its start."""
    lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    return sum(
        line.get("http.request.method") == "POST"
        and line.get("http.request.uri") == f"/v2/{gun}/_trust/tuf/"
        and line.get("msg") == "response completed"
        for line in lines
    )


def directory_content(directory: Path) -> dict[str, bytes]:
    """Return the content of every file below a directory, but for locks."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith("lock")
    }


def signed_digest(collection: Collection, role: str, tag: str) -> str:
    """Return what the server's file of a role has for a tag, read without the project's code."""
    wire = json.loads(collection.server.metadata(collection.gun, f"{role}.json"))
    entry: dict[str, Any] = wire["signed"]["targets"][tag]
    return "sha256:" + base64.b64decode(entry["hashes"]["sha256"]).hex()
