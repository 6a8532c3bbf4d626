"""The embedded DTR's registry with a real Docker engine, a pushing client, and kills."""

import hashlib
import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import httpx
import pytest

from signer.embedded.app import open_dtr
from tests.components.embedded import EmbeddedDtr
from tests.components.engine import Engine
from tests.components.images import Kind, delete_image, get_manifest, push_image
from tests.components.signer_cli import PROGRAM, SignerCli
from tests.e2e.material import write_bundle
from tests.interop.logged_in import LoggedIn

if TYPE_CHECKING:
    from tests.components.registry import Registry

_KILLS = 6
_PUSHERS = 3


@pytest.fixture(scope="module")
def dtr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedDtr]:
    with EmbeddedDtr(tmp_path_factory.mktemp("embedded")) as running:
        yield running


@pytest.fixture
def docker(engine: Engine, dtr: EmbeddedDtr, tmp_path: Path) -> LoggedIn:
    engine.trust_registry(cast("Registry", dtr))  # it has what is needed of one
    return LoggedIn(engine, dtr.host, dtr.admin, tmp_path / "docker-config")


def _digest(engine: Engine, image: str) -> str:
    (known,) = engine.repository_digests(image)
    return known.partition("@")[2]


def test_an_engine_pushes_and_pulls_an_image(
    docker: LoggedIn, engine: Engine, dtr: EmbeddedDtr, fresh_repository: str
) -> None:
    image = f"{dtr.host}/{fresh_repository}:1"
    engine.import_image(image, content=b"x" * 3_000_000)
    docker("push", image)
    digest = _digest(engine, image)
    stored = get_manifest(dtr, fresh_repository, "1")
    assert digest == f"sha256:{hashlib.sha256(stored).hexdigest()}"
    engine.remove_image(image)
    docker("pull", image)
    assert _digest(engine, image) == digest
    engine.remove_image(image)
    docker("pull", f"{dtr.host}/{fresh_repository}@{digest}")


def test_an_engine_mounts_layers_of_another_repository(
    docker: LoggedIn, engine: Engine, dtr: EmbeddedDtr, fresh_repository: str
) -> None:
    first, second = (f"{dtr.host}/{fresh_repository}{suffix}:1" for suffix in ("", "-copy"))
    engine.import_image(first, content=b"a layer of its own")
    docker("push", first)
    docker("tag", first, second)
    assert f"Mounted from {fresh_repository}" in docker("push", second)
    engine.remove_image(first)
    engine.remove_image(second)
    docker("pull", second)


def test_an_engine_shows_why_an_immutable_tag_is_not_overwritten(
    docker: LoggedIn, engine: Engine, dtr: EmbeddedDtr, fresh_repository: str
) -> None:
    image = f"{dtr.host}/{fresh_repository}:1"
    engine.import_image(image, content=b"first")
    docker("push", image)
    _make_immutable(dtr, fresh_repository)
    docker("push", image)  # the same again
    engine.import_image(image, content=b"second")
    refused = docker("push", image, expect=1)
    assert (
        f"unknown: tag=1 cannot be overwritten because {dtr.host}/{fresh_repository} "
        "is an immutable repository"
    ) in refused


def _make_immutable(dtr: EmbeddedDtr, repository: str) -> None:
    """Set it in the stopped server's data, as the API is another module's matter."""
    dtr.stop()
    namespace, _, name = repository.partition("/")
    opened = open_dtr(dtr.data, url=dtr.url)
    opened.repositories.update(namespace, name, author="admin", immutable_tags=True)
    opened.close()
    dtr.start()


def test_an_engine_without_an_account_is_denied(
    engine: Engine, dtr: EmbeddedDtr, fresh_repository: str
) -> None:
    push_image(dtr, fresh_repository, "1")
    engine.trust_registry(cast("Registry", dtr))  # it has what is needed of one
    refused = engine.docker("pull", f"{dtr.host}/{fresh_repository}:1")
    assert refused.returncode != 0
    assert b"unauthorized" in refused.stderr or b"denied" in refused.stderr


@pytest.mark.parametrize("kind", ["docker", "oci", "index"])
def test_an_engine_pulls_what_another_client_pushed(
    docker: LoggedIn, dtr: EmbeddedDtr, fresh_repository: str, kind: Kind
) -> None:
    digest, _ = push_image(dtr, fresh_repository, "1", kind=kind, content=kind.encode())
    assert digest in docker("pull", f"{dtr.host}/{fresh_repository}:1")
    delete_image(dtr, fresh_repository, digest)
    assert "manifest unknown" in docker("pull", f"{dtr.host}/{fresh_repository}:1", expect=1)


