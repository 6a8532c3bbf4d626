"""Delegated roles (check matrix, rows 21 to 24 and 26)."""

import time

import pytest

from signer.constants import TARGETS
from signer.errors import ExitCode
from signer.names import RoleName
from tests.attacks.keys import bare
from tests.attacks.reading import Reader
from tests.attacks.simulator import (
    ALICE,
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    SimulatedCollection,
    in_days,
)

NESTED = "targets/alice/team"
DEEPER = "targets/alice/team/intern"


def read_paths(reader: Reader, role: str) -> tuple[str, ...]:
    return reader.read().delegations[RoleName(role)].paths


@pytest.mark.parametrize(
    ("paths", "tag", "admitted"),
    [
        ([""], "1", True),
        (["1"], "1", True),
        (["1"], "1.2", True),
        (["1.", "2."], "2.1", True),
        (["2"], "1", False),
        (["1.2"], "1", False),
        (["1*"], "1", False),
        (["*"], "1", False),
        (["/1"], "1", False),
        ([], "1", False),
    ],
)
@pytest.mark.parametrize("role", [RELEASES, GITLAB])
def test_a_role_speaks_only_about_tags_that_begin_with_its_paths(
    server: SimulatedCollection,
    reader: Reader,
    role: str,
    paths: list[str],
    tag: str,
    admitted: bool,
) -> None:
    server.delegate(role, server.signers[role], paths=paths)
    for signed in (RELEASES, GITLAB):
        server.sign_tag(signed, tag, DIGEST)
    server.publish(TARGETS, RELEASES, GITLAB)
    if admitted:
        assert reader.accepts(f":{tag}", "gitlab") == DIGEST
    elif role == RELEASES:
        reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=f":{tag}")
        reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=f"@{DIGEST}")
    else:
        verdict = reader.judge(f":{tag}")
        assert (verdict.verdict, verdict.signers) == ("accept", ())
        reader.rejects(
            "signer-missing", ExitCode.NOT_SIGNED, step=12, reference=f":{tag}", signers=("gitlab",)
        )


@pytest.mark.parametrize(
    ("parent", "child", "left"),
    [
        ([""], [""], ("",)),
        ([""], ["1", "2"], ("1", "2")),
        (["1"], ["1.2"], ("1.2",)),
        (["1"], [""], ()),
        (["1.2"], ["1"], ()),
        (["1"], ["2", "1.5"], ("1.5",)),
        ([], [""], ()),
    ],
)
def test_a_nested_roles_paths_are_cut_to_its_parents(
    server: SimulatedCollection,
    reader: Reader,
    parent: list[str],
    child: list[str],
    left: tuple[str, ...],
) -> None:
    server.delegate(ALICE, [bare("alice")], paths=parent)
    server.delegate(NESTED, [bare("team")], paths=child)
    server.delegate(DEEPER, [bare("intern")], paths=[""])
    server.publish(TARGETS, ALICE, NESTED, DEEPER)
    assert read_paths(reader, NESTED) == left
    assert read_paths(reader, DEEPER) == tuple(path for path in left if path == "")


def test_a_nested_role_is_named_as_signer_but_releases_nothing(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.delegate(NESTED, [bare("team")])
    server.sign_tag(NESTED, "1", DIGEST)
    server.sign_tag(NESTED, "2", DIGEST)
    server.publish(TARGETS, ALICE, NESTED)
    assert reader.judge().signers == ("gitlab", "alice/team")
    reader.rejects("not-signed", ExitCode.NOT_SIGNED, step=10, reference=":2")
    reader.rejects("signer-missing", ExitCode.NOT_SIGNED, step=12, signers=("alice",))


@pytest.mark.parametrize(
    "name",
    [
        "targets",
        "root",
        "snapshot",
        "timestamp",
        "releases",
        "targets/",
        "targets//x",
        "targets/x/y",
        "targets/Alice",
        "targets/../root",
        "targets/.",
        "targets/x\n",
        "targets/\x1b[2J",
        "targets/*",
        "targets/" + "x" * 300,
        "",
    ],
)
def test_targets_that_delegate_to_a_name_not_directly_below_are_refused(
    server: SimulatedCollection, reader: Reader, name: str
) -> None:
    entry = {"keyids": [], "name": name, "paths": [""], "threshold": 1}
    server.changes[TARGETS] = lambda content: content["delegations"]["roles"].append(entry)
    server.publish(TARGETS)
    error = reader.refuses("malformed", ExitCode.TRUST_DATA, step=8)
    assert "\x1b" not in error.message
    assert "\n" not in error.message


@pytest.mark.parametrize(
    "name", [TARGETS, ALICE, RELEASES, GITLAB, "targets/other", DEEPER, "root", "targets/bob/x"]
)
def test_a_delegate_that_delegates_beside_or_above_itself_harms_only_itself(
    server: SimulatedCollection, reader: Reader, name: str
) -> None:
    """Cycles are impossible: a child's name is longer than its parent's."""
    server.delegate(ALICE, [bare("alice")])
    server.sign_tag(ALICE, "1", DIGEST)
    entries = [
        {"keyids": [], "name": NESTED, "paths": [""], "threshold": 1},
        {"keyids": [], "name": name, "paths": [""], "threshold": 1},
    ]
    server.changes[ALICE] = lambda content: content["delegations"].update(roles=entries)
    server.publish(TARGETS, ALICE)
    assert reader.accepts(":1", "gitlab") == DIGEST
    assert RoleName(NESTED) not in reader.read().delegations
    reader.rejects("malformed", ExitCode.TRUST_DATA, step=12, signers=("alice",))


def test_a_role_delegated_twice_is_malformed(server: SimulatedCollection, reader: Reader) -> None:
    """The second entry would lower the first one's threshold, or bring other keys."""

    def twice(content: dict[str, dict[str, list[dict[str, object]]]]) -> None:
        roles = content["delegations"]["roles"]
        roles.append(roles[0] | {"keyids": []})

    server.changes[TARGETS] = twice
    server.publish(TARGETS)
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=8)


