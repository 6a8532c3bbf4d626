"""Looking at a collection: who signed what, with which keys, until when, and where roles differ."""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.serialization import Encoding
from tuf.api.metadata import Root

from signer.constants import BASE_ROLES, DELEGATION_PREFIX, RELEASES, TARGETS
from signer.dialect.canonical import Json
from signer.dialect.keys import NotaryKey
from signer.errors import SignerError
from signer.keys.certificates import subject_of
from signer.names import Gun, ImageReference, RoleName
from signer.signing.session import Session
from signer.signing.sign import released_digest
from signer.trust.checks import signed_keys
from signer.trust.collection import TrustedCollection
from signer.trust.role import digest_of


@dataclass(frozen=True)
class KeyView:
    """A key of a role.

    Attributes:
        key_id: the TUF id, over the certificate for x509 keys.
        canonical_id: the id that key files are named by.
        key_type: ``ecdsa``, ``rsa-x509``, ...
        subject: of the certificate, in RFC 4514 form, or empty.
        not_after: when the certificate expires, or None.
        signed: whether this key signed the role's present file.
        certificate: in PEM form, or empty for bare keys.
    """

    key_id: str
    canonical_id: str
    key_type: str
    subject: str
    not_after: datetime | None
    signed: bool
    certificate: str = ""


@dataclass(frozen=True)
class RoleView:
    """A role of the collection.

    Attributes:
        name: its name.
        status: ``valid``, ``expired``, ``invalid`` or ``unpublished``.
        version: of its file; 0 where there is none.
        expires: when its file expires, or None.
        threshold: how many of its keys must sign.
        keys: that may sign it.
        paths: the prefixes it may sign; None for base roles.
        problem: why it is expired or invalid, or empty.
    """

    name: str
    status: str
    version: int
    expires: datetime | None
    threshold: int
    keys: tuple[KeyView, ...]
    paths: tuple[str, ...] | None = None
    problem: str = ""


@dataclass(frozen=True)
class TagView:
    """A tag of the collection.

    Attributes:
        name: the tag.
        digest: ``sha256:HEX`` that docker would pull, or empty where it is in no released role.
        length: bytes of the manifest.
        signers: roles under ``targets/`` (without releases) that signed this digest.
        digests: by every role that has the tag.
        custom: what is signed beside the digest, in the released role.
        registry_digest: what the registry has; empty where it was not asked.
        registry_problem: why the registry could not tell.
    """

    name: str
    digest: str
    length: int
    signers: tuple[str, ...]
    digests: Mapping[str, str]
    custom: Json = None
    registry_digest: str = ""
    registry_problem: str = ""

    @property
    def differs(self) -> bool:
        """Whether roles disagree about the tag, or the registry has another digest."""
        known = set(self.digests.values())
        if self.registry_digest:
            known.add(self.registry_digest)
        return len(known) > 1


@dataclass(frozen=True)
class Inspection:
    """A collection, looked at.

    Attributes:
        gun: its name.
        roles: base roles, then delegations in the file's order.
        tags: sorted by name.
    """

    gun: Gun
    roles: tuple[RoleView, ...]
    tags: tuple[TagView, ...]


def inspect_collection(
    session: Session, reference: str, *, ask_registry: bool = False
) -> Inspection:
    """Read a collection and describe it; what has expired is shown as such.

    Args:
        session: connections and stores.
        reference: ``REPO``, or ``REPO:TAG`` to see one tag beside the registry's.
        ask_registry: compare every tag with the registry.

    Raises:
        SignerError: as reading a collection raises, but for expiry.
    """
    image = ImageReference.parse(reference)
    collection = session.client(image.gun).update(allow_expired=True)
    names = [image.tag] if image.tag else _all_tags(collection)
    asked: dict[str, Future[str]] = {}
    if ask_registry or image.tag:
        asked = {
            name: session.requests.submit(_registry_digest, session, image.with_tag(name))
            for name in names
        }
    tags = tuple(_tag(collection, name, asked.get(name)) for name in names)
    return Inspection(collection.gun, _roles(collection), tags)


def _all_tags(collection: TrustedCollection) -> list[str]:
    return sorted({name for role in collection.walk() for name in role.targets.targets})


