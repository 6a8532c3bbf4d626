"""The error tree: what went wrong, where, what to do next, and the exit code.

::

    SignerError                  1  a failure with no code of its own
      NotFoundError              1  the registry or the server has no such thing
      UsageError                 2  wrong usage or configuration
      NotSignedError             3  the image is not signed as required
      TrustDataError             4  trust data is invalid; treat as an attack
      ExpiredError               5  trust data has expired
      NetworkError               6  server or network not available; a retry may help
      AuthError                  7  not authenticated or not authorised
      KeyUnusableError           8  key missing or unusable
        PassphraseError          8  passphrase missing or rejected
      ConflictError              9  other publishers were faster; a retry may help
      GateError                 10  the gate refuses

Classes that also derive from ``tuf.api.exceptions`` are in ``signer.dialect.errors``: this module
imports nothing, so that every error can be raised and shown without loading the library.
"""

from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of every command; they are part of the command line's contract."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    NOT_SIGNED = 3
    TRUST_DATA = 4
    EXPIRED = 5
    NETWORK = 6
    AUTH = 7
    KEY = 8
    CONFLICT = 9
    GATE = 10


SEVERITY: tuple[ExitCode, ...] = (
    ExitCode.TRUST_DATA,
    ExitCode.EXPIRED,
    ExitCode.NOT_SIGNED,
    ExitCode.GATE,
    ExitCode.KEY,
    ExitCode.AUTH,
    ExitCode.CONFLICT,
    ExitCode.NETWORK,
    ExitCode.USAGE,
    ExitCode.FAILURE,
)
"""Where several images fail differently, the first of these that occurred is the exit code."""


def worst_exit_code(codes: list[int]) -> ExitCode:
    """Return the exit code that stands for several outcomes: 0 only where all are 0."""
    occurred = set(codes) - {ExitCode.OK}
    if not occurred:
        return ExitCode.OK
    return next((code for code in SEVERITY if code in occurred), ExitCode.FAILURE)


class SignerError(Exception):
    """Base of all errors of this toolkit.

    Attributes:
        message: one sentence: what is wrong and where (GUN, role, file, line).
        hint: what to do about it, or an empty string.
        code: stable machine-readable name, for example ``passphrase-rejected``.
        exit_code: the process's exit code.
        step: number of the verification step that failed, or 0.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.FAILURE
    default_code: ClassVar[str] = "failure"

    def __init__(self, message: str, *, hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code
        self.step = 0

    def __str__(self) -> str:
        return self.message


class NotFoundError(SignerError):
    """The registry has no such manifest, or the server no such collection."""

    default_code = "not-found"


class UsageError(SignerError):
    """A command line, configuration file, reference or other input is wrong."""

    exit_code = ExitCode.USAGE
    default_code = "usage"


class NotSignedError(SignerError):
    """The image is not signed as required."""

    exit_code = ExitCode.NOT_SIGNED
    default_code = "not-signed"


class TrustDataError(SignerError):
    """Trust data is invalid: treat it as an attack until it is explained."""

    exit_code = ExitCode.TRUST_DATA
    default_code = "trust-data-invalid"


class ExpiredError(SignerError):
    """Trust data has expired."""

    exit_code = ExitCode.EXPIRED
    default_code = "expired"


class NetworkError(SignerError):
    """A server could not be reached, did not answer in time, or had a fault of its own."""

    exit_code = ExitCode.NETWORK
    default_code = "network"


class AuthError(SignerError):
    """The server did not accept the credentials, or they do not allow what was asked."""

    exit_code = ExitCode.AUTH
    default_code = "unauthorised"


class KeyUnusableError(SignerError):
    """A private key is missing, unreadable, of the wrong kind, or belongs to no role."""

    exit_code = ExitCode.KEY
    default_code = "key-unusable"


class PassphraseError(KeyUnusableError):
    """A passphrase is missing or was rejected (a damaged key file cannot be told apart)."""

    default_code = "passphrase-rejected"


class ConflictError(SignerError):
    """Other publishers were faster, after all retries."""

    exit_code = ExitCode.CONFLICT
    default_code = "conflict"


class GateError(SignerError):
    """What is to be signed is not what was promoted: digest, promotion or scan differ."""

    exit_code = ExitCode.GATE
    default_code = "gate-refused"
