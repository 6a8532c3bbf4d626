"""What the embedded DTR answers when it refuses a request."""

from collections.abc import Mapping
from typing import Any

from signer.errors import SignerError


class ApiError(Exception):
    """A refused request, in the error form that registry, Notary server and DTR share.

    It is answered as ``{"errors": [{"code", "message", "detail"}]}`` (see ``app``).

    Attributes:
        status: HTTP status.
        code: the protocol's own code, for example ``MANIFEST_UNKNOWN``.
        message: one sentence.
        detail: JSON; None where there is none.
        headers: fields of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        detail: Any = None,  # noqa: ANN401 - JSON
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.detail = detail
        self.headers = dict(headers or {})

    def content(self) -> dict[str, Any]:
        """Return the answer's JSON."""
        return {"errors": [{"code": self.code, "message": self.message, "detail": self.detail}]}


class StorageError(SignerError):
    """The database or the disk below it failed: full, damaged, or in another program's hands."""

    default_code = "storage"