def test_signer_initialises_signs_and_verifies(
    dtr: EmbeddedDtr, fresh_repository: str, tmp_path: Path
) -> None:
    signer = SignerCli(tmp_path / "signer", authority=dtr.authority, env=dtr.environment_variables)
    bundle = write_bundle(tmp_path / "bundle")
    gun = f"{dtr.host}/{fresh_repository}"
    digest, _ = push_image(dtr, fresh_repository, "1")
    signer("init", gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    signer("sign", f"{gun}:1", "--key", bundle / "key.pem")
    verified = signer.json("verify", f"{gun}:1", "--signer", "gitlab")
    assert verified["verdict"] == "accept"
    assert verified["images"][0]["digest"] == digest
    other, _ = push_image(dtr, fresh_repository, "1", content=b"overwritten")
    signer("verify", f"{gun}:1@{other}", expect=3)


def test_signer_uses_what_docker_login_stored(
    docker: LoggedIn, dtr: EmbeddedDtr, fresh_repository: str, tmp_path: Path
) -> None:
    stored = (docker.config / "config.json").read_text()
    assert dtr.host in stored
    gun = f"{dtr.host}/{fresh_repository}"
    push_image(dtr, fresh_repository, "1")
    signer = SignerCli(tmp_path / "signer", authority=dtr.authority)
    bundle = write_bundle(tmp_path / "bundle")
    signer.config.mkdir(parents=True)
    (signer.config / "config.json").write_text(stored)
    signer("init", gun, "--signer", f"gitlab={bundle / 'cert.pem'}")
    signer("sign", f"{gun}:1", "--key", bundle / "key.pem")
    assert signer.json("verify", f"{gun}:1")["verdict"] == "accept"


def test_nothing_that_was_confirmed_is_lost_when_the_server_is_killed_again_and_again(
    tmp_path: Path,
) -> None:
    dtr = EmbeddedDtr(tmp_path / "embedded")
    confirmed: dict[tuple[str, str], str] = {}
    with dtr:
        pid = dtr.pid
        for round_number in range(_KILLS):
            pushers = [
                threading.Thread(
                    target=_push_until_killed, args=(dtr, f"{round_number}-{number}", confirmed)
                )
                for number in range(_PUSHERS)
            ]
            before = len(confirmed)
            for pusher in pushers:
                pusher.start()
            _await_growth(confirmed, before + 2 + round_number)
            dtr.kill()
            for pusher in pushers:
                pusher.join()
            dtr.start()
            _require_all(dtr, confirmed)
        assert dtr.pid != pid
    assert len(confirmed) >= 2 * _KILLS


def _await_growth(confirmed: dict[tuple[str, str], str], size: int) -> None:
    """Wait, for a minute at most, until pushes have been confirmed."""
    waiting = threading.Event()
    for _ in range(1200):
        if len(confirmed) >= size:
            return
        waiting.wait(0.05)
    raise AssertionError("nothing was pushed")


def _push_until_killed(dtr: EmbeddedDtr, name: str, confirmed: dict[tuple[str, str], str]) -> None:
    repository = f"admin/killed-{name}"
    for number in range(1000):
        try:
            digest, _ = push_image(
                dtr, repository, str(number), content=f"{name}-{number}".encode() * 1000
            )
        except (httpx.TransportError, FileNotFoundError):
            return
        confirmed[repository, str(number)] = digest


def _require_all(dtr: EmbeddedDtr, confirmed: dict[tuple[str, str], str]) -> None:
    with dtr.client() as client:
        for (repository, tag), digest in confirmed.items():
            answer = client.get(f"/v2/{repository}/manifests/{tag}").raise_for_status()
            assert f"sha256:{hashlib.sha256(answer.content).hexdigest()}" == digest
            manifest = json.loads(answer.content)
            for blob in (manifest["config"], *manifest["layers"]):
                content = client.get(f"/v2/{repository}/blobs/{blob['digest']}").raise_for_status()
                assert f"sha256:{hashlib.sha256(content.content).hexdigest()}" == blob["digest"]


def test_an_interrupted_upload_goes_on_after_a_kill(tmp_path: Path) -> None:
    content = b"0123456789" * 500_000
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    with EmbeddedDtr(tmp_path / "embedded") as dtr:
        with dtr.client() as client:
            location = client.post("/v2/admin/app/blobs/uploads/").headers["Location"]
            half = client.patch(location, content=content[:2_000_000])
            assert half.headers["Range"] == "0-1999999"
        dtr.kill()
        dtr.start()
        with dtr.client() as client:
            assert client.get(location).headers["Range"] == "0-1999999"
            client.patch(location, content=content[2_000_000:]).raise_for_status()
            client.put(location, params={"digest": digest}).raise_for_status()
            assert client.get(f"/v2/admin/app/blobs/{digest}").content == content


def test_a_directory_has_one_server(dtr: EmbeddedDtr) -> None:
    done = subprocess.run(
        [PROGRAM, "serve", "--data", dtr.data, "--listen", "localhost:0", "--json"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["code"] == "data-in-use"


def test_a_taken_port_is_an_error_that_names_it(dtr: EmbeddedDtr, tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "serve", "--data", tmp_path / "data", "--listen", dtr.host, "--json"],
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    shown = json.loads(done.stdout)
    assert shown["code"] == "cannot-listen"
    assert dtr.host in shown["message"]


def test_sigterm_ends_it_in_order_and_a_free_port_is_kept(tmp_path: Path) -> None:
    urls = []
    for _ in range(2):
        with subprocess.Popen(
            [PROGRAM, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--json"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            process.terminate()
            rest, errors = process.communicate(timeout=30)
        assert (process.returncode, rest, errors) == (0, b"", b"")
        assert list(line) == ["schema", "url", "ca"]
        assert line["ca"] == str(tmp_path / "data" / "ca.pem")
        urls.append(line["url"])
    assert urls[0] == urls[1]
    assert urls[0].startswith("https://127.0.0.1:")
