"""Patterns of a policy's rules: which repositories a rule is about.

Host and path are matched apart and as wholes, so that a pattern for one host never matches a path
on another. ``*`` stands for any characters; in the host none of them is ``/``, in the path they
may be. A pattern names repositories, never tags or digests: a digest alone has no tag to match.

Source: the design, "Policy file"; verification requirements, section 3 (patterns that were not
anchored).
"""

import re
from dataclasses import dataclass
from functools import cached_property

from signer.errors import UsageError
from signer.names import DEFAULT_DOMAIN, LEGACY_DEFAULT_DOMAIN, ImageReference, printable

_ALLOWED = re.compile(r"[A-Za-z0-9*._:\[\]-]+(?:/[a-z0-9*._-]+)*")


@dataclass(frozen=True)
class Pattern:
    """One pattern, normalised as image references are.

    Attributes:
        text: as it is written in the policy.
        host: the host's part, with its port.
        path: the repository's part.
    """

    text: str
    host: str
    path: str

    @classmethod
    def parse(cls, text: str) -> "Pattern":
        """Read ``HOST[:PORT]/PATH`` with ``*``; without a host it is Docker Hub's.

        Raises:
            UsageError: it has a tag or digest, or characters that no repository has.
        """
        _refuse_tag(text)
        if not _ALLOWED.fullmatch(text):
            raise _bad(text, "a repository has lower-case letters, digits, '.', '_', '-', '/'")
        host, path = _split(text)
        if not host or not path or "//" in text or text.startswith("/") or text.endswith("/"):
            raise _bad(text, "write HOST/PATH")
        return cls(text, host, path)

    def matches(self, reference: ImageReference) -> bool:
        """Tell whether the pattern is about the reference's repository."""
        return bool(
            self._host.fullmatch(reference.domain.lower()) and self._path.fullmatch(reference.path)
        )

    @cached_property
    def _host(self) -> re.Pattern[str]:
        return compile_glob(self.host)

    @cached_property
    def _path(self) -> re.Pattern[str]:
        return compile_glob(self.path)

    @property
    def specificity(self) -> tuple[int, ...]:
        """How narrow the pattern is; of two that match, the higher one wins.

        The host counts before the path, a name without wildcard before one with it, and then the
        number of characters that are given.
        """
        return (*_narrowness(self.host), *_narrowness(self.path))


def _narrowness(glob: str) -> tuple[int, int, int]:
    wildcards = glob.count("*")
    return (not wildcards, len(glob) - wildcards, -wildcards)


def compile_glob(glob: str) -> re.Pattern[str]:
    """Return a pattern that matches as a whole; ``*`` stands for any characters.

    However many wildcards there are, matching takes no more than the product of both lengths.
    """
    # Runs of '*' are one: a pattern of nothing but wildcards must not cost more than linear time.
    parts = [re.escape(part) for part in re.split(r"\*+", glob)]
    if len(parts) <= 2:
        return re.compile(".*".join(parts))
    first, *middle, last = parts
    # Each inner part is found at its first place, once and for all: no backtracking over it.
    inner = "".join(f"(?>.*?{part})" for part in middle)
    return re.compile(f"{first}{inner}.*{last}")


def _refuse_tag(text: str) -> None:
    last = text.rpartition("/")[2]
    if "@" in text or ":" in last:
        raise _bad(text, "a pattern names repositories; leave tag and digest out")


def _split(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return ("*", "*") if not text.strip("*") else (DEFAULT_DOMAIN, f"library/{text}")
    named = any(mark in first for mark in ".:*[") or first == "localhost" or first != first.lower()
    host, path = (first, rest) if named else (DEFAULT_DOMAIN, text)
    host = host.lower()
    if host == LEGACY_DEFAULT_DOMAIN:
        host = DEFAULT_DOMAIN
    if host == DEFAULT_DOMAIN and "/" not in path and "*" not in path:
        path = f"library/{path}"
    return host, path


def _bad(text: str, why: str) -> UsageError:
    return UsageError(f"{printable(text)!r} is no pattern of repositories: {why}.")
