"""Why a request to the engine is refused before, or beside, any question of signatures."""

from signer.errors import NotSignedError


class UnclearRequestError(NotSignedError):
    """What the engine would do cannot be told from what it shows of the request."""

    default_code = "unclear-request"


class UnknownEndpointError(NotSignedError):
    """A request that changes something, by an endpoint that this program does not know."""

    default_code = "unknown-endpoint"


class LocalImageError(NotSignedError):
    """An image that no registry vouches for, where no rule lets such images be used or made."""

    default_code = "local-image"


class BuildError(NotSignedError):
    """A build whose base images cannot be seen, where no rule lets it be done."""

    default_code = "unseen-build"


class LocalDiffersError(NotSignedError):
    """The engine has another image under this tag than the signed one."""

    default_code = "local-differs"


def unseen(what: str, why: str, *, hint: str = "") -> UnclearRequestError:
    """Return the error for what cannot be seen, or read in one way only."""
    return UnclearRequestError(f"{what} is refused: {why}.", hint=hint)
