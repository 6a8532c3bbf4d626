"""The fast encoder of what ``strict_json`` returned gives the exact encoder's bytes, always."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.dialect.canonical import canonical_json, canonical_json_of_strict, strict_json
from signer.dialect.envelope import Envelope
from tests.unit.dialect import golden as g

_TEXT = st.text(st.characters(codec="utf-8"))
_CONTENT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    max_leaves=20,
)


@given(_CONTENT, st.booleans())
def test_any_content_that_was_read_strictly(content: object, ascii_only: bool) -> None:
    read = strict_json(json.dumps(content, ensure_ascii=ascii_only).encode())
    assert canonical_json_of_strict(read) == canonical_json(read)


@pytest.mark.parametrize(
    "text",
    [
        *map(chr, range(0x21)),
        "\x7f",
        "\x80",
        "\u2028",
        '"',
        "\\",
        "\\n",
        "\\\\u0000",
        "é",
        "\U0001f600",
    ],
    ids=ascii,
)
def test_every_character_that_json_and_canonical_json_may_write_differently(text: str) -> None:
    content = {f"a{text}b": [text, text * 2]}
    assert canonical_json_of_strict(content) == canonical_json(content)


def test_a_lone_surrogate_is_refused_by_both() -> None:
    read = strict_json(b'{"a":"\\ud800"}')
    for encode in (canonical_json, canonical_json_of_strict):
        with pytest.raises(ValueError, match="surrogates not allowed"):
            encode(read)


@pytest.mark.parametrize("name", g.FILES)
def test_golden_files_have_the_exact_payload(name: str) -> None:
    envelope = Envelope.from_bytes(g.golden(name))
    assert envelope.payload == canonical_json(envelope.content)
