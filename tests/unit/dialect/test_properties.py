"""Properties of the codec, the wire form and the proof, over generated metadata."""

import base64
import copy
import json
from datetime import UTC, datetime
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from tuf.api.metadata import (
    DelegatedRole,
    Delegations,
    MetaFile,
    Role,
    Root,
    Snapshot,
    TargetFile,
    Targets,
    Timestamp,
)

from signer.dialect.canonical import canonical_json, go_json, strict_json
from signer.dialect.codec import PrefixRole, Signed, decode, encode
from signer.dialect.envelope import Envelope
from signer.dialect.errors import MalformedError, UnwritableError
from signer.dialect.keys import NotaryKey
from signer.dialect.lint import check_custom, prove_wire
from signer.errors import TrustDataError
from tests.unit.dialect import golden as g
from tests.unit.dialect.plain_signer import plain_key_id

PROPERTY: Final = settings(deadline=None, database=None, derandomize=True, max_examples=150)
"""The same examples on every run, and nothing is left on the disk."""

ANY_TEXT: Final = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
PLAIN_TEXT: Final = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)
CUSTOM_TEXT: Final = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="<>&\u2028\u2029"),
    max_size=12,
)
WHOLE: Final = st.integers(-(2**53), 2**53)


def json_values(text: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        st.none() | st.booleans() | WHOLE | text,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=12,
    )


TIMES: Final = st.datetimes(
    datetime(1900, 1, 1),
    datetime(9999, 12, 31),
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(microsecond=0))
VERSIONS: Final = st.integers(1, 2**31 - 1)
HASHES: Final = st.fixed_dictionaries(
    {"sha256": st.binary(min_size=32, max_size=32).map(bytes.hex)},
    optional={"sha512": st.binary(min_size=64, max_size=64).map(bytes.hex)},
)


@st.composite
def keys(draw: st.DrawFn) -> NotaryKey:
    keytype = draw(st.sampled_from(["ecdsa", "rsa", "ed25519", "ecdsa-x509", "ml-dsa"]))
    public = base64.b64encode(draw(st.binary(min_size=1, max_size=40))).decode()
    keyval = {"private": None, "public": public}
    return NotaryKey(plain_key_id(keytype, public), keytype, keyval)


@st.composite
def roots(draw: st.DrawFn) -> Root:
    table = {key.keyid: key for key in draw(st.lists(keys(), min_size=1, max_size=4))}
    ids = st.lists(st.sampled_from(sorted(table)), unique=True, max_size=4)
    roles = {
        name: Role(draw(ids), draw(st.integers(1, 9)))
        for name in ("root", "targets", "snapshot", "timestamp")
    }
    return Root(draw(VERSIONS), None, draw(TIMES), dict(table), roles, draw(st.booleans()))


@st.composite
def target_files(draw: st.DrawFn) -> Targets:
    files = {}
    for name in draw(st.lists(PLAIN_TEXT.filter(bool), unique=True, max_size=4)):
        custom = draw(json_values(CUSTOM_TEXT))
        rest = {} if custom is None else {"custom": custom}
        files[name] = TargetFile(draw(st.integers(0, 2**53)), draw(HASHES), name, rest)
    table = {key.keyid: key for key in draw(st.lists(keys(), min_size=1, max_size=3))}
    roles: dict[str, DelegatedRole] = {}
    for last in draw(st.lists(st.from_regex(r"[a-z0-9_-]{1,8}", fullmatch=True), unique=True)):
        ids = draw(st.lists(st.sampled_from(sorted(table)), unique=True, max_size=3))
        paths = draw(st.lists(PLAIN_TEXT, max_size=3))
        name = f"targets/{last}"
        roles[name] = PrefixRole(name, ids, draw(st.integers(1, 9)), False, paths, None)
    delegations = Delegations(dict(table), roles)
    return Targets(draw(VERSIONS), None, draw(TIMES), files, delegations)


METAS: Final = st.builds(lambda n, h: MetaFile(1, n, h), st.integers(0, 2**53), HASHES)


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    names = draw(st.lists(st.from_regex(r"targets/[a-z]{1,6}", fullmatch=True), max_size=3))
    meta = {name: draw(METAS) for name in ["root", "targets", *names]}
    return Snapshot(draw(VERSIONS), None, draw(TIMES), meta)


TIMESTAMPS: Final = st.builds(
    lambda version, expires, meta: Timestamp(version, None, expires, meta),
    VERSIONS,
    TIMES,
    METAS,
)
ANY_SIGNED: Final[st.SearchStrategy[Signed]] = st.one_of(
    roots(), target_files(), snapshots(), TIMESTAMPS
)


