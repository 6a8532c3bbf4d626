"""Nothing that the embedded Notary server confirmed is lost: kills, and publishers at once."""

import hashlib
import json
import threading
from base64 import b64decode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx
import pytest

from signer.names import Gun
from tests.components.certificates import Authority
from tests.components.peers import NotaryCli
from tests.components.registry import Registry
from tests.interop.embedded_notary.author import Author, meta
from tests.interop.embedded_notary.server import EmbeddedNotary
from tests.interop.scene import TOFU, Scene

PUBLISHERS: Final = 8
TAGS_EACH: Final = 6
KILLS: Final = 6


@pytest.fixture
def own_server(tmp_path: Path, authority: Authority) -> Iterator[EmbeddedNotary]:
    """A server that a test may kill."""
    with EmbeddedNotary(tmp_path / "server", authority).start() as server:
        yield server


def _check_chain(author: Author) -> dict[str, int]:
    """Read the collection from its timestamp downwards by hashes; return the roles' versions."""
    timestamp = author.get("timestamp.json").raise_for_status().json()["signed"]
    versions = {"timestamp": timestamp["version"]}
    wire = _named(author, "snapshot", timestamp["meta"]["snapshot"])
    snapshot = json.loads(wire)["signed"]
    versions["snapshot"] = snapshot["version"]
    for role, entry in snapshot["meta"].items():
        versions[role] = json.loads(_named(author, role, entry))["signed"]["version"]
    return versions


def _named(author: Author, role: str, entry: dict[str, dict[str, str]]) -> bytes:
    digest = b64decode(entry["hashes"]["sha256"])
    wire = author.get(f"{role}.{digest.hex()}.json").raise_for_status().content
    assert hashlib.sha256(wire).digest() == digest
    return wire


def test_a_server_killed_while_it_is_published_to_has_lost_nothing_it_confirmed(
    own_server: EmbeddedNotary, tmp_path: Path
) -> None:
    with own_server.client() as client:
        author = Author(client)
        author.begin()
    confirmed = 1
    for kill in range(KILLS):
        enough = threading.Event()
        goal = 2 + 3 * kill
        with ThreadPoolExecutor(1) as pool, own_server.client() as client:
            author.client = client
            publishing = pool.submit(_publish_until_it_fails, author, confirmed, goal, enough)
            assert enough.wait(60)
            own_server.kill()
            confirmed = publishing.result(60)
        own_server.start()
        with own_server.client() as client:
            author.client = client
            versions = _check_chain(author)
        assert versions["targets"] in {confirmed, confirmed + 1}, "only the last may be unanswered"
        assert versions["timestamp"] == versions["snapshot"] == versions["targets"]
        confirmed = versions["targets"]
    gun_keys = author.server_keys["timestamp"].keyid
    with own_server.client() as client:
        author.client = client
        assert author.server_key("timestamp").keyid == gun_keys, "its keys are still there"
        assert author.publish({"targets": author.targets(confirmed + 1)}).status_code == 200


def _publish_until_it_fails(
    author: Author, version: int, goal: int, enough: threading.Event
) -> int:
    """Publish targets; return the last version that was confirmed."""
    start = version
    while True:
        try:
            author.publish({"targets": author.targets(version + 1)}).raise_for_status()
        except httpx.TransportError:
            return version
        version += 1
        if version >= start + goal:
            enough.set()


def test_a_pending_key_outlives_a_kill(own_server: EmbeddedNotary) -> None:
    """A client has its root ready; the server must still sign for the key it gave."""
    with own_server.client() as client:
        author = Author(client)
        files = {"root": author.root(), "targets": author.targets()}
    own_server.kill()
    own_server.start()
    with own_server.client() as client:
        author.client = client
        assert author.publish(files).status_code == 200
        assert _check_chain(author)["root"] == 1


def test_eight_publishers_at_once_lose_no_update_and_conflicts_are_version(
    embedded_notary: EmbeddedNotary,
) -> None:
    with embedded_notary.client() as client:
        first = Author(client)
        first.begin(names=())
        barrier = threading.Barrier(PUBLISHERS)
        with ThreadPoolExecutor(PUBLISHERS) as pool:
            jobs = [
                pool.submit(_add_tags, embedded_notary, first.gun, number, barrier)
                for number in range(PUBLISHERS)
            ]
            conflicts = sum(job.result(120) for job in jobs)
        versions = _check_chain(first)
        names = set(first.get("targets.json").json()["signed"]["targets"])
    assert names == {f"{n}.{tag}" for n in range(PUBLISHERS) for tag in range(TAGS_EACH)}
    assert versions["targets"] == 1 + PUBLISHERS * TAGS_EACH
    assert versions["timestamp"] == versions["snapshot"] == versions["targets"]
    assert conflicts, "they were in each other's way"


def _add_tags(server: EmbeddedNotary, gun: Gun, number: int, barrier: threading.Barrier) -> int:
    """Add tags by reading and publishing; return how often others were faster."""
    conflicts = 0
    with server.client() as client:
        author = Author(client)
        author.gun = gun
        barrier.wait(60)
        for tag in range(TAGS_EACH):
            while not _add_tag(author, f"{number}.{tag}"):
                conflicts += 1
    return conflicts


def _add_tag(author: Author, name: str) -> bool:
    signed = author.get("targets.json").json()["signed"]
    targets = signed["targets"] | {name: meta(name.encode())}
    answer = author.publish(
        {
            "targets": author.targets(
                signed["version"] + 1, edit=lambda content: content.update(targets=targets)
            )
        }
    )
    if answer.status_code == 200:
        return True
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["code"] == "VERSION"
    return False


def test_eight_signer_processes_sign_into_one_collection(
    embedded_notary: EmbeddedNotary, registry: Registry, tmp_path: Path
) -> None:
    scene = Scene(tmp_path, embedded_notary, registry)
    gitlab = scene.identity("gitlab")
    scene.init(scene.signer("admin"), gitlab)
    tags = [f"{number}.0" for number in range(PUBLISHERS)]
    for tag in tags:
        scene.push(tag)
    running = [
        scene.signer(f"ci-{tag}").start("sign", scene.image(tag), "--key", gitlab.key, TOFU)
        for tag in tags
    ]
    for one in running:
        one.wait()
    assert set(scene.signed("targets/releases")["targets"]) == set(tags)
    assert set(scene.signed("targets/gitlab")["targets"]) == set(tags)
    scene.check_files()


def test_a_collection_outlives_a_kill_for_the_notary_program(
    own_server: EmbeddedNotary, tmp_path: Path
) -> None:
    notary, gun = NotaryCli(tmp_path / "notary", own_server), "dtr.test/admin/killed"
    content = tmp_path / "content"
    content.write_bytes(b"worthless example")
    notary("init", "-p", gun)
    notary("key", "rotate", gun, "snapshot", "-r")
    own_server.kill()
    own_server.start()
    notary("add", gun, "1.0", content)
    notary("publish", gun)
    assert "1.0" in NotaryCli(tmp_path / "stranger", own_server)("list", gun).stdout
