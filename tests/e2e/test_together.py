"""Several jobs sign one collection at once: no signature is lost."""

import json

from tests.e2e.story import Collection, WatchedSigner, check_output


def test_four_jobs_of_five_tags_each_end_with_twenty_signed(collection: Collection) -> None:
    jobs = [[f"{job}.{number}" for number in range(5)] for job in range(4)]
    digests = {tag: collection.push(tag, tag.encode()) for tags in jobs for tag in tags}
    homes = [collection.admin.home.parent / f"job-{number}" for number in range(4)]
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
        assert collection.version(role) == 4
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
