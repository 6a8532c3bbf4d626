"""What the embedded Notary server refuses on purpose, and what the real one does with it.

The real server answers 200 to most of it, after which the collection is unreadable, or closed to
every further publish, for everybody.
"""

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any, Final

import httpx
import pytest

from tests.interop.embedded_notary.author import (
    Author,
    Authors,
    Content,
    Edit,
    entry,
    in_days,
    key,
    put,
)

Spoil = Callable[[bytes], bytes]


def _edited(edit: Edit) -> Callable[[Author], bytes]:
    """Return targets whose signed content was edited before it was signed."""
    return lambda author: author.targets(2, delegations={"targets/a": "a"}, edit=edit)


def _spoilt(spoil: Spoil) -> Callable[[Author], bytes]:
    """Return targets whose bytes were changed without harm to the signature."""
    return lambda author: spoil(author.targets(2))


def _indented(wire: bytes) -> bytes:
    return json.dumps(json.loads(wire), indent=1).encode()


def _reordered(wire: bytes) -> bytes:
    document = json.loads(wire)
    signatures = [dict(reversed(one.items())) for one in document["signatures"]]
    return json.dumps({**document, "signatures": signatures}, separators=(",", ":")).encode()


def _role(**fields: object) -> Edit:
    return lambda content: content["delegations"]["roles"][0].update(fields)


def _target(**fields: object) -> Edit:
    return lambda content: content["targets"]["1.0"].update(fields)


UNREADABLE: Final[dict[str, Callable[[Author], bytes]]] = {
    "indented": _spoilt(_indented),
    "fields of a signature in another order": _spoilt(_reordered),
    "the method in upper case": _spoilt(lambda w: w.replace(b'"ecdsa","sig"', b'"ECDSA","sig"')),
    "an unsigned field": _spoilt(lambda wire: wire.replace(b'{"signed":', b'{"x":1,"signed":')),
    "an unknown field": _edited(put(note="example")),
    "an unknown field of a role": _edited(_role(note="example")),
    "an unknown field of a target": _edited(_target(note="example")),
    "paths that are null": _edited(_role(paths=None)),
    "paths that are empty": _edited(_role(paths=[])),
    "delegations that are null": _edited(put(delegations=None)),
    "no delegations": _edited(lambda content: content.pop("delegations")),
    "custom data that is null": _edited(_target(custom=None)),
    "zeros at the end of a time": _edited(put(expires=in_days(9).replace("Z", ".500Z"))),
}


def _snapshot_hash(author: Author, role: str) -> str:
    meta = author.get("snapshot.json").json()["signed"]["meta"]
    return base64.b64decode(meta[role]["hashes"]["sha256"]).hex()


def _refusal(answer: httpx.Response) -> tuple[str, str]:
    """Return name and message of a refused update."""
    assert answer.status_code == 400, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == "INVALID_UPDATE"
    return error["detail"]["Name"], error["detail"]["Error"]["Msg"]


@pytest.mark.parametrize("name", UNREADABLE)
def test_bytes_that_go_would_not_write_are_refused_where_the_real_server_breaks_the_collection(
    authors: Authors, name: str
) -> None:
    for author in authors:
        author.begin()
    before = authors.embedded.get("targets.json").content

    kind, message = _refusal(
        authors.embedded.publish({"targets": UNREADABLE[name](authors.embedded)})
    )
    assert kind == "ErrBadTargets"
    assert "targets" in message
    assert authors.embedded.get("targets.json").content == before
    assert authors.embedded.get("timestamp.json").json()["signed"]["version"] == 1

    accepted = authors.real.publish({"targets": UNREADABLE[name](authors.real)})
    assert accepted.status_code == 200
    named = _snapshot_hash(authors.real, "targets")
    assert authors.real.get(f"targets.{named}.json").status_code == 404, "nobody can read it"


@pytest.mark.parametrize("rest", [b"\n", b"{}", b"x"])
def test_bytes_after_the_end_are_refused_where_the_real_server_keeps_as_many_as_it_had_read(
    authors: Authors, rest: bytes
) -> None:
    """What the real server does depends on the pieces in which the body arrives."""
    authors.embedded.begin()
    spoilt = authors.embedded.targets(2) + rest
    kind, _ = _refusal(authors.embedded.publish({"targets": spoilt}))
    assert kind == "ErrBadTargets"


