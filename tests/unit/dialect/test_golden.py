"""Files of the Go programs are read, verified along the chain, and kept byte for byte."""

import copy
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from signer.dialect.codec import NotaryRoot, PrefixRole
from signer.dialect.envelope import Envelope, file_hashes
from signer.dialect.keys import NotaryKey
from signer.dialect.lint import prove_wire
from tests.unit.dialect import golden as g


def envelope(name: str) -> Envelope:
    return Envelope.from_bytes(g.golden(name))


def key(keys: Mapping[str, object], keyid: str) -> NotaryKey:
    found = keys[keyid]
    assert isinstance(found, NotaryKey)
    return found


@pytest.mark.parametrize("name", g.FILES)
def test_a_file_is_written_again_byte_for_byte(name: str) -> None:
    assert envelope(name).to_bytes() == g.golden(name)


@pytest.mark.parametrize("name", g.FILES)
def test_a_file_of_the_go_programs_passes_the_proof(name: str) -> None:
    prove_wire(g.golden(name), where=name)


@pytest.mark.parametrize("name", g.FILES)
def test_the_payload_is_what_the_wire_form_holds_where_nothing_is_escaped(name: str) -> None:
    wire = g.golden(name)
    begin, end = len(b'{"signed":'), wire.index(b',"signatures":[')
    assert envelope(name).payload == wire[begin:end]


def test_the_chain_verifies_from_the_pinned_root_to_every_delegation() -> None:
    first, second = envelope("1.root.json"), envelope("2.root.json")
    old, new = first.signed_as(Root), second.signed_as(Root)
    old.verify_delegate("root", first.payload, first.signatures)
    old.verify_delegate("root", second.payload, second.signatures)
    new.verify_delegate("root", second.payload, second.signatures)
    for role in ("timestamp", "snapshot", "targets"):
        file = envelope(f"{role}.json")
        new.verify_delegate(role, file.payload, file.signatures)
    targets = envelope("targets.json").signed_as(Targets)
    for role in ("targets/releases", "targets/alice"):
        file = envelope(f"{role}.json")
        targets.verify_delegate(role, file.payload, file.signatures)


def test_the_snapshot_key_of_root_1_is_no_longer_that_of_root_2() -> None:
    old, new = (envelope(f"{n}.root.json").signed_as(Root) for n in (1, 2))
    assert set(old.roles["snapshot"].keyids).isdisjoint(new.roles["snapshot"].keyids)


@pytest.mark.parametrize("changed", ["timestamp", "snapshot", "targets"])
def test_one_changed_bit_of_a_signature_verifies_nothing(changed: str) -> None:
    root, file = envelope("root.json").signed_as(Root), envelope(f"{changed}.json")
    (signature,) = file.signatures.values()
    signature.signature = f"{int(signature.signature, 16) ^ 1:0{len(signature.signature)}x}"
    assert not root.get_verification_result(changed, file.payload, file.signatures)


def test_a_signature_of_another_role_does_not_count() -> None:
    root, file = envelope("root.json").signed_as(Root), envelope("snapshot.json")
    assert not root.get_verification_result("timestamp", file.payload, file.signatures)


def test_every_meta_entry_is_the_length_and_the_hashes_of_the_file() -> None:
    snapshot = envelope("snapshot.json").signed_as(Snapshot)
    for role in ("root", "targets", "targets/releases", "targets/alice"):
        wire = g.golden(f"{role}.json")
        assert snapshot.meta[role].length == len(wire)
        assert snapshot.meta[role].hashes == {
            "sha256": hashlib.sha256(wire).hexdigest(),
            "sha512": hashlib.sha512(wire).hexdigest(),
        }
        snapshot.meta[role].verify_length_and_hashes(wire)
    timestamp = envelope("timestamp.json").signed_as(Timestamp)
    timestamp.snapshot_meta.verify_length_and_hashes(g.golden("snapshot.json"))


def test_file_hashes_are_those_of_the_readme() -> None:
    expected = "2422f7dbce41d47f7f90b8dfb7d5a9b3cf21dcae5a3638da0779e4f755e6aa65"
    hashes = file_hashes(g.golden("snapshot.json"))
    assert hashes["sha256"] == expected
    assert set(hashes) == {"sha256", "sha512"}


