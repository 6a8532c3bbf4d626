"""One change each of a golden file: does it still read, and would the Go server write it again?

A file *reads* if `Envelope.from_bytes` and ``.signed`` accept it, and is *written* if `prove_wire`
does, which may accept only what Go's ``json.Marshal`` would emit (NP section 0; the matrix of
python-tuf-fit, section 2).
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError, UnwritableError
from signer.dialect.lint import prove_wire
from tests.unit.dialect import golden as g
from tests.unit.dialect.plain_signer import plain_key_id

Signed = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A changed file, whether it must read, and whether it may be written."""

    name: str
    wire: bytes
    reads: bool
    writes: bool


def both(name: str, wire: bytes) -> Change:
    return Change(name, wire, reads=True, writes=True)


def read_only(name: str, wire: bytes) -> Change:
    return Change(name, wire, reads=True, writes=False)


def neither(name: str, wire: bytes) -> Change:
    return Change(name, wire, reads=False, writes=False)


def signed(file: str, edit: Callable[[Signed], object]) -> bytes:
    """Return a file with another ``signed`` object."""
    return g.edited(file, lambda whole: edit(whole["signed"]))


def targets(edit: Callable[[Signed], object]) -> bytes:
    return signed("targets.json", edit)


def entry(edit: Callable[[Signed], object]) -> bytes:
    """Return targets.json with another entry of a target that has no custom data."""
    return targets(lambda s: edit(s["targets"]["v1.0"]))


def put(**fields: object) -> Callable[[Signed], object]:
    return lambda content: content.update(fields)


def drop(name: str) -> Callable[[Signed], object]:
    return lambda content: content.pop(name)


def role(edit: Callable[[Signed], object]) -> bytes:
    """Return targets.json with another ``targets/releases`` role."""
    return targets(lambda s: edit(_role(s, "targets/releases")))


def _role(content: Signed, name: str) -> Signed:
    found: Signed = next(r for r in content["delegations"]["roles"] if r["name"] == name)
    return found


def key(edit: Callable[[Signed], object]) -> bytes:
    """Return targets.json with another entry of bob's key."""
    return targets(lambda s: edit(s["delegations"]["keys"][g.BOB_KEY_ID]))


def add_key(keytype: str, public: str) -> bytes:
    """Return targets.json with one key more, under its right id."""
    entry = {"keytype": keytype, "keyval": {"private": None, "public": public}}
    keyid = plain_key_id(keytype, public)
    return targets(lambda s: s["delegations"]["keys"].update({keyid: entry}))


def renamed(old: str, new: str, file: str = "targets.json") -> bytes:
    """Return a file with one piece of its text replaced."""
    wire = g.golden(file)
    assert wire.count(old.encode()) >= 1, old
    return wire.replace(old.encode(), new.encode(), 1)


def named(text: str) -> bytes:
    """Return targets.json where the JSON text of the name ``v1.0`` is ``text``."""
    return renamed('"v1.0"', f'"{text}"')


def expires(text: str) -> bytes:
    return targets(put(expires=text))


def deep(levels: int) -> bytes:
    return renamed('"v1.0":{', '"v1.0":{"custom":' + "[" * levels + "]" * levels + ",")


_T: Final = g.golden("targets.json")
_SHA256 = g.document("targets.json")["signed"]["targets"]["v1.0"]["hashes"]["sha256"]
_ROOT_KEYID = g.document("root.json")["signed"]["roles"]["root"]["keyids"][0]

