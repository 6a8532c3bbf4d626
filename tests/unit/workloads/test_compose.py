"""Images in Compose files: which count, what they are, and where they stand."""

import pytest

from tests.unit.workloads.finding import Place, write_files

EVERY_FORM = """\
# yaml-language-server: whatever
x-base: &base
  image: 'merged:1'
x-unused: {image: unused:1}
services:
  anchored:
    <<: *base
  variable:
    image: "r.io/x:${TAG:-${OTHER:-7}}"  # said beside it
    profiles: [debug]
  built: {build: .}
  both:
    build: .
    image: >-
      folded:1

  heir: {extends: variable}
  other: {extends: {file: common/base.yml, service: base}}
  own: {extends: {service: variable}, image: &own own:1}
  alias:
    image: *own
  mounts:
    image: mounts
    volumes:
      - data:/data
      - {type: image, source: volume:1, target: /x}
      - {type: bind, source: ./x, target: /x}
  removed: {extends: variable, image: !reset null, build: .}
  digest:
    image: r.io/y:1@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
"""


def test_every_service_counts_with_what_it_inherits(place: Place) -> None:
    files = {
        "compose.yaml": EVERY_FORM,
        "common/base.yml": "services:\n"
        "  base: {extends: {file: ../deep.yml, service: deep}}\n"
        "  unused: {image: unused:1}\n",
        "deep.yml": 'services: {deep: {image: "deep:$V"}}',
        ".env": "V=file\nOTHER=8\n",
    }
    assert place.images(files, {"V": "process"}) == [
        ("merged:1", "compose.yaml", 3, "services.anchored.image"),
        ("r.io/x:8", "compose.yaml", 9, "services.variable.image"),
        ("folded:1", "compose.yaml", 14, "services.both.image"),
        ("r.io/x:8", "compose.yaml", 9, "services.heir.image"),
        ("deep:process", "deep.yml", 1, "services.deep.image"),
        ("own:1", "compose.yaml", 19, "services.own.image"),
        ("own:1", "compose.yaml", 21, "services.alias.image"),
        ("mounts", "compose.yaml", 23, "services.mounts.image"),
        ("volume:1", "compose.yaml", 26, "services.mounts.volumes[1].source"),
        ("r.io/y:1@sha256:" + "0123456789abcdef" * 4, "compose.yaml", 30, "services.digest.image"),
    ]


def test_included_files_have_a_project_and_variables_of_their_own(place: Place) -> None:
    files = {
        "compose.yaml": """\
include:
  - sub/a.yml
  - path: [sub/b.yml, sub/c.yml]
    project_directory: .
    env_file: [one.env, two.env]
services:
  web: {image: "web:${V}"}
""",
        ".env": "V=top\n",
        "sub/.env": "V=sub\nONLY=${V}-only\n",
        "sub/a.yml": 'services: {a: {image: "a:${V}-${ONLY}"}, '
        "e: {extends: {file: e.yml, service: e}}}",
        "sub/e.yml": "services: {e: {image: 'e:${ONLY}'}}",
        "sub/b.yml": "services: {b: {image: 'gone:1'}, b2: {image: 'b2:${M}'}, "
        "b3: {extends: {file: top.yml, service: t}}}",
        "sub/c.yml": "services: {b: {image: 'b:${ONLY:-none}'}, b2: {build: .}}",
        "top.yml": "services: {t: {image: t}}",
        "one.env": "M=1\nN=n",
        "two.env": "M=2",
    }
    assert [(one[0], one[1]) for one in place.images(files)] == [
        ("web:top", "compose.yaml"),
        ("a:top-top-only", "sub/a.yml"),
        ("e:top-only", "sub/e.yml"),
        ("b:none", "sub/c.yml"),
        ("b2:2", "sub/b.yml"),
        ("t", "top.yml"),
    ]


def test_merge_keys_are_resolved_as_compose_does(place: Place) -> None:
    text = """\
x-a: &a {image: a:1, build: .}
x-b: &b {<<: *a, image: b:1}
services:
  own-before: {image: own:1, <<: *a}
  own-after: {<<: *a, image: own:2}
  first-wins: {<<: [*b, *a]}
  quoted: {"<<": {image: no:1}, image: q:1}
"""
    assert place.texts({"c.yml": text}) == ["own:1", "own:2", "b:1", "q:1"]


def test_a_project_is_named_by_its_file_or_its_directory(place: Place) -> None:
    image = "services: {web: {image: 'web:${COMPOSE_PROJECT_NAME}'}}"
    named = {"c.yml": f"include: [i/c.yml]\nname: shop-$V\n{image}", ".env": "V=2"}
    files = {**named, "i/c.yml": f"name: other\n{image}"}
    assert place.texts(files) == ["web:shop-2", "web:shop-2"]
    assert place.texts(files, {"COMPOSE_PROJECT_NAME": "given"}) == ["web:given", "web:given"]
    assert place.texts({"_My Shop.2/c.yml": image}) == ["web:myshop2"]
    assert "c.yml:1: name must be a string" in place.refusal({"c.yml": f"name: 5\n{image}"})


def test_later_documents_are_laid_over_earlier_ones(place: Place) -> None:
    text = """\
services: {web: {image: old:1}, db: {image: db:1}, gone: {image: gone:1}}
---
services: {web: {image: !override new:1}, db: {build: .}, gone: !reset null}
"""
    assert place.texts({"c.yml": text}) == ["new:1", "db:1"]


