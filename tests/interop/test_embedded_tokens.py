"""The embedded DTR's tokens open the real registry and notary-server, and no more than they say."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from signer.embedded.tokens import ISSUER
from signer.names import Gun
from tests.components.certificates import Authority
from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import NotaryCli
from tests.components.registry import Registry
from tests.components.signer_cli import SignerCli
from tests.components.token_auth import TokenAuth
from tests.e2e.material import write_bundle
from tests.interop.logged_in import LoggedIn

_SERVICE = "worthless-example-service"


@dataclass(frozen=True)
class House:
    """Real servers that take the embedded DTR's tokens, with one authority for all TLS."""

    dtr: EmbeddedDtr
    registry: Registry
    notary_server: NotaryServer
    both: Path
    """The two authorities' certificates: the servers' and the embedded DTR's."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[House]:
    with EmbeddedDtr(tmp_path_factory.mktemp("embedded")) as dtr:
        auth = TokenAuth(f"{dtr.url}/auth/token", _SERVICE, ISSUER, dtr.ca_file)
        registry = Registry(tmp_path_factory.mktemp("registry"), authority, auth=auth)
        notary = NotaryServer(tmp_path_factory.mktemp("notary"), authority, auth=auth)
        both = tmp_path_factory.mktemp("ca") / "both.pem"
        both.write_bytes(authority.ca_file.read_bytes() + dtr.ca_file.read_bytes())
        with installed(registry.start), installed(notary.start):
            yield House(dtr, registry, notary, both)


def _status(house: House, path: str, *scopes: str, anonymous: bool = False) -> int:
    parameters = {"service": _SERVICE, "scope": list(scopes)}
    with house.dtr.anonymous() if anonymous else house.dtr.client() as issuer:
        token = issuer.get("/auth/token", params=parameters).raise_for_status().json()["token"]
    with house.registry.client() as client:
        return client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code


def test_the_real_registry_takes_a_token_for_exactly_what_it_says(
    house: House, fresh_repository: str
) -> None:
    tags = f"/v2/{fresh_repository}/tags/list"
    assert house.registry.status(tags) == 401
    assert _status(house, tags, f"repository:{fresh_repository}:pull") == 404  # nothing there yet
    assert _status(house, tags, f"repository:{fresh_repository}:push") == 401
    assert _status(house, tags, "repository:admin/another:pull") == 401
    assert _status(house, tags, f"repository:{fresh_repository}:pull", anonymous=True) == 401
    two = ("repository:admin/another:pull", f"repository:{fresh_repository}:pull,push")
    assert _status(house, tags, *two) == 404


def test_a_real_engine_pushes_to_the_real_registry_with_embedded_tokens(
    house: House, engine: Engine, fresh_repository: str, tmp_path: Path
) -> None:
    image = f"{house.registry.host}/{fresh_repository}:1"
    docker = _push_with_engine(house, engine, image, tmp_path)
    engine.remove_image(image)
    docker("pull", image)
    assert engine.repository_digests(image)


def test_notary_publishes_to_the_real_server_with_embedded_tokens(
    house: House, fresh_repository: str, tmp_path: Path
) -> None:
    gun = Gun(f"{house.registry.host}/{fresh_repository}")
    notary = NotaryCli(tmp_path / "notary", house.notary_server)
    user, password = house.dtr.admin
    auth = {"NOTARY_AUTH": base64.b64encode(f"{user}:{password}".encode()).decode()}
    content = tmp_path / "content"
    content.write_bytes(b"worthless example")
    ca = ("--tlscacert", house.both)
    notary("init", gun, *ca, env=auth)
    notary("add", gun, "1.0", content, *ca, env=auth)
    notary("publish", gun, *ca, env=auth)
    assert "1.0" in notary("list", gun, *ca, env=auth).stdout
    notary("key", "rotate", gun, "snapshot", "-r", *ca, env=auth)  # needs the action "*"
    wrong = {"NOTARY_AUTH": base64.b64encode(b"admin:worthless-wrong-password").decode()}
    refused = NotaryCli(tmp_path / "stranger", house.notary_server)(
        "list", gun, *ca, env=wrong, expect=None
    )
    assert refused.returncode != 0
    assert "1.0" not in refused.stdout


def test_signer_signs_on_the_real_servers_with_embedded_tokens(
    house: House, engine: Engine, fresh_repository: str, tmp_path: Path
) -> None:
    user, password = house.dtr.admin
    gun = f"{house.registry.host}/{fresh_repository}"
    _push_with_engine(house, engine, f"{gun}:1", tmp_path)
    account = {"DTR_SERVER": house.registry.host, "DTR_USERNAME": user, "DTR_PASSWORD": password}
    account |= {"NOTARY_AUTH": base64.b64encode(f"{user}:{password}".encode()).decode()}
    signer = SignerCli(tmp_path / "signer", house.notary_server, env=account)
    bundle = write_bundle(tmp_path / "bundle")
    ca = ("--ca", house.both)
    signer("init", gun, "--signer", f"gitlab={bundle / 'cert.pem'}", *ca)
    signer("sign", f"{gun}:1", "--key", bundle / "key.pem", *ca)
    verified = signer.json("verify", f"{gun}:1", "--signer", "gitlab", *ca)
    assert verified["verdict"] == "accept"


def _push_with_engine(house: House, engine: Engine, image: str, directory: Path) -> LoggedIn:
    engine.trust_registry(house.registry)
    # One file for the registry's certificate and for that of its token server.
    folder = Path("/etc/docker/certs.d") / house.registry.host
    (folder / "ca.crt").write_bytes(house.both.read_bytes())
    docker = LoggedIn(engine, house.registry.host, house.dtr.admin, directory / "docker")
    engine.import_image(image)
    docker("push", image)
    return docker