BYTES: Final = [
    both("the file itself", _T),
    read_only("newline at the end", _T + b"\n"),
    read_only("space at the beginning", b" " + _T),
    read_only("space after a colon", _T.replace(b'":', b'": ', 1)),
    read_only("spaces after all colons", json.dumps(json.loads(_T)).encode()),
    read_only("indented", json.dumps(json.loads(_T), indent=1).encode()),
    read_only(
        "signatures before signed",
        g.edited("targets.json", lambda w: w.update(signed=w.pop("signed"))),
    ),
    read_only(
        "names of signed not sorted",
        g.go_form(
            {
                "signed": dict(reversed(g.document("targets.json")["signed"].items())),
                "signatures": g.document("targets.json")["signatures"],
            }
        ),
    ),
    read_only(
        "names of a signature not sorted",
        g.edited(
            "targets.json",
            lambda w: w.update(signatures=[dict(reversed(s.items())) for s in w["signatures"]]),
        ),
    ),
    neither("a byte order mark", b"\xef\xbb\xbf" + _T),
    neither("UTF-16", _T.decode().encode("utf-16")),
    neither("a byte that is no UTF-8", _T.replace(b"v1.0", b"v\xff.0")),
    neither("nothing", b""),
    neither("cut off", _T[:-1]),
    neither("two documents", _T + _T),
    neither("NUL after the end", _T + b"\0"),
    neither("null", b"null"),
    neither("a list", b"[]"),
    neither("a string", b'"signed"'),
    neither("an empty object", b"{}"),
    neither("signed is a list", b'{"signed":[],"signatures":[]}'),
    neither("signed is null", b'{"signed":null,"signatures":[]}'),
    neither("signed is another case", renamed('"signed"', '"Signed"')),
    neither("nested 100,000 deep", deep(100_000)),
    neither("nested 200 deep", deep(200)),
    read_only("custom nested 40 deep", deep(40)),
    both("custom nested 10 deep", deep(10)),
    neither("a version of 10 MB of digits", renamed('"version":4', '"version":4' + "0" * 10**7)),
]

NAMES: Final = [
    neither("a name twice in signed", renamed('"version":4', '"version":4,"version":4')),
    neither("a target twice", renamed('"v1.0":', '"v1.1":')),
    neither("a name twice, once escaped", renamed('"version":4', '"version":4,"\\u0076ersion":4')),
    neither("signed twice", b'{"signed":{},' + _T[1:]),
    both("the five characters that Go escapes", named(r"\u003c\u003e\u0026\u2028\u2029")),
    read_only("an ampersand that is not escaped", named("a&b")),
    read_only("a less-than that is not escaped", named("a<b")),
    read_only("U+2028 that is not escaped", named("a\u2028b")),
    read_only("an escape with upper-case digits", named(r"a\u003Cb")),
    read_only("an escape that Go does not write", named(r"\u0076")),
    read_only("an escaped slash", named(r"a\/b")),
    both("a letter beyond ASCII", named("ué")),
    read_only("an escaped letter beyond ASCII", named(r"u\u00e9")),
    both("a letter beyond the BMP", named("u\U0001f600")),
    read_only("a letter beyond the BMP as surrogates", named(r"u\ud83d\ude00")),
    neither("a lone high surrogate", named(r"\ud800")),
    neither("a lone low surrogate", named(r"a\udc00")),
    both("an escaped quote and backslash", named(r"a\"b\\c")),
    read_only("a control character", named(r"a\nb")),
    read_only("a NUL", named(r"a\u0000b")),
    neither("a control character that is not escaped", named("a\nb")),
    read_only("a target without a name", named("")),
]

