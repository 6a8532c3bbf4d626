"""The first files of a collection: root version 1 and targets version 1, in one upload.

Source: NP 4.1; unlike Go's, the first targets file already delegates to its signers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from tuf.api.metadata import DelegatedRole, Delegations, Role, Root, Targets

from signer.constants import BASE_ROLES, RELEASES, ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.dialect.canonical import strict_json
from signer.dialect.codec import PrefixRole
from signer.dialect.keys import NotaryKey, key_id
from signer.errors import NetworkError
from signer.keys.signers import NotarySigner
from signer.names import Gun, RoleName
from signer.publish.editor import lifetime_end
from signer.publish.signing import Keyring, sign_role


@dataclass(frozen=True)
class Genesis:
    """What a new collection is made of.

    Attributes:
        gun: its name.
        root_certificate: PEM of the root key's certificate.
        root: signs root.
        targets: signs targets.
        timestamp: the server's public key.
        snapshot: the server's public key.
        signers: keys by the delegations that are to exist beside ``targets/releases``.
    """

    gun: Gun
    root_certificate: bytes
    root: NotarySigner
    targets: NotarySigner
    timestamp: NotaryKey
    snapshot: NotaryKey
    signers: Mapping[RoleName, Sequence[NotaryKey]]

    def files(self, *, now: datetime) -> dict[RoleName, bytes]:
        """Sign root and targets.

        Raises:
            KeyUnusableError: the root key is not the certificate's.
            UnwritableError: Go would write a file otherwise.
        """
        root_key = NotaryKey.from_certificate(self.root_certificate)
        keys = {
            ROOT: root_key,
            TARGETS: self.targets.public_key,
            SNAPSHOT: self.snapshot,
            TIMESTAMP: self.timestamp,
        }
        root = Root(
            1,
            None,
            lifetime_end(ROOT, now=now),
            {key.keyid: key for key in keys.values()},
            {role: Role([keys[role].keyid], 1) for role in BASE_ROLES},
            consistent_snapshot=False,
        )
        targets = Targets(1, None, lifetime_end(TARGETS, now=now), {}, self._delegations())
        keyring = Keyring([self.root, self.targets])
        return {
            RoleName(role): sign_role(role, signed, root, keyring=keyring, gun=self.gun)[0]
            for role, signed in ((ROOT, root), (TARGETS, targets))
        }

    def _own(self) -> dict[RoleName, list[NotaryKey]]:
        return {name: list(keys) for name, keys in self.signers.items()}

    def _delegations(self) -> Delegations:
        keys = {key.keyid: key for listed in self.signers.values() for key in listed}
        listed_in = {RoleName(RELEASES): list(keys.values())} | self._own()
        roles: dict[str, DelegatedRole] = {
            name: PrefixRole(name, [key.keyid for key in listed], 1, False, [""], None)
            for name, listed in listed_in.items()
            if listed
        }
        return Delegations({**keys}, roles)


def read_server_key(wire: bytes, *, role: str, gun: Gun) -> NotaryKey:
    """Read the public key that a server holds for a role.

    Raises:
        NetworkError: the answer is no key.

    Source: NP 4.1 step 4.
    """
    try:
        fields = strict_json(wire)
        keyid = key_id(fields["keytype"], fields["keyval"]["public"])
        key = NotaryKey.from_dict(keyid, fields)
        key.crypto()
    except (ValueError, KeyError, TypeError) as error:
        raise NetworkError(
            f"{gun}: the server's answer for its {role} key is no public key.",
            hint="Is this a Notary server? Name it with --server URL.",
            code="not-a-notary-server",
        ) from error
    return key
