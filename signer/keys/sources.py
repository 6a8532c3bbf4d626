"""Where a private key can come from: one option's value, many kinds.

A source is, in this order:

1. ``-``: standard input;
2. ``env:NAME``: the variable ``NAME``, which holds PEM text, or PEM text in base64;
3. PEM text itself, or PEM text in base64 (a masked CI variable cannot have several lines);
4. a URI ``hsm:``, ``awskms:``, ``gcpkms:``, ``azurekms:`` or ``hv:``;
5. a full canonical key id, of a key in the key store;
6. a path: a key file, or a client bundle as zip file or directory;
7. the first digits, at least 7, of a canonical key id in the key store.

Nothing is stored, and a key file that others may read is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from signer.errors import KeyUnusableError
from signer.keys.bundle import is_bundle, read_bundle
from signer.keys.example import EXAMPLE_KEY_IDS, refuse_example_key
from signer.keys.files import MAX_KEY_FILE_SIZE, read_key_file, refuse_shared
from signer.keys.kms import EXTRAS, load_kms_signer
from signer.keys.pem import KeyBlock, decode_private_key, parse_blocks
from signer.keys.refusals import not_a_private_key
from signer.keys.signers import FileSigner
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signer.keys.passphrase import Passphrases, Prompt
    from signer.keys.signers import NotarySigner
    from signer.keys.store import KeyStore

_ENVIRONMENT: Final = "env:"
_BEGIN: Final = "-----BEGIN "
_BEGIN_IN_BASE64: Final = "LS0tLS1CRUdJTi"
_LONGEST_SHOWN: Final = 255
_STORE_ID: Final = re.compile(r"[0-9a-f]{7,64}")
_FULL_ID: Final = 64
_URI: Final = re.compile(r"([a-z][a-z0-9]+):")


@dataclass(frozen=True)
class _Loader:
    """What loading needs beside the source itself."""

    store: KeyStore
    passphrases: Passphrases
    environment: Mapping[str, str]
    role: str
    allow_shared_key_file: bool
    prompt: Prompt | None
    stdin: BinaryIO | None


def load_signers(
    source: str,
    *,
    store: KeyStore,
    passphrases: Passphrases,
    environment: Mapping[str, str],
    role: str = "",
    allow_example_keys: bool = False,
    allow_shared_key_file: bool = False,
    prompt: Prompt | None = None,
    stdin: BinaryIO | None = None,
) -> list[NotarySigner]:
    """Load the private keys that an option such as ``--key`` names.

    Args:
        source: see the module's description.
        store: the key store for key ids.
        passphrases: for encrypted keys.
        environment: variables, for ``env:NAME`` and a token's PIN.
        role: decides which passphrase variables are tried for keys that name no role themselves.
        allow_example_keys: accept the worthless keys of ``keys-example/``: for loopback hosts only.
        allow_shared_key_file: accept key files that others may read (CI's "File" variables).
        prompt: asks for a token's PIN.
        stdin: read for ``-``; standard input unless given.

    Returns:
        At least one signer, each key once. Their keys are in bare form, a client bundle's in x509
        form; ``NotarySigner.for_key`` gives the form that a role names.

    Raises:
        KeyUnusableError: there is no such key, it cannot be used, others may read its file, or it
            is a worthless example.
        PassphraseError: a passphrase is missing or was rejected.
    """
    loader = _Loader(store, passphrases, environment, role, allow_shared_key_file, prompt, stdin)
    signers = {signer.canonical_id: signer for signer in reversed(_load(source, loader))}
    if not allow_example_keys:
        for canonical_id in signers:
            refuse_example_key(canonical_id, "")
    return list(reversed(signers.values()))


def _load(source: str, loader: _Loader) -> list[NotarySigner]:
    if (given := _given_text(source, loader)) is not None:
        return _from_pem(given[0], given[1], loader)
    scheme = _URI.match(source)
    if scheme and scheme[1] in EXTRAS:
        return [load_kms_signer(source, environment=loader.environment, prompt=loader.prompt)]
    path = Path(source)
    full_id = len(source) == _FULL_ID and _STORE_ID.fullmatch(source)
    if not full_id and _exists(path):
        return _from_path(path, loader)
    if _STORE_ID.fullmatch(source):
        return [loader.store.load(loader.store.find(source), loader.passphrases)]
    secret = len(source) > _LONGEST_SHOWN or source.startswith(_BEGIN_IN_BASE64)
    shown = "as the given one" if secret else repr(printable(source))
    raise KeyUnusableError(
        f"There is no key {shown}: no such file, and no key id.",
        hint="Give a key file, a client bundle, '-', env:NAME, a key id of 'signer keys list', or "
        f"a URI ({', '.join(f'{name}:' for name in EXTRAS)}).",
        code="key-not-found",
    )


def _given_text(source: str, loader: _Loader) -> tuple[bytes, str] | None:
    """Return the key's data and where it is from, if the source is text and no name."""
    if source == "-":
        stream = loader.stdin or sys.stdin.buffer
        return stream.read(MAX_KEY_FILE_SIZE + 1), "standard input"
    if not source.startswith(_ENVIRONMENT):
        pem = _pem_text(source)
        return None if pem is None else (pem, "the key given as text")
    name = source.removeprefix(_ENVIRONMENT)
    value = loader.environment.get(name, "")
    if not value.strip():
        state = "set but empty" if name in loader.environment else "not set"
        raise KeyUnusableError(
            f"The variable {printable(name)}, which should hold the key, is {state}.",
            hint="A protected CI variable is empty on a branch or tag that is not protected.",
            code="key-variable-empty",
        )
    pem = _pem_text(value)
    if pem is None:
        raise KeyUnusableError(
            f"The variable {printable(name)} holds no key in PEM form, and none in base64.",
            hint=f'If it holds the path of a file (CI\'s "File" type), give --key "${name}".',
            code="key-variable",
        )
    return pem, f"the variable {printable(name)}"


def _from_path(path: Path, loader: _Loader) -> list[NotarySigner]:
    if is_bundle(path):
        bundle = read_bundle(path, passphrases=loader.passphrases)
        if not loader.allow_shared_key_file and bundle.canonical_id not in EXAMPLE_KEY_IDS:
            refuse_shared(path / "key.pem" if path.is_dir() else path, bundle.mode)
        return [bundle.signer]
    file = read_key_file(path)
    blocks = _private_blocks(file.data, str(path))
    if file.shared and not loader.allow_shared_key_file and not _worthless(blocks):
        refuse_shared(path, file.mode)
    return [_open(block, loader) for block in blocks]


def _from_pem(data: bytes, origin: str, loader: _Loader) -> list[NotarySigner]:
    if len(data) > MAX_KEY_FILE_SIZE:
        raise KeyUnusableError(f"{origin}: too large for a key.", code="key-file-size")
    return [_open(block, loader) for block in _private_blocks(data, origin)]


def _private_blocks(data: bytes, origin: str) -> list[KeyBlock]:
    blocks = parse_blocks(data, origin=origin)
    private = [block for block in blocks if block.private]
    if private:
        return private
    if blocks:
        raise not_a_private_key(blocks[0])
    raise KeyUnusableError(
        f"{printable(origin)}: no private key in PEM form.",
        hint="A key begins with -----BEGIN ... PRIVATE KEY-----. DER and PKCS#12 files can be "
        "converted with openssl.",
        code="no-private-key",
    )


def _open(block: KeyBlock, loader: _Loader) -> NotarySigner:
    if block.encrypted:
        key = loader.passphrases.unlock(
            lambda passphrase: decode_private_key(block, passphrase),
            role=block.role or loader.role,
            key_id=block.path,
            origin=block.origin,
        )
    else:
        key = decode_private_key(block, None)
    return FileSigner(key, role=block.role, gun=block.gun)


def _worthless(blocks: list[KeyBlock]) -> bool:
    """Whether all are example keys: nobody is harmed if others read those."""
    return not any(block.encrypted for block in blocks) and all(
        FileSigner(decode_private_key(block, None)).canonical_id in EXAMPLE_KEY_IDS
        for block in blocks
    )


def _pem_text(text: str) -> bytes | None:
    """Return PEM data that is text, text whose lines were escaped or joined, or base64."""
    stripped = text.strip()
    if _BEGIN in stripped:
        if "\n" not in stripped:
            stripped = stripped.replace("\\r", "").replace("\\n", "\n")
        return stripped.encode("utf-8", "surrogateescape")
    try:
        decoded = base64.b64decode("".join(stripped.split()).encode("ascii"), validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if _BEGIN.encode("ascii") in decoded else None


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