FIELDS: Final = [
    neither("version 0", targets(put(version=0))),
    neither("version -1", targets(put(version=-1))),
    both("version 2**31-1", targets(put(version=2**31 - 1))),
    neither("version 2**31", targets(put(version=2**31))),
    neither("version 2**53+1", targets(put(version=2**53 + 1))),
    read_only("version 1e3", renamed('"version":4', '"version":1e3')),
    read_only("version 4.0", renamed('"version":4', '"version":4.0')),
    neither("version 4.5", renamed('"version":4', '"version":4.5')),
    neither("version NaN", renamed('"version":4', '"version":NaN')),
    neither("version Infinity", renamed('"version":4', '"version":Infinity')),
    neither("version true", targets(put(version=True))),
    neither("version '4'", targets(put(version="4"))),
    neither("version null", targets(put(version=None))),
    neither("no version", targets(drop("version"))),
    neither("_type in lower case", targets(put(_type="targets"))),
    neither("an unknown _type", targets(put(_type="Mirrors"))),
    neither("_type is a list", targets(put(_type=["Targets"]))),
    neither("no _type", targets(drop("_type"))),
    neither("_type of another role", targets(put(_type="Root"))),
    read_only("spec_version", targets(put(spec_version="1.0.31"))),
    read_only("version in another case as well", targets(put(Version=4))),
    neither("targets left out", targets(drop("targets"))),
    read_only("targets null", targets(put(targets=None))),
    neither("targets a list", targets(put(targets=[]))),
    neither("targets false", targets(put(targets=False))),
    neither("targets 0", targets(put(targets=0))),
    neither("targets a string", targets(put(targets=""))),
    both("no targets", targets(put(targets={}))),
]

TIMES: Final = [
    both("a time of whole seconds", expires("2029-11-20T23:29:24Z")),
    both("a time with one digit of fraction", expires("2029-11-20T23:29:24.5Z")),
    read_only("trailing zeros in the fraction", expires("2029-11-20T23:29:24.500000000Z")),
    read_only("a fraction of zero", expires("2029-11-20T23:29:24.0Z")),
    both("another zone", expires("2029-11-20T23:29:24+02:00")),
    both("a zone of half hours", expires("2029-11-20T23:29:24.25-03:30")),
    read_only("+00:00", expires("2029-11-20T23:29:24+00:00")),
    read_only("-00:00", expires("2029-11-20T23:29:24-00:00")),
    neither("a zone of 24 hours", expires("2029-11-20T23:29:24+24:00")),
    neither("a zone of 60 minutes", expires("2029-11-20T23:29:24+02:60")),
    neither("a zone of 99 minutes", expires("2029-11-20T23:29:24+02:99")),
    neither("no zone", expires("2029-11-20T23:29:24")),
    neither("a zone without a colon", expires("2029-11-20T23:29:24+0200")),
    neither("ten digits of fraction", expires("2029-11-20T23:29:24.1234567891Z")),
    neither("a comma before the fraction", expires("2029-11-20T23:29:24,5Z")),
    neither("a point without a fraction", expires("2029-11-20T23:29:24.Z")),
    neither("lower-case letters", expires("2029-11-20t23:29:24z")),
    neither("a space between", expires("2029-11-20 23:29:24Z")),
    neither("month 13", expires("2029-13-20T23:29:24Z")),
    neither("30 February", expires("2029-02-30T23:29:24Z")),
    neither("hour 24", expires("2029-11-20T24:00:00Z")),
    neither("a leap second", expires("2029-11-20T23:59:60Z")),
    neither("year 0", expires("0000-01-01T00:00:00Z")),
    neither("before year 1 in UTC", expires("0001-01-01T00:00:00+01:00")),
    neither("digits of another script", expires("\uff12029-11-20T23:29:24Z")),
    neither("newline after the time", expires("2029-11-20T23:29:24Z\n")),
    neither("an empty time", expires("")),
    neither("a time that is a number", targets(put(expires=1889652564))),
    neither("a time that is null", targets(put(expires=None))),
    neither("no time", targets(drop("expires"))),
]

