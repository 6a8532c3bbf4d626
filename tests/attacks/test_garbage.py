"""Answers that are no metadata (check matrix, row 33): huge, deep, twisted, or HTML."""

import time
from typing import Any

import pytest

from signer.constants import (
    BASE_ROLES,
    MAX_ROOT_SIZE,
    MAX_TARGETS_SIZE,
    MAX_TIMESTAMP_SIZE,
    ROOT,
    SNAPSHOT,
    TARGETS,
    TIMESTAMP,
)
from signer.errors import ExitCode, SignerError
from tests.attacks.reading import Reader
from tests.attacks.simulator import RELEASES, SimulatedCollection

DEEP = 100_000
GARBAGE = {
    "nothing": b"",
    "html": b"<html><body>502 Bad Gateway</body></html>",
    "no json": b"{",
    "an array": b"[]",
    "null": b"null",
    "a number": b"1e999",
    "two documents": b"{}{}",
    "byte order mark": b'\xef\xbb\xbf{"signed":{},"signatures":[]}',
    "utf-16": '{"signed":{}}'.encode("utf-16"),
    "invalid utf-8": b'{"signed":{"_type":"\xff"},"signatures":[]}',
    "lone surrogate": b'{"signed":{"_type":"\\ud800"},"signatures":[]}',
    "deep arrays": b"[" * DEEP,
    "deep objects": b'{"signed":' + b'{"a":' * DEEP,
    "deep and closed": b'{"signed":{"a":' + b"[" * 90 + b"]" * 90 + b'},"signatures":[]}',
    "a name twice": b'{"signed":{"version":1,"version":2},"signatures":[]}',
    "signed twice": b'{"signed":{},"signed":{},"signatures":[]}',
    "huge integer": b'{"signed":{"version":' + b"9" * 100_000 + b'},"signatures":[]}',
    "huge exponent": b'{"signed":{"version":1e400},"signatures":[]}',
    "fraction": b'{"signed":{"version":1.5},"signatures":[]}',
    "infinity": b'{"signed":{"version":Infinity},"signatures":[]}',
    "no number": b'{"signed":{"version":NaN},"signatures":[]}',
    "signed is a string": b'{"signed":"x","signatures":[]}',
    "signatures are an object": b'{"signed":{},"signatures":{}}',
    "a signature is null": b'{"signed":{},"signatures":[null]}',
    "a signature without method": b'{"signed":{},"signatures":[{"keyid":"a","sig":""}]}',
    "a key id is a list": b'{"signed":{},"signatures":[{"keyid":[],"sig":"","method":""}]}',
    "a signature is no base64": b'{"signed":{},"signatures":[{"keyid":"a","sig":"!","method":""}]}',
    "an empty object": b'{"signed":{},"signatures":[]}',
    "no type": b'{"signed":{"version":1},"signatures":[]}',
    "type is a list": b'{"signed":{"_type":[1]},"signatures":[]}',
    "nul": b'{"signed":{"_type":"\x00"},"signatures":[]}',
}


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("role", [ROOT, TIMESTAMP])
def test_garbage_is_refused_as_malformed(
    server: SimulatedCollection, reader: Reader, role: str, name: str
) -> None:
    wire = GARBAGE[name]
    server.answers[role] = lambda _: wire
    error = reader.refuses("malformed", ExitCode.TRUST_DATA, step={ROOT: 1, TIMESTAMP: 5}[role])
    assert server.gun in error.message
    assert role in error.message
    assert len(error.message) < 600
    assert error.message.isprintable()


@pytest.mark.parametrize("name", GARBAGE)
@pytest.mark.parametrize("role", [SNAPSHOT, TARGETS, RELEASES])
def test_garbage_where_a_hash_is_known_is_another_file(
    server: SimulatedCollection, reader: Reader, role: str, name: str
) -> None:
    wire = GARBAGE[name]
    server.answers[role] = lambda _: wire
    step = {SNAPSHOT: 6, TARGETS: 8, RELEASES: 9}[role]
    reader.refuses("hash-mismatch", ExitCode.TRUST_DATA, step=step)


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_that_the_snapshot_names_harms_only_the_delegation(
    server: SimulatedCollection, reader: Reader, name: str
) -> None:
    """The snapshot key is the server's: it can name anything."""
    server.put(RELEASES, GARBAGE[name] or b" ")
    server.publish_snapshot()
    reader.rejects("malformed", ExitCode.TRUST_DATA, step=10)


