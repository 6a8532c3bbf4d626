"""What is asked of both Notary servers, so that their answers can be compared.

A case is a function that takes an author and yields answers. Those that the embedded server
answers otherwise on purpose are in ``test_stricter.py``.
"""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

import httpx

from tests.interop.embedded_notary.author import Author, Content, Edit, entry, in_days, key, put

Answers = Iterator[httpx.Response]
Case = Callable[[Author], Answers]

CASES: Final[dict[str, Case]] = {}


def case(function: Case) -> Case:
    """Add a case under its name."""
    CASES[function.__name__.strip("_")] = function
    return function


PATHS: Final = (
    "GET /v2/",
    "GET /_notary_server/health",
    "POST /_notary_server/health",
    "GET /v2/GUN/_trust/tuf/",
    "GET /v2/GUN/_trust/tuf",
    "GET /v2/GUN/_trust/",
    "GET /v2/GUN/_trust/tuf/other.json",
    "GET /v2/GUN/_trust/tuf/targets/",
    "GET /v2/GUN/_trust/tuf/targets.key",
    "GET /v2/GUN/_trust/tuf/root.key",
    "POST /v2/GUN/_trust/tuf/root.key",
    "PUT /v2/GUN/_trust/tuf/root.json",
    "DELETE /v2/GUN/_trust/tuf/root.json",
    "POST /v2/GUN/_trust/tuf/root.json",
    "HEAD /v2/GUN/_trust/tuf/root.json",
    "HEAD /v2/GUN/_trust/tuf/",
    "HEAD /v2/GUN/_trust/changefeed",
    "GET /v2/GUN/_trust/tuf/root.json",
    "GET /v2/GUN/_trust/tuf/targets.json",
    "GET /v2/GUN/_trust/tuf/targets/releases.json",
    "GET /v2/GUN/_trust/tuf/targets/Strange%20Role.json",
    "GET /v2/GUN/_trust/tuf/snapshot.json",
    "GET /v2/GUN/_trust/tuf/timestamp.json",
    "GET /v2/GUN/_trust/tuf/1.root.json",
    "GET /v2/GUN/_trust/tuf/001.root.json",
    "GET /v2/GUN/_trust/tuf/0.root.json",
    "GET /v2/GUN/_trust/tuf/2.root.json",
    "GET /v2/GUN/_trust/tuf/1.targets.json",
    "GET /v2/GUN/_trust/tuf/1.snapshot.json",
    "GET /v2/GUN/_trust/tuf/1.timestamp.json",
    "GET /v2/GUN/_trust/tuf/-1.root.json",
    "GET /v2/GUN/_trust/tuf/1.other.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 64}.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 63}.json",
    f"GET /v2/GUN/_trust/tuf/timestamp.{'0' * 64}.json",
    f"GET /v2/GUN/_trust/tuf/root.{'0' * 128}.json",
    "GET /v2/GUN*/_trust/tuf/root.json",
    "GET /v2/GUN/_trust/changefeed?records=1",
    "GET /v2/GUN/_trust/changefeed",
    "GET /v2/GUN/_trust/changefeed?records=",
    "GET /v2/GUN/_trust/changefeed?records=one",
    "GET /v2/GUN/_trust/changefeed?records=1.5",
    "GET /v2/GUN/_trust/changefeed?records=99999999999",
    "GET /v2/GUN/_trust/changefeed?records=1&change_id=one",
    "GET /v2/GUN/_trust/changefeed?records=1&change_id=99999999999",
    "POST /v2/GUN/_trust/changefeed?records=1",
    "GET /v2/_trust/changefeed",
    "GET /v2/_trust/changefeed?records=x",
    "POST /v2/_trust/changefeed?records=1",
)


# The form of an upload


def _body(name: str, body: bytes, content_type: str = "") -> None:
    def answers(author: Author) -> Answers:
        yield author.post_body(body, content_type or "multipart/form-data; boundary=example")

    CASES[f"body: {name}"] = answers


def _part(header: bytes, content: bytes = b"{}") -> bytes:
    return b"--example\r\n" + header + b"\r\n\r\n" + content + b"\r\n--example--\r\n"


_NAMED: Final = b'Content-Disposition: form-data; name="files"; filename="%s"'

