"""What a signing job signs beside each digest: annotations and provenance."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from signer.dialect.canonical import Json
from signer.dtr.case import Case
from signer.dtr.job import JobSettings
from signer.dtr.provenance import is_same_provenance, provenance
from signer.errors import SignerError
from signer.publish.signing import Keyring
from signer.signing.roles import signable_roles
from signer.signing.sign import SignRequest
from signer.trust.role import digest_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from signer.keys.signers import NotarySigner
    from signer.signing.session import Session
    from signer.trust.collection import TrustedCollection


def add_custom(
    session: "Session",
    cases: Sequence[Case],
    signers: "Sequence[NotarySigner]",
    *,
    settings: JobSettings,
) -> None:
    """Decide what is signed beside each digest; what is there stays where it says the same."""
    if not settings.with_provenance and not settings.annotations:
        return
    keyring = Keyring(signers)
    guns = dict.fromkeys(case.wanted.reference.gun for case in cases)
    reads = {gun: session.collections.submit(session.client(gun).update) for gun in guns}
    collections = {gun: _collection(read) for gun, read in reads.items()}
    for case in cases:
        request = case.wanted
        custom = dict(settings.annotations)
        if settings.with_provenance:
            custom |= provenance(
                case.promotion,
                scans=case.evidence.scans if case.evidence else (),
                pipeline=settings.pipeline,
                sbom=settings.sbom,
            )
        collection = collections[request.reference.gun]
        keeps = collection is not None and _says_the_same(
            collection, request, custom, keyring=keyring, signer=settings.signer
        )
        case.request = replace(request, custom=None if keeps else custom)


def _collection(read: "Future[TrustedCollection]") -> "TrustedCollection | None":
    try:
        return read.result()
    except SignerError:
        return None  # signing reads it again, and says what is wrong


def _says_the_same(
    collection: "TrustedCollection",
    request: SignRequest,
    custom: Json,
    *,
    keyring: Keyring,
    signer: str,
) -> bool:
    """Tell whether every role that would be signed has this digest and provenance already."""
    tag = request.reference.tag
    try:
        roles = signable_roles(collection, tag, keyring=keyring, signer=signer)
    except SignerError:
        return False
    for role in roles:
        entry = collection.find(role, tag)
        if entry is None or digest_of(entry) != request.digest:
            return False
        if not is_same_provenance(entry.custom, custom):
            return False
    return True
