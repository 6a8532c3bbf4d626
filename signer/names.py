"""Names: GUNs, roles, key ids and image references.

Rules:

- a reference is read as docker reads it (``distribution/reference`` grammar): a first component
  that has a dot or a colon, or is ``localhost``, is a host; anything else is Docker Hub's, and
  ``NAME`` alone is ``docker.io/library/NAME``;
- a GUN becomes directories and URLs, so nothing is accepted here that could leave them.
"""

import re
from dataclasses import dataclass
from typing import Final, NewType

from signer.constants import BASE_ROLES, DELEGATION_PREFIX
from signer.errors import UsageError

Gun = NewType("Gun", str)
"""Globally unique name of a trusted collection: ``HOST[:PORT]/PATH``, no tag."""

RoleName = NewType("RoleName", str)
"""A base role, or a delegation such as ``targets/releases``."""

KeyId = NewType("KeyId", str)
"""TUF key id, 64 lower-case hex digits: over the certificate for x509 keys (NP 1.6)."""

CanonicalKeyId = NewType("CanonicalKeyId", str)
"""Key id over the bare public key, 64 lower-case hex digits: private key files are named by it."""

HexDigest = NewType("HexDigest", str)
"""A SHA-256 digest as 64 lower-case hex digits, without ``sha256:``."""

DEFAULT_DOMAIN: Final = "docker.io"
LEGACY_DEFAULT_DOMAIN: Final = "index.docker.io"

_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
    r"(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*(?::[0-9]{1,5})?"
    r"|\[[0-9A-Fa-f:]+\](?::[0-9]{1,5})?"
)
_PATH_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ROLE = re.compile(r"[-a-z0-9_/]+")
_KEY_ID = re.compile(r"[0-9a-f]{64}")
_SIGNER = re.compile(r"[a-z0-9][a-z0-9_-]*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]")
_MAX_NAME = 255


def printable(text: str) -> str:
    """Return ``text`` for a message: control characters escaped, long text shortened."""
    shown = "".join(ch if ch.isprintable() else ch.encode("unicode_escape").decode() for ch in text)
    return shown if len(shown) <= 200 else shown[:200] + "..."


@dataclass(frozen=True)
class ImageReference:
    """An image as users write it, normalised.

    ``domain`` is the host with its port; ``path`` the repository below it; ``tag`` and ``digest``
    (``sha256:HEX``) are empty where the reference has none.
    """

    domain: str
    path: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Read ``HOST[:PORT]/NAMESPACE/REPO[:TAG][@sha256:HEX]`` or a Docker Hub short name.

        Raises:
            UsageError: with the offending part named.
        """
        return _parse_reference(text)

    @property
    def gun(self) -> Gun:
        """The collection that holds the image's trust data."""
        return Gun(f"{self.domain}/{self.path}")

    @property
    def registry_host(self) -> str:
        """The host that serves the registry API (Docker Hub's differs from its name)."""
        return "registry-1.docker.io" if self.domain == DEFAULT_DOMAIN else self.domain

    def with_tag(self, tag: str) -> "ImageReference":
        """Return the same repository with another tag and no digest."""
        return ImageReference(self.domain, self.path, tag)

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.domain}/{self.path}{tag}{digest}"


def _parse_reference(text: str) -> ImageReference:
    if not text:
        raise UsageError("The image reference is empty.", code="bad-reference")
    if _KEY_ID.fullmatch(text):
        raise _bad_reference(text, "64 hex digits alone are an image's id")
    if _CONTROL.search(text) or text.strip() != text:
        raise _bad_reference(text, "it has spaces or control characters")
    remainder, at, digest = text.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _bad_reference(text, "a digest is sha256: and 64 lower-case hex digits")
    head, slash, last = remainder.rpartition("/")
    last, colon, tag = last.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _bad_reference(
            text, f"{printable(tag)!r} is no tag: letters, digits, '_', '.', '-', at most 128"
        )
    domain, path = _split_domain(head + slash + last)
    if not _DOMAIN.fullmatch(domain):
        raise _bad_reference(text, f"{printable(domain)!r} is no host")
    if path != path.lower():
        raise _bad_reference(text, "the repository's name must be lower case")
    for component in path.split("/"):
        if not _PATH_COMPONENT.fullmatch(component):
            raise _bad_reference(
                text, f"{printable(component)!r} is no component of a repository's name"
            )
    if len(domain) + 1 + len(path) > _MAX_NAME:
        raise _bad_reference(text, f"the name is longer than {_MAX_NAME} characters")
    return ImageReference(domain, path, tag, digest)