_body("no multipart", b"{}", "application/json")
_body("no content type", b"{}", "text/plain")
_body("no boundary", b"--example--\r\n", "multipart/form-data")
_body("no parts", b"--example--\r\n")
_body("a part without fields", b"--example\r\n\r\n{}\r\n--example--\r\n")
_body("a part without file name", _part(b'Content-Disposition: form-data; name="files"'))
_body("an empty file name", _part(_NAMED % b""))
_body("a file name that is an extension", _part(_NAMED % b".json"))
_body("a role that is none", _part(_NAMED % b"other"))
_body("a role in upper case", _part(_NAMED % b"Root"))
_body("a role with a dot", _part(_NAMED % b"targets/../root"))
_body("a role with an empty component", _part(_NAMED % b"targets//a"))
_body("a role with a slash at its end", _part(_NAMED % b"targets/a/"))
_body("a role of any delegation", _part(_NAMED % b"targets/*"))
_body("a role that is too long", _part(_NAMED % (b"targets/" + b"a" * 300)))
for _name, _content in {
    "nothing": b"",
    "white space": b"  \r\n",
    "no JSON": b"hello",
    "a list": b"[]",
    "a number": b"1",
    "a text": b'"root"',
    "null": b"null",
    "an object": b"{}",
    "cut off": b'{"signed":{"version":1',
    "signed is a list": b'{"signed":[]}',
    "signed is a text": b'{"signed":"x"}',
    "signed is null": b'{"signed":null}',
    "version is a text": b'{"signed":{"version":"1"}}',
    "version is no whole number": b'{"signed":{"version":1.5}}',
    "version is null": b'{"signed":{"version":null}}',
    "version is huge": b'{"signed":{"version":99999999999999999999}}',
    "expires is no time": b'{"signed":{"version":1,"expires":"tomorrow"}}',
    "two values": b'{"signed":{"version":7}} {"signed":{"version":8}}',
}.items():
    _body(f"content is {_name}", _part(_NAMED % b"root.json", _content))


# Root


def _root(name: str, make: Callable[[Author], bytes]) -> None:
    def answers(author: Author) -> Answers:
        yield author.publish({"root": make(author), "targets": author.targets()})
        yield author.get("root.json")

    CASES[f"first root: {name}"] = answers


def _role(role: str, **fields: object) -> Edit:
    return lambda content: content["roles"][role].update(fields)


_root("good", lambda a: a.root())
_root("version 2", lambda a: a.root(2))
_root("version 3", lambda a: a.root(3))
_root("version 0", lambda a: a.root(0))
_root("version -1", lambda a: a.root(-1))
_root("expired", lambda a: a.root(edit=put(expires=in_days(-1))))
_root("unsigned", lambda a: a.root(signers=()))
_root("signed by a stranger", lambda a: a.root(signers=(key("stranger"),)))
_root("no certificate", lambda a: a.root(roots=(key("root"),)))
_root("a certificate for another name", lambda a: a.root(roots=(a.root_key(gun="dtr.test/b"),)))
_root("a certificate for a prefix", lambda a: a.root(roots=(a.root_key(gun="dtr.test/auth*"),)))
_root("an expired certificate", lambda a: a.root(roots=(a.root_key(days_ago=4000),)))
_root("a certificate of the future", lambda a: a.root(roots=(a.root_key(days_ago=-3),)))
_root("of another type", lambda a: a.root(edit=put(_type="Targets")))
_root("threshold 2 of 1", lambda a: a.root(edit=_role("root", threshold=2)))
_root("threshold 0", lambda a: a.root(edit=_role("targets", threshold=0)))
_root("no targets role", lambda a: a.root(edit=lambda c: c["roles"].pop("targets")))
_root("an unknown key id", lambda a: a.root(edit=_role("targets", keyids=["0" * 64])))
_root("a foreign timestamp key", lambda a: a.root(edit=_foreign_key("timestamp")))
_root("a foreign snapshot key", lambda a: a.root(edit=_foreign_key("snapshot")))
_root("threshold 2 for the timestamp", lambda a: a.root(edit=_role("timestamp", threshold=2)))
_root("threshold 2 for the snapshot", lambda a: a.root(edit=_role("snapshot", threshold=2)))
_root(
    "two signatures for threshold 2",
    lambda a: a.root(roots=(a.root_key(), a.root_key("root 2")), edit=_role("root", threshold=2)),
)
_root("an old role beside the four", lambda a: a.root(edit=_old_role))