ENTRIES: Final = [
    neither("length true", entry(put(length=True))),
    neither("length -1", entry(put(length=-1))),
    neither("length '6'", entry(put(length="6"))),
    neither("length 6.5", entry(put(length=6.5))),
    neither("no length", entry(drop("length"))),
    both("length 0", entry(put(length=0))),
    both("length 2**53", entry(put(length=2**53))),
    neither("length 2**53+1", entry(put(length=2**53 + 1))),
    both("only sha256", entry(lambda e: e["hashes"].pop("sha512"))),
    both("another algorithm", entry(lambda e: e["hashes"].update(blake2b="QUI="))),
    neither("no hashes", entry(drop("hashes"))),
    neither("empty hashes", entry(put(hashes={}))),
    neither("hashes null", entry(put(hashes=None))),
    neither("a sha256 of 31 bytes", entry(lambda e: e["hashes"].update(sha256="A" * 41 + "A=="))),
    neither("a sha256 of 33 bytes", entry(lambda e: e["hashes"].update(sha256="A" * 44))),
    neither("an empty sha256", entry(lambda e: e["hashes"].update(sha256=""))),
    neither("a sha512 of 63 bytes", entry(lambda e: e["hashes"].update(sha512="A" * 84))),
    neither("a hash in hex", entry(lambda e: e["hashes"].update(sha256="ab" * 32))),
    neither(
        "a hash in URL-safe base64", entry(lambda e: e["hashes"].update(sha256="-_" * 21 + "A="))
    ),
    neither("a hash without padding", entry(lambda e: e["hashes"].update(sha256=_SHA256[:-1]))),
    neither("a hash with a newline", entry(lambda e: e["hashes"].update(sha256=_SHA256 + "\n"))),
    neither("a hash that is null", entry(lambda e: e["hashes"].update(sha256=None))),
    read_only("a field of a target", entry(put(size=6))),
    read_only(
        "a field of a target beside custom", targets(lambda s: s["targets"]["v1.1"].update(x=1))
    ),
    read_only("custom null", entry(put(custom=None))),
    both("custom text", entry(put(custom="plain"))),
    both("custom false", entry(put(custom=False))),
    both("custom 0", entry(put(custom=0))),
    both("empty custom", entry(put(custom={}))),
    neither("an entry that is null", targets(lambda s: s["targets"].update({"v1.0": None}))),
    neither("an entry that is a list", targets(lambda s: s["targets"].update({"v1.0": []}))),
]

DELEGATIONS: Final = [
    read_only("delegations left out", targets(drop("delegations"))),
    read_only("delegations null", targets(put(delegations=None))),
    neither("delegations a list", targets(put(delegations=[]))),
    neither("delegations false", targets(put(delegations=False))),
    both("no delegations", targets(put(delegations={"keys": {}, "roles": []}))),
    read_only("a field of delegations", targets(lambda s: s["delegations"].update(x=1))),
    read_only("keys null", targets(put(delegations={"keys": None, "roles": []}))),
    read_only("roles null", targets(put(delegations={"keys": {}, "roles": None}))),
    neither("keys a list", targets(put(delegations={"keys": [], "roles": []}))),
    neither("roles a map", targets(put(delegations={"keys": {}, "roles": {}}))),
    read_only("a field of a delegated role", role(put(terminating=False))),
    neither("a role without a name", role(drop("name"))),
    neither("a role's name is a number", role(put(name=1))),
    neither("a role twice", role(put(name="targets/alice"))),
    neither("a delegated base role", role(put(name="snapshot"))),
    neither("a delegated role outside targets", role(put(name="releases"))),
    neither("a delegated role that climbs", role(put(name="targets/../../snapshot"))),
    neither("a delegated role in upper case", role(put(name="targets/Releases"))),
    neither("a delegated role with a slash at the end", role(put(name="targets/releases/"))),
    neither("threshold 0", role(put(threshold=0))),
    neither("threshold -1", role(put(threshold=-1))),
    neither("threshold true", role(put(threshold=True))),
    neither("threshold '1'", role(put(threshold="1"))),
    neither("no threshold", role(drop("threshold"))),
    both("a threshold that cannot be met", role(put(threshold=9))),
    read_only("threshold 1.0", renamed('"threshold":1', '"threshold":1.0')),
    read_only("a key id listed twice", role(lambda r: r["keyids"].append(r["keyids"][0]))),
    neither("a key id that is not there", role(lambda r: r["keyids"].append("0" * 64))),
    neither("a key id that is a number", role(lambda r: r["keyids"].append(1))),
    read_only("key ids null", role(put(keyids=None))),
    neither("key ids a string", role(put(keyids=g.BOB_KEY_ID))),
    neither("key ids false", role(put(keyids=False))),
    neither("no key ids", role(drop("keyids"))),
    both("a role without paths", role(lambda r: r.pop("paths", None))),
    both("every path", role(put(paths=[""]))),
    read_only("no paths", role(put(paths=[]))),
    read_only("paths null", role(put(paths=None))),
    neither("paths a string", role(put(paths="eu/"))),
    neither("a path that is null", role(put(paths=[None]))),
    read_only("a path with a control character", role(put(paths=["a\nb"]))),
    both("a path with an ampersand", role(put(paths=["a&b"]))),
]

