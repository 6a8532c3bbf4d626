"""Fixtures of the stories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from signer.names import Gun
from signer.signing.initialise import init_collection
from tests.components.gitlab_trigger import GitlabTrigger
from tests.components.notary_server import NotaryServer
from tests.components.registry import Registry
from tests.e2e.material import write_bundle
from tests.e2e.story import Collection, WatchedSigner


@pytest.fixture
def signer(tmp_path: Path, notary_server: NotaryServer) -> WatchedSigner:
    """``signer`` with an empty home, the Notary server and its CA."""
    return WatchedSigner(tmp_path / "signer", notary_server)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A client bundle as a directory."""
    return write_bundle(tmp_path / "bundle")


@pytest.fixture
def collection(
    signer: WatchedSigner,
    bundle: Path,
    registry: Registry,
    notary_server: NotaryServer,
    fresh_gun: Gun,
) -> Collection:
    """A collection that ``signer`` initialised, with the bundle's owner as signer gitlab.

    Made in this process, which is faster; the stories of ``init`` run the program.
    """
    with signer.session() as session:
        certificate = (bundle / "cert.pem").read_bytes()
        made = init_collection(session, fresh_gun, signers={"gitlab": [certificate]})
    root_key_id = made.root_key_ids[0]
    return Collection(fresh_gun, registry, notary_server, signer, bundle, root_key_id)


@pytest.fixture
def trigger(tmp_path: Path) -> Iterator[GitlabTrigger]:
    """GitLab's endpoint for pipeline triggers."""
    with GitlabTrigger(tmp_path / "payloads") as endpoint:
        yield endpoint
