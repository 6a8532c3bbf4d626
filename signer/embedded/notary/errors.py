"""What the Notary server answers when it refuses a request.

The codes, their statuses and texts are the protocol's: clients show them, and some compare them.

Source: NP section 5, notary server/errors/errors.go and tuf/validation/errors.go.
"""

from typing import Any, Final

from signer.embedded.errors import ApiError

_CODES: Final[dict[str, tuple[int, str]]] = {
    "NO_FILENAME": (400, "No file/role name provided."),
    "INVALID_ROLE": (400, "The role you are attempting to operate on is invalid."),
    "MALFORMED_JSON": (400, "JSON sent by the client could not be parsed by the server"),
    "MALFORMED_UPLOAD": (400, "The body of your request is malformed."),
    "UPDATING": (500, "An error has occurred while updating the TUF repository."),
    "VERSION": (400, "A newer version of metadata is already available."),
    "METADATA_NOT_FOUND": (404, "You have requested metadata that does not exist."),
    "INVALID_UPDATE": (400, "Update sent by the client is invalid."),
    "INVALID_GUN": (400, "The server does not support actions on images of this name."),
    "INVALID_PARAMETERS": (400, "The parameters provided are not valid."),
    "UNKNOWN": (500, "unknown error"),
}

BAD_HIERARCHY: Final = "ErrBadHierarchy"
BAD_ROOT: Final = "ErrBadRoot"
BAD_SNAPSHOT: Final = "ErrBadSnapshot"
BAD_TARGETS: Final = "ErrBadTargets"
VALIDATION: Final = "ErrValidation"


class NotaryError(ApiError):
    """A refused request; unlike the registry's, an absent ``detail`` is left out.

    Args:
        code: one of the protocol's codes; it brings status and text.
        detail: JSON, or None.
        status: where it is not the code's own.
    """

    def __init__(
        self,
        code: str,
        detail: Any = None,  # noqa: ANN401 - JSON
        *,
        status: int = 0,
    ) -> None:
        usual, message = _CODES[code]
        super().__init__(status or usual, code, message, detail=detail)

    def content(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        entry = {"code": self.code, "message": self.message}
        return {"errors": [entry if self.detail is None else entry | {"detail": self.detail}]}


def invalid_update(name: str, message: str, *, missing: str = "") -> NotaryError:
    """Describe an upload that fails validation: 400 INVALID_UPDATE.

    Args:
        name: the kind of failure, for example ``ErrBadRoot``.
        message: what is wrong, for the publisher.
        missing: the role that should have been in the upload.
    """
    error = {"Missing": missing, "Msg": message} if missing else {"Msg": message}
    return NotaryError("INVALID_UPDATE", {"Name": name, "Error": error})
