"""Which passphrases are tried for which key, and what is said when none fits."""

import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from signer.errors import PassphraseError
from signer.keys.passphrase import Candidate, Passphrases

DOCKER_ROOT = "DOCKER_CONTENT_TRUST_ROOT_PASSPHRASE"
DOCKER_OTHERS = "DOCKER_CONTENT_TRUST_REPOSITORY_PASSPHRASE"
KEY_ID = "0123456789abcdef" * 4
EVERY = {
    DOCKER_ROOT: "docker-root",
    DOCKER_OTHERS: "docker-others",
    "NOTARY_ROOT_PASSPHRASE": "notary-root",
    "NOTARY_TARGETS_PASSPHRASE": "notary-targets",
    "NOTARY_SNAPSHOT_PASSPHRASE": "notary-snapshot",
    "NOTARY_DELEGATION_PASSPHRASE": "notary-delegation",
}


def values(environment: Mapping[str, str], role: str) -> list[bytes]:
    return [candidate.value for candidate in Passphrases(environment).candidates(role, KEY_ID)]


def opens_with(right: bytes) -> Callable[[bytes], str]:
    def attempt(value: bytes) -> str:
        if value != right:
            raise PassphraseError("wrong")
        return "opened"

    return attempt


def typing(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Return a prompt that gives these answers, and the questions that it was asked."""
    questions: list[str] = []
    left = iter(answers)

    def prompt(question: str) -> str:
        questions.append(question)
        return next(left)

    return prompt, questions


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("root", [b"docker-root", b"notary-root"]),
        ("targets", [b"docker-others", b"notary-targets"]),
        ("snapshot", [b"docker-others", b"notary-snapshot"]),
        ("timestamp", [b"docker-others"]),
        ("targets/gitlab", [b"docker-others", b"notary-delegation"]),
        ("gitlab", [b"docker-others", b"notary-delegation"]),
        ("", [b"docker-others", b"notary-delegation"]),
    ],
)
def test_each_role_has_docker_s_and_notary_s_variables(role: str, expected: list[bytes]) -> None:
    assert values(EVERY, role) == expected


def test_equal_and_empty_values_are_tried_once_and_never() -> None:
    both = {DOCKER_OTHERS: "same", "NOTARY_DELEGATION_PASSPHRASE": "same"}
    assert list(Passphrases(both).candidates("gitlab")) == [Candidate(DOCKER_OTHERS, b"same")]
    assert values({DOCKER_OTHERS: ""}, "gitlab") == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"word", b"word"),
        (b"word\n", b"word"),
        (b"word\r\n", b"word"),
        (b"word\n\n", b"word\n"),
        (b" word \n", b" word "),
        ("wörd\n".encode(), "wörd".encode()),
    ],
)
def test_a_file_s_one_trailing_newline_is_cut(
    tmp_path: Path, content: bytes, expected: bytes
) -> None:
    path = tmp_path / "passphrase"
    path.write_bytes(content)
    assert values({f"{DOCKER_OTHERS}_FILE": str(path)}, "gitlab") == [expected]


def test_a_file_variable_that_holds_the_passphrase_itself_does_not_leak_it() -> None:
    with pytest.raises(PassphraseError, match=f"{DOCKER_OTHERS}_FILE names") as caught:
        values({f"{DOCKER_OTHERS}_FILE": "my-secret-passphrase"}, "gitlab")
    assert "my-secret" not in str(caught.value) + caught.value.hint
    assert caught.value.exit_code == 8


def test_a_huge_passphrase_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge"
    path.write_bytes(bytes(5000))
    with pytest.raises(PassphraseError, match="larger than"):
        values({f"{DOCKER_OTHERS}_FILE": str(path)}, "gitlab")


def test_every_configured_value_is_tried_on_a_key() -> None:
    passphrases = Passphrases(EVERY)
    for right in (b"docker-others", b"notary-delegation"):
        assert passphrases.unlock(opens_with(right), role="gitlab", key_id=KEY_ID) == "opened"


def test_a_rejection_names_key_role_and_variables_and_no_value() -> None:
    with pytest.raises(PassphraseError) as caught:
        Passphrases(EVERY).unlock(opens_with(b"x"), role="targets/gitlab", key_id=KEY_ID)
    message = caught.value.message
    for words in ("targets/gitlab", "0123456", DOCKER_OTHERS, "NOTARY_DELEGATION_PASSPHRASE"):
        assert words in message
    assert "rejected" in message
    assert caught.value.code == "passphrase-rejected"
    for value in EVERY.values():
        assert value not in message + caught.value.hint


def test_without_any_variable_the_message_names_the_one_to_set() -> None:
    with pytest.raises(PassphraseError, match="no passphrase is set") as caught:
        Passphrases({}).unlock(opens_with(b"x"), role="root", key_id=KEY_ID)
    assert caught.value.hint == f"Set {DOCKER_ROOT} or NOTARY_ROOT_PASSPHRASE."
    assert caught.value.code == "passphrase-missing"


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({DOCKER_OTHERS: ""}, "set but empty: a protected CI variable"),
        ({"DOCKER_CONTENT_TRUST_DELEGATION_PASSPHRASE": "x"}, "no program reads it"),
        ({"NOTARY_TARGET_PASSPHRASE": "x"}, "no program reads it"),
        ({"DOCKER_CONTENT_TRUST_REPOSITORY_PASSWORD": "x"}, "no program reads it"),
        ({DOCKER_ROOT: "x"}, f"{DOCKER_ROOT} is set, but is not read for signer keys"),
    ],
)
def test_what_looks_meant_in_the_environment_is_hinted_at(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(PassphraseError) as caught:
        Passphrases(environment).unlock(opens_with(b"y"), role="gitlab", key_id=KEY_ID)
    assert words in caught.value.hint


def test_a_prompt_is_used_after_the_variables_and_remembered() -> None:
    prompt, questions = typing("wrong", " right \n")
    passphrases = Passphrases({DOCKER_OTHERS: "no"}, prompt=prompt)
    assert passphrases.unlock(opens_with(b"right"), role="gitlab", key_id=KEY_ID) == "opened"
    assert questions == ["Enter passphrase for gitlab key with ID 0123456: "] * 2
    again = passphrases.unlock(opens_with(b"right"), role="gitlab", key_id="f" * 64)
    assert again == "opened"
    assert len(questions) == 2


def test_three_wrong_answers_end_it() -> None:
    prompt, questions = typing(*("wrong" for _ in range(5)))
    with pytest.raises(PassphraseError, match="3 times"):
        Passphrases({}, prompt=prompt).unlock(opens_with(b"right"), role="root", key_id=KEY_ID)
    assert len(questions) == 3


def test_a_closed_terminal_is_an_error() -> None:
    def prompt(_: str) -> str:
        raise EOFError

    with pytest.raises(PassphraseError, match="closed"):
        Passphrases({}, prompt=prompt).unlock(opens_with(b"x"), role="root")


def test_an_error_that_is_no_wrong_passphrase_is_not_swallowed() -> None:
    def attempt(_: bytes) -> str:
        raise RuntimeError("other")

    with pytest.raises(RuntimeError, match="other"):
        Passphrases(EVERY).unlock(attempt, role="root")


def test_a_new_key_takes_the_first_variable_that_is_set() -> None:
    assert Passphrases(EVERY).new("targets") == b"docker-others"
    assert Passphrases({"NOTARY_ROOT_PASSPHRASE": "12345678"}).new("root") == b"12345678"


def test_a_new_passphrase_shorter_than_eight_characters_is_refused() -> None:
    for short in ("1234567", "äöüäöüä"):
        with pytest.raises(PassphraseError, match=f"in {DOCKER_OTHERS} is shorter than 8"):
            Passphrases({DOCKER_OTHERS: short}).new("gitlab")


def test_an_unattended_run_without_variable_cannot_make_a_key() -> None:
    with pytest.raises(PassphraseError, match="new root key") as caught:
        Passphrases({}).new("root")
    assert DOCKER_ROOT in caught.value.hint


def test_a_new_passphrase_is_asked_for_twice() -> None:
    prompt, questions = typing("example-1", "example-2", "short", "example-3", "example-3")
    assert Passphrases({}, prompt=prompt).new("root", KEY_ID) == b"example-3"
    assert questions == [
        "Enter passphrase for new root key with ID 0123456: ",
        "Repeat passphrase for new root key with ID 0123456: ",
        "Enter passphrase for new root key with ID 0123456: ",
        "Enter passphrase for new root key with ID 0123456: ",
        "Repeat passphrase for new root key with ID 0123456: ",
    ]


def test_answers_that_never_agree_are_an_error() -> None:
    answers = (f"example-{number}" for number in itertools.count())
    with pytest.raises(PassphraseError, match="differ"):
        Passphrases({}, prompt=lambda _: next(answers)).new("root")


def test_no_passphrase_is_in_a_repr() -> None:
    passphrases = Passphrases(EVERY)
    shown = repr(passphrases) + repr(list(passphrases.candidates("root")))
    assert "docker-root" not in shown
