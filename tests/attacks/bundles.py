"""Making bundles of simulated collections, and reading from them."""

import base64
import json
from collections.abc import Callable
from typing import Any, Final

from signer.dialect.canonical import canonical_json
from signer.dialect.keys import NotaryKey
from signer.keys.signers import FileSigner
from signer.names import ImageReference
from signer.policy.evaluate import evaluate
from signer.policy.requirement import Requirement
from signer.policy.verdict import Verdict
from signer.trust.bundle import Bundle, BundledCollection, parse_bundle
from signer.trust.bundle_making import bundle_collection
from signer.trust.bundle_signature import check_bundle_signature, seal_bundle
from signer.trust.bundle_source import bundle_pins, bundle_source
from signer.trust.client import TrustClient
from signer.trust.collection import TrustedCollection
from signer.trust.fetch import Downloads
from signer.trust.pinning import Pins
from tests.attacks.keys import NOW, private_key
from tests.attacks.reading import AtOnce, Reader

MAKER: Final = FileSigner(private_key("maker of bundles"))
STRANGER: Final = FileSigner(private_key("a stranger"))
ORIGIN: Final = "site.bundle"


def taken(reader: Reader) -> BundledCollection:
    """Read a collection online, and return what a bundle has of it."""
    client = reader.client()
    return bundle_collection(client, client.update())


def sealed(
    *collections: BundledCollection, policy: str = "", signers: tuple[FileSigner, ...] = (MAKER,)
) -> bytes:
    """Return a bundle's file."""
    by_gun = {collection.gun: collection for collection in collections}
    return seal_bundle(Bundle(NOW, by_gun, policy), signers, origin=ORIGIN)


def opened(wire: bytes, *, key: NotaryKey | None = None) -> Bundle:
    """Parse a bundle, and check its signature by a key: the maker's unless given."""
    bundle = parse_bundle(wire, origin=ORIGIN)
    check_bundle_signature(bundle, [key or MAKER.public_key], origin=ORIGIN)
    return bundle


def read_bundle(
    reader: Reader, bundle: Bundle, *, pins: Pins | None = None, vouched: bool = False
) -> TrustedCollection:
    """Read the reader's collection from a bundle, as a session does."""
    given = pins or reader.pins or Pins()
    if vouched:
        known = reader.states.load(reader.gun) is not None
        given = Pins() if known else bundle_pins(bundle)(reader.gun)
    return TrustClient(
        reader.gun,
        Downloads(bundle_source(bundle)(reader.gun), AtOnce()),
        cache=reader.cache,
        states=reader.states,
        pins=given,
        clock=lambda: reader.now,
        live=False,
    ).update()


def judged(collection: TrustedCollection, reference: str, *signers: str) -> Verdict:
    """Evaluate one image: ``:TAG`` or ``@DIGEST`` behind the GUN."""
    image = ImageReference.parse(f"{collection.gun}{reference}")
    return evaluate(collection, image, requirement=Requirement.of_names(signers))


def told(verdict: Verdict) -> tuple[object, ...]:
    """Return all that a verdict says, for comparison."""
    reason = verdict.reason
    why = (reason.code, reason.message, reason.exit_code, reason.step) if reason else None
    return (
        verdict.image,
        verdict.verdict,
        verdict.digest,
        verdict.signers,
        verdict.role,
        verdict.checks,
        verdict.custom,
        why,
    )


def altered(
    wire: bytes, change: Callable[[dict[str, Any]], object], *, signer: FileSigner | None = None
) -> bytes:
    """Change a bundle's document; sign it anew where ``signer`` is given, without its help."""
    document = json.loads(wire)
    change(document)
    if signer is not None:
        signature = signer.sign(canonical_json(document["signed"]))
        document["signatures"] = [
            {
                "keyid": signature.keyid,
                "method": signature.unrecognized_fields["method"],
                "sig": base64.b64encode(bytes.fromhex(signature.signature)).decode(),
            }
        ]
    return json.dumps(document).encode()
