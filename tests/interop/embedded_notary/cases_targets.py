"""Cases of targets and delegations (NP 5.1 item 3)."""

from collections.abc import Callable

from tests.interop.embedded_notary.author import Author, Content, in_days, put
from tests.interop.embedded_notary.cases import CASES, Answers, case


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
