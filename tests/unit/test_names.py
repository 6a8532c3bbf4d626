"""Image references, GUNs, roles, signers and key ids: what is accepted, and as what."""

from typing import Final

import pytest

from signer.errors import ExitCode, UsageError
from signer.names import (
    ImageReference,
    is_delegation,
    parent_role,
    parse_gun,
    parse_key_id,
    parse_role,
    parse_signer,
    printable,
)

HEX: Final = "0123456789abcdef" * 4
SHA256: Final = f"sha256:{HEX}"


GOOD: Final = [
    # Docker Hub's short names.
    ("busybox", "docker.io/library/busybox"),
    ("busybox:1.36", "docker.io/library/busybox:1.36"),
    ("admin/app", "docker.io/admin/app"),
    ("a/b/c", "docker.io/a/b/c"),
    ("docker.io/busybox", "docker.io/library/busybox"),
    ("docker.io/admin/app", "docker.io/admin/app"),
    ("index.docker.io/busybox", "docker.io/library/busybox"),
    ("index.docker.io/admin/app:1", "docker.io/admin/app:1"),
    ("docker.io/library/busybox", "docker.io/library/busybox"),
    ("docker.io", "docker.io/library/docker.io"),
    ("library", "docker.io/library/library"),
    # What is a host: a dot, a colon, localhost, or an upper-case letter.
    ("localhost/app", "localhost/app"),
    ("localhost/a/b:1", "localhost/a/b:1"),
    ("localhost", "docker.io/library/localhost"),
    ("localhost:5000", "docker.io/library/localhost:5000"),
    ("localhost:5000/app", "localhost:5000/app"),
    ("localhost1/app", "docker.io/localhost1/app"),
    ("dtr/app", "docker.io/dtr/app"),
    ("dtr:4443/app", "dtr:4443/app"),
    ("DTR/app", "DTR/app"),
    ("Localhost/app", "Localhost/app"),
    ("DOCKER.IO/app", "DOCKER.IO/app"),
    ("dtr.example.com/app", "dtr.example.com/app"),
    ("dtr.example.com/admin/flask:1", "dtr.example.com/admin/flask:1"),
    ("DTR.Example.COM/admin/flask", "DTR.Example.COM/admin/flask"),
    ("dtr.example.com:4443/admin/flask:1", "dtr.example.com:4443/admin/flask:1"),
    ("127.0.0.1:5000/app", "127.0.0.1:5000/app"),
    ("1.2/app", "1.2/app"),
    ("a-b.c--d.e/app", "a-b.c--d.e/app"),
    ("xn--n3h.com/app", "xn--n3h.com/app"),
    ("a.b:65535/c", "a.b:65535/c"),
    ("[::1]/app", "[::1]/app"),
    ("[::1]:5000/app:1", "[::1]:5000/app:1"),
    ("[2001:db8::1]:5000/a/b", "[2001:db8::1]:5000/a/b"),
    ("[FE80::1]/app", "[FE80::1]/app"),
    # Separators inside a component.
    ("h.com/a.b/c_d/e__f/g-h/i--j/k---l", "h.com/a.b/c_d/e__f/g-h/i--j/k---l"),
    ("h.com/0/1", "h.com/0/1"),
    # Tags.
    ("a:b", "docker.io/library/a:b"),
    ("h.com/a:_", "h.com/a:_"),
    ("h.com/a:A.b-c_", "h.com/a:A.b-c_"),
    ("h.com/a:1..2", "h.com/a:1..2"),
    ("h.com/a:" + "t" * 128, "h.com/a:" + "t" * 128),
    # Digests.
    (f"h.com/a@{SHA256}", f"h.com/a@{SHA256}"),
    (f"h.com/a:1@{SHA256}", f"h.com/a:1@{SHA256}"),
    (f"busybox@{SHA256}", f"docker.io/library/busybox@{SHA256}"),
    (f"localhost:5000@{SHA256}", f"docker.io/library/localhost:5000@{SHA256}"),
    (f"{HEX}/a", f"docker.io/{HEX}/a"),
    (f"{HEX}:1", f"docker.io/library/{HEX}:1"),
    (HEX[:-1], f"docker.io/library/{HEX[:-1]}"),
    # 255 characters.
    ("h.com/" + "a" * 249, "h.com/" + "a" * 249),
    ("h.com/" + "a" * 249 + ":" + "t" * 128, "h.com/" + "a" * 249 + ":" + "t" * 128),
]


@pytest.mark.parametrize(("text", "normal"), GOOD)
def test_a_reference_is_read_as_docker_reads_it(text: str, normal: str) -> None:
    assert str(ImageReference.parse(text)) == normal


@pytest.mark.parametrize(
    "text",
    [
        "docker.io/library/a",
        "h.com:1/a/b:t",
        f"[::1]:5000/a:t@{SHA256}",
        "DTR/app",
    ],
)
def test_a_normal_reference_is_its_own_normal_form(text: str) -> None:
    reference = ImageReference.parse(text)
    assert str(reference) == text
    assert ImageReference.parse(str(reference)) == reference


