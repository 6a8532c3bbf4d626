"""Signing tags: the digest comes from the registry, never from what the collection remembers.

1. Every key is tried on a throw-away message before anything else.
2. The manifests are fetched, hashed and counted; a digest that was given must agree.
3. Each tag goes into every role that the keys at hand may sign, one publish per collection.
4. After the publish the collection is read back, and each tag must be there with its digest.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tuf.api.metadata import Root

from signer.constants import RELEASES, TARGETS
from signer.dialect.canonical import Json
from signer.errors import GateError, SignerError, UsageError
from signer.keys.signers import NotarySigner, prove
from signer.names import Gun, ImageReference, RoleName
from signer.publish.changes import Change, SetTarget
from signer.publish.editor import CollectionEditor
from signer.publish.publisher import Plan, Published, Publisher
from signer.publish.signing import Keyring
from signer.signing.roles import signable_roles
from signer.signing.session import Session
from signer.trust.client import NoTrustDataError
from signer.trust.collection import TrustedCollection
from signer.trust.role import digest_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from signer.transport.registry import Manifest


class NotInitialisedError(SignerError):
    """The collection does not exist; signing never creates one."""

    default_code = "not-initialised"


@dataclass(frozen=True)
class SignRequest:
    """One image to sign.

    Attributes:
        reference: with a tag.
        digest: ``sha256:HEX`` that the registry must have under the tag, or empty.
        custom: JSON to sign beside the digest, or None to leave what is there.
    """

    reference: ImageReference
    digest: str = ""
    custom: Json = None


@dataclass(frozen=True)
class SignResult:
    """What became of one image.

    Attributes:
        image: ``HOST/NAMESPACE/REPO:TAG``.
        status: ``signed``, ``up-to-date``, ``skipped``, ``refused`` or ``failed``.
        digest: ``sha256:HEX`` of the registry's manifest, or empty.
        previous_digest: what the collection had for the tag, or empty.
        roles: that hold the tag with this digest now by the keys at hand.
        key_ids: TUF key ids that made the signatures.
        versions: of the roles, after the publish.
        warnings: what users should know.
        error: why it was refused or failed.
        reason: why it was skipped.
    """

    image: str
    status: str
    digest: str = ""
    previous_digest: str = ""
    roles: tuple[str, ...] = ()
    key_ids: tuple[str, ...] = ()
    versions: Mapping[str, int] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    error: SignerError | None = None
    reason: str = ""


def sign_images(
    session: Session,
    images: Iterable[str | SignRequest],
    *,
    signers: Sequence[NotarySigner],
    signer: str = "",
    dry_run: bool = False,
) -> list[SignResult]:
    """Sign tags with the given keys.

    Args:
        session: connections and stores.
        images: references with a tag (and perhaps a digest), or requests.
        signers: the keys at hand.
        signer: a signer's name to sign as; otherwise every role that the keys fit.
        dry_run: find out all, publish nothing; then ``signed`` means "would be signed".

    Returns:
        One result per image, in the given order; a failure of one does not stop the others.

    Raises:
        UsageError: no image, no key, a malformed reference, or one without a tag.
        KeyUnusableError: a key cannot sign.
    """
    requests = [as_request(image) for image in images]
    if not requests:
        raise UsageError("No image to sign was given.")
    if not signers:
        raise UsageError("No key to sign with was given.", hint="Pass --key FILE.")
    for key in signers:
        prove(key)
    by_gun: dict[Gun, list[SignRequest]] = {}
    for request in requests:
        by_gun.setdefault(request.reference.gun, []).append(request)
    keyring = Keyring(signers)
    jobs = [
        session.collections.submit(
            _sign_collection, session, gun, group, keyring=keyring, signer=signer, dry_run=dry_run
        )
        for gun, group in by_gun.items()
    ]
    found = {result.image: result for job in jobs for result in job.result()}
    return [found[str(request.reference)] for request in requests]


def as_request(image: str | SignRequest) -> SignRequest:
    """Read a reference to sign: it needs a tag; a digest in it must be the registry's.

    Raises:
        UsageError: malformed, or without a tag.
    """
    if isinstance(image, SignRequest):
        request = image
    else:
        reference = ImageReference.parse(image)
        request = SignRequest(replace(reference, digest=""), reference.digest)
    if not request.reference.tag:
        raise UsageError(
            f"{request.reference} has no tag.",
            hint="Signatures are for tags: write REPO:TAG, or REPO:TAG@DIGEST.",
            code="no-tag",
        )
    return request


def with_digest(requests: Sequence[SignRequest], digest: str) -> list[SignRequest]:
    """Require a digest of the one image that is to be signed.

    Raises:
        UsageError: the digest is malformed, or there are several images for it.
    """
    reference = ImageReference.parse(f"{requests[0].reference}@{digest}")
    if len(requests) > 1:
        raise UsageError(
            "--digest is for one image.", hint="Write REPO:TAG@sha256:... for each of several."
        )
    if requests[0].digest not in {"", reference.digest}:
        raise UsageError(f"{requests[0].reference} is given with two digests.")
    return [replace(requests[0], digest=reference.digest)]


def _sign_collection(
    session: Session,
    gun: Gun,
    requests: Sequence[SignRequest],
    *,
    keyring: Keyring,
    signer: str,
    dry_run: bool,
) -> list[SignResult]:
    try:
        publisher = session.publisher(gun, keyring)
    except SignerError as error:  # of a key or a pin: before the registry is asked
        return [_failed(request, error) for request in requests]
    fetches = [
        (request, session.requests.submit(_manifest, session, request)) for request in requests
    ]
    manifests: dict[str, tuple[SignRequest, Manifest]] = {}
    results = []
    for request, fetch in fetches:
        outcome = _outcome(fetch)
        if isinstance(outcome, SignerError):
            results.append(_failed(request, outcome))
        else:
            manifests[request.reference.tag] = (request, outcome)
    if not manifests:
        return results
    try:
        done = _publish(publisher, manifests, signer=signer, dry_run=dry_run)
    except SignerError as error:
        done = [_failed(request, error) for request, _ in manifests.values()]
    return results + done


def _outcome(fetch: "Future[Manifest]") -> "Manifest | SignerError":
    try:
        return fetch.result()
    except SignerError as error:
        return error


def _manifest(session: Session, request: SignRequest) -> "Manifest":
    reference = request.reference
    manifest = session.registry(reference).manifest(reference.path, reference.tag)
    if request.digest and manifest.digest != request.digest:
        raise GateError(
            f"{reference} has digest {manifest.digest} in the registry, not {request.digest}.",
            hint="The tag was moved after the digest was taken. Nothing was signed.",
            code="digest-differs",
        )
    return manifest


def _publish(
    publisher: Publisher,
    manifests: "Mapping[str, tuple[SignRequest, Manifest]]",
    *,
    signer: str,
    dry_run: bool,
) -> list[SignResult]:
    gun, keyring = publisher.gun, publisher.keyring
    before: dict[str, str] = {}
    changed: set[str] = set()

    def plan(collection: TrustedCollection) -> list[Change]:
        changes: list[Change] = []
        for tag, (request, manifest) in manifests.items():
            before.setdefault(tag, released_digest(collection, tag))
            roles = signable_roles(collection, tag, keyring=keyring, signer=signer)
            wanted = _changes(collection, roles, request=request, manifest=manifest)
            changed.update([tag] if wanted else [])
            changes += wanted
        return changes

    try:
        published = _only_planned(publisher, plan) if dry_run else publisher.publish(plan)
    except NoTrustDataError as error:
        raise NotInitialisedError(
            f"{gun} is not initialised: the server has no trust data for it.",
            hint=f"Signing never creates a collection. An admin does: signer init {gun} "
            "--signer NAME=CERTIFICATE",
        ) from error
    results = []
    for tag, (request, manifest) in manifests.items():
        roles = signable_roles(published.collection, tag, keyring=keyring, signer=signer)
        signed = tag in changed and (dry_run or published.attempts > 0)
        results.append(
            SignResult(
                image=str(request.reference),
                status="signed" if signed else "up-to-date",
                digest=manifest.digest,
                previous_digest=before[tag],
                roles=tuple(roles),
                key_ids=_key_ids(published.collection, roles, keyring=keyring),
                versions={} if dry_run else _versions(published.collection, roles),
                warnings=published.warnings + _warnings(published.collection, roles, tag=tag),
            )
        )
    return results


def _only_planned(publisher: Publisher, plan: Plan) -> Published:
    """Do all but sign and upload: the edit finds what could not be written."""
    collection = publisher.client.update()
    editor = CollectionEditor(collection)
    editor.apply(plan(collection))
    return Published(collection, warnings=tuple(editor.warnings))


def _changes(
    collection: TrustedCollection,
    roles: Sequence[RoleName],
    *,
    request: SignRequest,
    manifest: "Manifest",
) -> list[Change]:
    tag = request.reference.tag
    sha256 = manifest.digest.removeprefix("sha256:")
    changes: list[Change] = []
    for role in roles:
        current = collection.find(role, tag)
        same = (
            current is not None
            and current.hashes.get("sha256") == sha256
            and current.length == manifest.length
        )
        custom = current.custom if same and request.custom is None and current else request.custom
        if not same or current is None or current.custom != custom:
            hashes = {"sha256": sha256}
            changes.append(SetTarget(role, tag, manifest.length, hashes, custom))
    return changes


def released_digest(collection: TrustedCollection, tag: str) -> str:
    """Return ``sha256:HEX`` that docker would pull for ``tag``, or ``""``."""
    for role in (RELEASES, TARGETS):
        entry = collection.find(role, tag)
        if entry is not None:
            return digest_of(entry)
    return ""


def _key_ids(
    collection: TrustedCollection, roles: Sequence[RoleName], *, keyring: Keyring
) -> tuple[str, ...]:
    ids: dict[str, None] = {}
    for role in roles:
        if role == TARGETS:
            root = collection.root.envelope.signed_as(Root)
            keys: list[object] = [root.keys[keyid] for keyid in root.roles[TARGETS].keyids]
        else:
            keys = list(collection.delegations[role].keys)
        ids.update(dict.fromkeys(signer.public_key.keyid for signer in keyring.signers_for(keys)))
    return tuple(ids)


def _versions(collection: TrustedCollection, roles: Sequence[RoleName]) -> dict[str, int]:
    return {role: collection.roles[role].version for role in roles if role in collection.roles}


def _warnings(
    collection: TrustedCollection, roles: Sequence[RoleName], *, tag: str
) -> tuple[str, ...]:
    if RELEASES in collection.delegations and RELEASES not in roles:
        return (
            f"The key is not one of {RELEASES}, which docker reads: consumers do not see this "
            f"signature of {tag!r}.",
        )
    return ()


def _failed(request: SignRequest, error: SignerError) -> SignResult:
    refused = isinstance(error, GateError)
    return SignResult(
        image=str(request.reference), status="refused" if refused else "failed", error=error
    )
