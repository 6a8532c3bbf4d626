"""Bodies of requests: read whole, but never more than a limit."""

from starlette.requests import ClientDisconnect, Request

from signer.embedded.errors import ApiError


async def read_body(request: Request, *, limit: int) -> bytes:
    """Return a request's body of at most ``limit`` bytes.

    Raises:
        ApiError: 413 SIZE_INVALID where it is larger, 400 where the client went away.
    """
    announced = request.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > limit:
        raise too_large(limit)
    parts = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large(limit)
            parts.append(part)
    except ClientDisconnect as error:
        raise ApiError(400, "SIZE_INVALID", "the body ended early") from error
    return b"".join(parts)


def too_large(limit: int) -> ApiError:
    """Make the error for a body of more than ``limit`` bytes."""
    return ApiError(413, "SIZE_INVALID", f"the body is larger than {limit} bytes")
