"""What all programs meet: real servers behind delaying proxies, and collections in them."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from signer.keys.sources import load_signers
from signer.names import Gun, RoleName
from signer.publish.changes import Change, SetTarget
from signer.publish.signing import Keyring
from signer.signing.initialise import init_collection
from signer.signing.session import Session, Settings
from tests.bench.measure import Meters
from tests.bench.proxy import DelayingProxy
from tests.components.certificates import Authority
from tests.components.notary_server import NotaryServer
from tests.components.peers import PASSPHRASE
from tests.components.registry import Registry
from tests.components.signer_cli import passphrase_environment

_EXAMPLE: Final = Path(__file__).parents[2] / "keys-example"
SIGNER_NAME: Final = "gitlab"
_ROLES: Final = (RoleName("targets/releases"), RoleName(f"targets/{SIGNER_NAME}"))
DIGEST: Final = "5a" * 32
"""SHA-256 of no image: looking a tag up asks the registry for nothing."""

LENGTH: Final = 1234


@dataclass(frozen=True)
class Stage:
    """Servers, proxies, and the one key that signs: the worthless example, RSA as UCP makes it.

    Attributes:
        notary: the Notary server; programs reach it at ``notary_proxy``.
        registry: the registry; programs reach it at ``registry_proxy``, the GUNs' host.
        key: the signer's private key, PEM, mode 0600.
        session: makes collections, past the proxies.
    """

    directory: Path
    authority: Authority
    notary: NotaryServer
    registry: Registry
    notary_proxy: DelayingProxy
    registry_proxy: DelayingProxy
    key: Path
    session: Session

    @property
    def meters(self) -> Meters:
        """Where requests and connections are counted."""
        return Meters((self.notary, self.registry), (self.notary_proxy, self.registry_proxy))

    def gun(self, path: str) -> Gun:
        """Return the GUN of a repository of the registry."""
        return Gun(f"{self.registry_proxy.host}/{path}")

    def make_collection(
        self, path: str, tags: Sequence[str] = (), *, distinct: bool = False
    ) -> Gun:
        """Initialise a collection with two delegations, and sign ``tags`` into both.

        Each tag with a digest of its own (`digest`) where they are to be ``distinct``.
        """
        gun = self.gun(path)
        certificate = (_EXAMPLE / "cert.pem").read_bytes()
        init_collection(self.session, gun, signers={SIGNER_NAME: [certificate]})
        if tags:
            changes: list[Change] = [
                SetTarget(role, tag, LENGTH, {"sha256": digest(tag) if distinct else DIGEST})
                for role in _ROLES
                for tag in tags
            ]
            signers = load_signers(
                str(self.key),
                store=self.session.store,
                passphrases=self.session.passphrases,
                environment={},
                allow_example_keys=True,
            )
            self.session.publisher(gun, Keyring(signers)).publish(lambda _: changes)
        return gun


def digest(tag: str) -> str:
    """Return the SHA-256 that a tag is signed with, where they are distinct."""
    return hashlib.sha256(tag.encode()).hexdigest()


@contextmanager
def open_stage(directory: Path) -> Iterator[Stage]:
    """Start everything; all of it ends with the context."""
    authority = Authority(directory / "authority")
    key = directory / "key.pem"
    shutil.copyfile(_EXAMPLE / "key.pem", key)
    key.chmod(0o600)
    with (
        NotaryServer(directory / "notary-server", authority) as notary,
        Registry(directory / "registry", authority) as registry,
        DelayingProxy(notary.port) as notary_proxy,
        DelayingProxy(registry.port) as registry_proxy,
        _session(directory / "admin", notary) as session,
    ):
        yield Stage(
            directory, authority, notary, registry, notary_proxy, registry_proxy, key, session
        )


def _session(directory: Path, notary: NotaryServer) -> Session:
    environment: Mapping[str, str] = passphrase_environment(PASSPHRASE)
    settings = Settings(
        trust_dir=directory / "trust",
        docker_config=directory,
        server=notary.url,
        ca_files=(notary.authority.ca_file,),
        environment=environment,
    )
    return Session(settings)
