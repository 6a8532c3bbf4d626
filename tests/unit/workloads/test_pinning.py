"""Pinning: a digest behind each reference, and every other byte as it was."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import UsageError
from signer.workloads.find import find_in_source
from signer.workloads.pinning import WorkloadFiles, pin_images, read_workloads
from signer.workloads.source import Source
from tests.unit.workloads.finding import Place, write_files

D = "sha256:" + "0123456789abcdef" * 4
E = "sha256:" + "f" * 64


def pinned(
    place: Place,
    files: Mapping[str, str | bytes],
    *names: str,
    env: Mapping[str, str] | None = None,
    digest: str = D,
) -> dict[str, str]:
    """Write files, pin those that are named (the first, otherwise), and return their texts."""
    write_files(place.directory, files)
    read = read_workloads(names or [next(iter(files))], environment=env or {})
    result = pin_images(read, [digest] * len(read.all_images))
    return {source.name: source.content.decode() for source in result}


COMPOSE = f"""\
# a comment
x-image: &image  'host:5000/a/anchored:1'   # why
services:
   b: {{"image": "host/b:1"  , build: .}}
   a:
      image:    host/a:1     # keep   this
      command: "host/a:1"
   alias: {{image: *image}}
   again: {{image: *image}}
   untagged:
      image: host/untagged
   digest:
      image: host/d:1@{E}
   folded:
      image: >-
         host/folded:1

   literal:
      image: |-  # comment
         host/literal:1
   variable: {{image: "host/v:${{TAG:-1}}"}}
   whole: {{image: $IMAGE}}
   extending: {{extends: a}}
   tagged: {{image: !!str host/t:1}}
   explicit:
      ? image
      : host/e:1
