"""Step 15: the registry serves for the tag the very manifest that is signed.

Optional: a deployment by digest does not need it. It tells that a tag was overwritten in the
registry, or that what is signed is no longer there.

Source: verification requirements, row 31.
"""

from typing import TYPE_CHECKING, Protocol

from signer.errors import NotFoundError, NotSignedError
from signer.names import ImageReference

if TYPE_CHECKING:
    from signer.transport.registry import Manifest


class ManifestSource(Protocol):
    """A registry, or a stand-in for one."""

    def manifest(self, path: str, reference: str) -> "Manifest":
        """Return the manifest of a tag or digest.

        Raises:
            NotFoundError: there is none.
            SignerError: it cannot be had.
        """
        ...


def check_registry(
    registry: ManifestSource, reference: ImageReference, digest: str, *, length: int
) -> str:
    """Compare digest and length with what the registry serves; return what was found.

    Raises:
        NotSignedError: it serves another manifest (``registry-differs``), or none
            (``registry-missing``).
        SignerError: the registry cannot be asked.
    """
    asked = reference.tag or digest
    try:
        manifest = registry.manifest(reference.path, asked)
    except NotFoundError as error:
        raise NotSignedError(
            f"{reference.gun}: {asked} is signed, but the registry has no such manifest.",
            hint="It was deleted, or pushed to another registry.",
            code="registry-missing",
        ) from error
    if manifest.digest != digest:
        raise NotSignedError(
            f"{reference.gun}: the registry serves {manifest.digest} for {asked}, and {digest} "
            "is signed.",
            hint="The tag was overwritten after it was signed. Deploy the signed digest, or have "
            "the new image promoted and signed.",
            code="registry-differs",
        )
    if manifest.length != length:
        raise NotSignedError(
            f"{reference.gun}: the manifest of {asked} has {manifest.length} bytes, and {length} "
            "are signed.",
            code="registry-differs",
        )
    return f"the registry serves {digest}, {length} bytes"