MISSING: list[tuple[str, str]] = [
    (ROOT, "keys"),
    (ROOT, "roles"),
    (TIMESTAMP, "meta"),
    (SNAPSHOT, "meta"),
    (TARGETS, "targets"),
    *[(role, name) for role in BASE_ROLES for name in ("expires", "version", "_type")],
]
STEPS = {ROOT: 1, TIMESTAMP: 5, SNAPSHOT: 6, TARGETS: 8}


@pytest.mark.parametrize(("role", "name"), MISSING)
@pytest.mark.parametrize("value", ["absent", None, [], {}, "x", 0, True, [[]], {"x": None}, -5])
def test_a_signed_field_of_another_shape_is_refused(
    server: SimulatedCollection, reader: Reader, role: str, name: str, value: object
) -> None:
    """Whoever holds the keys may write nonsense: it is refused, and never a traceback."""

    def twist(content: dict[str, Any]) -> None:
        if value == "absent":
            del content[name]
        else:
            content[name] = value

    server.changes[role] = twist
    server.publish(role)
    if (role, name) == (TARGETS, "targets") and not value:
        return  # Go, too, takes an empty value for no targets
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=STEPS[role])


@pytest.mark.parametrize(
    ("role", "size"),
    [(ROOT, MAX_ROOT_SIZE), (TIMESTAMP, MAX_TIMESTAMP_SIZE), (TARGETS, MAX_TARGETS_SIZE)],
)
def test_a_file_beyond_the_limit_is_refused_before_anybody_parses_it(
    server: SimulatedCollection,
    reader: Reader,
    role: str,
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits: dict[str, set[int]] = {}
    genuine = server.get_metadata

    def watch(role: str, *, sha256: str = "", version: int = 0, max_bytes: int) -> bytes:
        limits.setdefault(role, set()).add(max_bytes)
        return genuine(role, sha256=sha256, version=version, max_bytes=max_bytes)

    monkeypatch.setattr(server, "get_metadata", watch)
    server.answers[role] = lambda _: bytes(size + 1)
    reader.refuses("too-large", ExitCode.TRUST_DATA, step=STEPS[role])
    assert all(top <= size for top in limits[role])


def many(item: bytes, number: int) -> bytes:
    return b",".join(item % count for count in range(number))


@pytest.mark.parametrize(
    "wire",
    [
        b'{"signed":{' + many(b'"%d":0', 150_000) + b',"1":1},"signatures":[]}',
        b'{"signed":[' + b"{}," * 300_000 + b'{}],"signatures":[]}',
        b'{"signed":{"a":"' + b"\\u0041" * 160_000 + b'"},"signatures":[]}',
        b'{"signed":{"version":' + b"1" * 1_000_000 + b'},"signatures":[]}',
        b'{"signed":{},"signatures":['
        + many(b'{"keyid":"%d","method":"","sig":""}', 25_000)
        + b"]}",
    ],
    ids=["many names, one twice", "many objects", "escapes", "long number", "many signatures"],
)
def test_a_file_within_the_limit_takes_bounded_time(
    server: SimulatedCollection, reader: Reader, wire: bytes
) -> None:
    server.answers[ROOT] = lambda _: wire
    begun = time.process_time()
    with pytest.raises(SignerError):
        reader.read()
    assert time.process_time() - begun < 20


@pytest.mark.parametrize("seed", range(300))
def test_a_damaged_file_never_ends_in_anything_but_a_clear_refusal(
    server: SimulatedCollection, reader: Reader, seed: int
) -> None:
    """Random bytes of each file are turned, and the damaged file is vouched for by its parent."""
    import random

    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    role = chance.choice([ROOT, TIMESTAMP, SNAPSHOT, TARGETS, RELEASES])
    damaged = bytearray(server.files[role])
    for _ in range(chance.choice([1, 1, 3, 30])):
        damaged[chance.randrange(len(damaged))] = chance.choice(b'"{}[]:,0129aAzZ \\/\x00\xff')
    if bytes(damaged) == server.files[role]:
        return
    server.put(role, bytes(damaged))
    if role not in (TIMESTAMP, SNAPSHOT):
        server.publish_snapshot()
    elif role == SNAPSHOT:
        server.publish_timestamp()
    server.archive.pop((ROOT, "", 1), None)
    try:
        verdict = reader.judge()
    except SignerError as error:
        assert error.exit_code in (ExitCode.TRUST_DATA, ExitCode.EXPIRED)
        assert 1 <= error.step <= 9
        assert error.message.isprintable()
    else:
        assert role == RELEASES
        assert verdict.verdict == "reject"
