"""Files that do not belong together (check matrix, rows 14 to 16, 18 and 20), and races."""

import pytest

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode, NetworkError, NotFoundError
from tests.attacks.keys import bare
from tests.attacks.reading import Reader
from tests.attacks.simulator import (
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    Request,
    SimulatedCollection,
)

STEP = {SNAPSHOT: 6, ROOT: 7, TARGETS: 8, RELEASES: 9, GITLAB: 9}


def fresh_tag(server: SimulatedCollection, digest: str = OTHER) -> None:
    for role in (RELEASES, GITLAB):
        server.sign_tag(role, "1", digest)
    server.publish(TARGETS, RELEASES, GITLAB)


@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES, GITLAB])
@pytest.mark.parametrize("remembered", [True, False])
def test_an_old_file_among_new_ones_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, remembered: bool
) -> None:
    if remembered:
        reader.read()
    old = server.files[role]
    fresh_tag(server)
    server.answers[role] = old
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=STEP[role])


@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES, GITLAB])
def test_an_old_current_file_does_no_harm_where_the_right_one_has_its_hash(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    old = server.files[role]
    fresh_tag(server)
    server.answers[role, "", 0] = old
    assert reader.accepts(":1", "gitlab") == OTHER


@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES, GITLAB])
def test_a_file_that_is_named_but_not_served_is_refused(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    server.answers[role] = NotFoundError("gone")
    error = reader.refuses("missing-file", ExitCode.TRUST_DATA, step=STEP[role])
    assert role in error.message


@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT, TARGETS, RELEASES, ROOT])
def test_an_unreachable_server_is_no_attack(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    server.answers[role] = NetworkError("The server does not answer.")
    step = {TIMESTAMP: 5, ROOT: 1}.get(role) or STEP[role]
    reader.refuses("network", ExitCode.NETWORK, step=step)


@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES])
def test_a_guess_that_the_server_fails_at_does_no_harm(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    """On SQL a server answers 500 for a role that its snapshot did not name at that moment."""
    server.answers[(role, "", 0)] = NetworkError("HTTP 500")
    reader.accepts()


@pytest.mark.parametrize("role", [TARGETS, RELEASES, GITLAB, SNAPSHOT])
@pytest.mark.parametrize("extra", [b" ", b"\n", b"\x00"])
def test_even_a_byte_after_the_file_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, extra: bytes
) -> None:
    """White space does not concern the signature: only the hash over the raw bytes sees it."""
    server.answers[role] = server.files[role] + extra
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=STEP[role])


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES])
def test_each_hash_of_a_parents_entry_counts(
    server: SimulatedCollection, reader: Reader, role: str, algorithm: str
) -> None:
    parent = TIMESTAMP if role == SNAPSHOT else SNAPSHOT
    size = {"sha256": 32, "sha512": 64}[algorithm]
    import base64

    wrong = base64.b64encode(b"\x07" * size).decode("ascii")
    server.changes[parent] = lambda content: content["meta"][role]["hashes"].update(
        {algorithm: wrong}
    )
    server.publish_snapshot()
    code = "missing-file" if algorithm == "sha256" else "hash-mismatch"
    reader.refuses(code, ExitCode.TRUST_DATA, step=STEP[role])


@pytest.mark.parametrize("delta", [-1, 1, 1000])
@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES])
def test_a_wrong_length_is_refused_although_the_hashes_are_right(
    server: SimulatedCollection, reader: Reader, role: str, delta: int
) -> None:
    parent = TIMESTAMP if role == SNAPSHOT else SNAPSHOT

    def alter(content: dict[str, object]) -> None:
        content["meta"][role]["length"] += delta  # type: ignore[index] # decoded JSON

    server.changes[parent] = alter
    server.publish_snapshot()
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=STEP[role])


@pytest.mark.parametrize("role", [ROOT, TARGETS])
def test_a_snapshot_that_does_not_name_a_base_role_is_malformed(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    server.unpublished.add(role)
    server.publish_snapshot()
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=6)


def test_a_parents_entry_without_sha256_is_malformed(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.changes[SNAPSHOT] = lambda content: content["meta"][TARGETS]["hashes"].pop("sha256")
    server.publish_snapshot()
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=6)


def test_an_unknown_hash_beside_the_known_ones_is_ignored(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.changes[SNAPSHOT] = lambda content: content["meta"][TARGETS]["hashes"].update(md5="AA==")
    server.publish_snapshot()
    assert reader.accepts() == DIGEST


def test_a_snapshot_that_names_another_root_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    reader.read()
    other = SimulatedCollection.with_signers(gun="other.example.com/x/y")
    genuine = server.files[ROOT]
    server.files[ROOT] = other.files[ROOT]
    server.publish_snapshot()
    server.files[ROOT] = genuine
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=7)


