"""httpx without its command line program.

``httpx/__init__`` imports ``httpx._main`` for the sake of ``python -m httpx``, and with it click,
rich and pygments: about 40 of 110 ms. httpx itself copes where that import fails, so for the
moment of the first import it is made to fail. All modules here take httpx from this one.
"""

import sys

_PROGRAM = "httpx._main"
_untouched = _PROGRAM not in sys.modules
if _untouched:
    sys.modules[_PROGRAM] = None  # type: ignore[assignment]  # None: importlib's "do not import"
try:
    import httpx
finally:
    if _untouched:
        sys.modules.pop(_PROGRAM, None)

__all__ = ["httpx"]