def _registry_digest(session: Session, image: ImageReference) -> str:
    return session.registry(image).digest(image.path, image.tag)


def _tag(collection: TrustedCollection, name: str, asked: Future[str] | None) -> TagView:
    digests: dict[str, str] = {}
    for role in collection.walk():
        entry = role.find(name)
        if entry is not None:
            digests[role.name] = digest_of(entry)
    released = released_digest(collection, name)
    home = next((role for role in (RELEASES, TARGETS) if role in digests), None)
    entry = collection.roles[RoleName(home)].find(name) if home else None
    registry_digest = registry_problem = ""
    if asked is not None:
        try:
            registry_digest = asked.result()
        except SignerError as error:
            registry_problem = error.message
    return TagView(
        name=name,
        digest=released,
        length=entry.length if entry else 0,
        signers=signers_of(digests, released),
        digests=digests,
        custom=entry.custom if entry else None,
        registry_digest=registry_digest,
        registry_problem=registry_problem,
    )


def signers_of(digests: Mapping[str, str], digest: str) -> tuple[str, ...]:
    """Return the names of the roles under ``targets/`` (without releases) that have ``digest``."""
    return tuple(
        role.removeprefix(DELEGATION_PREFIX)
        for role, found in digests.items()
        if found == digest and role not in {TARGETS, RELEASES}
    )


def _roles(collection: TrustedCollection) -> tuple[RoleView, ...]:
    root = collection.root.envelope.signed_as(Root)
    views = []
    for name in BASE_ROLES:
        role = collection.roles[RoleName(name)]
        signed = signed_keys(root, name, role.envelope)
        listed = root.roles[name]
        problem = collection.expired.get(role.name)
        views.append(
            RoleView(
                name=name,
                status="expired" if problem else "valid",
                version=role.version,
                expires=role.expires,
                threshold=listed.threshold,
                keys=_keys([root.keys[keyid] for keyid in listed.keyids], signed),
                problem=problem.message if problem else "",
            )
        )
    return (*views, *(_delegation(collection, name) for name in collection.delegations))


def _delegation(collection: TrustedCollection, name: RoleName) -> RoleView:
    info = collection.delegations[name]
    role = collection.roles.get(name) or collection.stale.get(name)
    problem = collection.invalid.get(name)
    if name in collection.stale:
        status = "expired"
    elif problem is not None:
        status = "invalid"
    else:
        status = "valid" if role else "unpublished"
    signed: Mapping[str, NotaryKey] = {}
    if role is not None:
        parent = collection.roles[RoleName(name.rpartition("/")[0])].targets
        signed = signed_keys(parent, name, role.envelope)
    return RoleView(
        name=name,
        status=status,
        version=role.version if role else collection.rejected.get(name, 0),
        expires=role.expires if role else None,
        threshold=info.threshold,
        keys=_keys(info.keys, signed),
        paths=info.paths,
        problem=problem.message if problem else "",
    )


def _keys(keys: Sequence[object], signed: Mapping[str, NotaryKey]) -> tuple[KeyView, ...]:
    return tuple(_key(key, signed) for key in keys if isinstance(key, NotaryKey))


def _key(key: NotaryKey, signed: Mapping[str, NotaryKey]) -> KeyView:
    try:
        certificate = key.certificate()
        canonical = str(key.canonical_id)
    except ValueError:  # a key of an unknown kind is shown, too
        certificate, canonical = None, key.keyid
    return KeyView(
        key_id=key.keyid,
        canonical_id=canonical,
        key_type=key.keytype,
        subject=subject_of(certificate) if certificate else "",
        not_after=certificate.not_valid_after_utc if certificate else None,
        signed=key.keyid in signed,
        certificate=certificate_pem(key) if certificate else "",
    )


def certificate_pem(key: NotaryKey) -> str:
    """Return a key's own certificate in PEM form, as ``--root-cert`` takes it; empty if bare.

    Raises:
        ValueError: the key's value is no certificate, though its type says so.
    """
    certificate = key.certificate()
    return certificate.public_bytes(Encoding.PEM).decode("ascii") if certificate else ""