@pytest.mark.parametrize(
    ("name", "version", "expires"),
    [
        ("1.root.json", 1, datetime(2036, 11, 18, 23, 29, 23, tzinfo=UTC)),
        ("2.root.json", 2, datetime(2036, 11, 18, 23, 29, 24, tzinfo=UTC)),
        ("timestamp.json", 6, datetime(2026, 12, 5, 23, 29, 24, tzinfo=UTC)),
        ("snapshot.json", 7, datetime(2029, 11, 20, 23, 29, 24, tzinfo=UTC)),
        ("targets.json", 4, datetime(2029, 11, 20, 23, 29, 24, tzinfo=UTC)),
        ("targets/releases.json", 1, datetime(2029, 11, 20, 23, 29, 24, tzinfo=UTC)),
    ],
)
def test_version_and_expiry_are_read(name: str, version: int, expires: datetime) -> None:
    signed = envelope(name).signed
    assert (signed.version, signed.expires) == (version, expires)
    assert not signed.is_expired(g.REFERENCE_TIME)


def test_targets_and_custom_data_are_read() -> None:
    signed = envelope("targets.json").signed_as(Targets)
    assert sorted(signed.targets) == ["v1.0", "v1.1"]
    assert signed.targets["v1.0"].custom is None
    assert signed.targets["v1.1"].custom == {"n": 3, "note": "ab"}
    hello = hashlib.sha256(b"hello\n").hexdigest()
    assert (signed.targets["v1.0"].length, signed.targets["v1.0"].hashes["sha256"]) == (6, hello)
    assert sorted(envelope("targets/releases.json").signed_as(Targets).targets) == ["eu/v2"]
    assert sorted(envelope("targets/alice.json").signed_as(Targets).targets) == ["v3"]


def test_delegations_are_read_in_order_with_their_keys_and_prefixes() -> None:
    delegations = envelope("targets.json").signed_as(Targets).delegations
    assert delegations is not None
    assert delegations.roles is not None
    listed = g.document("targets.json")["signed"]["delegations"]["roles"]
    assert list(delegations.roles) == [role["name"] for role in listed]
    for role in listed:
        found = delegations.roles[role["name"]]
        assert isinstance(found, PrefixRole)
        assert (found.keyids, found.threshold) == (role["keyids"], role["threshold"])
        assert found.paths == role.get("paths", [])
    assert set(delegations.roles["targets/releases"].keyids) == {g.ALICE_KEY_ID, g.BOB_KEY_ID}
    assert delegations.roles["targets/releases"].threshold == 1


@pytest.mark.parametrize(
    ("file", "keyid", "canonical", "keytype", "method"),
    [
        ("root.json", g.ROOT_KEY_ID, g.ROOT_CANONICAL_ID, "ecdsa-x509", "ecdsa"),
        ("targets.json", g.ALICE_KEY_ID, g.ALICE_CANONICAL_ID, "ecdsa-x509", "ecdsa"),
        ("targets.json", g.BOB_KEY_ID, g.BOB_CANONICAL_ID, "rsa-x509", "rsapss"),
    ],
)
def test_a_certificate_key_has_the_two_ids_that_the_go_programs_showed(
    file: str, keyid: str, canonical: str, keytype: str, method: str
) -> None:
    signed = envelope(file).signed
    keys = signed.keys if isinstance(signed, Root) else signed.delegations.keys  # type: ignore[union-attr] # one of two
    found = key(keys, keyid)
    assert (found.keytype, found.method) == (keytype, method)
    assert found.canonical_id == canonical
    certificate = found.certificate()
    assert certificate is not None


def test_the_root_certificate_names_the_collection() -> None:
    signed = envelope("root.json").signed_as(Root)
    certificate = key(signed.keys, g.ROOT_KEY_ID).certificate()
    assert certificate is not None
    assert certificate.subject.rfc4514_string() == "CN=docker.io/acme/app"


def test_a_bare_key_has_one_id() -> None:
    signed = envelope("root.json").signed_as(Root)
    bare = [k for k in signed.keys.values() if not k.keytype.endswith("-x509")]
    assert {k.keytype for k in bare} == {"ecdsa", "ed25519"}
    assert all(isinstance(k, NotaryKey) and k.canonical_id == k.keyid for k in bare)


def test_a_root_can_be_copied_after_it_has_verified_something() -> None:
    file = envelope("root.json")
    root = file.signed_as(NotaryRoot)
    root.verify_delegate("root", file.payload, file.signatures)
    assert copy.deepcopy(root) == root


@pytest.mark.parametrize("name", g.FILES)
def test_decoding_leaves_its_input_as_it_was(name: str) -> None:
    file = envelope(name)
    _ = file.signed
    assert file.content == g.document(name)["signed"]
