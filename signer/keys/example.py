"""The worthless keys of ``keys-example/``: everyone has them, so they may sign nothing real."""

import ipaddress
from typing import Final

from signer.errors import KeyUnusableError
from signer.names import CanonicalKeyId, printable

EXAMPLE_KEY_IDS: Final[frozenset[CanonicalKeyId]] = frozenset(
    {CanonicalKeyId("2ab35f068a412441c0bcb8def8f8644848ca7ea244711f3b2c11b9b0b39f778f")}
)
"""Canonical ids of the private keys in ``keys-example/``."""


def is_loopback(host: str) -> bool:
    """Tell whether ``host`` (with or without a port) is this machine by its name or address."""
    name = host.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") == 1:
        name = name.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def refuse_example_key(canonical_id: str, host: str) -> None:
    """Refuse a worthless example key for any host but loopback.

    Args:
        canonical_id: the canonical id of the key that is to be used or trusted.
        host: the registry's or server's host, with or without a port; "" where it is not known.

    Raises:
        KeyUnusableError: the key is one of the examples, and the host is not this machine.
    """
    if canonical_id in EXAMPLE_KEY_IDS and not is_loopback(host):
        where = f" for {printable(host)}" if host else ""
        raise KeyUnusableError(
            f"The key {canonical_id[:7]} is a worthless example of this project: everyone has its "
            f"private half, so it is refused{where}.",
            hint="Use a client bundle or key of your own. Examples work with localhost only.",
            code="example-key",
        )
