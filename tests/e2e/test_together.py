"""Several jobs sign one collection at once: no signature is lost."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from tests.e2e.faulty import Exchange, FaultyServer
from tests.e2e.story import Collection, WatchedSigner, check_output

_JOBS: Final = 8
_TAGS: Final = 25


def test_eight_jobs_of_25_tags_each_end_with_200_signed(collection: Collection) -> None:
    """At the size that is promised; each job is a process with a home of its own."""
    jobs = [[f"{job}.{number}" for number in range(_TAGS)] for job in range(_JOBS)]
    with ThreadPoolExecutor(_JOBS) as pushers:
        tags = [tag for job in jobs for tag in job]
        pushed = pushers.map(lambda tag: collection.push(tag, tag.encode()), tags)
        digests = dict(zip(tags, pushed, strict=True))
    homes = [collection.admin.home.parent / f"job-{number}" for number in range(_JOBS)]
    signers = [WatchedSigner(home, collection.server) for home in homes]
    running = [
        signer.start(
            "sign",
            *map(collection.image, tags),
            "--key",
            collection.key,
            *collection.pinned(),
            "--json",
        )
        for signer, tags in zip(signers, jobs, strict=True)
    ]
    for run in running:
        done = run.wait()
        check_output(done, [], as_json=True)
        assert {result["status"] for result in done.json["results"]} == {"signed"}
    for role in ("targets/releases", "targets/gitlab"):
        targets = json.loads(collection.files()[role])["signed"]["targets"]
        assert targets.keys() == digests.keys()
        assert len(targets) == _JOBS * _TAGS
        assert collection.version(role) == _JOBS
    images = [collection.image(tag) for tag in digests]
    verdicts = collection.admin.json("verify", *images)["images"]
    assert [verdict["digest"] for verdict in verdicts] == list(digests.values())


def test_jobs_that_sign_the_same_tag_at_once_agree(collection: Collection) -> None:
    """With one trust directory: state and cache are shared, too."""
    digest = collection.push("v1")
    arguments = ("sign", collection.image("v1"), "--key", collection.key, "--json")
    running = [collection.admin.start(*arguments) for _ in range(3)]
    results = [run.wait().json["results"][0] for run in running]
    assert {result["status"] for result in results} <= {"signed", "up-to-date"}
    assert {result["digest"] for result in results} == {digest}
    collection.admin("verify", collection.image("v1"))


def test_a_publish_between_the_request_and_its_answer_is_no_rollback(
    collection: Collection,
) -> None:
    """The other process shares the trust directory, and has raised its marks meanwhile.

    For the reader it is the same whether that happened while it waited, or just before it asked.
    """
    collection.prepare(v1=b"one")
    old = collection.files()["timestamp"]
    collection.prepare(v2=b"two")
    held: list[str] = []

    def behaviour(exchange: Exchange) -> None:
        if exchange.path.endswith("/timestamp.json") and not held:
            held.append(exchange.path)
            exchange.reply(200, old)
        else:
            exchange.forward(collection.server)

    with FaultyServer(collection.server.authority, behaviour) as server:
        image = collection.image("v1")
        answer = collection.admin.json("verify", image, "--server", server.url)
    assert held
    assert answer["verdict"] == "accept"


def test_a_server_that_goes_back_for_good_is_refused(collection: Collection) -> None:
    collection.prepare(v1=b"one")
    old = {name: wire for name, wire in collection.files().items() if name != "targets"}
    collection.prepare(v2=b"two")

    def behaviour(exchange: Exchange) -> None:
        name = exchange.path.rpartition("/_trust/tuf/")[2].removesuffix(".json")
        if name in old:
            exchange.reply(200, old[name])
        else:
            exchange.forward(collection.server)

    with FaultyServer(collection.server.authority, behaviour) as server:
        image = collection.image("v1")
        answer = collection.admin.json("verify", image, "--server", server.url, expect=4)
    assert answer["images"][0]["reason"]["code"] == "rollback"