def test_the_message_names_the_field_at_fault(authors: Authors) -> None:
    authors.embedded.begin()
    spoilt = authors.embedded.targets(2, edit=put(note="example"))
    _, message = _refusal(authors.embedded.publish({"targets": spoilt}))
    assert "note" in message


def test_what_is_stored_is_what_is_hashed(authors: Authors) -> None:
    author = authors.embedded
    author.begin(delegations={"targets/a": "a"}, edit=_nulls)
    author.publish({"targets/a": author.targets(signer="a")}).raise_for_status()
    for role in ("root", "targets", "targets/a"):
        named = _snapshot_hash(author, role)
        wire = author.get(f"{role}.{named}.json").raise_for_status().content
        assert hashlib.sha256(wire).hexdigest() == named
        meta = author.get("snapshot.json").json()["signed"]["meta"][role]
        assert meta["length"] == len(wire)


def _nulls(content: Content) -> None:
    content["targets"] = None


def _mislabelled(content: Content) -> None:
    label = content["roles"]["targets"]["keyids"][0]
    content["keys"][label] = entry(key("stranger").public_key)


def _mislabelled_delegate(content: Content) -> None:
    keys = content["delegations"]["keys"]
    keys[next(iter(keys))] = entry(key("stranger").public_key)


Upload = dict[str, bytes]

