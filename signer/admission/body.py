"""Reading a request's body: of the right kind, in time, and not larger than allowed."""

from typing import Final

from starlette.requests import Request

from signer.admission.review import BadReviewError

MAX_BODY: Final = 8 * 1024 * 1024
"""Bytes. An object has 1.5 MB at most where etcd keeps it, and a review has two of them."""

_MAX_DRAINED: Final = 64 * 1024 * 1024
"""Of a body that is too large so much is read and thrown away, for the answer to be read."""


async def read_body(request: Request) -> bytes:
    """Return the body.

    Raises:
        BadReviewError: it is too large (413), or no JSON by its media type (415).
    """
    _check_headers(request)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            chunks.append(chunk)
        elif size > _MAX_DRAINED:
            break
        else:
            chunks.clear()
    if size > MAX_BODY:
        raise BadReviewError(
            f"The body is larger than {MAX_BODY} bytes.", status=413, code="too-large"
        )
    return b"".join(chunks)


def _check_headers(request: Request) -> None:
    given = request.headers.get("content-type", "application/json")
    if given.partition(";")[0].strip().lower() != "application/json":
        raise BadReviewError(
            "The body is to be application/json.", status=415, code="bad-media-type"
        )
    if request.headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise BadReviewError("The body is compressed.", status=415, code="bad-media-type")
