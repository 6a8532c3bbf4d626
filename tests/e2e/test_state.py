"""Trust state: what replicas share, and ``signer state``; with the real Notary server and Redis."""

import json
import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from signer.constants import ROOT, TIMESTAMP
from signer.errors import SignerError
from signer.signing.session import PinSources, Session, Settings
from signer.trust.state import TrustState
from signer.trust.state_export import encode_export
from tests.attacks.simulator import SimulatedCollection
from tests.components.redis import ESCAPED, PASSWORD, Redis
from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.story import Collection, WatchedSigner

NO_PINS = PinSources()
Outcome = tuple[int, str, int]
"""Exit code, error code, and the timestamp's version where the collection was read."""


def read(settings: Settings, collection: str) -> Outcome:
    """Read a collection as a process does that has just started."""
    from signer.names import Gun

    with Session(settings) as session:
        try:
            found = session.client(Gun(collection)).update()
        except SignerError as error:
            assert PASSWORD not in error.message + error.hint
            return int(error.exit_code), error.code, 0
        return 0, "", found.versions[TIMESTAMP]


class Replica:
    """A process with a trust directory of its own."""

    def __init__(self, home: Path, collection: Collection, *, state: str, server: str = "") -> None:
        self.collection = collection
        self.home = home
        self._state = state
        self._server = server or collection.server.url

    def read(self, *, pins: PinSources = NO_PINS, cache: str = "kept") -> Outcome:
        """Start, read the collection and end."""
        settings = Settings(
            trust_dir=self.home / "trust",
            docker_config=self.home / "docker",
            server=self._server,
            ca_files=(self.collection.server.authority.ca_file,),
            pins=pins,
            state_url=self._state,
        )
        if cache == "deleted":
            shutil.rmtree(self.home, ignore_errors=True)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(read, settings, self.collection.gun).result(60)


@pytest.fixture
def pins(collection: Collection) -> PinSources:
    return PinSources(key_ids=(collection.root_key_id,))


def test_a_rollback_is_refused_by_every_replica_after_restarts_and_without_caches(
    collection: Collection, redis_server: Redis, tmp_path: Path, pins: PinSources
) -> None:
    collection.prepare(v1=b"one")
    old = {name: wire for name, wire in collection.files().items() if name != "targets"}
    collection.prepare(v2=b"two")
    newest = collection.version(TIMESTAMP)
    url = redis_server.url()
    assert Replica(tmp_path / "a", collection, state=url).read(pins=pins) == (0, "", newest)

    def rolled_back(exchange: Exchange) -> None:
        name = exchange.path.rpartition("/_trust/tuf/")[2].removesuffix(".json")
        if name in old:
            exchange.reply(200, old[name])
        else:
            exchange.forward(collection.server)

    with FaultyServer(collection.server.authority, rolled_back) as server:
        alone = Replica(tmp_path / "alone", collection, state="", server=server.url)
        assert alone.read(pins=pins) == (0, "", newest - 1)  # who shares nothing is deceived
        second = Replica(tmp_path / "b", collection, state=url, server=server.url)
        for known in (NO_PINS, pins):
            assert second.read(pins=known) == (4, "rollback", 0)
        first = Replica(tmp_path / "a", collection, state=url, server=server.url)
        assert first.read() == (4, "rollback", 0)
        assert first.read(cache="deleted") == (4, "rollback", 0)
        redis_server.kill()
        redis_server.start()
        assert second.read() == (4, "rollback", 0)
    assert Replica(tmp_path / "b", collection, state=url).read() == (0, "", newest)


def test_without_redis_nothing_is_accepted(
    collection: Collection, redis_server: Redis, tmp_path: Path, pins: PinSources
) -> None:
    collection.prepare(v1=b"one")
    newest = collection.version(TIMESTAMP)
    replica = Replica(tmp_path / "a", collection, state=redis_server.url())
    assert replica.read(pins=pins) == (0, "", newest)
    redis_server.stop()
    assert replica.read(pins=pins) == (6, "trust-state-unavailable", 0)
    redis_server.start()
    assert replica.read() == (0, "", newest)
    wrong = Replica(tmp_path / "a", collection, state=redis_server.url(password="wrong-example"))
    assert wrong.read(pins=pins) == (7, "trust-state-unauthorised", 0)


def test_what_cannot_be_remembered_is_not_accepted(
    collection: Collection, redis_server: Redis, tmp_path: Path, pins: PinSources
) -> None:
    """Redis dies while the collection is being read."""
    collection.prepare(v1=b"one")

    def dies(exchange: Exchange) -> None:
        if "/_trust/tuf/targets/" in exchange.path:
            redis_server.kill()
        exchange.forward(collection.server)

    with FaultyServer(collection.server.authority, dies) as server:
        replica = Replica(tmp_path / "a", collection, state=redis_server.url(), server=server.url)
        assert replica.read(pins=pins) == (6, "trust-state-unavailable", 0)