def test_several_files_have_an_env_file_each(place: Place) -> None:
    text = "services: {web: {image: 'web:${V}'}}"
    files = {"a/c.yml": text, "a/.env": "V=1", "b/c.yml": text, "b/.env": "V=2"}
    write_files(place.directory, files)
    found = place.found("a/c.yml", "b/c.yml")
    assert [one.reference_text for one in found] == ["web:1", "web:2"]


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("image: ${X:?need it}", "c.yml:3: services.web.image: the variable X is not set"),
        ("image: ''", "c.yml:3: services.web.image is blank"),
        ("image: '  '", "c.yml:3: services.web.image is blank"),
        ("image:", "c.yml:3: services.web.image is blank"),
        ("image: ~", "c.yml:3: services.web.image is blank"),
        ("image: ${X}", "c.yml:3: services.web.image is blank once ${X}"),
        ("image: 5", "c.yml:3: services.web.image must be a string"),
        ("image: true", "c.yml:3: services.web.image must be a string"),
        ("image: 1.5", "c.yml:3: services.web.image must be a string"),
        ("image: [a]", "c.yml:3: services.web.image must be a string"),
        ("image: {a: b}", "c.yml:3: services.web.image must be a string"),
        ("image: !!binary YQ==", "c.yml:3: services.web.image must be a string"),
        ("image: a$", "c.yml:3: services.web.image: 'a$' has a '$'"),
        ("image: 'a:${X}'", "c.yml:3: services.web.image: Not an image reference: 'a:'"),
        ("image: Web", "c.yml:3: services.web.image: Not an image reference"),
        ("image: |\n      a:1", "c.yml:3: services.web.image: Not an image reference"),
        ("image: a\n    image: b", "c.yml:4: services.web has the key 'image' twice"),
        ("!!binary aW1hZ2U=: a", "c.yml:3: services.web has a key that is no string"),
        ("<<: &a {<<: *a}", "merges itself"),
        ("<<: text", "merges what is no mapping"),
        ("<<: {}\n    <<: {}", "has the key '<<' twice"),
        ("extends: web", "c.yml:3: services.web extends itself in a circle"),
        ("extends: nope", "c.yml:3: services.web extends 'nope', which c.yml lacks"),
        ("extends: {file: no.yml, service: a}", "c.yml:3: Cannot read no.yml"),
        ("extends: {file: c.yml, service: web}", "extends itself in a circle"),
        ("extends: {file: 'https://h/x', service: a}", "is on another host"),
        ("extends: {file: c.yml}", "names no service"),
        ("volumes: [{type: image, source: ''}]", "services.web.volumes[0].source is blank"),
    ],
)
def test_what_cannot_be_decided_about_is_refused_with_its_line(
    place: Place, service: str, said: str
) -> None:
    assert said in place.refusal({"c.yml": f"services:\n  web:\n    {service}\n"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("include: [c.yml]", "c.yml:1: include[0] includes itself in a circle"),
        ("include: [no.yml]", "c.yml:1: Cannot read no.yml"),
        ("include: ['oci://registry/x']", "is on another host"),
        ("include: [{env_file: x}]", "names no path"),
        ("services: [a]", "c.yml:1: services must be a mapping"),
        ("services: {web: text}", "services.web must be a mapping"),
    ],
)
def test_malformed_files_are_refused(place: Place, text: str, said: str) -> None:
    assert said in place.refusal({"c.yml": text})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (r'include: ["a\0b"]', r"c.yml:1: Cannot read a\x00b: embedded null byte."),
        (r'include: [{path: d.yml, env_file: "a\0b"}]', r"Cannot read a\x00b: embedded null byte."),
        (f"include: [{{path: d.yml, project_directory: {'x' * 300}}}]", "File name too long"),
        (r'{"services": {"a": {"extends": {"file": "\ud800", "service": "a"}}}}', "Cannot read"),
    ],
)
def test_what_can_be_no_file_name_is_refused(place: Place, text: str, said: str) -> None:
    assert said in place.refusal({"c.yml": text, "d.yml": "services: {}"})


def test_a_circle_over_files_is_refused(place: Place) -> None:
    files = {
        "c.yml": "services: {a: {extends: {file: d.yml, service: b}}}",
        "d.yml": "services: {b: {extends: {file: ./c.yml, service: a}}}",
    }
    assert "extends itself in a circle" in place.refusal(files)
    including = {"c.yml": "include: [d.yml]", "d.yml": "include: [./c.yml]"}
    assert "includes itself in a circle" in place.refusal(including)


def test_included_files_that_multiply_are_refused(place: Place) -> None:
    files = {f"{n}.yml": f"include: [{n + 1}.yml, ./{n + 1}.yml]" for n in range(20)}
    assert "multiply without measure" in place.refusal({**files, "20.yml": "services: {}"})


def test_merged_aliases_that_multiply_are_refused(place: Place) -> None:
    keys = ", ".join(f"k{number}: v" for number in range(300))
    levels = [f"l0: &l0 {{{keys}}}"]
    for number in range(1, 40):
        merged = ", ".join([f"*l{number - 1}"] * 40)
        levels.append(f"l{number}: &l{number} {{<<: [{merged}]}}")
    text = "\n".join([*levels, "services: {web: {<<: *l39, image: a}}"])
    assert "multiply without measure" in place.refusal({"c.yml": text})
