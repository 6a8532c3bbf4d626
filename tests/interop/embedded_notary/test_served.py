"""The Notary server inside ``signer serve``: with accounts and tokens, beside its registry."""

import base64
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.images import push_image
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, NotaryCli, PeerError
from tests.components.signer_cli import SignerCli
from tests.interop.identities import make_identity
from tests.interop.logged_in import LoggedIn
from tests.interop.scene import TOFU
from tests.interop.views import docker_inspect, notary_list

if TYPE_CHECKING:
    from tests.components.registry import Registry


@pytest.fixture
def server(embedded: EmbeddedDtr) -> NotaryServer:
    """It, as whatever needs a Notary server's address and authority takes it."""
    return cast("NotaryServer", embedded)


@pytest.fixture
def gun(embedded: EmbeddedDtr, fresh_repository: str) -> str:
    return f"{embedded.host}/{fresh_repository}"


def _notary_auth(embedded: EmbeddedDtr) -> dict[str, str]:
    credentials = base64.b64encode(":".join(embedded.admin).encode()).decode()
    return {"NOTARY_AUTH": credentials}


def test_notary_publishes_rotates_lists_and_deletes_with_an_account(
    embedded: EmbeddedDtr, server: NotaryServer, gun: str, tmp_path: Path
) -> None:
    notary, account = NotaryCli(tmp_path / "notary", server), _notary_auth(embedded)
    content = tmp_path / "content"
    content.write_bytes(b"worthless example")
    notary("init", "-p", gun, env=account)
    notary("key", "rotate", gun, "snapshot", "-r", env=account)
    notary("add", gun, "1.0", content)
    notary("publish", gun, env=account)
    stranger = NotaryCli(tmp_path / "stranger", server)
    assert [row[0] for row in notary_list(stranger("list", gun, env=account))] == ["1.0"]
    notary("delete", gun, "--remote", env=account)
    gone = NotaryCli(tmp_path / "late", server)("list", gun, env=account, expect=1)
    assert "does not have trust data" in gone.stdout


def test_notary_without_an_account_can_neither_publish_nor_read(
    embedded: EmbeddedDtr, server: NotaryServer, gun: str, tmp_path: Path
) -> None:
    with pytest.raises(PeerError, match=r"unauthorized|not authorized"):
        NotaryCli(tmp_path / "stranger", server)("init", "-p", gun)
    NotaryCli(tmp_path / "admin", server)("init", "-p", gun, env=_notary_auth(embedded))
    with pytest.raises(PeerError, match=r"unauthorized|not authorized"):
        NotaryCli(tmp_path / "reader", server)("list", gun)


def test_docker_logs_in_pushes_signs_and_pulls_with_content_trust(
    embedded: EmbeddedDtr, server: NotaryServer, engine: Engine, gun: str, tmp_path: Path
) -> None:
    engine.trust_registry(cast("Registry", embedded))
    account = LoggedIn(engine, embedded.host, embedded.admin, tmp_path / "docker")
    docker = DockerCli(account.config, server, engine=engine)
    image = f"{gun}:1.0"
    docker("trust", "key", "generate", "alice", "--dir", tmp_path)
    docker.trust("signer", "add", "--key", tmp_path / "alice.pub", "alice", gun)
    engine.import_image(image, b"first")
    assert "Successfully signed" in docker.trust("sign", "--local", image).stdout
    (digest,) = engine.repository_digests(image)
    assert docker_inspect(docker, gun).tags["1.0"] == (
        digest.partition("@sha256:")[2],
        frozenset({"alice"}),
    )
    engine.remove_image(image)
    assert "@sha256:" in docker.trusted("pull", image).stdout

    moved, _ = push_image(embedded, gun.partition("/")[2], "1.0", content=b"2nd")
    engine.remove_image(image)
    pulled = docker.trusted("pull", image).stdout
    assert digest.partition("@")[2] in pulled, "what was signed, not what the tag is now"
    assert moved not in pulled


def test_signer_initialises_signs_verifies_and_revokes_with_an_account(
    embedded: EmbeddedDtr, gun: str, tmp_path: Path
) -> None:
    def program(name: str) -> SignerCli:
        return SignerCli(
            tmp_path / name, authority=embedded.authority, env=embedded.environment_variables
        )

    gitlab = make_identity(tmp_path / "identities", "gitlab")
    image, repository = f"{gun}:1.0", gun.partition("/")[2]
    digest, _ = push_image(embedded, repository, "1.0")
    program("admin")("init", gun, f"--signer=gitlab={gitlab.certificate}")
    program("ci")("sign", image, "--key", gitlab.key, TOFU)
    (accepted,) = program("reader").json("verify", image, TOFU, "--signer", "gitlab")["images"]
    assert accepted["digest"] == digest
    program("ci")("revoke", image, "--key", gitlab.key, TOFU)
    program("reader")("verify", image, expect=3)