def test_a_snapshot_that_names_an_older_root_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    old = server.files[ROOT]
    server.publish(ROOT)
    reader.read()
    newest, server.files[ROOT] = server.files[ROOT], old
    server.publish_snapshot()
    server.files[ROOT] = newest
    reader.refuses("wrong-version", ExitCode.TRUST_DATA, step=7)


@pytest.mark.parametrize("role", [ROOT, TIMESTAMP, SNAPSHOT, TARGETS])
@pytest.mark.parametrize("other", [ROOT, TIMESTAMP, SNAPSHOT, TARGETS])
def test_a_role_answered_with_another_roles_file_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, other: str
) -> None:
    if role == other:
        assert reader.accepts() == DIGEST
        return
    server.answers[role] = server.files[other]
    code, step = {
        ROOT: ("malformed", 1),
        TIMESTAMP: ("malformed", 5),
        SNAPSHOT: ("hash-mismatch", 6),
        TARGETS: ("hash-mismatch", 8),
    }[role]
    reader.refuses(code, ExitCode.TRUST_DATA, step=step)


def test_one_key_for_all_roles_does_not_let_a_file_stand_for_another(
    server: SimulatedCollection, reader: Reader
) -> None:
    for role in (TARGETS, SNAPSHOT, TIMESTAMP):
        server.set_role_keys(role, bare("one for all"))
    server.publish(ROOT, TARGETS)
    assert reader.accepts() == DIGEST
    server.answers[TIMESTAMP] = server.files[SNAPSHOT]
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=5)


# Races: somebody publishes while the files are fetched


def publish_at(server: SimulatedCollection, role: str, times: int) -> list[Request]:
    """Have the collection published anew just before each of the first requests for a role."""
    seen: list[Request] = []

    def watch(request: Request) -> None:
        if request[0] == role and len(seen) < times:
            seen.append(request)
            fresh_tag(server, f"sha256:{len(seen):064x}")

    server.watchers.append(watch)
    return seen


@pytest.mark.parametrize("role", [ROOT, SNAPSHOT, TARGETS, RELEASES, GITLAB, TIMESTAMP])
@pytest.mark.parametrize("remembered", [True, False])
def test_a_publish_in_the_middle_gives_one_consistent_state(
    server: SimulatedCollection, reader: Reader, role: str, remembered: bool
) -> None:
    if remembered:
        reader.read()
        fresh_tag(server)
    publish_at(server, role, 1)
    collection = reader.read()
    digests = {
        collection.roles[name].targets.targets["1"].hashes["sha256"]  # type: ignore[index] # names
        for name in (RELEASES, GITLAB)
    }
    assert len(digests) == 1


@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES, GITLAB])
def test_a_publish_on_a_server_that_keeps_no_old_files_is_read_anew_once(
    server: SimulatedCollection, reader: Reader, role: str
) -> None:
    def forget_old() -> None:
        named = set(server.files.values())
        server.archive = {key: wire for key, wire in server.archive.items() if wire in named}

    published: list[Request] = []

    def watch(request: Request) -> None:
        if request[0] == role and not published:
            published.append(request)
            fresh_tag(server)
            forget_old()

    server.watchers.append(watch)
    assert reader.accepts(":1", "gitlab") == OTHER


def test_a_server_that_moves_on_at_every_request_is_given_up(
    server: SimulatedCollection, reader: Reader
) -> None:
    def watch(request: Request) -> None:
        if request[0] == TARGETS:
            fresh_tag(server, f"sha256:{len(server.asked):064x}")
            server.archive.clear()

    server.watchers.append(watch)
    reader.refuses("missing-file", ExitCode.TRUST_DATA, step=8)
    assert [request[0] for request in server.asked].count(TIMESTAMP) == 2


def test_a_mismatch_on_a_server_that_did_not_move_on_is_final(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.answers[TARGETS] = b'{"signed":{},"signatures":[]}'
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=8)
    assert [request[0] for request in server.asked].count(TARGETS) <= 3


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("role", [TIMESTAMP, SNAPSHOT])
def test_a_key_rotation_in_the_middle_is_no_attack(
    server: SimulatedCollection, reader: Reader, role: str, remembered: bool
) -> None:
    """The root is fetched, then a new timestamp or snapshot key comes into force."""
    if remembered:
        reader.read()
    start = len(server.asked)
    before = server.save()
    server.set_role_keys(role, bare("fresh"))
    server.publish(ROOT)

    def rounds() -> int:
        return [request[0] for request in server.asked[start:]].count(TIMESTAMP)

    def root(request: Request) -> bytes:
        files, archive = (server.files, server.archive)
        if rounds() < 2:
            files, archive = dict(before.files), dict(before.archive)
        wire = archive.get(request) if request[2] else files[ROOT]
        if wire is None:
            raise NotFoundError("not yet")
        return wire

    server.answers[ROOT] = root
    assert reader.accepts() == DIGEST
    assert rounds() == 2
