"""Bundles: the verdict that online would give, and every way of tampering with one."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signer.constants import ROOT, SNAPSHOT, TARGETS, TIMESTAMP
from signer.errors import ExitCode, SignerError
from signer.keys.signers import FileSigner
from signer.trust import bundle_signature
from signer.trust.bundle import MAX_BUNDLE_SIZE, parse_bundle
from signer.trust.bundle import read_bundle as read_bundle_file
from signer.trust.bundle_source import bundle_source, check_not_older
from signer.trust.pinning import Pins
from tests.attacks.bundles import (
    MAKER,
    ORIGIN,
    STRANGER,
    altered,
    judged,
    opened,
    read_bundle,
    sealed,
    taken,
    told,
)
from tests.attacks.keys import GUN, NOW, bare, certified, private_key
from tests.attacks.reading import TOFU, Reader
from tests.attacks.simulator import (
    ALICE,
    DIGEST,
    GITLAB,
    OTHER,
    RELEASES,
    SimulatedCollection,
    in_days,
)

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def elsewhere(server: SimulatedCollection, tmp_path: Path) -> Reader:
    """A reader without a network, who has never seen the collection."""
    return Reader(server, tmp_path / "elsewhere")


def refused(act: Callable[[], object], code: str, exit_code: ExitCode) -> SignerError:
    with pytest.raises(SignerError) as caught:
        act()
    assert (caught.value.code, caught.value.exit_code) == (code, exit_code), caught.value
    return caught.value


# The verdict that online would give


def _as_it_is(server: SimulatedCollection) -> None:
    server.publish()


def _moved(server: SimulatedCollection) -> None:
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(RELEASES)


def _revoked(server: SimulatedCollection) -> None:
    del server.targets(RELEASES).targets["1"]
    server.publish(RELEASES)


def _with_expired_signer(server: SimulatedCollection) -> None:
    server.content[GITLAB].expires = in_days(-1)
    server.publish(GITLAB)


def _with_forged_signer(server: SimulatedCollection) -> None:
    server.signers[GITLAB] = [bare("a stranger")]
    server.publish(GITLAB)


def _with_forged_releases(server: SimulatedCollection) -> None:
    server.signers[RELEASES] = [bare("a stranger")]
    server.publish(RELEASES)


def _with_unpublished_signer(server: SimulatedCollection) -> None:
    server.delegate(ALICE, [bare("alice")])
    server.publish(TARGETS)


def _with_nested_delegation(server: SimulatedCollection) -> None:
    server.delegate(f"{GITLAB}/deputy", [bare("deputy")])
    server.sign_tag(f"{GITLAB}/deputy", "1", DIGEST)
    server.publish(GITLAB, f"{GITLAB}/deputy")


def _with_rotated_root(server: SimulatedCollection) -> None:
    server.rotate_root(certified("second root"))
    server.rotate_root(certified("third root"))


@pytest.mark.parametrize(
    "change",
    [
        _as_it_is,
        _moved,
        _revoked,
        _with_expired_signer,
        _with_forged_signer,
        _with_forged_releases,
        _with_unpublished_signer,
        _with_nested_delegation,
        _with_rotated_root,
    ],
)
def test_the_verdicts_are_those_of_online(
    server: SimulatedCollection,
    reader: Reader,
    elsewhere: Reader,
    change: Callable[[SimulatedCollection], None],
) -> None:
    change(server)
    bundle = opened(sealed(taken(reader)))
    online = reader.read()
    server.asked.clear()
    offline = read_bundle(elsewhere, bundle)
    assert server.asked == []
    assert {name: role.wire for name, role in offline.roles.items()} == {
        name: role.wire for name, role in online.roles.items()
    }
    for reference in (":1", ":2", f"@{DIGEST}", f"@{OTHER}", f":1@{DIGEST}"):
        for signers in ((), ("gitlab",), ("alice",)):
            expected = told(judged(online, reference, *signers))
            assert told(judged(offline, reference, *signers)) == expected


def test_of_several_collections_each_is_read_by_its_own_files(
    reader: Reader, elsewhere: Reader, tmp_path: Path
) -> None:
    other = SimulatedCollection.with_signers("gitlab", gun="registry.example.com/shop/other")
    other.sign_tag(RELEASES, "1", OTHER)
    other.publish(RELEASES)
    there = Reader(other, tmp_path / "other")
    bundle = opened(sealed(taken(reader), taken(there)))
    assert judged(read_bundle(elsewhere, bundle, vouched=True), ":1").digest == DIGEST
    there.forget_all()
    assert judged(read_bundle(there, bundle, vouched=True), ":1").digest == OTHER


def test_a_bundle_is_read_by_a_pin_on_any_root_that_the_server_still_has(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader
) -> None:
    server.rotate_root(certified("second root"))
    server.rotate_root(certified("third root"))
    bundled = taken(reader)
    assert len(bundled.roots) == 2
    bundle = opened(sealed(bundled))
    for name in (f"{GUN} root", "second root", "third root"):
        pins = Pins.load([bare(name).keyid])  # the canonical id
        assert read_bundle(elsewhere, bundle, pins=pins).root.version == 3
        elsewhere.forget_all()
    wrong = Pins.load(["0" * 64])
    refused(lambda: read_bundle(elsewhere, bundle, pins=wrong), "pin-mismatch", ExitCode.TRUST_DATA)


def test_who_knows_an_older_root_walks_up_in_the_bundle(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader
) -> None:
    elsewhere.read()
    server.rotate_root(certified("second root"))
    server.rotate_root(certified("third root"))
    bundle = opened(sealed(taken(reader)))
    elsewhere.pins = Pins()
    assert read_bundle(elsewhere, bundle, pins=Pins()).root.version == 3


def test_old_roots_of_another_chain_are_left_out(
    server: SimulatedCollection, reader: Reader
) -> None:
    first = server.files[ROOT]
    server.rotate_root(certified("second root"))
    reader.read()
    other = SimulatedCollection.with_signers("gitlab", gun="other.example.com/a/b")
    server.archive[ROOT, "", 1] = other.files[ROOT]
    assert taken(reader).roots == ()
    server.archive[ROOT, "", 1] = first
    assert taken(reader).roots == (first,)


def test_without_a_pin_nothing_in_a_bundle_is_trusted(reader: Reader, elsewhere: Reader) -> None:
    bundle = opened(sealed(taken(reader)))
    elsewhere.pins = None
    refused(lambda: read_bundle(elsewhere, bundle, pins=Pins()), "no-pin", ExitCode.USAGE)


def test_the_maker_s_signature_stands_in_for_a_pin(reader: Reader, elsewhere: Reader) -> None:
    bundle = opened(sealed(taken(reader)))
    assert judged(read_bundle(elsewhere, bundle, vouched=True), ":1").digest == DIGEST
    later = read_bundle(elsewhere, bundle, pins=Pins())
    assert judged(later, ":1").digest == DIGEST, "its root is known now"


def test_the_maker_cannot_replace_a_root_that_is_known(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader
) -> None:
    elsewhere.read()
    thief = SimulatedCollection(server.gun)
    thief.signers[ROOT] = [certified("thief root")]
    thief.set_root_keys(*thief.signers[ROOT])
    for role in (RELEASES, GITLAB):
        thief.delegate(role, [bare("thief")])
    thief.publish(*thief.content)
    stolen = Reader(thief, elsewhere.trust_dir.parent / "thief", pins=TOFU)
    bundle = opened(sealed(taken(stolen)))
    with pytest.raises(SignerError) as caught:
        read_bundle(elsewhere, bundle, vouched=True)
    assert caught.value.exit_code == ExitCode.TRUST_DATA


# Freshness


def test_an_older_bundle_than_what_was_seen_is_a_rollback(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader
) -> None:
    old = opened(sealed(taken(reader)))
    _moved(server)
    new = opened(sealed(taken(reader)))
    assert judged(read_bundle(elsewhere, old), ":1").digest == DIGEST
    assert judged(read_bundle(elsewhere, new), ":1").digest == OTHER
    refused(lambda: read_bundle(elsewhere, old), "rollback", ExitCode.TRUST_DATA)
    elsewhere.forget_cache()
    refused(lambda: read_bundle(elsewhere, old), "rollback", ExitCode.TRUST_DATA)
    refused(lambda: read_bundle(elsewhere, old, vouched=True), "rollback", ExitCode.TRUST_DATA)


def test_a_bundle_raises_the_marks_for_the_server_too(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader
) -> None:
    before = server.save()
    _moved(server)
    read_bundle(elsewhere, opened(sealed(taken(reader))))
    server.serve(before)
    elsewhere.refuses("rollback", ExitCode.TRUST_DATA, step=5)


def test_a_bundle_expires_with_what_is_in_it(reader: Reader, elsewhere: Reader) -> None:
    bundle = opened(sealed(taken(reader)))
    elsewhere.now = NOW + timedelta(days=13)
    read_bundle(elsewhere, bundle)
    elsewhere.now = NOW + timedelta(days=15)
    error = refused(lambda: read_bundle(elsewhere, bundle), "metadata-expired", ExitCode.EXPIRED)
    assert error.step == 5


def test_a_bundle_is_no_contact_with_the_server(reader: Reader, elsewhere: Reader) -> None:
    read_bundle(elsewhere, opened(sealed(taken(reader))))
    assert elsewhere.cache.read(TIMESTAMP)
    assert elsewhere.cache.confirmed() is None


def test_an_update_refuses_what_is_older_than_the_bundle(
    server: SimulatedCollection, reader: Reader
) -> None:
    old = server.save()
    _moved(server)
    former = taken(reader)
    check_not_older(former, reader.read())
    reader.forget_all()
    server.serve(old)
    stale = reader.read()
    error = refused(lambda: check_not_older(former, stale), "rollback", ExitCode.TRUST_DATA)
    assert "version" in str(error)


def test_an_update_refuses_a_role_that_is_delegated_but_gone(
    server: SimulatedCollection, reader: Reader
) -> None:
    former = taken(reader)
    reader.forget_all()
    server.unpublished.add(RELEASES)
    server.publish()
    stale = reader.read()
    refused(lambda: check_not_older(former, stale), "rollback", ExitCode.TRUST_DATA)


# Tampering


def _collection(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["signed"]["collections"][0]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["signed"].update(created="2031-01-01T00:00:00Z"),
        lambda d: d["signed"].update(policy="anything: goes"),
        lambda d: _collection(d).update(gun="registry.example.com/shop/other"),
        lambda d: _collection(d).update(pins=[]),
        lambda d: _collection(d)["files"].pop(RELEASES),
        lambda d: _collection(d)["roots"].append(_collection(d)["files"]["root"]),
        lambda d: d["signed"]["collections"].append(
            _collection(d) | {"gun": "registry.example.com/shop/other"}
        ),
    ],
    ids=["time", "policy", "name", "pins", "role", "roots", "another"],
)
def test_whatever_is_altered_the_signature_is_wrong(reader: Reader, change: Change) -> None:
    wire = sealed(taken(reader))
    refused(lambda: opened(altered(wire, change)), "bundle-signature", ExitCode.TRUST_DATA)


def _without_signatures(document: dict[str, Any]) -> None:
    document["signatures"] = []


def _with_forged_key_id(document: dict[str, Any]) -> None:
    document["signatures"][0]["keyid"] = MAKER.public_key.keyid


def _with_another_method(document: dict[str, Any]) -> None:
    document["signatures"][0]["method"] = "eddsa"


def _with_half_a_signature(document: dict[str, Any]) -> None:
    raw = base64.b64decode(document["signatures"][0]["sig"])
    document["signatures"][0]["sig"] = base64.b64encode(raw[:32]).decode()


def _with_nulls(document: dict[str, Any]) -> None:
    document["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()


@pytest.mark.parametrize(
    ("signer", "change", "code"),
    [
        (MAKER, _without_signatures, "bundle-unsigned"),
        (STRANGER, lambda _: None, "bundle-other-key"),
        (STRANGER, _with_forged_key_id, "bundle-signature"),
        (MAKER, _with_another_method, "bundle-signature"),
        (MAKER, _with_half_a_signature, "bundle-signature"),
        (MAKER, _with_nulls, "bundle-signature"),
    ],
    ids=["none", "another key", "forged id", "method", "half", "nulls"],
)
def test_a_signature_that_is_not_the_maker_s_is_refused(
    reader: Reader, signer: FileSigner, change: Change, code: str
) -> None:
    wire = sealed(taken(reader), signers=(signer,))
    refused(lambda: opened(altered(wire, change)), code, ExitCode.TRUST_DATA)


def test_a_stray_signature_beside_the_maker_s_does_no_harm(reader: Reader) -> None:
    opened(sealed(taken(reader), signers=(STRANGER, MAKER)))


def test_a_signature_of_metadata_is_none_of_a_bundle(reader: Reader) -> None:
    """A key that signs a role cannot be made to vouch for a bundle by what it signed there."""
    wire = reader.server.files[TARGETS]
    refused(lambda: opened(wire), "bundle-malformed", ExitCode.TRUST_DATA)


def _swapped(server: SimulatedCollection, role: str, other: bytes) -> Change:
    def change(document: dict[str, Any]) -> None:
        _collection(document)["files"][role] = base64.b64encode(other).decode()

    return change


@pytest.mark.parametrize("role", [ROOT, TIMESTAMP, SNAPSHOT, TARGETS, RELEASES, GITLAB])
@pytest.mark.parametrize("vouched", [True, False])
def test_a_role_s_file_of_another_collection_is_refused_though_the_bundle_is_signed(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader, role: str, vouched: bool
) -> None:
    """The maker's signature vouches for roots, not for what roots do not sign."""
    other = SimulatedCollection.with_signers("gitlab", gun="registry.example.com/shop/other")
    wire = altered(sealed(taken(reader)), _swapped(server, role, other.files[role]), signer=MAKER)
    bundle = opened(wire)
    with pytest.raises(SignerError) as caught:
        read_bundle(elsewhere, bundle, vouched=vouched)
    assert caught.value.exit_code == ExitCode.TRUST_DATA
    if role in (SNAPSHOT, TARGETS, RELEASES, GITLAB):
        assert caught.value.code == "hash-mismatch"
    assert elsewhere.states.load(elsewhere.gun) is None


