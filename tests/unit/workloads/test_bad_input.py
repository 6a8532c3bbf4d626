"""Whatever a file holds: images are found, or a ``UsageError`` says why not."""

from hypothesis import given
from hypothesis import strategies as st

from signer.errors import UsageError
from signer.workloads.find import find_in_source
from signer.workloads.source import Source

SEEDS = (
    'services:\n  a: &a\n    image: "x:${T:-${U-1}}"\n  b: {<<: *a, extends: a}\n',
    "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Pod\n  spec: {containers: "
    "[{image: a}], volumes: [{image: {reference: b}}]}\n---\nkind: Pod\napiVersion: v1\n",
    '{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "a\\u003a1"}]}}',
    "ARG A=b\nFROM --platform=x ${A:-c}:1 AS d\nRUN --mount=type=bind,from=e <<X \\\n  y\nX\n"
    'COPY --from="f" a b\n',
)
PIECES = st.sampled_from(
    [*"\n \t'\"{}[]:,-&*!|>%@`#$\\=?<\r\x00\x85\ufeff", "<<: ", "image: ", "${", "$$", "---\n",
     "*a", "&a ", "!!binary ", "!reset ", "~", "null", "\ud800", "\u2028", "ONBUILD ", "FROM ",
     "--from=", "0"]
)  # fmt: skip


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    text = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        length = draw(st.integers(0, 6))
        text = text[:start] + draw(PIECES) + text[start + length :]
    return text


@given(text=_damaged(), name=st.sampled_from(["x", "x.yaml", "x.json", "Dockerfile"]))
def test_damaged_files_give_images_or_a_usage_error(text: str, name: str) -> None:
    try:
        found = find_in_source(Source(name, text), environment={"A": "a"})
    except UsageError as error:
        assert error.message.startswith(name)
    else:
        for image in found:
            assert image.reference.path
            assert image.span.source.text[image.span.start : image.span.end]