def test_a_delegation_to_keys_that_are_not_there_is_refused(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.changes[TARGETS] = lambda content: content["delegations"].update(keys={})
    server.publish(TARGETS)
    reader.refuses("malformed", ExitCode.TRUST_DATA, step=8)


def test_a_delegation_to_no_key_is_signed_by_nobody(
    server: SimulatedCollection, reader: Reader
) -> None:
    def without_keys(content: dict[str, dict[str, list[dict[str, object]]]]) -> None:
        for role in content["delegations"]["roles"]:
            role["keyids"] = []

    server.changes[TARGETS] = without_keys
    server.publish(TARGETS)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=10)


def test_a_threshold_of_two_wants_both_delegates(
    server: SimulatedCollection, reader: Reader
) -> None:
    pair = [bare("one"), bare("two")]
    server.delegate(GITLAB, pair, threshold=2)
    server.publish(TARGETS, GITLAB)
    assert reader.accepts(":1", "gitlab") == DIGEST
    server.signers[GITLAB] = pair[:1]
    server.publish(GITLAB)
    reader.rejects("threshold-not-met", ExitCode.TRUST_DATA, step=12, signers=("gitlab",))


def test_an_invalid_delegation_beside_valid_ones_does_no_harm(
    server: SimulatedCollection, reader: Reader
) -> None:
    for name, how in {"expired": 0, "unsigned": 1, "strange": 2}.items():
        role = f"targets/{name}"
        server.delegate(role, [bare(name)])
        server.sign_tag(role, "1", OTHER)
        if how == 0:
            server.content[role].expires = in_days(-1)
        elif how == 1:
            server.signers[role] = [bare("stranger")]
        else:
            server.changes[role] = lambda content: content.update(_type="Snapshot")
        server.publish(TARGETS, role)
    collection = reader.read()
    assert {name: error.code for name, error in collection.invalid.items()} == {
        "targets/expired": "metadata-expired",
        "targets/unsigned": "threshold-not-met",
        "targets/strange": "malformed",
    }
    assert reader.accepts(":1", "gitlab") == DIGEST


def test_an_invalid_delegation_delegates_nothing(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.delegate(NESTED, [bare("team")])
    server.content[ALICE].expires = in_days(-1)
    server.sign_tag(NESTED, "1", DIGEST)
    server.publish(TARGETS, ALICE, NESTED)
    collection = reader.read()
    assert RoleName(NESTED) not in collection.delegations
    assert RoleName(NESTED) not in collection.roles


def test_a_file_that_nobody_delegates_to_is_not_even_fetched(
    server: SimulatedCollection, reader: Reader
) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.publish(ALICE)  # the snapshot names it, targets does not
    assert RoleName(ALICE) not in reader.read().roles
    assert ALICE not in {request[0] for request in server.asked}


def test_ten_thousand_delegations_are_read_in_bounded_time(
    server: SimulatedCollection, reader: Reader
) -> None:
    entries = [
        {"keyids": [], "name": f"targets/s{number}", "paths": [""], "threshold": 1}
        for number in range(10_000)
    ]
    server.changes[TARGETS] = lambda content: content["delegations"]["roles"].extend(entries)
    server.publish(TARGETS)
    begun = time.process_time()
    assert reader.accepts(":1", "gitlab") == DIGEST
    assert time.process_time() - begun < 20


def test_too_many_delegations_are_refused(
    server: SimulatedCollection, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signer.trust.collection.MAX_DELEGATIONS", 3)
    server.delegate(ALICE, [bare("alice")])
    server.publish(TARGETS, ALICE)
    assert reader.accepts() == DIGEST
    server.delegate(NESTED, [bare("team")])
    server.publish(ALICE)
    assert reader.accepts() == DIGEST  # alice's own fault and loss
    reader.rejects("too-many-delegations", ExitCode.TRUST_DATA, step=12, signers=("alice",))
    server.delegate("targets/bob", [bare("bob")])
    server.publish(TARGETS)
    reader.refuses("too-many-delegations", ExitCode.TRUST_DATA, step=8)


def test_a_tower_of_delegations_ends(server: SimulatedCollection, reader: Reader) -> None:
    role = "targets"
    for _ in range(40):
        role += "/d"
        server.delegate(role, [bare("tower")])
    server.sign_tag(role, "1", OTHER)
    server.publish(*[name for name in server.content if name.startswith("targets")])
    collection = reader.read()
    [(lowest, error)] = collection.invalid.items()
    assert error.code == "too-many-delegations"
    assert lowest.count("/") == 32
    assert reader.accepts() == DIGEST
