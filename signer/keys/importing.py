"""Importing private keys into the trust directory, encrypted under a passphrase of its own.

What the file says about a key (role, collection) holds unless the user says otherwise; Go lets the
file win, which nobody expects.

Source: NP 4.6; docker-trust reference, trap T9.
"""

from collections.abc import Mapping

from signer.errors import KeyUnusableError, UsageError
from signer.keys.passphrase import Passphrases
from signer.keys.signers import FileSigner
from signer.keys.sources import load_signers
from signer.keys.store import KeyStore, StoredKey

DEFAULT_ROLE = "delegation"
"""What Notary calls a key whose file says nothing (NP 4.6)."""

_ROLES_WITH_GUN = frozenset({"targets", "snapshot", "timestamp"})


def import_keys(
    source: str,
    *,
    store: KeyStore,
    passphrases: Passphrases,
    environment: Mapping[str, str],
    role: str = "",
    gun: str = "",
    allow_shared_key_file: bool = False,
) -> list[StoredKey]:
    """Store every private key of a source.

    Args:
        source: a key file, a client bundle, ``-``, ``env:NAME`` or PEM text.
        store: where the keys go.
        passphrases: open the source's keys, and encrypt the stored ones.
        environment: variables, for ``env:NAME``.
        role: instead of the role that the file names; ``delegation`` where neither says one.
        gun: instead of the collection that the file names.
        allow_shared_key_file: accept a file that others may read.

    Returns:
        The stored keys; one that was there already with the same role is unchanged.

    Raises:
        KeyUnusableError: a key cannot be used, or is stored with another role.
        PassphraseError: a passphrase is missing or was rejected.
        UsageError: a targets or snapshot key without a collection.
    """
    signers = load_signers(
        source,
        store=store,
        passphrases=passphrases,
        environment=environment,
        role=role,
        allow_example_keys=True,
        allow_shared_key_file=allow_shared_key_file,
    )
    stored = []
    for signer in signers:
        if not isinstance(signer, FileSigner):
            raise KeyUnusableError(
                "A key in an HSM or KMS stays there; it cannot be imported.",
                hint="Give its URI with --key where it signs.",
                code="key-kind",
            )
        key_role = role or signer.role or DEFAULT_ROLE
        key_gun = gun or signer.gun
        if key_role in _ROLES_WITH_GUN and not key_gun:
            raise UsageError(
                f"A {key_role} key belongs to a collection, and the file names none.",
                hint="Say which with --repository HOST/NAMESPACE/REPO.",
            )
        passphrase = passphrases.new(key_role, signer.canonical_id)
        stored.append(
            store.add(signer.private_key, role=key_role, gun=key_gun, passphrase=passphrase)
        )
    return stored