def _foreign_key(role: str) -> Edit:
    def edit(content: Content) -> None:
        public = key("stranger").public_key
        content["keys"][public.keyid] = entry(public)
        content["roles"][role]["keyids"] = [public.keyid]

    return edit


def _old_role(content: Content) -> None:
    content["roles"]["root.1"] = dict(content["roles"]["root"])


def _next_root(name: str, make: Callable[[Author], bytes]) -> None:
    def answers(author: Author) -> Answers:
        author.begin()
        yield author.publish({"root": make(author)})
        yield author.get("root.json")
        yield author.get("2.root.json")

    CASES[f"next root: {name}"] = answers


def _both(author: Author) -> bytes:
    old, new = author.root_key(), author.root_key("root 2")
    return author.root(2, roots=(new,), signers=(old, new))


_next_root("version 2", lambda a: a.root(2))
_next_root("the same again", lambda a: a.root(1))
_next_root("version 3", lambda a: a.root(3))
_next_root("another key, signed by both", _both)
_next_root("another key, signed by it alone", lambda a: a.root(2, roots=(a.root_key("root 2"),)))
_next_root(
    "another key, signed by the former alone",
    lambda a: a.root(2, roots=(a.root_key("root 2"),), signers=(a.root_key(),)),
)
_next_root(
    "another certificate for the same key",
    lambda a: a.root(
        2,
        roots=(a.root_key(days_ago=2),),
        signers=(a.root_key(), a.root_key(days_ago=2)),
    ),
)
_next_root("expired", lambda a: a.root(2, edit=put(expires=in_days(-1))))
_next_root("a foreign timestamp key", lambda a: a.root(2, edit=_foreign_key("timestamp")))


@case
def _root_alone(author: Author) -> Answers:
    yield author.publish({"root": author.root()})
    yield author.get("root.json")


@case
def _root_and_targets_with_a_new_targets_key(author: Author) -> Answers:
    author.begin()
    root, targets = author.root(2, targets="targets 2"), author.targets(2, signer="targets 2")
    yield author.publish({"root": root, "targets": targets})
    yield author.get("targets.json")


@case
def _root_with_a_new_targets_key_and_targets_by_the_former(author: Author) -> Answers:
    author.begin()
    yield author.publish(
        {"root": author.root(2, targets="targets 2"), "targets": author.targets(2)}
    )
    yield author.get("root.json")


# Targets and delegations


def _targets(name: str, make: Callable[[Author], dict[str, bytes]], **begin: object) -> None:
    def answers(author: Author) -> Answers:
        author.begin(**begin)
        files = make(author)
        yield author.publish(files)
        for role in files:
            yield author.get(f"{role}.json")
        yield author.get("1.snapshot.json")

    CASES[f"targets: {name}"] = answers