@pytest.mark.parametrize("role", [TARGETS, RELEASES, GITLAB])
def test_an_older_file_among_newer_ones_is_refused(
    server: SimulatedCollection, reader: Reader, elsewhere: Reader, role: str
) -> None:
    before = server.files[role]
    server.sign_tag(RELEASES, "1", OTHER)
    server.publish(TARGETS, RELEASES, GITLAB)
    wire = altered(sealed(taken(reader)), _swapped(server, role, before), signer=MAKER)
    bundle = opened(wire)
    refused(lambda: read_bundle(elsewhere, bundle), "hash-mismatch", ExitCode.TRUST_DATA)


def test_a_bundle_that_lacks_a_named_file_says_so(reader: Reader, elsewhere: Reader) -> None:
    wire = altered(
        sealed(taken(reader)), lambda d: _collection(d)["files"].pop(GITLAB), signer=MAKER
    )
    bundle = opened(wire)
    refused(lambda: read_bundle(elsewhere, bundle), "bundle-incomplete", ExitCode.TRUST_DATA)


def test_a_bundle_of_another_collection_decides_nothing(reader: Reader, tmp_path: Path) -> None:
    other = SimulatedCollection.with_signers("gitlab", gun="registry.example.com/shop/other")
    bundle = opened(sealed(taken(Reader(other, tmp_path / "other"))))
    refused(lambda: read_bundle(reader, bundle), "not-in-bundle", ExitCode.NOT_SIGNED)
    refused(lambda: read_bundle(reader, bundle, vouched=True), "not-in-bundle", ExitCode.NOT_SIGNED)


