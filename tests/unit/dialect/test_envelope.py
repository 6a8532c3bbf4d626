"""The envelope: signing, countersigning, and what a payload class may hold when it is written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from securesystemslib.signer import Signature
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Delegations, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError, SerializationError

from signer.dialect.codec import NotaryRoot, PrefixRole, decode_as, encode
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError, UnwritableError
from signer.dialect.time import format_time, is_go_time, parse_time
from tests.unit.dialect import golden as g
from tests.unit.dialect.plain_signer import PlainSigner

EXPIRES = datetime(2029, 11, 20, tzinfo=UTC)


def new_targets(**fields: Any) -> Targets:  # noqa: ANN401 - of Targets
    return Targets(1, None, EXPIRES, **fields)


def test_a_new_file_has_the_empty_parts_that_go_writes() -> None:
    assert Envelope.from_signed(new_targets()).to_bytes() == (
        b'{"signed":{"_type":"Targets","delegations":{"keys":{},"roles":[]},'
        b'"expires":"2029-11-20T00:00:00Z","targets":{},"version":1},"signatures":[]}'
    )


def test_a_signed_file_has_the_signature_as_go_writes_it() -> None:
    content = Envelope.from_signed(new_targets()).content
    envelope = Envelope(content, [Signature("ab" * 32, "0102", {"method": "ecdsa"})])
    assert envelope.to_bytes().endswith(
        b'"signatures":[{"keyid":"' + b"ab" * 32 + b'","method":"ecdsa","sig":"AQI="}]}'
    )


def test_paths_are_left_out_where_there_are_none() -> None:
    signed = new_targets()
    assert signed.delegations is None
    everything = PrefixRole("targets/a", [], 1, False, [""], None)
    nothing = PrefixRole("targets/b", [], 1, False, [], None)
    signed.delegations = Delegations({}, {"targets/a": everything, "targets/b": nothing})
    assert encode(signed)["delegations"]["roles"] == [
        {"keyids": [], "name": "targets/a", "paths": [""], "threshold": 1},
        {"keyids": [], "name": "targets/b", "threshold": 1},
    ]


def test_a_countersignature_leaves_the_payload_and_the_first_signature_as_they_were() -> None:
    envelope = Envelope.from_bytes(g.golden("targets/releases.json"))
    payload, before = envelope.payload, dict(envelope.signatures)
    second = PlainSigner.bare("p256")
    envelope.sign(second)
    again = Envelope.from_bytes(envelope.to_bytes())
    assert again.payload == payload
    assert list(again.signatures) == [*before, second.notary.keyid]
    delegator = Envelope.from_bytes(g.golden("targets.json")).signed_as(Targets)
    delegator.verify_delegate("targets/releases", again.payload, again.signatures)
    second.notary.verify_signature(again.signatures[second.notary.keyid], again.payload)


def test_signing_twice_replaces_the_signature() -> None:
    envelope, signer = Envelope.from_signed(new_targets()), PlainSigner.bare("p256")
    envelope.sign(signer)
    first = envelope.signatures[signer.notary.keyid].signature
    envelope.sign(signer)
    assert list(envelope.signatures) == [signer.notary.keyid]
    assert envelope.signatures[signer.notary.keyid].signature != first


@pytest.mark.parametrize(
    ("file", "cls"),
    [
        ("root.json", Root),
        ("root.json", NotaryRoot),
        ("targets.json", Targets),
        ("snapshot.json", Snapshot),
        ("timestamp.json", Timestamp),
    ],
)
def test_a_file_is_decoded_once_and_as_its_class(file: str, cls: Any) -> None:  # noqa: ANN401 - a class
    envelope = Envelope.from_bytes(g.golden(file))
    assert isinstance(envelope.signed_as(cls), cls)
    assert envelope.signed_as(cls) is envelope.signed


@pytest.mark.parametrize("early", [True, False])
def test_a_file_of_another_type_is_malformed(early: bool) -> None:
    envelope = Envelope.from_bytes(g.golden("snapshot.json"))
    if early:
        _ = envelope.signed
    with pytest.raises(MalformedError, match=r"Snapshot|Timestamp"):
        envelope.signed_as(Timestamp)
    with pytest.raises(MalformedError):
        decode_as(Root, envelope.content)


def test_old_roles_of_a_root_are_kept_when_it_is_written() -> None:
    wire = g.edited(
        "root.json", lambda w: w["signed"]["roles"].update({"root.1": w["signed"]["roles"]["root"]})
    )
    root = Envelope.from_bytes(wire).signed_as(NotaryRoot)
    assert set(root.roles) == {"root", "targets", "snapshot", "timestamp"}
    assert isinstance(root, NotaryRoot)
    assert set(root.other_roles) == {"root.1"}
    assert set(encode(root)["roles"]) == {"root", "targets", "snapshot", "timestamp", "root.1"}


def test_a_root_of_pythons_own_class_is_written_too() -> None:
    ours = Envelope.from_bytes(g.golden("root.json")).signed_as(Root)
    stock = Root(2, None, ours.expires, ours.keys, ours.roles, False)
    assert encode(stock) == encode(ours)


@pytest.mark.parametrize(
    "signed",
    [
        new_targets(unrecognized_fields={"x": 1}),
        new_targets(targets={"a": TargetFile(1, {"sha256": "00" * 32}, "a", {"x": 1})}),
        new_targets(
            targets={"a": TargetFile(1, {"sha256": "00" * 32}, "a", {"custom": 1, "x": 1})}
        ),
        Snapshot(
            1,
            None,
            EXPIRES,
            {"root": MetaFile(1, 1, {"sha256": "00" * 32}, {"custom": 1})},
        ),
    ],
    ids=["signed", "target", "target with custom", "meta"],
)
def test_a_field_that_the_server_would_drop_is_never_written(signed: Any) -> None:  # noqa: ANN401 - Signed
    with pytest.raises(UnwritableError, match="server drops"):
        encode(signed)


def test_versions_of_meta_entries_are_never_written() -> None:
    meta = {name: MetaFile(7, 1, {"sha256": "00" * 32}) for name in ("root", "targets")}
    encoded = encode(Snapshot(1, None, EXPIRES, meta))
    assert encoded["meta"]["root"] == {
        "hashes": {"sha256": "A" * 43 + "="},
        "length": 1,
    }
    assert "spec_version" not in encoded


@pytest.mark.parametrize(
    ("paths", "target", "admitted"),
    [
        ([""], "v1", True),
        (["eu/"], "eu/v2", True),
        (["eu/"], "eu", False),
        (["eu/"], "us/eu/v2", False),
        (["v1", "v2"], "v2.0", True),
        (["*"], "v1", False),
        (["v?"], "v1", False),
        (["v[12]"], "v1", False),
        ([], "v1", False),
    ],
)
def test_paths_are_plain_prefixes(paths: list[str], target: str, admitted: bool) -> None:
    role = PrefixRole("targets/a", [], 1, False, paths, None)
    assert role.is_delegated_path(target) is admitted


def test_errors_about_metadata_are_caught_by_tufs_own_classes() -> None:
    with pytest.raises(DeserializationError):
        Envelope.from_bytes(b"")
    with pytest.raises(SerializationError):
        encode(new_targets(unrecognized_fields={"x": 1}))
    with pytest.raises(RepositoryError):
        Envelope.from_bytes(b"{}")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2029-11-20T23:29:24Z", datetime(2029, 11, 20, 23, 29, 24, tzinfo=UTC)),
        ("2029-11-20T23:29:24.999999999Z", datetime(2029, 11, 20, 23, 29, 24, tzinfo=UTC)),
        ("2029-11-20T23:29:24+02:00", datetime(2029, 11, 20, 21, 29, 24, tzinfo=UTC)),
        ("2029-11-20T23:29:24.5-03:30", datetime(2029, 11, 21, 2, 59, 24, tzinfo=UTC)),
        ("2028-02-29T00:00:00Z", datetime(2028, 2, 29, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_early_rather_than_late(text: str, moment: datetime) -> None:
    found = parse_time(text)
    assert found == moment
    assert found.tzinfo is UTC


def test_a_time_is_written_in_utc_with_whole_seconds() -> None:
    moment = parse_time("2029-11-20T23:29:24.75+02:00")
    assert format_time(moment) == "2029-11-20T21:29:24Z"


@pytest.mark.parametrize(
    ("text", "go"),
    [
        ("2029-11-20T23:29:24Z", True),
        ("2029-11-20T23:29:24.1Z", True),
        ("2029-11-20T23:29:24.123456789Z", True),
        ("2029-11-20T23:29:24.10Z", False),
        ("2029-11-20T23:29:24.000000001Z", True),
        ("2029-11-20T23:29:24.0Z", False),
        ("2029-11-20T23:29:24+02:00", True),
        ("2029-11-20T23:29:24+00:30", True),
        ("2029-11-20T23:29:24+00:00", False),
        ("2029-11-20T23:29:24-00:00", False),
        ("2029-11-20T23:29:24+02:99", False),
        ("tomorrow", False),
    ],
)
def test_times_that_go_would_write_otherwise_are_told_apart(text: str, go: bool) -> None:
    assert is_go_time(text) is go
