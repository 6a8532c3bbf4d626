"""Cases of what the server does beside: snapshots, keys, deletion, changefeed (NP 5, 5.1)."""

import hashlib
from collections.abc import Callable

from tests.interop.embedded_notary.author import Author, in_days, put
from tests.interop.embedded_notary.cases import CASES, Answers, case


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


@case
def _a_publisher_with_a_snapshot_that_was_overtaken(author: Author) -> Answers:
    """Its snapshot names a file that has a newer version by then."""
    delegations = {"targets/a": "a", "targets/b": "b"}
    files = _without_snapshot(author.begin_with_snapshot(delegations=delegations))
    first, second = author.targets(1, signer="a"), author.targets(2, signer="a")
    for version, wire in ((2, first), (3, second)):
        snapshot = author.snapshot({**files, "targets/a": wire}, version)
        yield author.publish({"targets/a": wire, "snapshot": snapshot})
    other = author.targets(1, signer="b")
    snapshot = author.snapshot({**files, "targets/a": first, "targets/b": other}, 3)
    yield author.publish({"targets/b": other, "snapshot": snapshot})
    yield author.get("targets/b.json")
    yield author.get("snapshot.json")


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