def test_files_of_another_collection_under_this_name_are_refused(
    reader: Reader, tmp_path: Path
) -> None:
    """Even the maker cannot rename: a root's certificate is for its own collection."""
    other = SimulatedCollection.with_signers("gitlab", gun="registry.example.com/shop/other")
    wire = altered(
        sealed(taken(Reader(other, tmp_path / "other"))),
        lambda d: _collection(d).update(gun=reader.gun),
        signer=MAKER,
    )
    bundle = opened(wire)
    refused(
        lambda: read_bundle(reader, bundle, vouched=True),
        "root-certificate-name",
        ExitCode.TRUST_DATA,
    )


def test_a_stored_file_larger_than_its_parent_says_is_refused(
    reader: Reader, elsewhere: Reader
) -> None:
    padded = reader.server.files[TARGETS] + b" " * 1000
    wire = altered(sealed(taken(reader)), _swapped(reader.server, TARGETS, padded), signer=MAKER)
    bundle = opened(wire)
    refused(lambda: read_bundle(elsewhere, bundle), "hash-mismatch", ExitCode.TRUST_DATA)
    refused(
        lambda: bundle_source(bundle)(reader.gun).get_metadata(TARGETS, max_bytes=10),
        "too-large",
        ExitCode.TRUST_DATA,
    )


