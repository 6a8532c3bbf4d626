"""Many at once: threads and processes that save states, and images that must not be mixed up."""

import multiprocessing
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from signer.constants import ROOT
from signer.errors import ExitCode
from signer.names import Gun
from signer.policy.decide import verify_images
from signer.policy.requirement import Requirement
from signer.signing.session import PinSources, Session, Settings
from signer.transport.notary import NotaryServer
from signer.trust.state import TrustState
from signer.trust.state_files import FileStates
from tests.attacks.keys import NOW, certified
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import GITLAB, OTHER, RELEASES, Request, SimulatedCollection

COLLECTIONS = 20
WRITERS = 4
ROUNDS = 25


class SimulatedSession(Session):
    """A session whose servers are simulated collections, by GUN."""

    def __init__(self, settings: Settings, servers: dict[str, SimulatedCollection]) -> None:
        super().__init__(settings, clock=self._noon)
        self.servers = servers

    @staticmethod
    def _noon() -> datetime:
        return NOW

    def server(self, gun: Gun, *, url: str = "") -> NotaryServer:
        """Return the simulated collection in the server's place."""
        return cast("NotaryServer", self.servers[gun])


@pytest.fixture(scope="module")
def many() -> dict[str, SimulatedCollection]:
    """Twenty collections; in each the tags 1 and 2 have digests of their own."""
    found = {}
    for number in range(COLLECTIONS):
        server = SimulatedCollection.with_signers("gitlab", gun=f"r.example.com/shop/app{number}")
        for tag in ("1", "2"):
            for role in (RELEASES, GITLAB):
                server.sign_tag(role, tag, digest_of(server.gun, tag))
        server.publish(RELEASES, GITLAB)
        found[server.gun] = server
    return found


def digest_of(gun: str, tag: str) -> str:
    return f"sha256:{int(gun.rpartition('app')[2]) * 10 + int(tag):064x}"


@pytest.fixture
def session(many: dict[str, SimulatedCollection], tmp_path: Path) -> Iterator[SimulatedSession]:
    settings = Settings(
        tmp_path / "trust", tmp_path / "docker", pins=PinSources(trust_on_first_use=True)
    )
    with SimulatedSession(settings, many) as opened:
        yield opened


def test_twenty_images_of_twenty_collections_get_each_their_own_digest(
    session: SimulatedSession,
) -> None:
    images = [f"{gun}:{tag}" for gun in session.servers for tag in ("1", "2")] * 2
    random.Random(1).shuffle(images)  # noqa: S311 - an order, no secret
    for _ in range(3):
        verdicts = verify_images(session, images, requirement=Requirement.of_names(["gitlab"]))
        assert [verdict.image for verdict in verdicts] == images
        assert [verdict.digest for verdict in verdicts] == [
            digest_of(*image.split(":")) for image in images
        ]


def test_one_update_per_collection_however_many_images(session: SimulatedSession) -> None:
    gun, server = next(iter(session.servers.items()))
    server.asked.clear()
    verify_images(session, [f"{gun}:1", f"{gun}:2", f"{gun}@{digest_of(gun, '1')}"])
    assert [request[0] for request in server.asked].count("timestamp") == 1


def test_a_bad_collection_among_good_ones_spoils_only_its_own_images(
    session: SimulatedSession,
) -> None:
    bad = next(iter(session.servers.values()))
    bad.answers["timestamp"] = b"{}"
    try:
        images = [f"{gun}:1" for gun in session.servers]
        verdicts = verify_images(session, images)
    finally:
        bad.answers.clear()
    assert [verdict.exit_code for verdict in verdicts] == [4] + [0] * (COLLECTIONS - 1)


def test_verdicts_alone_and_in_parallel_are_equal(
    session: SimulatedSession, tmp_path: Path
) -> None:
    images = [f"{gun}:{tag}" for gun in session.servers for tag in ("1", "2", "missing")]
    together = verify_images(session, images)
    for image, verdict in zip(images, together, strict=True):
        alone = Settings(
            tmp_path / "alone", tmp_path / "docker", pins=PinSources(trust_on_first_use=True)
        )
        with SimulatedSession(alone, session.servers) as single:
            [expected] = verify_images(single, [image])
        assert (verdict.verdict, verdict.digest, verdict.checks) == (
            expected.verdict,
            expected.digest,
            expected.checks,
        )


def test_verdicts_of_one_collection_read_by_many_threads_at_once_are_equal(
    tmp_path: Path,
) -> None:
    """All share one trust directory, as the jobs of one runner do."""
    server = SimulatedCollection.with_signers("gitlab")

    def read(_: int) -> str:
        return Reader(server, tmp_path / "trust", TOFU).accepts(":1", "gitlab")

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(read, range(40)))) == 1
    state = FileStates(tmp_path / "trust" / "signer").load(Gun(server.gun))
    assert state is not None
    assert state.versions["timestamp"] == 1


def _raise_marks(directory: Path, writer: int) -> None:
    store = FileStates(directory)
    for number in range(ROUNDS):
        versions = {ROOT: 1, f"targets/w{writer}": number + 1, "timestamp": number + 1}
        store.save(
            Gun("r.example.com/a/b"), TrustState(b"root", versions, frozenset([f"{writer}"]))
        )


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_marks_that_many_save_at_once_end_at_their_maxima(tmp_path: Path, kind: str) -> None:
    if kind == "threads":
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(_raise_marks, [tmp_path] * WRITERS, range(WRITERS)))
    else:
        context = multiprocessing.get_context("spawn")
        processes = [
            context.Process(target=_raise_marks, args=(tmp_path, writer))
            for writer in range(WRITERS)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(60)
            assert process.exitcode == 0
    state = FileStates(tmp_path).load(Gun("r.example.com/a/b"))
    assert state is not None
    assert state.versions == {ROOT: 1, "timestamp": ROUNDS} | {
        f"targets/w{writer}": ROUNDS for writer in range(WRITERS)
    }
    assert state.pins == {str(writer) for writer in range(WRITERS)}


def test_of_two_first_uses_that_met_different_roots_at_once_one_is_refused(
    tmp_path: Path,
) -> None:
    """The server shows its own collection to one of two jobs that start together."""
    genuine = SimulatedCollection.with_signers("gitlab")
    mallory = SimulatedCollection(genuine.gun)
    mallory.signers[ROOT] = [certified("mallory")]
    mallory.set_root_keys(certified("mallory"))
    mallory.publish(*mallory.content)
    other = Reader(mallory, tmp_path / "trust", TOFU)
    begun: list[Request] = []

    def meanwhile(request: Request) -> None:
        if request[0] == GITLAB and not begun:
            begun.append(request)
            other.read()

    genuine.watchers.append(meanwhile)
    reader = Reader(genuine, tmp_path / "trust", TOFU)
    reader.refuses("trust-state-conflict", ExitCode.TRUST_DATA, step=0)


def test_a_slow_reader_of_the_old_state_does_not_lower_what_a_fast_one_saw(
    tmp_path: Path,
) -> None:
    server = SimulatedCollection.with_signers("gitlab")
    slow = Reader(server, tmp_path / "trust", TOFU)
    old = server.save()
    client = slow.client()
    collection = client.update()
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)
    fast = Reader(server, tmp_path / "trust", TOFU)
    fast.read()
    slow.states.save(slow.gun, TrustState(collection.root.wire, collection.versions))
    server.serve(old)
    fast.refuses("rollback", ExitCode.TRUST_DATA, step=5)
