"""Which repositories may be signed at all: the configuration's word, which no variable widens."""

import re
from collections.abc import Sequence

from signer.errors import GateError
from signer.names import ImageReference


def check_allowed(reference: ImageReference, *, host: str, allow: Sequence[str] | None) -> None:
    """Refuse an image of another host, or of a repository that no pattern admits.

    Args:
        reference: what is to be signed.
        host: the only registry that may be signed for, or empty for any.
        allow: patterns of repositories below the host (``admin/*``; ``*`` stays within one
            component of the path, ``**`` does not), or None for any.

    Raises:
        GateError: it may not be signed.
    """
    if host and reference.domain != host:
        raise GateError(
            f"{reference}: only images of {host} may be signed.",
            hint="The host is set in the configuration file, [registry] host.",
            code="not-allowed",
        )
    if allow is not None and not any(_matches(pattern, reference.path) for pattern in allow):
        raise GateError(
            f"{reference}: no pattern of the configuration file allows signing it.",
            hint=f"[signing] allow = {list(allow)}",
            code="not-allowed",
        )


def _matches(pattern: str, path: str) -> bool:
    parts = re.split(r"(\*\*|\*)", pattern)
    regex = "".join({"**": ".*", "*": "[^/]*"}.get(part, re.escape(part)) for part in parts)
    return re.fullmatch(regex, path) is not None