KEYS: Final = [
    read_only("a field of a key", key(put(scheme="rsassa-pss-sha256"))),
    read_only("a field of a key's value", key(lambda k: k["keyval"].update(x=1))),
    read_only("a key's value without private", key(lambda k: k["keyval"].pop("private"))),
    neither("private key material", key(lambda k: k["keyval"].update(private="c2VjcmV0"))),
    neither("empty private key material", key(lambda k: k["keyval"].update(private=""))),
    neither(
        "another key under the id",
        key(put(**g.document("root.json")["signed"]["keys"][_ROOT_KEYID])),
    ),
    neither("a key id in upper case", renamed(g.BOB_KEY_ID, g.BOB_KEY_ID.upper())),
    neither("another type of key under the id", key(put(keytype="rsa"))),
    neither("no type", key(drop("keytype"))),
    neither("a type that is null", key(put(keytype=None))),
    neither("no value", key(drop("keyval"))),
    neither("a value that is text", key(put(keyval="x"))),
    neither("no public value", key(lambda k: k["keyval"].pop("public"))),
    neither("a public value that is null", key(lambda k: k["keyval"].update(public=None))),
    neither(
        "a key that is null", targets(lambda s: s["delegations"]["keys"].update({"0" * 64: None}))
    ),
    both("an unknown type of key", add_key("ml-dsa", "QUJD")),
    both("a key that cannot be decoded", add_key("ecdsa", "QUJD")),
    neither("a public value that is no base64", add_key("ecdsa", "!!!!")),
    neither("a public value in other spelling of base64", add_key("ecdsa", "QR==")),
    both("a public value in the right spelling", add_key("ecdsa", "QQ==")),
]


def without_role(name: str) -> Callable[[Signed], object]:
    return lambda content: content["roles"].pop(name)


ROOTS: Final = [
    *(
        neither(f"a root without {name}", signed("root.json", without_role(name)))
        for name in ("root", "targets", "snapshot", "timestamp")
    ),
    both(
        "a root with an old role",
        signed("root.json", lambda s: s["roles"].update({"root.1": s["roles"]["root"]})),
    ),
    read_only(
        "a field of a root's role", signed("root.json", lambda s: s["roles"]["root"].update(x=1))
    ),
    read_only("a field of a root", signed("root.json", put(spec_version="1"))),
    read_only(
        "a field of a root's key",
        signed("root.json", lambda s: s["keys"][_ROOT_KEYID].update(scheme="x")),
    ),
    neither(
        "threshold 0 of a root",
        signed("root.json", lambda s: s["roles"]["root"].update(threshold=0)),
    ),
    neither(
        "a root's role names a key that is not there",
        signed("root.json", lambda s: s["keys"].clear()),
    ),
    neither("a root's role is null", signed("root.json", lambda s: s["roles"].update(root=None))),
    neither("no roles", signed("root.json", drop("roles"))),
    neither("no keys", signed("root.json", drop("keys"))),
    read_only("consistent_snapshot left out", signed("root.json", drop("consistent_snapshot"))),
    both("consistent_snapshot true", signed("root.json", put(consistent_snapshot=True))),
    neither("consistent_snapshot 0", signed("root.json", put(consistent_snapshot=0))),
    neither("consistent_snapshot null", signed("root.json", put(consistent_snapshot=None))),
]

