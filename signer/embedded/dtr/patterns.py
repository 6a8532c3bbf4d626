"""Regular expressions that callers bring: those of Go, by the engine that Go's was made after.

RE2 takes time in proportion to the text, whatever the pattern; Python's ``re`` can take years for
256 characters of pattern, and rules are evaluated while nobody else can write.
"""

from functools import lru_cache
from typing import Any

_MAX_BYTES = 2**20
"""For one compiled pattern."""


@lru_cache(maxsize=256)
def pattern(text: str) -> Any:  # noqa: ANN401 - the library has no types
    """Compile a pattern; the result has ``search``.

    Raises:
        ValueError: it is none, or too large; or the engine is not installed. The message says why.
    """
    try:
        import re2  # its extension is wanted only where a policy has a pattern
    except ImportError:
        raise ValueError("it needs google-re2: pip install 'signer[server]'") from None
    options = re2.Options()
    options.log_errors = False  # the library would write them to standard error
    options.never_capture = True
    options.max_mem = _MAX_BYTES
    try:
        return re2.compile(text, options)
    except re2.error as error:
        said = error.args[0]
        raise ValueError(
            said.decode(errors="replace") if isinstance(said, bytes) else said
        ) from None