"""


def test_only_the_images_change(place: Place) -> None:
    expected = COMPOSE
    for old, new in {
        "anchored:1'": f"anchored:1@{D}'",
        'host/b:1"': f'host/b:1@{D}"',
        "   host/a:1     #": f"   host/a:1@{D}     #",
        "host/untagged\n": f"host/untagged:latest@{D}\n",
        "host/folded:1\n": f"host/folded:1@{D}\n",
        "host/literal:1\n": f"host/literal:1@{D}\n",
        "${TAG:-1}": f"${{TAG:-1}}@{D}",
        "$IMAGE}": f"$IMAGE:latest@{D}}}",
        "host/t:1}": f"host/t:1@{D}}}",
        ": host/e:1\n": f": host/e:1@{D}\n",
    }.items():
        assert expected.count(old) == 1, old
        expected = expected.replace(old, new)
    files = {"c.yml": COMPOSE, ".env": "IMAGE=host/whole\n"}
    assert pinned(place, files) == {"c.yml": expected}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("services: {a: {image: h/a:1}}", f"services: {{a: {{image: h/a:1@{D}}}}}"),
        ("\ufeffservices:\r\n  a:\r\n    image: h/a:1\r\n    x: |\r\n      y\r\n",
         f"\ufeffservices:\r\n  a:\r\n    image: h/a:1@{D}\r\n    x: |\r\n      y\r\n"),
        ("services:\n  a:\n    image: h/a:1", f"services:\n  a:\n    image: h/a:1@{D}"),
        ("services:\n  ä: # ☃\n    image: 'h/a:1'", f"services:\n  ä: # ☃\n    image: 'h/a:1@{D}'"),
        ('services: {a: {image: "h\\x2fa:1"}}', f'services: {{a: {{image: "h\\x2fa:1@{D}"}}}}'),
        ('services: {a: {"image":"h/a:1"}}', f'services: {{a: {{"image":"h/a:1@{D}"}}}}'),
        ("services: {a: {image: &x h/a:1}}", f"services: {{a: {{image: &x h/a:1@{D}}}}}"),
        ("services:\t# x\n  a:\t\n    image:\th/a:1\t#\ty",
         f"services:\t# x\n  a:\t\n    image:\th/a:1@{D}\t#\ty"),
        ("services: {a: {image: 'a'}}", f"services: {{a: {{image: 'a:latest@{D}'}}}}"),
    ],
)  # fmt: skip
def test_every_style_is_kept(place: Place, before: str, after: str) -> None:
    assert pinned(place, {"c.yml": before}) == {"c.yml": after}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("FROM h/a:1 AS x\nFROM x\n", f"FROM h/a:1@{D} AS x\nFROM x\n"),
        ("ARG T=1\nFROM h/a:$T", f"ARG T=1\nFROM h/a:$T@{D}"),
        ("FROM --platform=x 'h/a'\r\n", f"FROM --platform=x 'h/a:latest@{D}'\r\n"),
        ("FROM h/\\\n  # no\na:1", f"FROM h/\\\n  # no\na:1@{D}"),
        ("FROM scratch\nCOPY --from=h/a:1 a b", f"FROM scratch\nCOPY --from=h/a:1@{D} a b"),
        ('FROM scratch\nCOPY --from="h/a:1" a b', f'FROM scratch\nCOPY --from="h/a:1@{D}" a b'),
        ("FROM scratch\nRUN --mount=from=h/a:1,target=/x y",
         f"FROM scratch\nRUN --mount=from=h/a:1@{D},target=/x y"),
    ],
)  # fmt: skip
def test_dockerfiles_are_pinned(place: Place, before: str, after: str) -> None:
    assert pinned(place, {"Dockerfile": before}) == {"Dockerfile": after}


def test_json_manifests_are_pinned(place: Place) -> None:
    before = '{"kind":"Pod",\t"apiVersion":"v1","spec":{"containers":[{"image":"h\\/a:1"}]}}'
    after = before.replace("a:1", f"a:1@{D}")
    assert pinned(place, {"pod.json": before}) == {"pod.json": after}


def test_an_image_of_a_file_that_was_not_given_is_refused(place: Place) -> None:
    files = {
        "c.yml": "services: {a: {extends: {file: d.yml, service: b}}}",
        "d.yml": "services:\n  b: {image: 'h/b:1'}\n",
    }
    with pytest.raises(UsageError) as error:
        pinned(place, files)
    assert error.value.message.startswith("d.yml:2: services.b.image (h/b:1) is to be pinned")
    assert error.value.code == "cannot-pin"
    expected = files | {"d.yml": f"services:\n  b: {{image: 'h/b:1@{D}'}}\n"}
    assert pinned(place, files, "c.yml", "d.yml", "./c.yml") == expected
    assert pinned(place, expected, "c.yml") == {"c.yml": files["c.yml"]}


def test_different_digests_for_one_text_are_refused(place: Place) -> None:
    files = {
        "c.yml": "include: [{path: i.yml, env_file: one}, {path: i.yml, env_file: two}]",
        "i.yml": "services:\n  b:\n    image: h/b:${V:-0}\n",
        "one": "V=1",
        "two": "V=2",
    }
    write_files(place.directory, files)
    read = read_workloads(["c.yml", "i.yml"], environment={})
    with pytest.raises(UsageError) as error:
        pin_images(read, [D, E, D])
    assert error.value.message.startswith("i.yml:3: services.b.image (h/b:${V:-0}) stands for")


def test_an_image_without_a_digest_stays_as_it_is(place: Place) -> None:
    files = {"c.yml": "services: {a: {image: h/a:1}}"}
    assert pinned(place, files, digest="") == files


def test_the_same_file_under_two_names_is_one(place: Place) -> None:
    write_files(place.directory, {"c.yml": "services: {a: {image: h/a:1}}"})
    (place.directory / "link.yml").symlink_to("c.yml")
    read = read_workloads([Path("c.yml"), Path("link.yml")], environment={})
    assert [source.name for source in read.sources] == ["c.yml"]


_BLANKS = st.sampled_from(["", " ", "   ", "\t"])
_COMMENTS = st.sampled_from(["", " # comment", "  # image: h/no:1", " # é☃", "\t#\ttab"])
_REFERENCES = st.sampled_from(["h/a:1", "h/a", "host:5000/a/b:1.2-x_y", "h/v:${T:-1}", "$I"])


@st.composite
def _values(draw: st.DrawFn) -> str:
    reference = draw(_REFERENCES)
    style = draw(st.sampled_from(["plain", "single", "double", "folded", "literal", "tagged"]))
    comment = draw(_COMMENTS)
    match style:
        case "single":
            return f"'{reference}'{comment}"
        case "double":
            return f'"{reference}"{comment}'
        case "folded" | "literal":
            sign = ">-" if style == "folded" else "|-"
            return f"{sign}{comment}\n{' ' * draw(st.integers(7, 9))}{reference}\n"
        case "tagged":
            return f"!!str {reference}{comment}"
    return f"{reference}{draw(_BLANKS)}{comment}"


@st.composite
def _compose_files(draw: st.DrawFn) -> str:
    services = []
    for number in range(draw(st.integers(1, 4))):
        other = draw(st.sampled_from(["", "    command: ['h/a:1', \"x\"]\n", "\n", "    # x\n"]))
        services.append(f"  s{number}:\n{other}    image:{' '}{draw(_BLANKS)}{draw(_values())}\n")
    text = f"{draw(_COMMENTS).lstrip()}\nservices:{draw(_COMMENTS)}\n{''.join(services)}"
    text = text.rstrip("\n") if draw(st.booleans()) else text
    text = text.replace("\n", "\r\n") if draw(st.booleans()) else text
    return "\ufeff" + text if draw(st.booleans()) else text


@given(text=_compose_files())
def test_what_was_inserted_taken_out_again_leaves_the_file_as_it_was(text: str) -> None:
    environment = {"I": "h/i:3"}
    source = Source("c.yml", text)
    images = find_in_source(source, environment=environment)

    def find(one: Source, _: object) -> list[object]:
        return list(find_in_source(one, environment=environment))

    files = WorkloadFiles((source,), (tuple(images),), find)  # type: ignore[arg-type] # of images
    (after,) = pin_images(files, [D] * len(images))
    result = after.content.decode()
    assert result.replace(f":latest@{D}", "").replace(f"@{D}", "") == text
    assert result.count(D) == len(images)
    for image in find_in_source(after, environment=environment):
        assert image.reference.digest == D