def _split_domain(name: str) -> tuple[str, str]:
    """Split a name without tag and digest into host and path, as docker normalises it."""
    first, slash, rest = name.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost" or first.lower() != first):
        domain, path = first, rest
    else:
        domain, path = DEFAULT_DOMAIN, name
    if domain == LEGACY_DEFAULT_DOMAIN:
        domain = DEFAULT_DOMAIN
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    return domain, path


def _bad_reference(text: str, why: str) -> UsageError:
    return UsageError(
        f"Not an image reference: {printable(text)!r}: {why}.",
        hint="Write HOST[:PORT]/NAMESPACE/REPO[:TAG][@sha256:DIGEST].",
        code="bad-reference",
    )


def parse_gun(text: str) -> Gun:
    """Read a repository without tag or digest, as ``init`` and ``delegation`` take it.

    Raises:
        UsageError: the name is malformed, or carries a tag or digest.
    """
    reference = ImageReference.parse(text)
    if reference.tag or reference.digest:
        raise UsageError(
            f"{printable(text)!r} names an image; this needs a repository.",
            hint=f"Leave out the tag and digest: {reference.gun}",
            code="bad-reference",
        )
    return reference.gun


def parse_role(text: str) -> RoleName:
    """Check a role's name (NP 1.4): a base role, or ``targets/...`` of lower-case components.

    Raises:
        UsageError: the name could not be a role's.
    """
    if text in BASE_ROLES:
        return RoleName(text)
    parts = text.split("/")
    if (
        not text.startswith(DELEGATION_PREFIX)
        or len(text) > _MAX_NAME
        or not _ROLE.fullmatch(text)
        or not all(parts)
    ):
        raise UsageError(
            f"{printable(text)!r} is no role: a delegation is 'targets/' and lower-case letters, "
            "digits, '-' or '_'.",
            code="bad-role",
        )
    return RoleName(text)


def parse_signer(text: str) -> RoleName:
    """Turn a signer's name into its role, ``targets/NAME``.

    Raises:
        UsageError: the name breaks docker's rule ``[a-z0-9][a-z0-9_-]*``, or is ``releases``.
    """
    if text == "releases":
        raise UsageError(
            "'releases' is the role that docker reads; it is no signer's name.",
            hint="Choose another name; every signer also signs targets/releases.",
            code="bad-signer",
        )
    if not _SIGNER.fullmatch(text) or len(text) > _MAX_NAME - len(DELEGATION_PREFIX):
        raise UsageError(
            f"{printable(text)!r} is no signer's name: lower-case letters, digits, '_' and '-', "
            "not beginning with '_' or '-'.",
            code="bad-signer",
        )
    return RoleName(DELEGATION_PREFIX + text)


def parse_key_id(text: str) -> str:
    """Check that ``text`` is a key id: 64 lower-case hex digits.

    Raises:
        UsageError: it is not.
    """
    if not _KEY_ID.fullmatch(text):
        raise UsageError(
            f"{printable(text)!r} is no key id: 64 lower-case hex digits.", code="bad-key-id"
        )
    return text


def is_delegation(role: str) -> bool:
    """Tell a delegation's name from a base role's."""
    return role.startswith(DELEGATION_PREFIX)


def parent_role(role: str) -> RoleName:
    """Return the role that delegates to ``role``: ``targets/a/b`` belongs to ``targets/a``."""
    return RoleName(role.rpartition("/")[0])
