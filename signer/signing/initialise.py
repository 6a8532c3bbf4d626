"""Creating a collection: keys, root certificate, signers, published in one upload.

1. A collection that exists already is compared, never touched.
2. Keys are stored before anything is uploaded: a collection whose root key is lost is worse than a
   key without a collection.
3. Root and targets go up together; the server adds snapshot and timestamp.
4. The collection is read back and its root remembered: this trust directory trusts what it made.

Source: NP 4.1; docker-trust reference A.6, A.10; the design's ``signer init``.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tuf.api.metadata import Root

from signer.constants import (
    DELEGATION_PREFIX,
    MAX_ROOT_SIZE,
    RELEASES,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
)
from signer.dialect.errors import PinMismatchError
from signer.dialect.keys import NotaryKey
from signer.errors import (
    ConflictError,
    KeyUnusableError,
    NetworkError,
    SignerError,
    TrustDataError,
    UsageError,
)
from signer.keys.certificates import (
    check_root_certificate,
    load_signer_certificate,
    self_signed_root,
)
from signer.keys.signers import FileSigner, NotarySigner, prove
from signer.keys.store import StoredKey
from signer.names import CanonicalKeyId, Gun, KeyId, RoleName, parse_gun, parse_signer
from signer.publish.genesis import Genesis, read_server_key
from signer.publish.publisher import ReadBackError
from signer.signing.inspect import certificate_pem
from signer.signing.session import Session
from signer.trust.client import NoPinError, NoTrustDataError, remember_root
from signer.trust.collection import TrustedCollection
from signer.trust.pinning import Pins


class ExistsError(SignerError):
    """The collection exists, and is not the one that was asked for."""

    default_code = "already-initialised"


@dataclass(frozen=True)
class Initialised:
    """A collection that exists as asked.

    Attributes:
        gun: its name.
        status: ``initialised``, or ``up-to-date`` where it was so already.
        root_key_ids: TUF ids of the root's keys, over their certificates; for pinning.
        root_canonical_key_ids: their canonical ids, in the same order; also for pinning.
        root_certificates: their certificates in PEM form, in the same order; empty for bare keys.
        signers: canonical key ids by signer's name.
        keys: where the private keys lie that were made or used, by role.
        versions: of root and targets.
    """

    gun: Gun
    status: str
    root_key_ids: tuple[KeyId, ...]
    root_canonical_key_ids: tuple[CanonicalKeyId, ...]
    root_certificates: tuple[str, ...]
    signers: Mapping[str, tuple[CanonicalKeyId, ...]]
    keys: Mapping[str, Path] = field(default_factory=dict)
    versions: Mapping[str, int] = field(default_factory=dict)


def init_collection(
    session: Session,
    repository: str,
    *,
    signers: Mapping[str, Sequence[bytes]],
    root_key: NotarySigner | None = None,
    root_certificate: bytes | None = None,
) -> Initialised:
    """Create a collection with its signers, or find that it is so already.

    Args:
        session: connections and stores.
        repository: ``HOST[:PORT]/NAMESPACE/REPO``, no tag.
        signers: PEM of certificates or public keys, by signer's name.
        root_key: signs root; otherwise the one root key of the trust directory, or a new one.
        root_certificate: PEM for the root key; otherwise self-signed with CN = GUN.

    Raises:
        UsageError: a malformed name, or several root keys to choose from.
        ExistsError: the collection exists and differs, or is somebody else's; nothing was touched.
        KeyUnusableError: keys and certificates do not fit, or one is a worthless example and the
            repository is not on loopback.
        NetworkError: the server cannot be reached; nothing was published.
    """
    gun = parse_gun(repository)
    wanted = _signers(session, gun, signers)
    if root_key is not None:
        session.refuse_example_key(root_key.canonical_id, gun)
    if root_certificate is not None:
        _check_certificate(root_certificate, gun, now=session.clock())
    existing = _existing(session, gun, root_key)
    if existing is not None:
        return _compare(
            session, existing, wanted, root_key=root_key, root_certificate=root_certificate
        )
    made: list[StoredKey] = []
    try:
        genesis, paths = _prepare(
            session,
            gun,
            wanted,
            root_key=root_key,
            root_certificate=root_certificate,
            made=made,
        )
        files = genesis.files(now=session.clock())
    except BaseException:
        _forget(session, made)
        raise
    _upload(session, gun, files, made=made)
    session.states.forget(gun)  # of a former collection of this name, which is gone
    remember_root(session.states, gun, files[RoleName(ROOT)])
    collection = _read_back(session, gun)
    return _outcome(collection, "initialised", keys=paths)


def _signers(
    session: Session, gun: Gun, signers: Mapping[str, Sequence[bytes]]
) -> dict[RoleName, list[NotaryKey]]:
    found: dict[RoleName, list[NotaryKey]] = {}
    for name, pems in signers.items():
        role = parse_signer(name)
        found[role] = [
            load_signer_certificate(pem, now=session.clock(), origin=f"signer {name}")
            for pem in pems
        ]
        if not found[role]:
            raise UsageError(f"Signer {name} has no certificate.")
        for key in found[role]:
            session.refuse_example_key(key.canonical_id, gun)
    return found


def _check_certificate(pem: bytes, gun: Gun, *, now: datetime) -> None:
    """Refuse a root certificate with which nobody could read the collection afterwards."""
    try:
        certificate = NotaryKey.from_certificate(pem).certificates[0]
        check_root_certificate(certificate, gun, now=now)
    except ValueError as error:
        raise KeyUnusableError(
            f"{gun}: the root certificate is no certificate in PEM form that Notary can use.",
            hint="Give the certificate of an ECDSA or RSA key, with CN = REPOSITORY.",
            code="certificate-malformed",
        ) from error
    except TrustDataError as error:
        raise KeyUnusableError(error.message, hint=error.hint, code=error.code) from error


def _existing(
    session: Session, gun: Gun, root_key: NotarySigner | None
) -> TrustedCollection | None:
    try:
        return _own(session, gun, root_key) or session.client(gun).update()
    except NoTrustDataError:
        return None
    except NoPinError as error:
        raise ExistsError(
            f"{gun} has trust data already, made by someone else. It was not touched.",
            hint=error.hint,
        ) from error


def _own(session: Session, gun: Gun, root_key: NotarySigner | None) -> TrustedCollection | None:
    """Recognise a collection by its root key, which is here: an earlier run was cut off.

    It had uploaded the files, but could not remember the root.
    """
    key_ids = {str(key.key_id) for key in session.store.list() if key.role == ROOT}
    if root_key is not None:
        key_ids.add(root_key.canonical_id)
    if not key_ids or session.pins or session.states.load(gun) is not None:
        return None
    client = session.client(gun)
    client.pins = Pins(key_ids=frozenset(key_ids))
    try:
        return client.update()
    except PinMismatchError:
        return None


def _upload(
    session: Session, gun: Gun, files: Mapping[RoleName, bytes], *, made: Sequence[StoredKey]
) -> None:
    """Upload; from here on keys are given up only where the server surely has not their files."""
    try:
        session.server(gun).publish(files)
    except NetworkError as error:
        if _published_root(session, gun) == files[RoleName(ROOT)]:
            return  # only the answer was lost
        raise type(error)(
            error.message,
            hint=f"{error.hint} Keys that were made are kept; run the command again.".strip(),
            code=error.code,
        ) from error
    except SignerError as error:
        theirs = _published_root(session, gun)
        if theirs == files[RoleName(ROOT)]:
            return
        _forget(session, made)
        if theirs is None and not isinstance(error, ConflictError):
            raise
        raise ExistsError(
            f"{gun} was initialised by someone else at this moment.",
            hint=f"Look at it with 'signer inspect {gun}'. Nothing of it was changed.",
        ) from error


def _published_root(session: Session, gun: Gun) -> bytes | None:
    try:
        return session.server(gun).get_metadata(ROOT, max_bytes=MAX_ROOT_SIZE)
    except SignerError:
        return None


def _compare(
    session: Session,
    collection: TrustedCollection,
    wanted: Mapping[RoleName, Sequence[NotaryKey]],
    *,
    root_key: NotarySigner | None,
    root_certificate: bytes | None,
) -> Initialised:
    differences = _differences(
        collection, wanted, root_key=root_key, root_certificate=root_certificate
    )
    if differences:
        raise ExistsError(
            f"{collection.gun} is initialised already, but differs: {'; '.join(differences)}.",
            hint="Nothing was changed. Use 'signer delegation add' and 'remove' for signers.",
        )
    keys = {
        stored.role: stored.path
        for stored in session.store.list()
        if stored.key_id in _root_ids(collection)
        or (stored.role == TARGETS and stored.gun == collection.gun)
    }
    return _outcome(collection, "up-to-date", keys=keys)


def _differences(
    collection: TrustedCollection,
    wanted: Mapping[RoleName, Sequence[NotaryKey]],
    *,
    root_key: NotarySigner | None,
    root_certificate: bytes | None,
) -> list[str]:
    have = {
        name: {key.canonical_id for key in info.keys}
        for name, info in collection.delegations.items()
    }
    want = {name: {key.canonical_id for key in keys} for name, keys in wanted.items()}
    if want:
        want[RoleName(RELEASES)] = {key for keys in want.values() for key in keys}
    found = [f"it lacks {_shown(name)}" for name in want.keys() - have.keys()]
    found += [f"it also has {_shown(name)}" for name in have.keys() - want.keys()]
    found += [
        f"{_shown(name)} has other keys"
        for name in want.keys() & have.keys()
        if want[name] != have[name]
    ]
    if root_key is not None and root_key.canonical_id not in _root_ids(collection):
        found.append("its root key is another")
    if root_certificate is not None:
        certificate = NotaryKey.from_certificate(root_certificate)
        root = collection.root.envelope.signed_as(Root)
        if certificate.keyid not in root.roles[ROOT].keyids:
            found.append("its root certificate is another")
    return sorted(found)


def _shown(role: RoleName) -> str:
    if role == RELEASES:
        return f"role {RELEASES}"
    return f"signer {role.removeprefix(DELEGATION_PREFIX)!r}"


def _prepare(
    session: Session,
    gun: Gun,
    wanted: Mapping[RoleName, Sequence[NotaryKey]],
    *,
    root_key: NotarySigner | None,
    root_certificate: bytes | None,
    made: list[StoredKey],
) -> tuple[Genesis, dict[str, Path]]:
    server = session.server(gun)
    timestamp = read_server_key(server.get_key(TIMESTAMP), role=TIMESTAMP, gun=gun)
    snapshot = read_server_key(server.get_key(SNAPSHOT), role=SNAPSHOT, gun=gun)
    paths: dict[str, Path] = {}
    root = root_key or _key(session, ROOT, gun="", made=made, paths=paths)
    session.refuse_example_key(root.canonical_id, gun)
    prove(root)
    if root_certificate is None:
        root_certificate = self_signed_root(root, gun, now=session.clock())
    elif NotaryKey.from_certificate(root_certificate).canonical_id != root.canonical_id:
        raise KeyUnusableError(
            f"{gun}: the root certificate is not the root key's.",
            hint="Give the certificate that belongs to --root-key, or leave --root-cert out.",
            code="certificate-mismatch",
        )
    targets = _key(session, TARGETS, gun=gun, made=made, paths=paths)
    session.refuse_example_key(targets.canonical_id, gun)
    prove(targets)
    genesis = Genesis(gun, root_certificate, root, targets, timestamp, snapshot, wanted)
    return genesis, paths


def _key(
    session: Session, role: str, *, gun: str, made: list[StoredKey], paths: dict[str, Path]
) -> NotarySigner:
    """Open the stored key of a role, or make and store one."""
    stored = [key for key in session.store.list() if key.role == role and key.gun == gun]
    if len(stored) > 1 and role == ROOT:
        ids = ", ".join(key.key_id for key in stored)
        raise UsageError(
            f"The trust directory has {len(stored)} root keys: {ids}.",
            hint="Choose one with --root-key ID.",
            code="several-root-keys",
        )
    if stored:
        paths[role] = stored[0].path
        return session.store.load(stored[0], session.passphrases)
    private_key = generate_private_key(SECP256R1())
    signer = FileSigner(private_key)
    passphrase = session.passphrases.new(role, signer.canonical_id)
    added = session.store.add(private_key, role=role, gun=gun, passphrase=passphrase)
    made.append(added)
    paths[role] = added.path
    return signer


def _forget(session: Session, made: Sequence[StoredKey]) -> None:
    for stored in made:
        with suppress(SignerError):
            session.store.remove(stored)


def _read_back(session: Session, gun: Gun) -> TrustedCollection:
    try:
        return session.client(gun).update()
    except SignerError as error:
        raise ReadBackError(
            f"{gun} was published but cannot be read back: {error.message}",
            hint=f"The keys are kept. Try 'signer inspect {gun}'.",
        ) from error


def _root_keys(collection: TrustedCollection) -> list[NotaryKey]:
    root = collection.root.envelope.signed_as(Root)
    keys = [root.keys[keyid] for keyid in root.roles[ROOT].keyids]
    return [key for key in keys if isinstance(key, NotaryKey)]


def _root_ids(collection: TrustedCollection) -> set[CanonicalKeyId]:
    return {key.canonical_id for key in _root_keys(collection)}


def _outcome(
    collection: TrustedCollection, status: str, *, keys: Mapping[str, Path]
) -> Initialised:
    keys_of_root = _root_keys(collection)
    return Initialised(
        gun=collection.gun,
        status=status,
        root_key_ids=tuple(KeyId(key.keyid) for key in keys_of_root),
        root_canonical_key_ids=tuple(key.canonical_id for key in keys_of_root),
        root_certificates=tuple(certificate_pem(key) for key in keys_of_root),
        signers={
            name.removeprefix(DELEGATION_PREFIX): tuple(key.canonical_id for key in info.keys)
            for name, info in collection.delegations.items()
            if name != RELEASES
        },
        keys=keys,
        versions={ROOT: collection.root.version, TARGETS: collection.targets.version},
    )
