"""Cases of roots: the first of a collection, and those after it (NP 5.1 item 2)."""

from collections.abc import Callable

from tests.interop.embedded_notary.author import Author, Content, Edit, entry, in_days, key, put
from tests.interop.embedded_notary.cases import CASES, Answers, case


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