# Shape


def _twice(wire: bytes) -> bytes:
    return wire.replace(b'"created":', b'"created":"2026-11-22T12:00:00Z","created":', 1)


def _deep(wire: bytes) -> bytes:
    return wire.replace(b'"pins":[', b'"pins":[' + b"[" * 200_000, 1)


def _deep_unknown(wire: bytes) -> bytes:
    return b'{"x":' + b"[" * 200_000 + b"]" * 200_000 + b"," + wire[1:]


SHAPES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "empty": (lambda _: b"", "bundle-malformed"),
    "truncated": (lambda wire: wire[: len(wire) // 2], "bundle-malformed"),
    "one byte short": (lambda wire: wire[:-1], "bundle-malformed"),
    "more behind it": (lambda wire: wire + b"{}", "bundle-malformed"),
    "no UTF-8": (lambda wire: wire.replace(b'"pins":["', b'"pins":["\xff', 1), "bundle-malformed"),
    "compressed": (lambda _: b"\x1f\x8b\x08\x00" + bytes(100), "bundle-malformed"),
    "duplicate names": (_twice, "bundle-malformed"),
    "deep": (_deep, "bundle-malformed"),
    "deep where nobody looks": (_deep_unknown, "bundle-malformed"),
    "a list": (lambda _: b"[]", "bundle-malformed"),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_no_bundle_is_refused_before_any_signature(reader: Reader, shape: str) -> None:
    make, code = SHAPES[shape]
    wire = make(sealed(taken(reader)))
    error = refused(lambda: parse_bundle(wire, origin=ORIGIN), code, ExitCode.TRUST_DATA)
    assert ORIGIN in str(error)
    assert len(str(error)) < 500


CHANGES: dict[str, tuple[Change, str]] = {
    "unknown field": (lambda d: d["signed"].update(extra=1), "bundle-malformed"),
    "unknown field outside": (lambda d: d.update(extra=1), "bundle-malformed"),
    "no time": (lambda d: d["signed"].update(created="yesterday"), "bundle-malformed"),
    "no signatures": (lambda d: d.pop("signatures"), "bundle-malformed"),
    "no collections": (lambda d: d["signed"].update(collections=[]), "bundle-malformed"),
    "no base64": (lambda d: _collection(d)["files"].update(root="%%%"), "bundle-malformed"),
    "a number": (lambda d: _collection(d)["files"].update(root=1), "bundle-malformed"),
    "no GUN": (lambda d: _collection(d).update(gun="../../etc/passwd"), "bundle-malformed"),
    "a tag": (lambda d: _collection(d).update(gun=f"{GUN}:1"), "bundle-malformed"),
    "a short name": (lambda d: _collection(d).update(gun="busybox"), "bundle-malformed"),
    "no role": (lambda d: _collection(d)["files"].update({"../x": ""}), "bundle-malformed"),
    "a collection twice": (
        lambda d: d["signed"]["collections"].append(_collection(d)),
        "bundle-malformed",
    ),
    "signed twice by one key": (
        lambda d: d["signatures"].append(d["signatures"][0]),
        "bundle-malformed",
    ),
    "no timestamp": (lambda d: _collection(d)["files"].pop(TIMESTAMP), "bundle-incomplete"),
    "no root": (lambda d: _collection(d)["files"].pop(ROOT), "bundle-incomplete"),
    "too many roots": (
        lambda d: _collection(d).update(roots=[_collection(d)["files"]["root"]] * 257),
        "bundle-malformed",
    ),
    "a huge timestamp": (
        lambda d: _collection(d)["files"].update(
            timestamp=base64.b64encode(bytes(2**20 + 1)).decode()
        ),
        "bundle-malformed",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_a_bundle_cannot_hold_is_refused_even_when_it_is_signed(
    reader: Reader, name: str
) -> None:
    change, code = CHANGES[name]
    signer = None if "sign" in name else MAKER
    wire = altered(sealed(taken(reader)), change, signer=signer)
    refused(lambda: parse_bundle(wire, origin=ORIGIN), code, ExitCode.TRUST_DATA)


@pytest.mark.parametrize("schema", ["signer.bundle/2", "", "x" * 1000])
def test_another_version_is_no_attack(reader: Reader, schema: str) -> None:
    wire = altered(
        sealed(taken(reader)), lambda d: d["signed"].update(schema=schema, news=1), signer=MAKER
    )
    refused(lambda: parse_bundle(wire, origin=ORIGIN), "bundle-schema", ExitCode.USAGE)


def test_a_huge_file_is_refused_without_reading_it_all(tmp_path: Path) -> None:
    path = tmp_path / "huge.bundle"
    with path.open("wb") as file:
        file.truncate(100 * 2**30)  # sparse: it takes no space
    refused(lambda: read_bundle_file(path), "bundle-size", ExitCode.TRUST_DATA)
    assert path.stat().st_size > MAX_BUNDLE_SIZE


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    refused(lambda: read_bundle_file(tmp_path / "none"), "usage", ExitCode.USAGE)


def test_more_than_a_bundle_can_hold_is_not_written(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = taken(reader)
    monkeypatch.setattr(bundle_signature, "MAX_BUNDLE_SIZE", 1000)
    refused(lambda: sealed(bundled), "bundle-size", ExitCode.USAGE)


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ed25519.Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["rsa", "ed25519", "P-384"],
)
def test_any_kind_of_key_signs(
    reader: Reader,
    key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
) -> None:
    signer = FileSigner(key)
    wire = sealed(taken(reader), signers=(signer,))
    opened(wire, key=signer.public_key)
    refused(lambda: opened(wire), "bundle-other-key", ExitCode.TRUST_DATA)


def test_a_key_in_certificate_form_is_the_same_key(reader: Reader) -> None:
    listed = certified("maker of bundles").notary
    assert listed.keyid != MAKER.public_key.keyid
    wire = sealed(taken(reader), signers=(FileSigner(private_key("maker of bundles"), listed),))
    opened(wire)
    opened(sealed(taken(reader)), key=listed)


def test_more_empty_files_than_fit_into_memory_are_not_read(reader: Reader) -> None:
    wire = altered(
        sealed(taken(reader)),
        lambda d: _collection(d)["files"].update({f"targets/{i}": "" for i in range(1000)}),
        signer=MAKER,
    )
    refused(lambda: parse_bundle(wire, origin=ORIGIN), "bundle-malformed", ExitCode.TRUST_DATA)


def test_a_policy_is_carried_as_it_is(reader: Reader) -> None:
    text = 'default: deny\n# "quoted" \\ <&> ü \u2028 \t\n'
    assert opened(sealed(taken(reader), policy=text)).policy == text


def test_a_worthless_example_key_vouches_for_nothing_but_loopback(reader: Reader) -> None:
    example = Path(__file__).parents[2] / "keys-example"
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    key = load_pem_private_key((example / "key.pem").read_bytes(), None)
    signer = FileSigner(key)  # type: ignore[arg-type] # it is an ECDSA key
    refused(lambda: sealed(taken(reader), signers=(signer,)), "example-key", ExitCode.KEY)
    wire = altered(sealed(taken(reader)), lambda _: None, signer=signer)
    refused(lambda: opened(wire, key=signer.public_key), "example-key", ExitCode.KEY)


def test_the_format_is_the_documented_one(reader: Reader) -> None:
    document = json.loads(sealed(taken(reader)))
    assert set(document) == {"signed", "signatures"}
    assert set(document["signed"]) == {"schema", "created", "collections"}
    assert document["signed"]["schema"] == "signer.bundle/1"
    assert document["signed"]["created"] == "2026-11-22T12:00:00Z"
    collection = _collection(document)
    assert set(collection) == {"gun", "files", "roots", "pins"}
    assert base64.b64decode(collection["files"][RELEASES]) == reader.server.files[RELEASES]
    assert collection["pins"] == [f"key {certified(f'{GUN} root', GUN).keyid}"]
    assert [set(item) for item in document["signatures"]] == [{"keyid", "method", "sig"}]
