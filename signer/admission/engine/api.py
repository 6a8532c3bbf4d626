"""The engine's own API: what it has, and removing a container that should not be there.

The plugin's questions come back to it as requests to be authorised; such are free, and answered
without waiting for anything.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import msgspec

from signer.admission.engine.refusal import unseen
from signer.errors import NetworkError, UsageError
from signer.names import ImageReference, printable
from signer.transport._httpx import httpx

DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_SECONDS: Final = 4.0
_NAME: Final = re.compile(r"[A-Za-z0-9\[][A-Za-z0-9._:@/\[\]-]{0,511}")


class _Image(msgspec.Struct, rename="pascal"):
    id: str = ""
    repo_tags: list[str] | None = None
    repo_digests: list[str] | None = None


class _Container(msgspec.Struct, rename="pascal"):
    image: str = ""


@dataclass(frozen=True)
class LocalImage:
    """An image that the engine has.

    Attributes:
        id: ``sha256:HEX``.
        tags: its names, with tags.
        digests: where it was pulled from or pushed to: names with digests of manifests.
    """

    id: str
    tags: tuple[ImageReference, ...] = ()
    digests: tuple[ImageReference, ...] = ()

    def digests_of(self, repository: ImageReference) -> set[str]:
        """Return the manifests' digests that it has in a repository."""
        return {found.digest for found in self.digests if found.gun == repository.gun}

    def is_local_in(self, repository: ImageReference) -> bool:
        """Tell whether nothing says that a registry has it in a repository.

        Engines that keep images in containerd name every image by its own id as a digest, too.
        """
        return not self.digests_of(repository) - {self.id}


class EngineApi:
    """The engine's API on a Unix socket; safe for several threads.

    Args:
        host: ``unix://PATH``, as in ``DOCKER_HOST``.

    Raises:
        UsageError: it is something else.
    """

    def __init__(self, host: str) -> None:
        scheme, _, path = host.partition("://")
        if scheme != "unix" or not path.startswith("/"):
            raise UsageError(
                f"DOCKER_HOST is {printable(host)!r}, and the engine is asked on a Unix socket.",
                hint=f"Set DOCKER_HOST to unix://PATH, for example {DEFAULT_HOST}.",
                code="bad-docker-host",
            )
        self.host = host
        self._client = httpx.Client(
            transport=httpx.HTTPTransport(uds=path), base_url="http://engine", timeout=_SECONDS
        )

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "EngineApi":
        """Return the API of the engine that ``DOCKER_HOST`` names, or of the usual one.

        Raises:
            UsageError: it is no Unix socket.
        """
        return cls(environment.get("DOCKER_HOST") or DEFAULT_HOST)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def image(self, name: str) -> LocalImage | None:
        """Return what the engine finds by a name or an id, or None.

        Raises:
            UnclearRequestError: it is neither; what the engine finds by it cannot be asked.
            NetworkError: the engine does not answer as it should.
        """
        if not _is_name(name):
            raise unseen("The image", f"{printable(name)!r} is neither a name nor an id")
        content = self._get(f"/images/{quote(name, safe='/:@[]')}/json")
        if content is None:
            return None
        try:
            image = msgspec.json.decode(content, type=_Image)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._fault("it describes an image in an unknown form") from error
        return LocalImage(image.id, _references(image.repo_tags), _references(image.repo_digests))

    def service(self, name: str) -> bytes | None:
        """Return the description of a service, or None where there is none.

        Raises:
            NetworkError: the engine does not answer as it should.
        """
        if not _is_name(name) or "/" in name:
            return None
        return self._get(f"/services/{quote(name, safe='')}")

    def image_of(self, container: str) -> str:
        """Return the id of the image that a container was made of.

        Raises:
            NetworkError: the engine does not answer as it should.
        """
        content = self._get(f"/containers/{quote(container, safe='')}/json")
        try:
            image = msgspec.json.decode(content or b"{}", type=_Container).image
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise self._fault("it describes a container in an unknown form") from error
        if not image:
            raise self._fault("it does not say which image a container is of")
        return image

    def remove(self, container: str) -> None:
        """Remove a container with its anonymous volumes, even while it runs.

        Raises:
            NetworkError: the engine does not answer as it should.
        """
        path = f"/containers/{quote(container, safe='')}?force=1&v=1"
        try:
            status = self._client.delete(path).status_code
        except httpx.HTTPError as error:
            raise self._fault(str(error) or type(error).__name__) from error
        if status not in {204, 404}:
            raise self._fault(f"it answers {status} when a container is to be removed")

    def _get(self, path: str) -> bytes | None:
        try:
            answer = self._client.get(path)
        except httpx.HTTPError as error:
            raise self._fault(str(error) or type(error).__name__) from error
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise self._fault(f"it answers {answer.status_code} to {path}")
        return answer.content

    def _fault(self, why: str) -> NetworkError:
        return NetworkError(
            f"The engine at {self.host} could not be asked: {why}.",
            hint="Is DOCKER_HOST, as the plugin sees it, the engine's socket?",
            code="engine-unreachable",
        )


def _is_name(text: str) -> bool:
    parts = text.split("/")
    return bool(_NAME.fullmatch(text)) and not any(part in {"", ".", ".."} for part in parts)


def _references(texts: list[str] | None) -> tuple[ImageReference, ...]:
    found = []
    for text in texts or ():
        try:
            found.append(ImageReference.parse(text))
        except UsageError:  # <none>:<none>
            continue
    return tuple(found)
