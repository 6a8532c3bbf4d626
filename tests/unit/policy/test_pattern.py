"""Which repositories a pattern is about."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signer.errors import UsageError
from signer.names import ImageReference
from signer.policy.pattern import Pattern, compile_glob


def _matches(pattern: str, image: str) -> bool:
    return Pattern.parse(pattern).matches(ImageReference.parse(image))


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask"),
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask:1.0"),
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask@sha256:" + "0" * 64),
        ("dtr.example.com/admin/*", "dtr.example.com/admin/flask"),
        ("dtr.example.com/admin/*", "dtr.example.com/admin/team/flask"),
        ("dtr.example.com/*/flask", "dtr.example.com/admin/flask"),
        ("dtr.example.com/*", "dtr.example.com/flask"),
        ("dtr.example.com:443/*", "dtr.example.com:443/admin/flask"),
        ("DTR.Example.com/admin/*", "dtr.example.com/admin/flask"),
        ("dtr.example.com/admin/*", "DTR.Example.com/admin/flask"),
        ("*.example.com/admin/*", "dtr.example.com/admin/flask"),
        ("*.example.com/admin/*", "a.b.example.com/admin/flask"),
        ("localhost:*/a", "localhost:5000/a"),
        ("[::1]:5000/a", "[::1]:5000/a"),
        ("busybox", "busybox"),
        ("busybox", "docker.io/library/busybox:1"),
        ("busybox", "index.docker.io/busybox"),
        ("docker.io/busybox", "busybox"),
        ("index.docker.io/library/busybox", "busybox"),
        ("Docker.io/busybox", "busybox"),
        ("busy*", "busybox"),
        ("library/*", "busybox"),
        ("bitnami/*", "docker.io/bitnami/redis"),
        ("docker.io/*", "busybox"),
        ("*", "busybox"),
        ("*", "dtr.example.com:5000/a/b/c"),
        ("*/*", "dtr.example.com/a"),
        ("**", "dtr.example.com/a"),
    ],
)
def test_a_pattern_matches_what_it_names(pattern: str, image: str) -> None:
    assert _matches(pattern, image)


@pytest.mark.parametrize(
    ("pattern", "image"),
    [
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask2"),
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask/x"),
        ("dtr.example.com/admin/flask", "dtr.example.com/x/admin/flask"),
        ("dtr.example.com/admin/*", "dtr.example.com/administrator/flask"),
        ("dtr.example.com/admin/*", "dtr.example.com:5000/admin/flask"),
        ("dtr.example.com/admin/*", "evil.com/dtr.example.com/admin/flask"),
        ("dtr.example.com/admin/*", "dtr.example.com.evil.com/admin/flask"),
        ("dtr.example.com/admin/*", "evildtr.example.com/admin/flask"),
        ("dtr.example.com/admin/*", "dtrxexample.com/admin/flask"),
        ("*.example.com/admin/*", "example.com/admin/flask"),
        ("*.example.com/admin/*", "evil.com/x.example.com/admin/flask"),
        ("*/admin/flask", "evil.com/x/admin/flask"),
        ("docker.io/library/*", "evil.com/docker.io/library/busybox"),
        ("docker.io/library/*", "docker.io/evil/busybox"),
        ("busybox", "dtr.example.com/library/busybox"),
        ("busybox", "evil/busybox"),
        ("bitnami/*", "bitnami.evil.com/redis"),
        ("registry.k8s.io/*", "docker.io/registry.k8s.io/pause"),
    ],
)
def test_a_pattern_is_anchored_in_host_and_path(pattern: str, image: str) -> None:
    assert not _matches(pattern, image)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "/a",
        "a/",
        "dtr.example.com/",
        "dtr.example.com//a",
        "dtr.example.com/a:1",
        "dtr.example.com/a:*",
        "dtr.example.com/a@sha256:" + "0" * 64,
        "busybox:1",
        "*:*",
        "localhost:5000",
        "https://dtr.example.com/a",
        "dtr.example.com/Admin/*",
        "dtr.example.com/a b",
        "dtr.example.com/a\n",
        "dtr.example.com/(a|b)",
        "dtr.example.com/a?",
        "dtr.example.com/[ab]",
        "dtr.example.com/é",
        "^dtr.example.com/.*$",
    ],
)
def test_what_could_never_match_or_is_another_language_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        Pattern.parse(text)


@pytest.mark.parametrize(
    ("narrower", "wider"),
    [
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/*"),
        ("dtr.example.com/admin/flask", "dtr.example.com/admin/flask*"),
        ("dtr.example.com/admin/f*", "dtr.example.com/admin/*"),
        ("dtr.example.com/admin/*", "dtr.example.com/*"),
        ("dtr.example.com/*", "*.example.com/admin/flask"),
        ("*.example.com/*", "*/admin/flask"),
        ("*.dtr.example.com/*", "*.example.com/*"),
        ("dtr.example.com/a*", "dtr.example.com/**a"),
        ("dtr.example.com/a*", "dtr.example.com/*"),
        ("*/admin/*", "*"),
    ],
)
def test_the_narrower_pattern_is_more_specific(narrower: str, wider: str) -> None:
    assert Pattern.parse(narrower).specificity > Pattern.parse(wider).specificity


def _reference_glob(glob: str, text: str) -> bool:
    """Match by a table, as textbooks do it."""
    row = [True] + [False] * len(text)
    for symbol in glob:
        above, row = row, [row[0] and symbol == "*"] + [False] * len(text)
        for index, letter in enumerate(text, 1):
            if symbol == "*":
                row[index] = above[index] or row[index - 1]
            else:
                row[index] = above[index - 1] and symbol == letter
    return row[-1]


@given(glob=st.text("ab.*", max_size=12), text=st.text("ab.", max_size=14))
def test_a_glob_means_what_the_textbook_says(glob: str, text: str) -> None:
    assert bool(compile_glob(glob).fullmatch(text)) == _reference_glob(glob, text)


@pytest.mark.parametrize("glob", ["*a" * 60 + "b", "*" * 4000 + "b", ("*" + "a" * 10) * 20 + "b"])
def test_no_pattern_takes_long(glob: str) -> None:
    began = time.perf_counter()
    assert not compile_glob(glob).fullmatch("a" * 4000)
    assert time.perf_counter() - began < 2


@given(st.text(max_size=40))
def test_any_text_is_a_pattern_or_a_usage_error(text: str) -> None:
    try:
        pattern = Pattern.parse(text)
    except UsageError:
        return
    assert pattern.host == pattern.host.lower()
    assert pattern.path