REFUSED: Final[dict[str, tuple[Callable[[Author], Upload], str, str]]] = {
    "a version so high that nobody could publish after it": (
        lambda a: {"targets": a.targets(2**31 - 1)},
        "ErrBadTargets",
        "too far above",
    ),
    "a version beyond the column of the real server": (
        lambda a: {"targets": a.targets(2**31)},
        "ErrBadTargets",
        "2147483647",
    ),
    "a delegation's key under a wrong id": (
        lambda a: {
            "targets": a.targets(2, delegations={"targets/a": "a"}, edit=_mislabelled_delegate)
        },
        "ErrBadTargets",
        "key id",
    ),
    "a root whose targets key did not sign the stored targets": (
        lambda a: {"root": a.root(2, targets="targets 2")},
        "ErrBadTargets",
        "in the same update",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_update_that_locks_others_out_is_refused_where_the_real_server_accepts(
    authors: Authors, name: str
) -> None:
    make, kind, words = REFUSED[name]
    for author in authors:
        author.begin()
    refused, message = _refusal(authors.embedded.publish(make(authors.embedded)))
    assert refused == kind
    assert words in message
    assert authors.embedded.publish({"targets": authors.embedded.targets(2)}).status_code == 200
    assert authors.real.publish(make(authors.real)).status_code == 200


def test_a_publisher_can_go_on_after_the_greatest_leap_of_a_version(authors: Authors) -> None:
    author = authors.embedded
    author.begin()
    highest = 1 + 2**16
    _refusal(author.publish({"targets": author.targets(highest + 1)}))
    assert author.publish({"targets": author.targets(highest)}).status_code == 200
    assert author.publish({"targets": author.targets(highest + 1)}).status_code == 200


def _incomplete_snapshot(name: str) -> Callable[[Author, Upload], Upload]:
    def make(author: Author, files: Upload) -> Upload:
        targets = author.targets(2)
        meta = {"root": files["root"], "targets": targets}
        match name:
            case "a role that is not here":
                snapshot = author.snapshot({**meta, "targets/a": targets}, 2)
            case "a former version of a role":
                return {"snapshot": author.snapshot(files, 3)}
            case "a wrong length":
                snapshot = author.snapshot(meta, 2, edit=_shorter)
            case other:
                raise ValueError(other)
        return {"targets": targets, "snapshot": snapshot}

    return make


def _shorter(content: Content) -> None:
    content["meta"]["targets"]["length"] -= 1


@pytest.mark.parametrize(
    "name", ["a role that is not here", "a former version of a role", "a wrong length"]
)
def test_a_publishers_snapshot_that_names_what_cannot_be_read_is_refused(
    authors: Authors, name: str
) -> None:
    answers = []
    for author in authors:
        files = author.begin_with_snapshot()
        del files["snapshot"]
        if name == "a former version of a role":
            newer = {**files, "targets": author.targets(2)}
            answer = author.publish(
                {"targets": newer["targets"], "snapshot": author.snapshot(newer, 2)}
            )
            answer.raise_for_status()
        answers.append(author.publish(_incomplete_snapshot(name)(author, files)))
    embedded, real = answers
    assert _refusal(embedded)[0] == "ErrBadSnapshot"
    assert real.status_code == 200


def test_a_certificate_for_every_name_is_refused_where_the_real_server_accepts(
    authors: Authors,
) -> None:
    embedded, real = (
        author.publish(
            {
                "root": author.root(roots=(author.root_key(gun="*"),)),
                "targets": author.targets(),
            }
        )
        for author in authors
    )
    assert _refusal(embedded)[0] == "ErrBadRoot"
    assert real.status_code == 200


def test_two_certificates_of_one_key_count_once_where_the_real_server_counts_them_twice(
    authors: Authors,
) -> None:
    embedded, real = (
        author.publish(
            {
                "root": author.root(
                    roots=(author.root_key(), author.root_key(days_ago=2)), edit=_two_needed
                ),
                "targets": author.targets(),
            }
        )
        for author in authors
    )
    assert _refusal(embedded)[0] == "ErrBadRoot"
    assert real.status_code == 200


def _two_needed(content: Content) -> None:
    content["roles"]["root"]["threshold"] = 2


def test_a_wrong_key_id_in_a_root_is_called_the_roots_fault(authors: Authors) -> None:
    embedded, real = (
        author.publish({"root": author.root(edit=_mislabelled), "targets": author.targets()})
        for author in authors
    )
    assert _refusal(embedded)[0] == "ErrBadRoot"
    assert _refusal(real)[0] == "ErrBadTargets"


def test_asking_again_for_the_key_of_an_unpublished_collection_makes_no_second_one(
    authors: Authors,
) -> None:
    asked = [{a.server_key("timestamp").keyid for _ in range(3)} for a in authors]
    assert [len(keys) for keys in asked] == [1, 3]


def test_an_unpublished_rotation_key_is_offered_again(authors: Authors) -> None:
    asked = []
    for author in authors:
        author.begin()
        asked.append({author.server_key("timestamp", rotate=True).keyid for _ in range(3)})
    assert [len(keys) for keys in asked] == [1, 3]


def test_a_key_signs_for_its_own_collection_alone(authors: Authors) -> None:
    for author in authors:
        other = Author(author.client)
        author.server_keys["timestamp"] = other.server_key("timestamp")
    embedded, real = (
        author.publish({"root": author.root(), "targets": author.targets()}) for author in authors
    )
    kind, message = _refusal(embedded)
    assert (kind, message) == ("ErrBadRoot", "no timestamp keys exist on the server")
    assert real.status_code == 200


@pytest.mark.parametrize(
    "body", [b"", b"--example\r\n", b"--example", b"--exampl--\r\n"], ids=range(4)
)
def test_a_body_without_an_end_is_malformed(authors: Authors, body: bytes) -> None:
    answer = authors.embedded.post_body(body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["code"] == "MALFORMED_UPLOAD"


def test_the_real_server_drops_the_connection_at_an_empty_body(authors: Authors) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        authors.real.post_body(b"")


@pytest.mark.parametrize("query", ["records=-2", "records=-2&change_id=0"])
def test_reading_the_changefeed_backwards_begins_at_its_end_where_the_real_server_drops_out(
    authors: Authors, query: str
) -> None:
    def changes(author: Author) -> list[Any]:
        answer = author.ask("GET", f"/v2/GUN/_trust/changefeed?{query}")
        return [record["Version"] for record in answer.json()["records"]]

    for author in authors:
        author.begin()
        for version in (2, 3):
            author.publish({"targets": author.targets(version)}).raise_for_status()
    assert changes(authors.embedded) == [2, 3]
    with pytest.raises(httpx.RemoteProtocolError):
        changes(authors.real)
