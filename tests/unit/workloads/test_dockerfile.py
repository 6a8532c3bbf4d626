"""Images in Dockerfiles: what is one, and what only looks like one."""

import pytest

from tests.unit.workloads.finding import Place

STAGES = r"""# syntax=docker/dockerfile:1
# escape=\
ARG V=3.18 BASE="alpine:${V}"
from --platform=$BUILDPLATFORM golang:1.20 As Build
ARG V=9
RUN echo \
# a comment inside
  # FROM no:1

  FROM no:2
COPY <<EOF /x
FROM no:3
EOF
RUN <<-'A' cat <<B
FROM no:4
	A
FROM no:5
B
FROM $BASE AS base-amd64
FROM base-${TARGETARCH} AS x
FROM BUILD
COPY --chown=1 --from=busybox:1 /a /b
COPY --from=build /a /b
COPY --from=LATER /a /b
COPY --from=0 /a /b
ADD --from=added:1 /a /b
RUN --mount=type=cache,target=/x --mount=type=bind,from=mnt:1,source=/a \
  --mount=from=mnt:2,target=/b make --mount=from=no:6
RUN --mount=type=bind,from=build,target=/b true
ONBUILD COPY --from=onb:1 a b
RUN echo "<<NO" 'COPY --from=no:7'
FROM scratch AS later
FROM "quo\
ted:1"
FROM ${V%.*}x:${V/./-}
"""


def test_only_images_count(place: Place) -> None:
    assert place.images({"Dockerfile": STAGES}) == [
        ("golang:1.20", "Dockerfile", 4, "FROM (stage Build)"),
        ("alpine:3.18", "Dockerfile", 19, "FROM (stage base-amd64)"),
        ("busybox:1", "Dockerfile", 22, "COPY --from (stage 3)"),
        ("added:1", "Dockerfile", 26, "ADD --from (stage 3)"),
        ("mnt:1", "Dockerfile", 27, "RUN --mount (stage 3)"),
        ("mnt:2", "Dockerfile", 28, "RUN --mount (stage 3)"),
        ("onb:1", "Dockerfile", 30, "COPY --from (stage 3)"),
        ("quoted:1", "Dockerfile", 33, "FROM (stage 5)"),
        ("3x:3-18", "Dockerfile", 35, "FROM (stage 6)"),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ARG A=a\nFROM $A:1", "a:1"),
        ("ARG A=a\nFROM ${A}:1", "a:1"),
        ("ARG A\nARG A=a\nFROM $A", "a"),
        ("ARG A=a\nARG A\nFROM $A", "a"),
        ("ARG A='a'\nARG B=${A}:1\nFROM $B", "a:1"),
        ("FROM ${A:-a}", "a"),
        ("ARG A=\nFROM ${A:-a}", "a"),
        ("ARG A=\nFROM a${A-b}", "a"),
        ("ARG A=1\nFROM a${A:+:2}", "a:2"),
        ("FROM a${A:+:2}", "a"),
        ("ARG A=${B:-c}\nFROM ${A}", "c"),
        ("ARG A=1.2.3\nFROM a:${A%%.*}", "a:1"),
        ("ARG A=v1\nFROM a:${A#v}", "a:1"),
        ("ARG A=x/y/z\nFROM ${A##*/}", "z"),
        ("ARG A=1.2.3\nFROM a:${A//./_}", "a:1_2_3"),
        ("ARG A=a\n\\\nFROM $A", "a"),
        ("#escape=`\nFROM a:1`\n2", "a:12"),
        ("# escape=`\r\nFROM a:`\r\n1\r\n", "a:1"),
        ("# comment\n# escape=`\nFROM a\\\n:1", "a:1"),
        ("\ufeffFROM a:1", "a:1"),
        ("FROM a AS x\nFROM x", "a"),
        ("FROM scratch\nCOPY --from='a:1' x y", "a:1"),
        ('FROM scratch\nRUN --mount=type=bind,"from=a:1" true', "a:1"),
        ('FROM scratch\nRUN --mo"unt"=type=bind,fr"om=a":1 true', "a:1"),
        ('FROM scratch\nRUN --mount="type=bind",\\"from=a:1\\",ro true', "a:1"),
        ("FROM scratch\nRUN --mount=from=a:1 true\\\\\nFROM scratch", "a:1"),
        ("FROM scratch\nCOPY --from=1 x y\nCOPY --from=a:1 x y\nFROM scratch", "a:1"),
    ],
)
def test_arguments_quotes_and_escapes_are_replaced(place: Place, text: str, expected: str) -> None:
    assert place.texts({"Dockerfile": text}) == [expected]


def test_from_takes_only_earlier_stages_and_copy_takes_all(place: Place) -> None:
    text = "FROM later\nCOPY --from=Later a b\nFROM a:1 AS later\nFROM LATER\n"
    assert place.texts({"Dockerfile": text}) == ["later", "a:1"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("FROM $X", "Dockerfile:1: FROM (stage 0) is blank once $X"),
        ("ARG A\n\nFROM $A", "Dockerfile:3: FROM (stage 0) is blank once $A"),
        ("FROM", "Dockerfile:1: FROM is not FROM IMAGE [AS NAME]"),
        ("FROM a b", "FROM is not FROM IMAGE [AS NAME]"),
        ("FROM a AS b c", "FROM is not FROM IMAGE [AS NAME]"),
        ("RUN x\nFROM a", "Dockerfile:1: RUN stands before FROM"),
        ("", "the Dockerfile has no FROM"),
        ("FROM a\nCOPY --from=$X a b", "Dockerfile:2: COPY --from takes no variables"),
        ("FROM a\nCOPY --from= a b", "Dockerfile:2: COPY --from is blank"),
        ("FROM a\nRUN --mount=from=$X a", "Dockerfile:2: RUN --mount takes no variables"),
        ("FROM a-${TARGETARCH}", "depends on the platform"),
        ("FROM a\nRUN <<EOF\nx", "Dockerfile:2: the heredoc has no end: no line is EOF"),
        ("FROM A", "Dockerfile:1: FROM (stage 0): Not an image reference"),
        ("# escape=x\nFROM a", "Dockerfile:1: the escape character must be"),
        ("FROM ${X:?no}", "X is not set, and it is required: no"),
        ("FROM ${X", "not closed"),
        ("FROM 'a", "not closed"),
        ("FROM ${X@U}", "is unknown"),
        ("FROM a\n%%\n", "Dockerfile:2: this is no instruction"),
    ],
)
def test_what_cannot_be_decided_about_is_refused_with_its_line(
    place: Place, text: str, said: str
) -> None:
    assert said in place.refusal({"Dockerfile": text})
