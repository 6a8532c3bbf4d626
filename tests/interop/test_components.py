"""Each component really works: what the other tests build on, shown with the Go programs alone."""

import base64
import hashlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from signer.constants import BASE_ROLES
from signer.names import Gun
from tests.components.certificates import Authority
from tests.components.engine import Engine
from tests.components.fixtures import installed
from tests.components.images import Kind, get_manifest, push_image
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, NotaryCli, PeerError, docker_programs
from tests.components.postgres import Postgres
from tests.components.registry import BasicAuth, Registry
from tests.components.service import StartError
from tests.components.softhsm import SoftHsm
from tests.components.token_server import TokenServer


def _publish_and_list(server: NotaryServer, directory: Path, gun: str) -> str:
    notary = NotaryCli(directory, server)
    content = directory / "content"
    content.write_bytes(b"worthless example")
    notary("init", gun)
    notary("add", gun, "1.0", content)
    notary("publish", gun)
    return NotaryCli(directory / "stranger", server)("list", gun).stdout


def test_notary_publishes_to_the_server_and_a_stranger_lists_it(
    notary_server: NotaryServer, tmp_path: Path, fresh_gun: Gun
) -> None:
    assert "1.0" in _publish_and_list(notary_server, tmp_path, fresh_gun)


def test_deleted_trust_data_is_gone(
    notary_server: NotaryServer, notary: NotaryCli, fresh_gun: Gun
) -> None:
    notary("init", "-p", fresh_gun)
    assert notary_server.metadata(fresh_gun, "root.json")
    notary_server.delete(fresh_gun)
    with pytest.raises(httpx.HTTPStatusError, match="404"):
        notary_server.metadata(fresh_gun, "root.json")


@pytest.mark.slow
def test_keys_of_the_notary_signer_are_ecdsa_and_sign(
    notary_signer_server: NotaryServer, tmp_path: Path, fresh_gun: Gun
) -> None:
    assert "1.0" in _publish_and_list(notary_signer_server, tmp_path, fresh_gun)
    root = json.loads(notary_signer_server.metadata(fresh_gun, "root.json"))["signed"]
    (timestamp_key,) = root["roles"]["timestamp"]["keyids"]
    assert root["keys"][timestamp_key]["keytype"] == "ecdsa"


@pytest.mark.slow
def test_collections_in_postgresql_survive_a_restart_on_the_same_port(
    postgres_server: NotaryServer, postgres: Postgres, tmp_path: Path, fresh_gun: Gun
) -> None:
    listed = _publish_and_list(postgres_server, tmp_path, fresh_gun)
    port = postgres_server.port
    postgres_server.stop()
    assert postgres_server.status("/v2/") == 0
    postgres_server.start()
    assert postgres_server.port == port
    assert NotaryCli(tmp_path / "later", postgres_server)("list", fresh_gun).stdout == listed
    rows = postgres.query("notaryserver", "SELECT gun, role FROM tuf_files;").split()
    assert {f"{fresh_gun}|{role}" for role in BASE_ROLES} <= set(rows)


@pytest.mark.slow
def test_a_killed_notary_server_starts_again(
    postgres_server: NotaryServer, tmp_path: Path, fresh_gun: Gun
) -> None:
    listed = _publish_and_list(postgres_server, tmp_path, fresh_gun)
    postgres_server.kill()
    postgres_server.start()
    assert NotaryCli(tmp_path / "later", postgres_server)("list", fresh_gun).stdout == listed


@pytest.mark.parametrize("kind", ["docker", "oci", "index"])
def test_an_image_put_over_the_api_is_pulled_by_the_engine(
    registry: Registry, engine: Engine, fresh_repository: str, fresh_gun: Gun, kind: Kind
) -> None:
    digest, length = push_image(registry, fresh_repository, "1.0", kind=kind)
    manifest = get_manifest(registry, fresh_repository, "1.0")
    assert digest == "sha256:" + hashlib.sha256(manifest).hexdigest()
    assert length == len(manifest)
    pulled = engine.docker("pull", f"{fresh_gun}:1.0")
    assert pulled.returncode == 0, pulled.stderr
    assert f"{fresh_gun}@{digest}" in engine.repository_digests(f"{fresh_gun}:1.0")


def test_the_engine_pushes_to_the_registry(
    registry: Registry, engine: Engine, fresh_repository: str, fresh_gun: Gun
) -> None:
    engine.import_image(f"{fresh_gun}:1.0", b"from the engine")
    pushed = engine.docker("push", f"{fresh_gun}:1.0")
    assert pushed.returncode == 0, pushed.stderr
    with registry.client() as client:
        tags = client.get(f"/v2/{fresh_repository}/tags/list").json()["tags"]
    assert tags == ["1.0"]