METAS: Final = [
    *(
        neither(
            f"{file} without sha256",
            signed(file, lambda s: next(iter(s["meta"].values()))["hashes"].pop("sha256")),
        )
        for file in ("snapshot.json", "timestamp.json")
    ),
    neither("a snapshot without root", signed("snapshot.json", lambda s: s["meta"].pop("root"))),
    neither(
        "a snapshot without targets", signed("snapshot.json", lambda s: s["meta"].pop("targets"))
    ),
    both(
        "a snapshot without a delegation",
        signed("snapshot.json", lambda s: s["meta"].pop("targets/alice")),
    ),
    neither("a timestamp without snapshot", signed("timestamp.json", lambda s: s["meta"].clear())),
    read_only(
        "a timestamp that names root",
        signed("timestamp.json", lambda s: s["meta"].update(root=s["meta"]["snapshot"])),
    ),
    neither("meta is null", signed("snapshot.json", put(meta=None))),
    neither("meta is a list", signed("snapshot.json", put(meta=[]))),
    read_only(
        "a version in a meta entry",
        signed("snapshot.json", lambda s: s["meta"]["root"].update(version=2)),
    ),
    both(
        "a meta entry without sha512",
        signed("snapshot.json", lambda s: s["meta"]["root"]["hashes"].pop("sha512")),
    ),
    neither(
        "a sha512 of 3 bytes in a meta entry",
        signed("snapshot.json", lambda s: s["meta"]["root"]["hashes"].update(sha512="QUJD")),
    ),
    both(
        "another algorithm in a meta entry",
        signed("snapshot.json", lambda s: s["meta"]["root"]["hashes"].update(md5="QUJD")),
    ),
]


def signatures(edit: Callable[[list[Signed]], object]) -> bytes:
    return g.edited("targets.json", lambda whole: edit(whole["signatures"]))


SIGNATURES: Final = [
    read_only("a field of the document", g.edited("targets.json", put(unsigned={}))),
    read_only("a field of a signature", signatures(lambda s: s[0].update(x=1))),
    read_only("a method in upper case", signatures(lambda s: s[0].update(method="ECDSA"))),
    both("an unknown method", signatures(lambda s: s[0].update(method="ml-dsa"))),
    both("no signatures", signatures(lambda s: s.clear())),
    read_only("signatures null", g.edited("targets.json", put(signatures=None))),
    read_only("signatures left out", g.edited("targets.json", drop("signatures"))),
    neither("signatures a map", g.edited("targets.json", put(signatures={}))),
    neither("signatures false", g.edited("targets.json", put(signatures=False))),
    neither("signatures a string", g.edited("targets.json", put(signatures=""))),
    neither("two signatures by one key", signatures(lambda s: s.append(dict(s[0])))),
    both(
        "a signature by a key that nobody names", signatures(lambda s: s[0].update(keyid="0" * 64))
    ),
    neither("a signature that is null", signatures(lambda s: s.append(None))),  # type: ignore[arg-type] # wrong on purpose
    neither("a signature without a method", signatures(lambda s: s[0].pop("method"))),
    neither("a signature without a key id", signatures(lambda s: s[0].pop("keyid"))),
    neither("a signature without its value", signatures(lambda s: s[0].pop("sig"))),
    neither("a signature in hex", signatures(lambda s: s[0].update(sig="0g"))),
    neither("a signature that is a number", signatures(lambda s: s[0].update(sig=1))),
    read_only(
        "a signature in other spelling of base64", signatures(lambda s: s[0].update(sig="QR=="))
    ),
]

CHANGES: Final = [
    *BYTES,
    *NAMES,
    *FIELDS,
    *TIMES,
    *ENTRIES,
    *DELEGATIONS,
    *KEYS,
    *ROOTS,
    *METAS,
    *SIGNATURES,
]


