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
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from tuf.api.metadata import Root

from signer.constants import DELEGATION_PREFIX, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.keys import NotaryKey
from signer.errors import (
    ConflictError,
    KeyUnusableError,
    NetworkError,
    SignerError,
    UsageError,
)
from signer.keys.certificates import load_signer_certificate, self_signed_root
from signer.keys.signers import FileSigner, NotarySigner, prove
from signer.keys.store import StoredKey
from signer.names import CanonicalKeyId, Gun, RoleName, parse_gun, parse_signer
from signer.publish.genesis import Genesis, read_server_key
from signer.publish.publisher import ReadBackError
from signer.signing.session import Session
from signer.trust.client import NoPinError, NoTrustDataError, remember_root
from signer.trust.collection import TrustedCollection


class ExistsError(SignerError):
    """The collection exists, and is not the one that was asked for."""

    default_code = "already-initialised"


@dataclass(frozen=True)
class Initialised:
    """A collection that exists as asked.

    Attributes:
        gun: its name.
        status: ``initialised``, or ``up-to-date`` where it was so already.
        root_key_ids: canonical and TUF ids of the root's keys, for pinning.
        root_certificate_ids: the TUF ids alone, which Connaisseur-like tools and notary pin.
        signers: canonical key ids by signer's name.
        keys: where the private keys lie that were made or used, by role.
        versions: of root and targets.
    """

    gun: Gun
    status: str
    root_key_ids: tuple[CanonicalKeyId, ...]
    root_certificate_ids: tuple[str, ...]
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
        KeyUnusableError: keys and certificates do not fit.
        NetworkError: the server cannot be reached; nothing was published.
    """
    gun = parse_gun(repository)
    wanted = _signers(session, signers)
    existing = _existing(session, gun)
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
        session.server(gun).publish(files)
    except NetworkError as error:
        # Perhaps the server has taken the files: then the keys are precious.
        raise type(error)(
            error.message,
            hint=f"{error.hint} Keys that were made are kept; run the command again.".strip(),
            code=error.code,
        ) from error
    except ConflictError as error:
        _forget(session, made)
        raise ExistsError(
            f"{gun} was initialised by someone else at this moment.",
            hint=f"Look at it with 'signer inspect {gun}'. Nothing of it was changed.",
        ) from error
    except BaseException:
        _forget(session, made)
        raise
    remember_root(session.states, gun, files[RoleName(ROOT)])
    collection = _read_back(session, gun)
    return _outcome(collection, "initialised", keys=paths)


def _signers(
    session: Session, signers: Mapping[str, Sequence[bytes]]
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
    return found


def _existing(session: Session, gun: Gun) -> TrustedCollection | None:
    try:
        return session.client(gun).update()
    except NoTrustDataError:
        return None
    except NoPinError as error:
        raise ExistsError(
            f"{gun} has trust data already, made by someone else. It was not touched.",
            hint=error.hint,
        ) from error


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


def _root_ids(collection: TrustedCollection) -> set[CanonicalKeyId]:
    root = collection.root.envelope.signed_as(Root)
    keys = [root.keys[keyid] for keyid in root.roles[ROOT].keyids]
    return {key.canonical_id for key in keys if isinstance(key, NotaryKey)}


def _outcome(
    collection: TrustedCollection, status: str, *, keys: Mapping[str, Path]
) -> Initialised:
    root = collection.root.envelope.signed_as(Root)
    return Initialised(
        gun=collection.gun,
        status=status,
        root_key_ids=tuple(sorted(_root_ids(collection))),
        root_certificate_ids=tuple(root.roles[ROOT].keyids),
        signers={
            name.removeprefix(DELEGATION_PREFIX): tuple(key.canonical_id for key in info.keys)
            for name, info in collection.delegations.items()
            if name != RELEASES
        },
        keys=keys,
        versions={ROOT: collection.root.version, TARGETS: collection.targets.version},
    )