BAD: Final = [
    # Nothing, or nothing but separators.
    "",
    "/",
    ":",
    "@",
    ":tag",
    f"@{SHA256}",
    "/a",
    "h.com/",
    "docker.io/",
    "index.docker.io/",
    "localhost/",
    "[::1]",
    "https://h.com/a",
    "http://a",
    "docker://h.com/a",
    # Out of the directory.
    "..",
    "../a",
    "h.com/..",
    "h.com/../a",
    "h.com/a/../../b",
    "h.com/./a",
    "h.com/a/.",
    "h.com/.a",
    "./a",
    "~/a",
    "h.com/a\\b",
    "h.com/%2e%2e/a",
    # Slashes.
    "h.com//a",
    "h.com/a//b",
    "h.com/a/",
    "h.com/a/:1",
    "//a",
    # Upper case in the path.
    "Busybox",
    "h.com/A",
    "h.com/a/B:1",
    "docker.io/A",
    "a/B",
    # Separators at the edges, or mixed.
    "h.com/-a",
    "h.com/a-",
    "h.com/_a",
    "h.com/a.",
    "h.com/a..b",
    "h.com/a._b",
    "h.com/a___b",
    "h.com/a-_b",
    "h.com/a:b/c",
    # Hosts.
    "-h.com/a",
    "h-.com/a",
    "h..com/a",
    ".com/a",
    "h.com./a",
    "h_h.com/a",
    "h.com:/a",
    "h.com:x/a",
    "h.com:-1/a",
    "h.com:123456/a",
    ":5000/a",
    "[]/a",
    "[::1/a",
    "::1/a",
    "[::1]x/a",
    "[::1%25lo]/a",
    "[::g]:1/a",
    "user@h.com/a",
    "user:password@h.com/a",
    "h.com?/a",
    "h.com#/a",
    "ä.com/a",
    # Tags.
    "h.com/a:",
    "h.com/a:.t",
    "h.com/a:-t",
    "h.com/a:t/",
    "h.com/a:t:u",
    "h.com/a:t u",
    "h.com/a:ä",
    "h.com/a:t+u",
    "h.com/a:" + "t" * 129,
    # Digests.
    "h.com/a@",
    "h.com/a@sha256",
    "h.com/a@sha256:",
    f"h.com/a@{HEX}",
    f"h.com/a@sha256:{HEX[:-1]}",
    f"h.com/a@sha256:{HEX}0",
    f"h.com/a@sha256:{HEX.upper()}",
    f"h.com/a@SHA256:{HEX}",
    f"h.com/a@sha512:{HEX * 2}",
    f"h.com/a@sha512:{HEX}",
    f"h.com/a@md5:{HEX[:32]}",
    f"h.com/a@sha256:{HEX[:-1]}g",
    f"h.com/a@{SHA256}@{SHA256}",
    f"h.com/a@{SHA256}:tag",
    # Docker takes 64 hex digits for an image's id.
    HEX,
    "a" * 64,
    # White space and control characters.
    " h.com/a",
    "h.com/a ",
    "h.com/a\n",
    "h.com/a:1\n",
    f"h.com/a@{SHA256}\n",
    "h.com/a\r",
    "h.com/\ta",
    "h.com/a b",
    "h.com/a\x00",
    "h.com/\x1b[31ma",
    "h.com/a\x7f",
    "h.com/a\x85",
    "h.com/a\u2028",
    "h.com/a\u00a0",
    "h.com/a\u200b",
    "h.com/\u202ea",
    "\ufeffh.com/a",
    "h.com/a\ud800",
    # Letters and digits that look like others.
    "h.com/\u0430pp",
    "h.\u0441om/a",
    "h.com/\uff41",
    "h.com/a:\uff11",
    "h.com/\u0661",
    "h.com:\u0661/a",
    "h.com/\u212a",
    "h.com/\u0131",
    "h.com\uff0fa",
    "h.com/stra\u00dfe",
    f"h.com/a@sha256:{HEX[:-1]}\uff11",
    # Too long.
    "h.com/" + "a" * 250,
    "a" * 300,
    "a/" * 200 + "a",
    "h" * 300 + ".com/a",
]


@pytest.mark.parametrize("text", BAD, ids=ascii)
def test_anything_else_is_refused_as_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        ImageReference.parse(text)
    assert caught.value.code == "bad-reference"
    assert caught.value.exit_code == ExitCode.USAGE
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 600


def test_a_message_about_a_very_long_part_is_short() -> None:
    for text in (
        "h.com/a:" + "/x" * 10**6,
        "a:" + "t" * 10**6,
        "A" * 10**6,
        "h.com/" + "é" * 10**6,
    ):
        with pytest.raises(UsageError) as caught:
            ImageReference.parse(text)
        assert len(caught.value.message) < 600


