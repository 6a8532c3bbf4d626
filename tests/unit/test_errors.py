"""The error tree: exit codes, hints, stable names, and whom they can be caught as."""

import copy
import pickle
import subprocess
import sys
from collections.abc import Iterator

import pytest

from signer import errors
from signer.errors import SEVERITY, ExitCode, SignerError, worst_exit_code


def classes(base: type[SignerError] = SignerError) -> Iterator[type[SignerError]]:
    for found in base.__subclasses__():
        if found.__module__ == "signer.errors":
            yield found
            yield from classes(found)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SignerError", 1),
        ("NotFoundError", 1),
        ("UsageError", 2),
        ("NotSignedError", 3),
        ("TrustDataError", 4),
        ("ExpiredError", 5),
        ("NetworkError", 6),
        ("AuthError", 7),
        ("KeyUnusableError", 8),
        ("PassphraseError", 8),
        ("ConflictError", 9),
        ("GateError", 10),
    ],
)
def test_exit_codes_are_those_of_the_contract(name: str, code: int) -> None:
    assert getattr(errors, name)("x").exit_code == code


def test_every_class_has_its_own_stable_name() -> None:
    found: list[type[SignerError]] = [SignerError, *classes()]
    names = [cls.default_code for cls in found]
    assert len(set(names)) == len(names) == 12
    assert all(name == name.lower() and " " not in name for name in names)


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = errors.UsageError("No such file.", hint="Check the path.", code="no-file")
    assert (str(error), error.message) == ("No such file.", "No such file.")
    assert (error.hint, error.code) == ("Check the path.", "no-file")
    assert errors.UsageError("x").code == "usage"
    assert errors.UsageError("x").hint == ""


def test_hint_and_name_are_given_by_keyword() -> None:
    with pytest.raises(TypeError):
        SignerError("message", "hint")  # type: ignore[call-arg] # wrong on purpose


@pytest.mark.parametrize("duplicate", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301 - our own bytes
def test_an_error_can_cross_a_process(duplicate: object) -> None:
    assert callable(duplicate)
    error = duplicate(errors.GateError("message", hint="hint", code="code"))
    assert (error.message, error.hint, error.code) == ("message", "hint", "code")
    assert error.exit_code == ExitCode.GATE


def test_a_passphrase_error_is_an_unusable_key() -> None:
    assert issubclass(errors.PassphraseError, errors.KeyUnusableError)


def test_every_failure_has_a_place_in_the_order() -> None:
    assert set(SEVERITY) == set(ExitCode) - {ExitCode.OK}
    assert len(set(SEVERITY)) == len(SEVERITY)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 3], 3),
        ([6, 4, 5], 4),
        ([3, 5], 5),
        ([10, 3], 3),
        ([1, 2], 2),
        ([0, 1], 1),
        ([9, 6], 9),
        ([10, 0], 10),
    ],
)
def test_the_worst_of_several_outcomes_stands_for_all(codes: list[int], expected: int) -> None:
    assert worst_exit_code(codes) == expected


@pytest.mark.parametrize("codes", [[42], [0, 130], [-9], [0, 255]])
def test_a_code_that_is_none_of_ours_is_never_success(codes: list[int]) -> None:
    assert worst_exit_code(codes) == ExitCode.FAILURE


def test_errors_of_metadata_are_ours_and_tufs() -> None:
    from tuf.api import exceptions as tuf

    from signer.dialect import errors as dialect

    found = {
        dialect.MalformedError: (tuf.RepositoryError, ExitCode.TRUST_DATA),
        dialect.UnwritableError: (tuf.RepositoryError, ExitCode.TRUST_DATA),
        dialect.ThresholdError: (tuf.UnsignedMetadataError, ExitCode.TRUST_DATA),
        dialect.RollbackError: (tuf.BadVersionNumberError, ExitCode.TRUST_DATA),
        dialect.VersionError: (tuf.BadVersionNumberError, ExitCode.TRUST_DATA),
        dialect.HashMismatchError: (tuf.LengthOrHashMismatchError, ExitCode.TRUST_DATA),
        dialect.PinMismatchError: (tuf.RepositoryError, ExitCode.TRUST_DATA),
        dialect.ExpiredRoleError: (tuf.ExpiredMetadataError, ExitCode.EXPIRED),
    }
    for cls, (foreign, code) in found.items():
        error = cls("message", hint="hint")
        assert isinstance(error, SignerError)
        assert isinstance(error, foreign)
        assert (error.exit_code, error.hint, str(error)) == (code, "hint", "message")
        assert pickle.loads(pickle.dumps(error)).hint == "hint"  # noqa: S301 - our own bytes
    assert len({cls.default_code for cls in found}) == len(found)


def test_names_and_errors_load_nothing_heavy() -> None:
    program = (
        "import sys, signer, signer.names, signer.errors, signer.constants;"
        "heavy = {'tuf', 'securesystemslib', 'cryptography', 'httpx', 'click', 'msgspec'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
