"""Keys of the trust directory that fit a collection, when none was named."""

from collections.abc import Sequence

from tuf.api.metadata import Root

from signer.constants import SNAPSHOT
from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError
from signer.keys.signers import NotarySigner
from signer.names import Gun
from signer.signing.roles import wanted_keys
from signer.signing.session import Session
from signer.signing.sign import NotInitialisedError
from signer.trust.client import NoTrustDataError
from signer.trust.collection import TrustedCollection


def stored_signers(session: Session, guns: Sequence[Gun]) -> list[NotarySigner]:
    """Open every stored key that a role of one of the collections lists.

    A stored snapshot key is opened, too: where the server does not hold it, nothing can be
    published without it.

    Raises:
        KeyUnusableError: there is none.
        PassphraseError: one cannot be opened.
        SignerError: as reading a collection raises.
    """
    stored = {str(key.key_id): key for key in session.store.list()}
    wanted: dict[str, None] = {}
    snapshot: dict[str, None] = {}
    described: list[str] = []
    for gun in guns:
        try:
            collection = session.client(gun).update(allow_expired=True)
        except NoTrustDataError as error:
            raise NotInitialisedError(error.message, hint=error.hint) from error
        for role, key_ids in wanted_keys(collection):
            wanted.update(dict.fromkeys(key_ids))
            described.append(f"{role} of {gun} wants {' or '.join(key_ids) or 'no key at all'}")
        snapshot.update(dict.fromkeys(_snapshot_keys(collection)))
    found = [stored[key_id] for key_id in wanted if key_id in stored]
    if not found:
        raise KeyUnusableError(
            f"No key was named, and {session.store.directory} has none that fits.",
            hint=f"Pass --key. {'; '.join(described)} (canonical key ids).",
            code="no-signing-key",
        )
    found += [stored[key_id] for key_id in snapshot if key_id in stored and key_id not in wanted]
    return [session.store.load(key, session.passphrases) for key in found]


def _snapshot_keys(collection: TrustedCollection) -> list[str]:
    root = collection.root.envelope.signed_as(Root)
    keys = [root.keys[keyid] for keyid in root.roles[SNAPSHOT].keyids]
    return [str(key.canonical_id) for key in keys if isinstance(key, NotaryKey)]