def test_the_parts_of_a_reference() -> None:
    reference = ImageReference.parse(f"dtr.example.com:4443/admin/flask:1@{SHA256}")
    assert (reference.domain, reference.path) == ("dtr.example.com:4443", "admin/flask")
    assert (reference.tag, reference.digest) == ("1", SHA256)
    assert reference.gun == "dtr.example.com:4443/admin/flask"
    assert reference.registry_host == "dtr.example.com:4443"


def test_docker_hubs_registry_has_another_name() -> None:
    assert ImageReference.parse("busybox").registry_host == "registry-1.docker.io"
    assert ImageReference.parse("index.docker.io/a/b").registry_host == "registry-1.docker.io"


def test_another_tag_drops_the_digest() -> None:
    reference = ImageReference.parse(f"h.com/a:1@{SHA256}")
    assert str(reference.with_tag("2")) == "h.com/a:2"


def test_references_are_values() -> None:
    assert {ImageReference.parse("busybox"), ImageReference.parse("docker.io/library/busybox")} == {
        ImageReference("docker.io", "library/busybox")
    }


@pytest.mark.parametrize(
    ("text", "gun"),
    [
        ("h.com/a", "h.com/a"),
        ("busybox", "docker.io/library/busybox"),
        ("localhost:5000/a/b", "localhost:5000/a/b"),
    ],
)
def test_a_gun_has_neither_tag_nor_digest(text: str, gun: str) -> None:
    assert parse_gun(text) == gun
    for image in (f"{text}:1", f"{text}@{SHA256}"):
        with pytest.raises(UsageError, match="needs a repository") as caught:
            parse_gun(image)
        assert gun in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "root",
        "targets",
        "snapshot",
        "timestamp",
        "targets/releases",
        "targets/a/b/c",
        "targets/-",
        "targets/_",
        "targets/0-9_a",
        "targets/root",
        "targets/targets",
        "targets/" + "a" * 247,
    ],
)
def test_roles_of_notary_are_accepted(text: str) -> None:
    assert parse_role(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Root",
        "mirrors",
        "releases",
        "root/a",
        "snapshot/a",
        "targets/",
        "targets//a",
        "targets/a/",
        "/targets/a",
        "targets/../root",
        "targets/.",
        "targets/a.b",
        "targets/A",
        "targets/*",
        "targets/a*",
        "targets/a b",
        "targets/a\n",
        "targets\n",
        "targets/\x1b[31m",
        "targets/\u0430",
        "targets/\u0661",
        "targets\\a",
        "targets/" + "a" * 248,
        " targets",
    ],
    ids=ascii,
)
def test_other_roles_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_role(text)
    assert caught.value.code == "bad-role"
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("name", ["gitlab", "a", "0", "a-b_c", "9-", "root", "a" * 247])
def test_a_signer_is_a_delegation_under_targets(name: str) -> None:
    assert parse_signer(name) == f"targets/{name}"
    assert parse_role(parse_signer(name)) == f"targets/{name}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "releases",
        "-a",
        "_a",
        "A",
        "gitLab",
        "a.b",
        "a/b",
        "targets/a",
        "..",
        "a b",
        "a\n",
        "\x1b[31m",
        "\u0430",
        "a" * 248,
    ],
    ids=ascii,
)
def test_other_signers_are_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_signer(name)
    assert caught.value.code == "bad-signer"
    assert caught.value.message.isprintable()


def test_a_key_id_is_64_lower_case_hex_digits() -> None:
    assert parse_key_id(HEX) == HEX


@pytest.mark.parametrize(
    "text",
    ["", HEX[:-1], HEX + "0", HEX.upper(), HEX + "\n", "../" + HEX[3:], "\uff11" * 64],
    ids=ascii,
)
def test_other_key_ids_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_key_id(text)
    assert caught.value.code == "bad-key-id"
    assert caught.value.message.isprintable()


def test_a_delegation_belongs_to_the_role_before_its_last_slash() -> None:
    assert parent_role("targets/a/b") == "targets/a"
    assert parent_role("targets/a") == "targets"
    assert is_delegation("targets/a")
    assert not any(is_delegation(r) for r in ("root", "targets", "snapshot", "targetsx/a"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é \U0001f600", "plain é \U0001f600"),
        ("\x1b[2J", "\\x1b[2J"),
        ("a\nb\t", "a\\nb\\t"),
        ("\u202e\u2028\ud800", "\\u202e\\u2028\\ud800"),
        ("\x9b", "\\x9b"),
        ("a" * 200, "a" * 200),
        ("a" * 201, "a" * 200 + "..."),
    ],
    ids=ascii,
)
def test_text_is_made_fit_for_a_message(text: str, shown: str) -> None:
    assert printable(text) == shown
