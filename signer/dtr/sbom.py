"""A bill of materials beside an image: its digest and its kind are signed, not its content."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from signer.errors import UsageError

MAX_SBOM_SIZE: Final = 200 * 2**20
_TAG_VALUE: Final = b"SPDXVersion:"
_CYCLONE_XML: Final = b"http://cyclonedx.org/schema/bom/"
_HEAD_SIZE: Final = 4096


class _Head(msgspec.Struct):
    """What tells one kind of JSON document from another."""

    bom_format: Any = msgspec.field(name="bomFormat", default=None)
    spdx_version: Any = msgspec.field(name="spdxVersion", default=None)


_HEADS: Final = msgspec.json.Decoder(_Head)


@dataclass(frozen=True)
class Sbom:
    """A bill of materials."""

    sha256: str
    """SHA-256 of the file, as hex."""

    media_type: str
    """Its kind, for example ``application/vnd.cyclonedx+json``."""


def read_sbom(path: Path) -> Sbom:
    """Hash a bill of materials and find out its kind: CycloneDX (JSON, XML) or SPDX (JSON, text).

    Raises:
        UsageError: the file cannot be read, is larger than 200 MiB, or of no known kind.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_SBOM_SIZE + 1)
    except OSError as error:
        raise UsageError(
            f"The bill of materials {path} cannot be read: {error.strerror or error}.",
            code="bad-sbom",
        ) from error
    if len(content) > MAX_SBOM_SIZE:
        raise UsageError(
            f"The bill of materials {path} is larger than {MAX_SBOM_SIZE} bytes.", code="bad-sbom"
        )
    media_type = _media_type(content)
    if not media_type:
        raise UsageError(
            f"{path} is no bill of materials of a known kind.",
            hint="Known are CycloneDX (JSON and XML) and SPDX (JSON and tag-value).",
            code="bad-sbom",
        )
    return Sbom(hashlib.sha256(content).hexdigest(), media_type)


def _media_type(content: bytes) -> str:
    head = content[:_HEAD_SIZE]
    if _TAG_VALUE in head and not head.lstrip().startswith((b"{", b"<")):
        return "text/spdx"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "application/vnd.cyclonedx+xml" if _CYCLONE_XML in head else ""
    try:
        document = _HEADS.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    if document.bom_format == "CycloneDX":
        return "application/vnd.cyclonedx+json"
    is_spdx = isinstance(document.spdx_version, str) and document.spdx_version.startswith("SPDX-")
    return "application/spdx+json" if is_spdx else ""
