"""Taking a verified collection into a bundle: every file that a reader will ask for."""

from tuf.api.metadata import Root

from signer.constants import BASE_ROLES, MAX_ROOT_ROTATIONS, ROOT
from signer.dialect.envelope import Envelope
from signer.errors import NotFoundError, TrustDataError
from signer.keys.certificates import subject_of
from signer.names import RoleName
from signer.trust.bundle import MAX_PINS, BundledCollection
from signer.trust.checks import check_hashes, check_signatures
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.pinning import Pins


def bundle_collection(client: TrustClient, collection: TrustedCollection) -> BundledCollection:
    """Take everything of a collection that its client has just read from the server.

    Delegations that are not valid go in as well: they give the same refusal as online. Older roots
    go in as far back as the server has them and each is followed by the next one.

    Raises:
        SignerError: a file cannot be fetched any more.
    """
    names = [RoleName(role) for role in BASE_ROLES]
    names += [name for name in collection.delegations if collection.published(name)]
    return BundledCollection(
        collection.gun,
        {name: _wire(client, collection, name) for name in names},
        _older_roots(client, collection),
        _describe(client.pins),
    )


def _wire(client: TrustClient, collection: TrustedCollection, name: RoleName) -> bytes:
    if role := collection.roles.get(name) or collection.stale.get(name):
        return role.wire
    meta = collection.meta(name)
    sha256 = (meta.hashes or {})["sha256"]
    wire = client.downloads.get(name, sha256=sha256, length=meta.length or 0)
    check_hashes(name, wire, meta, gun=collection.gun)
    return wire


def _older_roots(client: TrustClient, collection: TrustedCollection) -> tuple[bytes, ...]:
    newer = collection.root.envelope
    found: list[bytes] = []
    for version in range(collection.root.version - 1, 0, -1)[:MAX_ROOT_ROTATIONS]:
        try:
            wire = client.downloads.get(ROOT, version=version)
            older = Envelope.from_bytes(wire)
            root = older.signed_as(Root)
            check_signatures(root, ROOT, older, gun=collection.gun)
            check_signatures(root, ROOT, newer, gun=collection.gun)
        except (NotFoundError, TrustDataError):
            break  # no reader could walk from it, online or not
        if root.version != version:
            break
        found.append(wire)
        newer = older
    return tuple(reversed(found))


def _describe(pins: Pins) -> tuple[str, ...]:
    """Say how the root was trusted."""
    said = [f"key {key_id}" for key_id in sorted(pins.key_ids)]
    said += [f"certificate {fingerprint}" for fingerprint in sorted(pins.certificates)]
    said += [f"authority {subject_of(bundle[0])[:200]}" for bundle in pins.authorities if bundle]
    if not pins.explicit:
        said.append("first use" if pins.trust_on_first_use else "known from earlier runs")
    return tuple(said[:MAX_PINS])
