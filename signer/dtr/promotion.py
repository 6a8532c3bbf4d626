"""A promotion: what somebody says was promoted, with every name checked before it is used.

The claims come from a webhook that anyone who knows its URL can send, so nothing here is believed:
the names are only known to be names, fit for a URL, a message and a signature.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from signer.errors import SignerError, UsageError
from signer.names import ImageReference, printable

_ANY_HOST: Final = "registry.invalid"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_POLICY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_DTR_PARTS: Final = 2


@dataclass(frozen=True)
class Promotion:
    """One image that was promoted, as an event or DTR's own record says."""

    policy_id: str
    """Id of the promotion policy; empty where a person promoted the image."""

    digest: str
    """``sha256:HEX`` of the manifest."""

    source_repository: str
    """``NAMESPACE/REPO`` without host."""

    source_tag: str

    target_repository: str
    """``NAMESPACE/REPO`` without host: what is to be signed."""

    target_tag: str

    promoted_at: datetime | None = None
    """When, by the event; DTR's record does not say."""

    @property
    def source(self) -> str:
        """``NAMESPACE/REPO:TAG`` that was promoted."""
        return f"{self.source_repository}:{self.source_tag}"

    @property
    def target(self) -> str:
        """``NAMESPACE/REPO:TAG`` that came of it."""
        return f"{self.target_repository}:{self.target_tag}"

    def target_at(self, host: str) -> ImageReference:
        """Return the image to sign at ``HOST[:PORT]``, which the configuration names.

        Raises:
            UsageError: ``host`` is not a host as image names have it (code ``bad-host``).
        """
        return _at(host, self.target)

    def source_at(self, host: str) -> ImageReference:
        """Return the image that was promoted, at ``HOST[:PORT]``.

        Raises:
            UsageError: as ``target_at``.
        """
        return _at(host, self.source)


def _at(host: str, image: str) -> ImageReference:
    try:
        reference = ImageReference.parse(f"{host}/{image}")
    except UsageError:
        reference = None
    # A name without dot and port is no host to docker, but a part of a Docker Hub name.
    if reference is None or reference.domain != host:
        raise UsageError(
            f"{printable(host)!r} is no registry's host.",
            hint="Write [registry] host in the configuration file as in image names: HOST[:PORT].",
            code="bad-host",
        )
    return reference


def is_repository(text: str) -> bool:
    """Tell whether ``text`` is a repository's name without host, by docker's grammar."""
    try:
        reference = ImageReference.parse(f"{_ANY_HOST}/{text}")
    except SignerError:
        return False
    return reference.path == text


def is_tag(text: str) -> bool:
    """Tell whether ``text`` is a tag."""
    try:
        return bool(text) and ImageReference.parse(f"{_ANY_HOST}/a/b:{text}").tag == text
    except SignerError:
        return False


def is_digest(text: str) -> bool:
    """Tell whether ``text`` is ``sha256:`` and 64 lower-case hex digits."""
    return _DIGEST.fullmatch(text) is not None


def is_policy_id(text: str) -> bool:
    """Tell whether ``text`` could be a policy's id (DTR uses UUIDs)."""
    return _POLICY.fullmatch(text) is not None


def split_repository(repository: str) -> tuple[str, str]:
    """Return namespace and name of a repository as DTR's API has them.

    Raises:
        UsageError: it is not ``NAMESPACE/NAME`` (code ``bad-repository``).
    """
    parts = repository.split("/")
    if not is_repository(repository) or len(parts) != _DTR_PARTS:
        raise UsageError(
            f"{printable(repository)!r} is no repository of a DTR.",
            hint="DTR's repositories are NAMESPACE/NAME in lower case, without host and tag.",
            code="bad-repository",
        )
    return parts[0], parts[1]
