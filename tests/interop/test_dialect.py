"""What we write, the real notary-server stores and the real ``notary`` reads; and the reverse.

The collections are signed by ``cryptography`` alone (``plain_signer``), in files that the dialect
writes. The keys are made for the run and protect nothing.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any, Final

import pytest
from securesystemslib.exceptions import UnverifiedSignatureError
from tuf.api.metadata import Delegations, Role, Root, Snapshot, TargetFile, Targets

from signer.dialect.codec import PrefixRole
from signer.dialect.envelope import Envelope
from signer.dialect.keys import NotaryKey
from signer.dialect.lint import prove_wire
from signer.errors import TrustDataError
from tests.components.fixtures import installed
from tests.components.notary_server import NotaryServer
from tests.components.peers import DockerCli, Finished, NotaryCli, docker_programs
from tests.unit.dialect.custom_rows import NULL, ROWS, SPACED, Row
from tests.unit.dialect.plain_signer import PlainSigner, plain_key_id
from tests.unit.test_names import BAD, GOOD

EXPIRES: Final = datetime(2036, 1, 1, tzinfo=UTC)
HASHES: Final = {
    "sha256": hashlib.sha256(b"hello\n").hexdigest(),
    "sha512": hashlib.sha512(b"hello\n").hexdigest(),
}


def targets_of(*names: str, **custom: Any) -> Targets:  # noqa: ANN401 - JSON
    """Return a targets payload with targets of six bytes."""
    files = {name: TargetFile(6, HASHES, name) for name in names}
    files |= {name: TargetFile(6, HASHES, name, {"custom": c}) for name, c in custom.items()}
    return Targets(1, None, EXPIRES, files, Delegations({}, {}))


def delegate(targets: Targets, role: str, *keys: NotaryKey, paths: list[str]) -> None:
    """Add a delegated role."""
    assert targets.delegations is not None
    assert targets.delegations.roles is not None
    targets.delegations.keys |= {key.keyid: key for key in keys}
    ids = [key.keyid for key in keys]
    targets.delegations.roles[role] = PrefixRole(role, ids, 1, False, paths, None)


@dataclass(frozen=True)
class Publisher:
    """Publishes a collection whose snapshot and timestamp keys the server holds."""

    server: NotaryServer
    gun: str
    root: PlainSigner
    targets: PlainSigner

    def root_file(self) -> bytes:
        """Ask the server for its keys, and write and sign the first root."""
        keys = {"root": self.root.notary, "targets": self.targets.notary}
        with self.server.client() as client:
            for role in ("snapshot", "timestamp"):
                answer = client.get(f"/v2/{self.gun}/_trust/tuf/{role}.key").raise_for_status()
                content = answer.json()
                keyid = plain_key_id(content["keytype"], content["keyval"]["public"])
                keys[role] = NotaryKey.from_dict(keyid, content)
        roles = {role: Role([key.keyid], 1) for role, key in keys.items()}
        table = {key.keyid: key for key in keys.values()}
        envelope = Envelope.from_signed(Root(1, None, EXPIRES, dict(table), roles, False))
        envelope.sign(self.root)
        return envelope.to_bytes()

    def post(self, files: dict[str, bytes]) -> int:
        """Upload files of roles as they are, and return the status."""
        parts = [("files", (role, wire)) for role, wire in files.items()]
        with self.server.client() as client:
            return client.post(f"/v2/{self.gun}/_trust/tuf/", files=parts).status_code

    def sign(self, signed: Targets) -> bytes:
        """Write a targets file, signed by the targets key."""
        return signed_by(self.targets, signed)

    def publish(self, signed: Targets, **delegations: bytes) -> bytes:
        """Publish a new collection and return the bytes of its targets file."""
        root, wire = self.root_file(), self.sign(signed)
        files = {"root": root, "targets": wire} | delegations
        for role, file in files.items():
            prove_wire(file, where=role)
        assert self.post(files) == 200
        return wire


def signed_by(signer: PlainSigner, signed: Targets) -> bytes:
    envelope = Envelope.from_signed(signed)
    envelope.sign(signer)
    return envelope.to_bytes()


@pytest.fixture
def publisher(notary_server: NotaryServer, fresh_repository: str) -> Callable[..., Publisher]:
    """Make a publisher of a new collection with keys of the kinds given."""
    gun = f"localhost/{fresh_repository}"

    def make(root: str = "p256", targets: str = "p256-other", method: str = "") -> Publisher:
        return Publisher(
            notary_server,
            gun,
            PlainSigner.x509(root, gun),
            PlainSigner.bare(targets, method),
        )

    return make


def listed(done: Finished) -> list[tuple[str, str, int, str]]:
    """Return ``notary list``'s rows: name, sha256, size, role."""
    lines = done.stdout.splitlines()
    begin = next(i for i, line in enumerate(lines) if set(line.strip()) == {"-", " "})
    rows = [line.split() for line in lines[begin + 1 :] if line.strip()]
    return sorted((name, digest, int(size), role) for name, digest, size, role in rows)