def test_every_docker_on_this_machine_pushes_and_pulls_with_content_trust(
    registry: Registry,
    notary_server: NotaryServer,
    engine: Engine,
    tmp_path: Path,
    fresh_repository: str,
) -> None:
    for number, program in enumerate(installed(docker_programs)):
        image = f"{registry.host}/{fresh_repository}-{number}:1.0"
        docker = DockerCli(
            tmp_path / f"config-{number}", notary_server, engine=engine, program=program
        )
        engine.import_image(image, program.as_posix().encode())
        assert "Successfully signed" in docker.trusted("push", image).stdout
        engine.remove_image(image)
        assert "@sha256:" in docker.trusted("pull", image).stdout
        (collection,) = json.loads(docker.trust("inspect", image).stdout)
        assert [tag["SignedTag"] for tag in collection["SignedTags"]] == ["1.0"]


def test_content_trust_refuses_to_pull_what_nobody_signed(
    registry: Registry, docker: DockerCli, fresh_repository: str, fresh_gun: Gun
) -> None:
    push_image(registry, fresh_repository, "1.0")
    refused = docker.trusted("pull", f"{fresh_gun}:1.0", expect=1)
    assert "does not have trust data" in refused.stderr


def _sign_first_time(docker: DockerCli, image: str, directory: Path) -> None:
    """Make the collection with a signer of its own, and sign ``image`` through the engine."""
    docker("trust", "key", "generate", "alice", "--dir", directory)
    docker.trust(
        "signer", "add", "--key", directory / "alice.pub", "alice", image.rsplit(":", 1)[0]
    )
    docker.trust("sign", "--local", image)


def _signed_digests(docker: DockerCli, gun: str) -> list[str]:
    (collection,) = json.loads(docker.trust("inspect", gun).stdout)
    return [tag["Digest"] for tag in collection["SignedTags"]]


def test_docker_trust_sign_signs_the_stale_digest_again(
    registry: Registry, engine: Engine, docker: DockerCli, tmp_path: Path, fresh_gun: Gun
) -> None:
    """Trap T1: the tag moved in the registry, and docker signs what the collection remembers."""
    image = f"{fresh_gun}:latest"
    repository = fresh_gun.partition("/")[2]
    engine.import_image(image, b"first build")
    _sign_first_time(docker, image, tmp_path)
    before = _signed_digests(docker, fresh_gun)
    moved, _ = push_image(registry, repository, "latest", content=b"second build")

    engine.docker("pull", image)
    assert "Successfully signed" in docker.trust("sign", image).stdout

    assert _signed_digests(docker, fresh_gun) == before
    assert moved.removeprefix("sha256:") not in before


def test_docker_trust_sign_reports_success_with_a_wrong_passphrase_where_nothing_changes(
    engine: Engine, docker: DockerCli, tmp_path: Path, fresh_gun: Gun
) -> None:
    """Trap T2: nothing is dirty, so no key is tried."""
    image = f"{fresh_gun}:latest"
    engine.import_image(image)
    _sign_first_time(docker, image, tmp_path)
    wrong = {"DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE": "not the passphrase"}
    assert "Successfully signed" in docker.trust("sign", image, env=wrong).stdout


def test_docker_trust_inspect_answers_from_its_cache_without_a_server(
    registry: Registry, authority: Authority, tmp_path: Path, fresh_gun: Gun
) -> None:
    """Trap T4: a gate that asks docker hears yes while the server is down."""
    with installed(NotaryServer(tmp_path / "server", authority).start) as server:
        docker = DockerCli(tmp_path / "config", server)
        NotaryCli(tmp_path / "notary", server)("init", "-p", fresh_gun)
        online = docker.trust("inspect", fresh_gun).stdout
    offline = docker.trust("inspect", fresh_gun)
    assert offline.stdout == online
    assert json.loads(offline.stdout)[0]["AdministrativeKeys"]


def test_docker_ignores_the_trust_servers_certificate_for_a_registry_on_loopback(
    docker_without_engine: DockerCli, notary: NotaryCli, tmp_path: Path, fresh_gun: Gun
) -> None:
    """Trap T5: the CA in docker's directory is another one."""
    notary("init", "-p", fresh_gun)
    other = Authority(tmp_path / "other")
    (installed_ca,) = docker_without_engine.config.glob("tls/*/ca.crt")
    installed_ca.write_bytes(other.ca_file.read_bytes())
    assert json.loads(docker_without_engine.trust("inspect", fresh_gun).stdout)


