"""Errors about metadata, which callers of python-tuf can catch by tuf's own classes too."""

from tuf.api.exceptions import (
    BadVersionNumberError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.serialization import DeserializationError, SerializationError

from signer.errors import ExpiredError, TrustDataError


class MalformedError(TrustDataError, DeserializationError):
    """A metadata file is not what Notary's metadata can be."""

    default_code = "malformed"


class UnwritableError(TrustDataError, SerializationError):
    """Metadata would not survive the Go programs, so it is not written."""

    default_code = "go-would-not-survive"


class ThresholdError(TrustDataError, UnsignedMetadataError):
    """Too few valid signatures by the keys of the role."""

    default_code = "threshold-not-met"


class RollbackError(TrustDataError, BadVersionNumberError):
    """A version is lower than one already seen."""

    default_code = "rollback"


class VersionError(TrustDataError, BadVersionNumberError):
    """A root version is not the one asked for."""

    default_code = "wrong-version"


class HashMismatchError(TrustDataError, LengthOrHashMismatchError):
    """A file is not the one that its parent names: length or hash differ."""

    default_code = "hash-mismatch"


class PinMismatchError(TrustDataError, RepositoryError):
    """No pin accepts the collection's root."""

    default_code = "pin-mismatch"


class ExpiredRoleError(ExpiredError, ExpiredMetadataError):
    """A role's metadata has expired."""

    default_code = "metadata-expired"