def ids(change: Change) -> str:
    return change.name


def test_the_writer_of_these_tests_writes_golden_files_as_go_did() -> None:
    for file in g.FILES:
        assert g.edited(file, lambda _: None) == g.golden(file)


def test_every_change_has_its_own_name() -> None:
    assert len({change.name for change in CHANGES}) == len(CHANGES)


@pytest.mark.parametrize("change", CHANGES, ids=ids)
def test_a_changed_file_reads_or_is_malformed(change: Change) -> None:
    if change.reads:
        assert Envelope.from_bytes(change.wire).signed is not None
    else:
        with pytest.raises(MalformedError) as caught:
            _ = Envelope.from_bytes(change.wire).signed
        assert caught.value.code == "malformed"


@pytest.mark.parametrize("change", CHANGES, ids=ids)
def test_a_changed_file_is_proved_or_refused_before_it_is_uploaded(change: Change) -> None:
    if change.writes:
        prove_wire(change.wire, where="targets of localhost/a")
    else:
        with pytest.raises((UnwritableError, MalformedError)):
            prove_wire(change.wire, where="targets of localhost/a")


@pytest.mark.parametrize(
    ("wire", "field"),
    [
        (targets(put(spec_version="1")), "spec_version"),
        (entry(put(size=6)), "size"),
        (role(put(terminating=False)), "terminating"),
        (targets(drop("delegations")), "delegations"),
        (role(put(paths=[])), "paths"),
        (expires("2029-11-20T23:29:24.50Z"), "expires"),
        (signatures(lambda s: s[0].update(method="ECDSA")), "method"),
        (key(put(scheme="x")), "scheme"),
    ],
)
def test_the_proof_names_the_file_or_the_field_at_fault(wire: bytes, field: str) -> None:
    with pytest.raises(UnwritableError, match=field):
        prove_wire(wire, where="targets of localhost/a")


def test_a_changed_payload_is_what_the_signature_would_have_to_cover() -> None:
    as_written = Envelope.from_bytes(named(r"a\u0026b")).payload
    as_it_should = Envelope.from_bytes(named("a&b")).payload
    assert as_written == as_it_should
    assert b'"a&b":' in as_written


HOSTILE: Final = "\x1b[2J\x1b]0;owned\x07\r\n\u202e" + "A" * 5000


@pytest.mark.parametrize(
    "wire",
    [
        g.edited("root.json", lambda w: w["signed"]["keys"].update({HOSTILE: {}})),
        g.edited("root.json", lambda w: w["signed"]["roles"].update({HOSTILE: None})),
        g.edited("root.json", lambda w: w["signed"]["roles"]["root"]["keyids"].append(HOSTILE)),
        g.edited("root.json", lambda w: w["signed"].update(_type=HOSTILE)),
        g.edited("root.json", lambda w: w["signed"].update(expires=HOSTILE)),
        g.edited("snapshot.json", lambda w: w["signed"]["meta"].update({HOSTILE: None})),
        g.edited("targets.json", lambda w: w["signed"]["targets"].update({HOSTILE: None})),
        g.edited(
            "targets.json",
            lambda w: w["signed"]["targets"]["v1.0"]["hashes"].update({HOSTILE: "!"}),
        ),
        role(put(name=HOSTILE, paths=1)),
        role(put(name=HOSTILE, threshold=0)),
        g.edited("targets.json", lambda w: w["signatures"][0].update(keyid=HOSTILE, sig="!")),
        renamed('"version":4', '"version":4,"a\\u001b":1,"a\\u001b":1'),
    ],
)
def test_messages_about_hostile_files_are_short_and_printable(wire: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        _ = Envelope.from_bytes(wire).signed
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500


def test_the_proof_shows_a_hostile_field_in_printable_letters() -> None:
    with pytest.raises(UnwritableError) as caught:
        prove_wire(targets(put(**{HOSTILE: 1})), where="targets of localhost/a")
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 500