def test_the_token_signs_and_the_key_never_leaves_it(softhsm: SoftHsm) -> None:
    import pkcs11

    key = softhsm.generate_ec("component-test")
    payload_digest = bytes(range(32))
    token = pkcs11.lib(str(softhsm.library)).get_token(token_label=softhsm.token_label)
    with token.open(user_pin=softhsm.pin) as session:
        private = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=key.label)
        assert isinstance(private, pkcs11.SignMixin)
        raw = private.sign(payload_digest, mechanism=pkcs11.Mechanism.ECDSA)
        with pytest.raises(pkcs11.AttributeSensitive):
            private[pkcs11.Attribute.VALUE]
    public = load_der_public_key(key.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    public.verify(
        utils.encode_dss_signature(r, s), payload_digest, ec.ECDSA(utils.Prehashed(SHA256()))
    )


def test_a_registry_with_accounts_refuses_a_wrong_password(
    authority: Authority, tmp_path: Path
) -> None:
    registry = Registry(tmp_path / "registry", authority, auth=BasicAuth({"ci": "example"}))
    with installed(registry.start):
        assert push_image(registry, "admin/flask", "1.0", auth=("ci", "example"))
        with pytest.raises(httpx.HTTPStatusError, match="401"):
            push_image(registry, "admin/flask", "1.0", auth=("ci", "wrong"))


def test_notary_and_registry_accept_the_tokens_of_the_token_server(
    authority: Authority, tmp_path: Path
) -> None:
    accounts = {"ci": "example"}
    with TokenServer(authority, accounts) as tokens:
        server = NotaryServer(tmp_path / "server", authority, auth=tokens.auth("notary-server"))
        registry = Registry(tmp_path / "registry", authority, auth=tokens.auth("registry"))
        with installed(server.start), installed(registry.start):
            gun = f"{registry.host}/admin/flask"
            notary = NotaryCli(tmp_path / "notary", server)
            with pytest.raises(PeerError, match=r"unauthorized|not authorized"):
                notary("init", "-p", gun)
            notary("init", "-p", gun, env={"NOTARY_AUTH": base64.b64encode(b"ci:example").decode()})
            with registry.client() as client:
                refused = client.get("/v2/admin/flask/tags/list")
                assert "Bearer" in refused.headers["WWW-Authenticate"]
                scope = "repository:admin/flask:pull,push"
                query = {"service": "registry", "scope": scope}
                answer = client.get(tokens.realm, params=query, auth=("ci", "example"))
                bearer = {"Authorization": f"Bearer {answer.json()['token']}"}
                assert client.post("/v2/admin/flask/blobs/uploads/", headers=bearer).is_success
    asked = {(request.account, request.service) for request in tokens.requests}
    assert {("ci", "notary-server"), ("ci", "registry")} <= asked


def test_a_program_that_does_not_start_shows_its_log(authority: Authority, tmp_path: Path) -> None:
    installed(lambda: NotaryServer(tmp_path / "good", authority).start()).stop()
    server = NotaryServer(
        tmp_path / "bad", authority, database_url="postgres://nobody@127.0.0.1:1/none"
    )
    with pytest.raises(StartError, match=r"notary-server ended with status 1:\n.*\S"):
        server.start()
    assert server.pid == 0


def test_a_port_lost_to_another_program_is_replaced(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        taken = other.getsockname()[1]
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            free = unused.getsockname()[1]
        offers = iter([taken, free])
        monkeypatch.setattr("tests.components.service.free_port", lambda: next(offers))
        with installed(NotaryServer(tmp_path / "server", authority).start) as server:
            assert server.port == free


def test_programs_end_when_the_tests_are_killed(authority: Authority, tmp_path: Path) -> None:
    installed(lambda: NotaryServer(tmp_path / "good", authority).start()).stop()
    story = f"""
import os, signal
from pathlib import Path
from tests.components.certificates import Authority
from tests.components.notary_server import NotaryServer
directory = Path({str(tmp_path)!r})
server = NotaryServer(directory / "server", Authority(directory / "authority")).start()
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", story],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=root,
    )
    watch = _pidfd(int(done.stdout))
    if watch is not None:
        try:
            assert select.select([watch], [], [], 15)[0], "notary-server outlived its parent"
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(watch, signal.SIGKILL)
            os.close(watch)


def _pidfd(pid: int) -> int | None:
    """Return a descriptor that becomes readable when the process ends, None if it has ended."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