_targets("the next version", lambda a: {"targets": a.targets(2)})
_targets("named with .json", lambda a: {"targets.json": a.targets(2)})
_targets("a gap", lambda a: {"targets": a.targets(9)})
_targets("the same version", lambda a: {"targets": a.targets(1, names=("2.0",))})
_targets("version 0", lambda a: {"targets": a.targets(0)})
_targets("expired", lambda a: {"targets": a.targets(2, edit=put(expires=in_days(-1)))})
_targets("signed by a stranger", lambda a: {"targets": a.targets(2, signer="stranger")})
_targets("of another type", lambda a: {"targets": a.targets(2, edit=put(_type="Root"))})
_targets("type in lower case", lambda a: {"targets": a.targets(2, edit=put(_type="targets"))})
_targets("nothing at all", lambda _a: {})
_targets("a timestamp of the publisher's", lambda a: {"timestamp": a.targets(2)})
_targets(
    "a snapshot although the server holds its key",
    lambda a: {"snapshot": a.snapshot({"root": a.root(), "targets": a.targets()}, 2)},
)
_targets(
    "a delegation that is no child",
    lambda a: {"targets": a.targets(2, delegations={"targets/a/b": "a"})},
)
_targets(
    "a delegation without keys",
    lambda a: {"targets": a.targets(2, delegations={"targets/a": "a"}, edit=_without_keys)},
)
_targets(
    "a delegation whose keys have become null",
    lambda a: {"targets": a.targets(2, delegations={"targets/a": "a"}, edit=_null_keys)},
)
_targets(
    "lists that are null, as Go keeps them",
    lambda a: {"targets": a.targets(2, edit=put(delegations={"keys": None, "roles": None}))},
)
_targets("a delegation that nobody names", lambda a: {"targets/a": a.targets(signer="a")})
_targets(
    "a delegation of a delegation that is not here",
    lambda a: {"targets/a/b": a.targets(signer="b")},
    delegations={"targets/a": "a"},
)
_targets(
    "a delegation",
    lambda a: {"targets/a": a.targets(signer="a")},
    delegations={"targets/a": "a"},
)
_targets(
    "a delegation signed by a stranger",
    lambda a: {"targets/a": a.targets(signer="stranger")},
    delegations={"targets/a": "a"},
)
_targets(
    "a delegation beside the targets that name it",
    lambda a: {
        "targets/a": a.targets(signer="a"),
        "targets": a.targets(2, delegations={"targets/a": "a"}),
    },
)
_targets(
    "three levels at once, deepest first",
    lambda a: {
        "targets/a/b": a.targets(signer="b"),
        "targets/a": a.targets(signer="a", delegations={"targets/a/b": "b"}),
        "targets": a.targets(2, delegations={"targets/a": "a"}),
    },
)
_targets(
    "a target outside the delegation's paths",
    lambda a: {"targets/a": a.targets(signer="a")},
    delegations={"targets/a": "a"},
    edit=lambda c: c["delegations"]["roles"][0].update(paths=["other"]),
)
_targets(
    "one bad file spoils all",
    lambda a: {"targets": a.targets(2), "targets/a": a.targets(signer="stranger")},
    delegations={"targets/a": "a"},
)


def _without_keys(content: Content) -> None:
    content["delegations"]["keys"] = {}
    content["delegations"]["roles"][0]["keyids"] = []


def _null_keys(content: Content) -> None:
    content["delegations"]["keys"] = {}
    content["delegations"]["roles"][0]["keyids"] = None


@case
def _targets_without_a_root(author: Author) -> Answers:
    yield author.publish({"targets": author.targets()})


@case
def _a_deep_delegation_later(author: Author) -> Answers:
    author.begin(delegations={"targets/a": "a"})
    yield author.publish(
        {"targets/a": author.targets(signer="a", delegations={"targets/a/b": "b"})}
    )
    yield author.publish({"targets/a/b": author.targets(signer="b")})
    yield author.publish({"targets/a/b": author.targets(signer="b")})
    yield author.publish({"targets/a/b": author.targets(2, signer="b")})
    yield author.get("2.snapshot.json")
    yield author.get("4.timestamp.json")


@case
def _two_parts_for_one_role(author: Author) -> Answers:
    author.begin()
    parts = [("targets", author.targets(3, names=("first",))), ("targets", author.targets(2))]
    yield author.publish_parts(parts)
    yield author.get("targets.json")
    yield author.get("3.targets.json")


# Snapshots of the publisher's


def _snapshot(name: str, make: Callable[[Author, dict[str, bytes]], dict[str, bytes]]) -> None:
    def answers(author: Author) -> Answers:
        yield author.publish(make(author, author.begin_with_snapshot()))
        yield author.get("snapshot.json")
        yield author.get("2.timestamp.json")

    CASES[f"snapshot: {name}"] = answers


def _with(author: Author, files: dict[str, bytes], **options: object) -> dict[str, bytes]:
    """Return new targets and the snapshot for them."""
    targets = author.targets(2)
    meta = {"root": files["root"], "targets": targets}
    return {"targets": targets, "snapshot": author.snapshot(meta, 2, **options)}  # type: ignore[arg-type] # of snapshot()