def row(name: str, role: str = "targets") -> tuple[str, str, int, str]:
    return (name, HASHES["sha256"], 6, role)


@pytest.mark.parametrize(
    ("root", "targets", "method"),
    [
        ("p256", "p256-other", "ecdsa"),
        ("p384", "p384", "ecdsa"),
        ("p521", "p521", "ecdsa"),
        ("rsa2048", "rsa2048", "rsapss"),
        ("p256", "rsa3072", "rsapkcs1v15"),
        ("p256", "ed25519", "eddsa"),
        ("p224", "p224", "ecdsa"),
    ],
)
def test_notary_reads_a_collection_of_every_kind_of_key(
    publisher: Callable[..., Publisher], notary: NotaryCli, root: str, targets: str, method: str
) -> None:
    ours = publisher(root, targets, method)
    wire = ours.publish(targets_of("v1", "v2"))
    assert listed(notary("list", ours.gun)) == [row("v1"), row("v2")]
    assert ours.server.metadata(ours.gun, "targets.json") == wire
    snapshot = Envelope.from_bytes(ours.server.metadata(ours.gun, "snapshot.json"))
    entry = snapshot.signed_as(Snapshot).meta["targets"]
    entry.verify_length_and_hashes(wire)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048"])
def test_notary_reads_a_delegation_to_a_certificate(
    publisher: Callable[..., Publisher], notary: NotaryCli, kind: str
) -> None:
    ours, alice = publisher(), PlainSigner.x509(kind, "alice")
    top = targets_of("v1")
    delegate(top, "targets/releases", alice.notary, paths=[""])
    delegate(top, "targets/none", alice.notary, paths=[])
    ours.publish(top, **{"targets/releases": signed_by(alice, targets_of("v2"))})
    assert listed(notary("list", ours.gun, "-r", "targets/releases")) == [
        row("v2", "targets/releases")
    ]
    shown = notary("delegation", "list", ours.gun).stdout
    assert alice.notary.canonical_id in shown


NAMES: Final = ("a<b>&c", "a\u2028b\u2029c", 'q"uote', "back\\slash", "é\U0001f600\ufffd", "eu/v2")


def test_notary_reads_names_that_are_escaped(
    publisher: Callable[..., Publisher], notary: NotaryCli
) -> None:
    ours = publisher()
    wire = ours.publish(targets_of(*NAMES))
    assert b"a\\u003cb\\u003e\\u0026c" in wire
    notary("list", ours.gun)
    for name in NAMES:
        assert HASHES["sha256"] in notary("lookup", ours.gun, name).stdout


def test_notary_reads_custom_data_that_passed_the_proof(
    publisher: Callable[..., Publisher], notary: NotaryCli
) -> None:
    ours = publisher()
    custom = {"provenance": {"scan": {"critical": 0, "minor": 4}, "signer": "0.1.0"}}
    ours.publish(targets_of("v1", v2=custom, v3={"é": ["\ufffd", None, True, 2**53, -(2**53)]}))
    assert listed(notary("list", ours.gun)) == [row("v1"), row("v2"), row("v3")]


Edit = Callable[[dict[str, Any]], object]


