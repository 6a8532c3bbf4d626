"""Collections for editing: made by the simulator, verified by the state machine, no client."""

from signer.keys.signers import FileSigner
from signer.names import Gun, RoleName
from signer.publish.signing import Keyring
from signer.trust.collection import TrustedCollection
from tests.attacks.keys import GUN, NOW, private_key
from tests.attacks.simulator import SimulatedCollection


def verified(server: SimulatedCollection) -> TrustedCollection:
    """Return what a reader has of a collection after all its steps."""
    collection = TrustedCollection(Gun(server.gun), NOW)
    collection.trust_root(server.files["root"])
    collection.update_timestamp(server.files["timestamp"])
    collection.update_snapshot(server.files["snapshot"])
    collection.check_root_is_named()
    collection.finish_root()
    collection.update_targets(server.files["targets"])
    for name in list(collection.delegations):
        if collection.published(name):
            collection.update_delegation(name, server.files[name])
    return collection


def signer_of(name: str) -> FileSigner:
    """Return the signer with the simulator's key of a role or signer's name."""
    return FileSigner(private_key(f"{GUN} {name}"))


def keyring(*names: str) -> Keyring:
    """Return a keyring with the simulator's keys of these roles or signers' names."""
    return Keyring([signer_of(name) for name in names])


GITLAB = RoleName("targets/gitlab")
ALICE = RoleName("targets/alice")
RELEASES = RoleName("targets/releases")
TARGETS = RoleName("targets")
