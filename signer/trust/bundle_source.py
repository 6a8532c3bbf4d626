"""Reading collections from a bundle as from a server, and trusting the roots that its maker did."""

from collections.abc import Callable
from functools import cached_property

from tuf.api.metadata import Root

from signer.constants import ROOT
from signer.dialect.envelope import Envelope
from signer.dialect.errors import RollbackError
from signer.errors import NotFoundError, NotSignedError, TrustDataError
from signer.names import Gun, RoleName
from signer.trust.bundle import Bundle, BundledCollection
from signer.trust.checks import signed_keys
from signer.trust.collection import TrustedCollection
from signer.trust.pinning import Pins
from signer.trust.stored import root_version


class NotBundledError(NotSignedError):
    """A bundle has nothing about a collection."""

    default_code = "not-in-bundle"


class BundleSource:
    """One collection in a bundle, as a ``MetadataSource``.

    The files are as unbelieved as a server's. A file that is asked for by its hash is the role's
    only one: whether it has that hash is the client's to check, who calls the mismatch by its name.

    Args:
        gun: the collection.
        bundled: what the bundle has of it, or None.
    """

    def __init__(self, gun: Gun, bundled: BundledCollection | None) -> None:
        self.gun = gun
        self._bundled = bundled

    def get_metadata(
        self, role: str, *, sha256: str = "", version: int = 0, max_bytes: int
    ) -> bytes:
        """Return a role's file, or a version of root.

        Raises:
            NotBundledError: the bundle has nothing about this collection.
            NotFoundError: it does not have this role, or this version.
            TrustDataError: a file that another one names is not in it (``bundle-incomplete``), or
                is larger than ``max_bytes`` (``too-large``).
        """
        if self._bundled is None:
            raise NotBundledError(
                f"The bundle has nothing about {self.gun}.",
                hint="See what is in it with 'signer bundle verify'.",
            )
        current = self._bundled.files.get(RoleName(role))
        wire = self._versions.get(version) if version and role == ROOT else current
        if wire is None:
            if sha256:
                raise TrustDataError(
                    f"{self.gun}: the bundle lacks the file of role {role} that others in it name.",
                    hint="The bundle was put together wrongly, or altered. Have it made anew.",
                    code="bundle-incomplete",
                )
            raise NotFoundError(f"The bundle has no such file of role {role} of {self.gun}.")
        if len(wire) > max_bytes:
            raise TrustDataError(
                f"{self.gun}: the file of role {role} in the bundle is too large.", code="too-large"
            )
        return wire

    @cached_property
    def _versions(self) -> dict[int, bytes]:
        bundled = self._bundled
        roots = [*bundled.roots, bundled.files[RoleName(ROOT)]] if bundled else []
        return {root_version(wire): wire for wire in roots}


def bundle_source(bundle: Bundle) -> Callable[[Gun], BundleSource]:
    """Return what makes the source of any collection from a bundle."""
    return lambda gun: BundleSource(gun, bundle.collections.get(gun))


def bundle_pins(bundle: Bundle) -> Callable[[Gun], Pins]:
    """Return what pins each collection's root to the one in a bundle.

    Only for a bundle whose signature was checked (``check_bundle_signature``) against a key that
    the user trusts to say so. The pins of a collection that is not in it are empty.
    """

    def pins(gun: Gun) -> Pins:
        bundled = bundle.collections.get(gun)
        if bundled is None:
            return Pins()
        envelope = Envelope.from_bytes(bundled.files[RoleName(ROOT)])
        # A thief could list the genuine key, too: only those count that signed this very root.
        return Pins(key_ids=frozenset(signed_keys(envelope.signed_as(Root), ROOT, envelope)))

    return pins


def check_not_older(former: BundledCollection, collection: TrustedCollection) -> None:
    """Check that nothing in a collection is older than what a bundle had of it.

    Raises:
        RollbackError: a role has a lower version, or is no longer published though delegated.
    """
    for name, wire in former.files.items():
        before = Envelope.from_bytes(wire).signed.version
        role = collection.roles.get(name) or collection.stale.get(name)
        now = role.version if role else collection.rejected.get(name, before)
        if name in collection.delegations and not collection.published(name):
            now = 0
        if now < before:
            raise RollbackError(
                f"{collection.gun}: the server has version {now} of role {name}, but the bundle "
                f"had version {before}."
                if now
                else f"{collection.gun}: the server no longer has role {name}, of which the bundle "
                f"had version {before}.",
                hint="An old state of the collection is being served. The bundle was not changed.",
            )