class Outcome(Enum):
    """What became of a targets file that was signed over exactly what it says."""

    READABLE = "200, and notary lists it"
    BROKEN = "200, and no client can read the collection any more"
    REFUSED = "400"


@dataclass(frozen=True)
class Case:
    """A change of a targets file, its outcome, and whether `prove_wire` accepts it.

    ``proved`` differs from the outcome where we are stricter: nothing of ours writes such files.
    """

    name: str
    outcome: Outcome
    edit: Edit
    proved: bool


def readable(name: str, edit: Edit) -> Case:
    return Case(name, Outcome.READABLE, edit, proved=True)


def stricter(name: str, edit: Edit) -> Case:
    return Case(name, Outcome.READABLE, edit, proved=False)


def broken(name: str, edit: Edit) -> Case:
    return Case(name, Outcome.BROKEN, edit, proved=False)


def refused(name: str, edit: Edit) -> Case:
    return Case(name, Outcome.REFUSED, edit, proved=False)


def spare(keytype: str, public: str) -> dict[str, Any]:
    """Return a key table with one key that no role uses, under its right id."""
    value = {"private": None, "public": public}
    return {plain_key_id(keytype, public): {"keytype": keytype, "keyval": value}}


def role_of(signed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = signed["delegations"]["roles"][0]
    return found


def key_of(signed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(iter(signed["delegations"]["keys"].values()))
    return found


def v1(signed: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = signed["targets"]["v1"]
    return found


def expiring(time: str) -> Edit:
    return lambda signed: signed.update(expires=f"2036-01-01T00:00:00{time}")


def delegations(**parts: object) -> Edit:
    return lambda signed: signed.update(delegations=parts)


CASES: Final = (
    readable("the file itself", lambda s: None),
    readable("whole seconds", expiring("Z")),
    readable("one digit of fraction", expiring(".5Z")),
    readable("another zone", expiring("+02:00")),
    broken("a zone of 99 minutes", expiring("+02:99")),
    broken("zone +00:00", expiring("+00:00")),
    broken("trailing zeros in the fraction", expiring(".500Z")),
    readable("only sha256", lambda s: v1(s)["hashes"].pop("sha512")),
    readable("another algorithm", lambda s: v1(s)["hashes"].update(blake2b="QUI=")),
    broken("a hash in other spelling of base64", lambda s: v1(s)["hashes"].update(x="QR==")),
    stricter("no hashes", lambda s: v1(s).update(hashes={})),
    readable("length 2**53", lambda s: v1(s).update(length=2**53)),
    readable("version 2**31-1", lambda s: s.update(version=2**31 - 1)),
    broken("a field of signed", lambda s: s.update(spec_version="1")),
    broken("a field of a target", lambda s: v1(s).update(x=1)),
    broken("a field of delegations", lambda s: s["delegations"].update(x=1)),
    broken("a field of a role", lambda s: role_of(s).update(terminating=False)),
    broken("a field of a key", lambda s: key_of(s).update(scheme="x")),
    broken("a field of a key's value", lambda s: key_of(s)["keyval"].update(x=1)),
    broken("a key's value without private", lambda s: key_of(s)["keyval"].pop("private")),
    broken(
        "a key in other spelling of base64",
        lambda s: s["delegations"]["keys"].update(spare("ecdsa", "QR==")),
    ),
    readable(
        "a key of an unknown type",
        lambda s: s["delegations"]["keys"].update(spare("ml-dsa", "QUJD")),
    ),
    readable(
        "a key that cannot be decoded",
        lambda s: s["delegations"]["keys"].update(spare("ecdsa", "QUJD")),
    ),
    broken("delegations left out", lambda s: s.pop("delegations")),
    broken("keys null", delegations(keys=None, roles=[])),
    stricter("roles null", delegations(keys={}, roles=None)),
    stricter("targets null", lambda s: s.update(targets=None)),
    stricter("key ids null", lambda s: role_of(s).update(keyids=None)),
    stricter("a key id twice", lambda s: role_of(s)["keyids"].extend(role_of(s)["keyids"])),
    refused("a key id that is not there", lambda s: role_of(s)["keyids"].append("0" * 64)),
    broken("no paths", lambda s: role_of(s).update(paths=[])),
    broken("paths null", lambda s: role_of(s).update(paths=None)),
    refused("a control character in a path", lambda s: role_of(s).update(paths=["a\nb"])),
    refused("a control character in a name", lambda s: s["targets"].update({"a\nb": v1(s)})),
    stricter("DEL in a name", lambda s: s["targets"].update({"a\x7fb": v1(s)})),
    stricter("a target without a name", lambda s: s["targets"].update({"": v1(s)})),
    refused("a role in upper case", lambda s: role_of(s).update(name="targets/A")),
    refused("a role that climbs", lambda s: role_of(s).update(name="targets/../a")),
    refused("threshold 0", lambda s: role_of(s).update(threshold=0)),
    refused("_type in lower case", lambda s: s.update(_type="targets")),
    broken("custom null", lambda s: v1(s).update(custom=None)),
    stricter("custom that notary cannot edit", lambda s: v1(s).update(custom="a<b")),
    stricter("DEL in custom", lambda s: v1(s).update(custom="a\x7fb")),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_proof_knows_what_the_real_server_makes_unreadable(
    publisher: Callable[..., Publisher], notary: NotaryCli, case: Case
) -> None:
    ours = publisher()
    top = targets_of("v1")
    delegate(top, "targets/releases", PlainSigner.bare("p384").notary, paths=[""])
    content = Envelope.from_signed(top).content
    case.edit(content)
    envelope = Envelope(content)
    envelope.sign(ours.targets)
    wire = envelope.to_bytes()
    assert outcome(ours, wire, notary) is case.outcome
    assert is_proved(wire) is case.proved


def outcome(ours: Publisher, wire: bytes, notary: NotaryCli) -> Outcome:
    """Publish a targets file in a new collection, and see whether a stranger can read it."""
    status = ours.post({"root": ours.root_file(), "targets": wire})
    if status == 400:
        return Outcome.REFUSED
    assert status == 200
    done = notary("list", ours.gun, expect=None)
    if done.returncode == 0:
        return Outcome.READABLE
    assert "trust data unavailable" in done.stdout + done.stderr
    return Outcome.BROKEN


def is_proved(wire: bytes) -> bool:
    try:
        prove_wire(wire, where="targets")
    except TrustDataError:
        return False
    return True


BYTES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "newline at the end": lambda wire: wire + b"\n",
    "space after a colon": lambda wire: wire.replace(b'":', b'": ', 1),
    "ampersand not escaped": lambda wire: wire.replace(b"\\u0026", b"&"),
    "upper-case escape": lambda wire: wire.replace(b"\\u003c", b"\\u003C"),
    "method in upper case": lambda wire: wire.replace(b'"method":"ecdsa"', b'"method":"ECDSA"'),
    "field of a signature": lambda wire: wire.replace(b'"sig":', b'"s":1,"sig":'),
    "field of the document": lambda wire: b'{"a":1,' + wire[1:],
    "name twice": lambda wire: wire.replace(b'"version":1', b'"version":1,"version":1'),
}


@pytest.mark.parametrize("name", BYTES)
def test_other_bytes_of_the_same_content_are_never_proved(
    publisher: Callable[..., Publisher], notary: NotaryCli, name: str
) -> None:
    ours = publisher()
    wire = ours.sign(targets_of("a&<b"))
    prove_wire(wire, where="targets")
    changed = BYTES[name](wire)
    assert changed != wire
    assert not is_proved(changed)
    assert outcome(ours, changed, notary) is Outcome.BROKEN


@pytest.mark.parametrize(
    ("kind", "method"),
    [("k256", "ecdsa"), ("rsa1024", "rsapss"), ("rsa2048", "pycrypto-pkcs#1 pss")],
)
def test_keys_and_methods_that_go_does_not_verify(
    publisher: Callable[..., Publisher], kind: str, method: str
) -> None:
    ours = publisher("p256", kind, method)
    assert ours.post({"root": ours.root_file(), "targets": ours.sign(targets_of("v1"))}) == 400
    envelope = Envelope.from_bytes(ours.sign(targets_of("v1")))
    (signature,) = envelope.signatures.values()
    with pytest.raises(UnverifiedSignatureError):
        ours.targets.notary.verify_signature(signature, envelope.payload)


def add_custom(notary: NotaryCli, gun: str, directory: Path, text: str) -> Finished:
    """Let ``notary`` publish a target with a text as its custom data."""
    target, custom = directory / "target", directory / "custom"
    target.write_bytes(b"hello\n")
    custom.write_text(text, encoding="utf-8")
    notary("init", gun)
    added = notary("add", gun, "v1", target, "--custom", custom, expect=None)
    return added if added.returncode else notary("publish", gun, expect=None)


@pytest.mark.parametrize("row_of_table", [*ROWS, SPACED, NULL], ids=lambda row: ascii(row.text))
def test_what_notary_can_publish_as_custom_data(
    notary_server: NotaryServer,
    notary: NotaryCli,
    fresh_repository: str,
    tmp_path: Path,
    row_of_table: Row,
) -> None:
    gun = f"localhost/{fresh_repository}"
    done = add_custom(notary, gun, tmp_path, row_of_table.text)
    assert (done.returncode == 0) is row_of_table.published, done.stdout + done.stderr
    if row_of_table.published:
        wire = notary_server.metadata(gun, "targets.json")
        prove_wire(wire, where="targets")
        file = Envelope.from_bytes(wire).signed_as(Targets).targets["v1"]
        expected = json.loads(row_of_table.spelling) if row_of_table.spelling else None
        assert file.custom == expected


def test_every_file_that_notary_and_its_server_write_is_kept_byte_for_byte(
    notary_server: NotaryServer, notary: NotaryCli, fresh_repository: str, tmp_path: Path
) -> None:
    gun = f"localhost/{fresh_repository}"
    add_custom(notary, gun, tmp_path, '{"n":3}')
    files = {
        name: notary_server.metadata(gun, f"{name}.json")
        for name in ("root", "targets", "snapshot", "timestamp")
    }
    root = Envelope.from_bytes(files["root"])
    for name, wire in files.items():
        prove_wire(wire, where=name)
        envelope = Envelope.from_bytes(wire)
        assert envelope.to_bytes() == wire
        root.signed_as(Root).verify_delegate(name, envelope.payload, envelope.signatures)


OURS_ALONE: Final = {
    "h_h.com/a": "docker takes it for a path without a host",
    "h.com:123456/a": "a port that cannot be",
}
"""Docker reads these references and we refuse them. Digests other than sha256 are apart."""


SINCE_DOCKER_23: Final = {text for text, _ in GOOD if text[0] in "[DL" and "." not in text}
"""Hosts in brackets, and hosts that only an upper-case letter tells from a path."""


def test_docker_reads_and_refuses_the_references_that_we_do(
    notary_server: NotaryServer, tmp_path: Path
) -> None:
    """``docker trust inspect`` parses before it asks the server, which has none of them."""
    good = {text for text, _ in GOOD}
    assert len(SINCE_DOCKER_23) == 6
    for number, program in enumerate(installed(docker_programs)):
        docker = DockerCli(tmp_path / str(number), notary_server, program=program)
        assert good - {text for text in good if docker_reads(docker, text)} <= SINCE_DOCKER_23
        passed = [text for text in BAD if may_be_passed(text)]
        assert {text for text in passed if docker_reads(docker, text)} == {
            *OURS_ALONE,
            *(text for text in BAD if len(text.partition("@sha512:")[2]) == 128),
        }


def may_be_passed(text: str) -> bool:
    """Leave out what is no argument, and long hosts: docker 28 counts the path alone."""
    return not set(text) & {"\0", "\ud800"} and not (len(text) > 255 and ".com" in text)


def docker_reads(docker: DockerCli, text: str) -> bool:
    done = docker.trust("inspect", "--", text, expect=None)
    lower = done.stderr.lower()
    read = "no signatures or cannot access" in lower or "no valid trust data for tag" in lower
    refused = any(why in lower for why in ("invalid", "unsupported digest", "more than 255"))
    assert read is not refused, done.stderr
    return read
