"""The index of a key directory: what can be known of its keys without opening them.

It reads names and PEM headers only, and imports no cryptography: ``signer keys list`` is quick.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from signer.constants import ROOT
from signer.errors import KeyUnusableError
from signer.keys.files import read_key_file, translated
from signer.keys.pem import KeyBlock, parse_blocks
from signer.names import CanonicalKeyId, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

_LEGACY_ROOT: Final = "root_keys"
_LEGACY_OTHERS: Final = "tuf_keys"
_KEY_FILE: Final = re.compile(r"([0-9a-f]{64})(?:_([-a-z0-9_]+))?\.key")

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class StoredKey:
    """A private key file, as far as it can be known without opening the key.

    Attributes:
        key_id: canonical key id, by the file's name.
        role: ``root``, ``targets``, ``snapshot``, a delegation, a signer's bare name (docker), or
            "" where nothing says it.
        gun: the collection of a targets or snapshot key, or "".
        path: the file.
        encrypted: whether a passphrase is needed.
        legacy: whether it lies in the layout of old versions, which is read-only here.
    """

    key_id: CanonicalKeyId
    role: str
    gun: str
    path: Path
    encrypted: bool
    legacy: bool = False


def list_keys(directory: Path) -> list[StoredKey]:
    """Return the keys in a directory, root keys first, then by role, collection and id.

    The flat layout comes before those of old versions, where a key is in both. A file that is no
    key file is left out, with a warning in the log; symbolic links are ignored.

    Raises:
        KeyUnusableError: the directory cannot be read.

    Source: NP 2.1, 2.3.
    """
    found: dict[CanonicalKeyId, StoredKey] = {}
    for path, legacy_gun in _key_files(directory):
        if stored := _describe(path, legacy_gun):
            found.setdefault(stored.key_id, stored)
    return sorted(found.values(), key=lambda key: (key.role != ROOT, key.role, key.gun, key.key_id))


def key_block(data: bytes, origin: str) -> KeyBlock:
    """Return the first private key block of a file.

    Raises:
        KeyUnusableError: there is none, or the file is damaged.
    """
    for block in parse_blocks(data, origin=origin):
        if block.private:
            return block
    raise KeyUnusableError(f"{printable(origin)}: no private key in it.", code="no-private-key")


def _describe(path: Path, legacy_gun: str | None) -> StoredKey | None:
    name = _KEY_FILE.fullmatch(path.name)
    if name is None:
        return None
    try:
        block = key_block(read_key_file(path, follow=False).data, str(path))
    except KeyUnusableError as error:
        _logger.warning("left out: %s", error)
        return None
    return StoredKey(
        key_id=CanonicalKeyId(name[1]),
        role=block.role or name[2] or "",
        gun=block.gun or legacy_gun or "",
        path=path,
        encrypted=block.encrypted,
        legacy=legacy_gun is not None,
    )


def _key_files(directory: Path) -> Iterator[tuple[Path, str | None]]:
    """Yield key files, with the collection that an old layout's directory names, or None."""
    with translated(directory, "read"):
        if not directory.exists():
            return
        yield from ((path, None) for path in sorted(directory.iterdir()) if _is_key_file(path))
        yield from _legacy_files(directory / _LEGACY_ROOT, name_is_gun=False)
        yield from _legacy_files(directory / _LEGACY_OTHERS, name_is_gun=True)


def _legacy_files(top: Path, *, name_is_gun: bool) -> Iterator[tuple[Path, str]]:
    if top.is_symlink():
        return
    for place, _, names in os.walk(top):
        gun = Path(place).relative_to(top).as_posix() if name_is_gun else ""
        files = (Path(place) / name for name in sorted(names))
        yield from ((path, "" if gun == "." else gun) for path in files if _is_key_file(path))


def _is_key_file(path: Path) -> bool:
    return bool(_KEY_FILE.fullmatch(path.name)) and path.is_file() and not path.is_symlink()