@PROPERTY
@given(ANY_SIGNED)
def test_what_is_encoded_decodes_to_the_same(signed: Signed) -> None:
    assert decode(encode(signed)) == signed


@PROPERTY
@given(ANY_SIGNED)
def test_encoding_changes_nothing(signed: Signed) -> None:
    before = copy.deepcopy(signed)
    encode(signed)
    assert signed == before


@PROPERTY
@given(ANY_SIGNED)
def test_the_wire_form_is_a_fixed_point_and_passes_the_proof(signed: Signed) -> None:
    wire = Envelope.from_signed(signed).to_bytes()
    again = Envelope.from_bytes(wire)
    assert again.to_bytes() == wire
    assert again.signed == signed
    prove_wire(wire, where="a file")


@PROPERTY
@given(ANY_SIGNED)
def test_the_wire_form_is_what_an_independent_writer_writes(signed: Signed) -> None:
    content = encode(signed)
    expected = g.go_form({"signed": g.resorted(content), "signatures": []})
    assert Envelope.from_signed(signed).to_bytes() == expected


@PROPERTY
@given(json_values(PLAIN_TEXT))
def test_payload_and_wire_differ_only_in_five_escapes(content: object) -> None:
    payload = canonical_json(content).decode()
    for character in "<>&\u2028\u2029":
        payload = payload.replace(character, f"\\u{ord(character):04x}")
    assert go_json(content) == payload


@PROPERTY
@given(json_values(CUSTOM_TEXT))
def test_what_go_survives_is_the_same_in_payload_and_wire(content: object) -> None:
    assert canonical_json(content).decode() == go_json(content)
    if content is not None:
        check_custom(content, where="custom")


@PROPERTY
@given(json_values(ANY_TEXT))
def test_what_is_written_is_read_again(content: object) -> None:
    assert strict_json(go_json(content).encode()) == content


@PROPERTY
@given(json_values(ANY_TEXT))
def test_the_order_of_names_is_that_of_their_utf_8(content: object) -> None:
    shuffled = json.loads(json.dumps(content), object_pairs_hook=lambda p: dict(reversed(p)))
    assert canonical_json(shuffled) == canonical_json(content)
    sorted_by_bytes = g.resorted(content)
    assert go_json(content).encode() == g.go_form(sorted_by_bytes)


@PROPERTY
@given(json_values(ANY_TEXT))
def test_custom_data_is_accepted_exactly_where_go_would_sign_what_it_verifies(
    content: Any,  # noqa: ANN401 - generated JSON
) -> None:
    """Go signs the escaped spelling and verifies the canonical one: equal, or unreadable."""
    survives = content is not None and g.go_form(g.resorted(content)) == canonical_json(content)
    try:
        check_custom(content, where="custom")
    except UnwritableError:
        # One rule is ours: U+007F to U+009F are control characters and no part of any name.
        assert not survives or "\x7f" in go_json(content)
    else:
        assert survives


@PROPERTY
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(wire: bytes) -> None:
    try:
        _ = Envelope.from_bytes(wire).signed
    except MalformedError as error:
        assert error.message.isprintable()


def _places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    items = value.items() if isinstance(value, dict) else enumerate(value)
    found = [at] if at else []
    if isinstance(value, dict | list):
        for name, item in items:
            inner = _places(item, (*at, name)) if isinstance(item, dict | list) else [(*at, name)]
            found.extend(inner)
    return found


_GOLDEN: Final = {name: g.document(name) for name in g.FILES}
_PLACES: Final = [(name, place) for name, whole in _GOLDEN.items() for place in _places(whole)]


@settings(PROPERTY, max_examples=1500)
@given(st.sampled_from(_PLACES), json_values(ANY_TEXT), st.sampled_from(["put", "drop", "add"]))
def test_a_golden_file_with_any_part_replaced_raises_nothing_but_errors_of_ours(
    place: tuple[str, tuple[Any, ...]],
    value: Any,  # noqa: ANN401 - generated JSON
    how: str,
) -> None:
    name, path = place
    whole = copy.deepcopy(_GOLDEN[name])
    holder: Any = whole
    for step in path[:-1]:
        holder = holder[step]
    if how == "put":
        holder[path[-1]] = value
    elif how == "drop":
        del holder[path[-1]]
    elif isinstance(holder, dict):
        holder["something"] = value
    else:
        holder.append(value)
    if isinstance(whole.get("signed"), dict):
        whole["signed"] = g.resorted(whole["signed"])
    wire = g.go_form(whole)
    try:
        prove_wire(wire, where="a file")
    except TrustDataError as error:
        assert error.message.isprintable()
    else:
        _ = Envelope.from_bytes(wire).signed
