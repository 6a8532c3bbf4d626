"""A real Docker engine, enough for import, push, pull and content trust. It runs no container."""

import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Final, Self

from tests.components.images import root_file_system
from tests.components.registry import Registry
from tests.components.service import (
    MissingComponentError,
    Service,
    clean_environment,
    find_program,
)

_SETTINGS: Final = Path("/etc/docker")
_KEY_FILE: Final = _SETTINGS / "key.json"
"""Engines before 23 make this identity key whatever they are told."""


class Engine(Service):
    """``dockerd``, started by root, without network and firewall, with images as plain files.

    Attributes:
        socket: where it listens; short, because such paths end after 107 bytes.
    """

    name: ClassVar[str] = "dockerd"

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._runtime = Path()
        self._made: list[Path] = []

    @property
    def socket(self) -> Path:
        """The engine's socket, while it runs."""
        return self._runtime / "engine.sock"

    def configure(self) -> Sequence[str | Path]:
        """Prepare the directories. An empty configuration file keeps the machine's own away."""
        program = find_program("dockerd", "docker.io")
        if os.geteuid() != 0:
            raise MissingComponentError("A Docker engine (package docker.io) needs root")
        self._runtime = Path(tempfile.mkdtemp(prefix="signer-engine-"))
        settings = self.directory / "daemon.json"
        settings.write_text("{}")
        if not _KEY_FILE.exists():
            self._made.append(_KEY_FILE)
        return [
            program,
            f"--config-file={settings}",
            "--bridge=none",
            "--iptables=false",
            "--ip-masq=false",
            "--ip-forward=false",
            "--storage-driver=vfs",
            f"--data-root={self.directory / 'data'}",
            f"--exec-root={self._runtime / 'exec'}",
            f"--pidfile={self._runtime / 'engine.pid'}",
            f"--host=unix://{self.socket}",
        ]

    def is_ready(self) -> bool:
        """The API answers a ping."""
        connection = _UnixConnection(self.socket)
        try:
            connection.request("GET", "/_ping")
            return connection.getresponse().status == 200
        except http.client.HTTPException:
            return False
        finally:
            connection.close()

    def clean_up(self) -> None:
        """Remove the socket and what was put into ``/etc/docker``."""
        if self._runtime != Path():
            shutil.rmtree(self._runtime, ignore_errors=True)
            self._runtime = Path()
        made, self._made = self._made, []
        for path in reversed(made):
            if path.is_dir():
                # Another run's engine may have put its own registry there; the last one clears up.
                with suppress(OSError):
                    path.rmdir()
            else:
                path.unlink(missing_ok=True)

    def trust_registry(self, registry: Registry) -> Self:
        """Install the registry's CA in ``/etc/docker/certs.d/HOST:PORT`` until `stop`."""
        folder = _SETTINGS / "certs.d" / registry.host
        if not _SETTINGS.exists():
            self._made.append(_SETTINGS)
        # An empty certs.d means nothing to an engine, so it goes even where it was there before.
        self._made += [folder.parent, folder]
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "ca.crt"
        if not file.exists():
            shutil.copyfile(registry.authority.ca_file, file)
            self._made.append(file)
        return self

    def docker(
        self,
        *args: str | Path,
        env: Mapping[str, str] | None = None,
        input_bytes: bytes = b"",
        program: Path | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run ``docker ARGS`` on this engine, without content trust; any status is returned."""
        command = program or find_program("docker", "docker.io")
        environment = clean_environment(self.directory) | {
            "DOCKER_HOST": f"unix://{self.socket}",
            "DOCKER_CONFIG": str(self.directory / "docker-config"),
        }
        return subprocess.run(
            [str(command), *map(str, args)],
            env=environment | dict(env or {}),
            input=input_bytes,
            capture_output=True,
            timeout=120,
            check=False,
        )

    def import_image(self, reference: str, content: bytes = b"worthless example") -> str:
        """Make a local image with the one file ``/content`` and return its id."""
        done = self.docker("import", "-", reference, input_bytes=root_file_system(content))
        if done.returncode:
            raise RuntimeError(f"docker import {reference}: {done.stderr.decode()}")
        return done.stdout.decode().strip()

    def remove_image(self, reference: str) -> None:
        """Forget a local image, so that the next pull is a real one."""
        self.docker("image", "rm", "--force", reference)

    def repository_digests(self, reference: str) -> list[str]:
        """Return ``NAME@sha256:HEX`` of a local image, as the engine knows it."""
        done = self.docker("image", "inspect", "--format", "{{json .RepoDigests}}", reference)
        if done.returncode:
            raise RuntimeError(f"docker image inspect {reference}: {done.stderr.decode()}")
        digests: list[str] = json.loads(done.stdout)
        return digests


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