_snapshot("with targets", _with)
_snapshot("alone", lambda a, f: {"snapshot": a.snapshot(_without_snapshot(f), 2)})
_snapshot("the same version", lambda a, f: {"snapshot": a.snapshot(_without_snapshot(f))})
_snapshot("none, and the server has no key", lambda a, _f: {"targets": a.targets(2)})
_snapshot("by a stranger", lambda a, f: _with(a, f, signer="stranger"))
_snapshot("expired", lambda a, f: _with(a, f, edit=put(expires=in_days(-1))))
_snapshot("of another type", lambda a, f: _with(a, f, edit=put(_type="Timestamp")))
_snapshot("of the former targets", lambda a, f: {**_with(a, f), "targets": a.targets(2, names=())})
_snapshot("without targets", lambda a, f: _with(a, f, edit=lambda c: c["meta"].pop("targets")))
_snapshot("without root", lambda a, f: _with(a, f, edit=lambda c: c["meta"].pop("root")))
_snapshot("of another root", lambda a, f: _with(a, {**f, "root": a.root(2, snapshot="snapshot")}))


def _without_snapshot(files: dict[str, bytes]) -> dict[str, bytes]:
    return {role: wire for role, wire in files.items() if role != "snapshot"}


@case
def _the_snapshot_key_goes_to_the_server_and_comes_back(author: Author) -> Answers:
    files = author.begin_with_snapshot()
    author.server_key("snapshot", rotate=True)
    yield author.publish({"root": author.root(2)})
    yield author.publish({"targets": author.targets(2)})
    yield author.get("3.snapshot.json")
    files = {"root": author.root(3, snapshot="snapshot"), "targets": author.targets(3)}
    yield author.publish(files)
    yield author.publish({**files, "snapshot": author.snapshot(files, 4)})
    yield author.get("snapshot.json")


# Keys, deletion, changefeed


@case
def _keys(author: Author) -> Answers:
    author.begin()
    first = {role: author.server_keys[role] for role in ("snapshot", "timestamp")}
    for role, public in first.items():
        assert author.server_key(role).keyid == public.keyid, "the published key is given again"
        other = author.server_key(role, rotate=True)
        assert other.keyid != public.keyid, "another key is given"
        assert author.server_key(role).keyid == public.keyid, "it is not published yet"
        author.server_keys[role] = other
    yield author.publish({"root": author.root(2)})
    for role, public in first.items():
        assert author.server_key(role).keyid != public.keyid, "the new key is published"
    yield author.get("timestamp.json")
    yield author.get("snapshot.json")


@case
def _deleted_and_published_again(author: Author) -> Answers:
    files = author.begin()
    yield author.ask("DELETE", "/v2/GUN/_trust/tuf/")
    yield author.get("root.json")
    yield author.get("timestamp.json")
    yield author.get("1.root.json")
    yield author.ask("DELETE", "/v2/GUN/_trust/tuf/")
    yield author.publish(files)
    yield author.get("targets.json")
    yield author.ask("GET", "/v2/GUN/_trust/changefeed?records=10")


@case
def _changefeed_of_a_collection(author: Author) -> Answers:
    author.begin()
    for version in (2, 3, 4):
        author.publish({"targets": author.targets(version)}).raise_for_status()
    for query in ("records=0", "records=10", "records=2", "records=-2&change_id=-1"):
        yield author.ask("GET", f"/v2/GUN/_trust/changefeed?{query}")
    records = author.ask("GET", "/v2/GUN/_trust/changefeed?records=10").json()["records"]
    second, behind = records[1]["ID"], int(records[-1]["ID"]) + 1000
    for query in ("records=10", "records=1"):
        yield author.ask("GET", f"/v2/GUN/_trust/changefeed?{query}&change_id={second}")
    for query in ("records=-10", "records=-1", "records=10"):
        yield author.ask("GET", f"/v2/GUN/_trust/changefeed?{query}&change_id={behind}")
    for query in ("records=2&change_id=-1", "records=-2&change_id=-1", "records=2&change_id=0"):
        yield author.ask("GET", f"/v2/GUN/_trust/changefeed?{query}")


@case
def _files_by_hash(author: Author) -> Answers:
    files = author.begin()
    root = hashlib.sha256(files["root"]).hexdigest()
    yield author.get(f"root.{root}.json")
    yield author.get(f"root.{root.upper()}.json")
    yield author.get(f"root.{hashlib.sha512(files['root']).hexdigest()}.json")
    snapshot = author.get("snapshot.json").content
    yield author.get(f"snapshot.{hashlib.sha256(snapshot).hexdigest()}.json")
    timestamp = author.get("timestamp.json").content
    yield author.get(f"timestamp.{hashlib.sha256(timestamp).hexdigest()}.json")