def test_state_is_shown_and_carried_from_a_directory_to_redis_and_back(
    collection: Collection, redis_server: Redis, tmp_path: Path
) -> None:
    collection.prepare(v1=b"one")
    admin, url, file = collection.admin, redis_server.url(), tmp_path / "state.json"
    [shown] = admin.json("state", "show")["states"]
    assert (shown["gun"], shown["root_version"]) == (collection.gun, 1)
    assert shown["root_key_ids"] == [collection.root_key_id]
    assert shown["versions"]["targets/gitlab"] == collection.version("targets/gitlab")
    assert shown["changed"].endswith("Z")
    assert collection.root_key_id in admin("state", "show", collection.gun).stdout

    admin("state", "export", "-o", file)
    assert file.read_text() == admin("state", "export", collection.gun).stdout
    assert json.loads(file.read_bytes())["schema"] == "signer.state/1"
    stranger = collection.stranger(tmp_path / "stranger")
    imported = stranger.json("state", "import", file, "--state", url)
    assert imported["imported"] == [{"gun": collection.gun, "status": "new"}]
    again = stranger("state", "import", "-", "--state", url, input_bytes=file.read_bytes())
    assert "unchanged" in again.stdout
    there = stranger.json("state", "show", "--state", url)
    assert [one["versions"] for one in there["states"]] == [shown["versions"]]
    assert there["location"] == f"redis://127.0.0.1:{redis_server.port}/0"
    back = stranger.json("state", "export", collection.gun, "--state", url)
    stranger("state", "import", "-", input_bytes=json.dumps(back).encode())
    stranger("verify", collection.image("v1"))  # its root needs no pin now


def test_importing_never_lowers_a_mark_and_refuses_another_root(
    collection: Collection, redis_server: Redis, tmp_path: Path, signer: WatchedSigner
) -> None:
    collection.prepare(v1=b"one")
    url, old, new = redis_server.url(), tmp_path / "old.json", tmp_path / "new.json"
    collection.admin("state", "export", "-o", old)
    collection.prepare(v2=b"two")
    collection.admin("state", "export", "-o", new)
    for file in (new, old):
        signer("state", "import", file, "--state", url)
    [state] = signer.json("state", "show", "--state", url)["states"]
    assert state["versions"][TIMESTAMP] == collection.version(TIMESTAMP)

    mallory = SimulatedCollection.with_signers("gitlab", gun=collection.gun)
    forged = TrustState(mallory.files[ROOT], {ROOT: 1, TIMESTAMP: 99})
    other = tmp_path / "other.json"
    other.write_bytes(encode_export({collection.gun: forged}))
    refused = signer.json("state", "import", other, "--state", url, expect=4)
    assert refused["code"] == "trust-state-conflict"
    content = json.loads(new.read_bytes())
    content["states"][0]["versions"][ROOT] = 2
    other.write_text(json.dumps(content))
    refused = signer.json("state", "import", other, "--state", url, expect=2)
    assert refused["code"] == "bad-state-export"
    assert signer.json("state", "show", "--state", url)["states"] == [state]


@pytest.mark.parametrize("command", [["show"], ["export"], ["import", "state.json"]])
def test_no_message_shows_the_password(
    signer: WatchedSigner, redis_server: Redis, command: list[str]
) -> None:
    (signer.home / "state.json").write_text('{"schema":"signer.state/1","states":[]}')
    urls = {
        redis_server.url(password="wrong-example"): 7,
        redis_server.url().replace(str(redis_server.port), "1"): 6,
        redis_server.url().replace("/0", "/name"): 2,
    }
    for url, status in urls.items():
        for form in ([], ["--json"], ["-v"]):
            if command[0] == "import" and status != 2:
                continue  # nothing in it, so nobody is asked
            done = signer("state", *command, "--state", url, *form, expect=status)
            for secret in ("wrong-example", PASSWORD, ESCAPED):
                assert secret not in done.stdout + done.stderr
    environment = {"SIGNER_STATE_PASSWORD": PASSWORD}
    signer("state", *command, "--state", redis_server.url(password=""), env=environment)


def test_a_repository_of_which_nothing_is_known_is_named(signer: WatchedSigner) -> None:
    error = signer.json("state", "show", "dtr.example.com/admin/flask", expect=1)
    assert error["code"] == "not-remembered"
    assert signer.json("state", "show")["states"] == []
    assert signer.json("state", "export")["states"] == []


def test_a_pipe_that_is_named_for_the_export_is_written_into(
    signer: WatchedSigner, tmp_path: Path
) -> None:
    """Whoever names /dev/null must not lose it."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        signer("state", "export", "-o", pipe)
        assert json.loads(os.read(reader, 1000))["states"] == []
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert list(tmp_path.glob(".new-*")) == []
