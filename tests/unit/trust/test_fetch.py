"""What is asked for, when, and how often."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from signer.constants import (
    MAX_ROOT_SIZE,
    MAX_TARGETS_SIZE,
    MAX_TIMESTAMP_SIZE,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
)
from signer.errors import NotFoundError
from signer.trust.fetch import Downloads, size_limit
from tests.attacks.reading import AtOnce, Reader
from tests.attacks.simulator import RELEASES, SimulatedCollection


def test_a_first_reading_asks_at_once_for_all_that_it_surely_needs(tmp_path: Path) -> None:
    server = SimulatedCollection.with_signers("gitlab")
    Reader(server, tmp_path).read()
    first_round = [(role, sha256, version) for role, sha256, version in server.asked if not sha256]
    assert first_round == [
        (TIMESTAMP, "", 0),
        (ROOT, "", 0),
        (SNAPSHOT, "", 0),
        (TARGETS, "", 0),
        (RELEASES, "", 0),
    ]


def test_an_unchanged_collection_costs_two_requests(tmp_path: Path) -> None:
    server = SimulatedCollection.with_signers("gitlab")
    reader = Reader(server, tmp_path)
    reader.read()
    server.asked.clear()
    reader.read()
    assert server.asked == [(TIMESTAMP, "", 0), (ROOT, "", 2)]


def test_one_client_asks_anew_at_each_update(tmp_path: Path) -> None:
    server = SimulatedCollection.with_signers("gitlab")
    client = Reader(server, tmp_path).client()
    first = client.update().roles[RELEASES].version  # type: ignore[index] # a role's name
    server.publish(RELEASES)
    assert client.update().roles[RELEASES].version == first + 1  # type: ignore[index] # the same


def test_one_request_is_made_once() -> None:
    server = SimulatedCollection.with_signers()
    downloads = Downloads(server, AtOnce())
    downloads.start(ROOT)
    assert downloads.get(ROOT) == downloads.get(ROOT) == server.files[ROOT]
    assert len(server.asked) == 1
    assert downloads.started(ROOT)
    assert not downloads.started(TARGETS)
    downloads.forget()
    assert not downloads.started(ROOT)


def test_an_error_is_kept_for_whoever_asks() -> None:
    downloads = Downloads(SimulatedCollection.with_signers(), AtOnce())
    downloads.start(ROOT, version=9)
    for _ in range(2):
        with pytest.raises(NotFoundError):
            downloads.get(ROOT, version=9)


def test_with_real_threads_the_result_is_the_same(tmp_path: Path) -> None:
    server = SimulatedCollection.with_signers("gitlab", "alice")
    with ThreadPoolExecutor(8) as executor:
        threaded = Reader(server, tmp_path / "a", executor=executor).read()
    assert threaded.versions == Reader(server, tmp_path / "b").read().versions


@pytest.mark.parametrize(
    ("role", "limit"),
    [
        (ROOT, MAX_ROOT_SIZE),
        (TIMESTAMP, MAX_TIMESTAMP_SIZE),
        (SNAPSHOT, MAX_TARGETS_SIZE),
        (TARGETS, MAX_TARGETS_SIZE),
        ("targets/a", MAX_TARGETS_SIZE),
    ],
)
def test_no_more_of_a_file_is_read_than_the_protocol_allows(role: str, limit: int) -> None:
    assert size_limit(role) == limit
