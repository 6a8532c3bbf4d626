"""What is wrong with a key block: the errors of the key codecs, built in one place."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from cryptography.exceptions import UnsupportedAlgorithm

from signer.errors import KeyUnusableError, PassphraseError
from signer.keys.pem import CERTIFICATE, ENCRYPTED_PRIVATE_KEY, PRIVATE_KEY, PUBLIC_KEY, KeyBlock

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_ROUNDS: Final = 10_000_000
"""PBKDF2 rounds that are accepted: the file names the number, and each costs time."""


@contextmanager
def damaged(block: KeyBlock) -> Iterator[None]:
    """Translate what our own reading raises: the data is not what its label says."""
    try:
        yield
    except (ValueError, IndexError) as error:
        raise KeyUnusableError(
            f"{block.description} is damaged, or no private key.", code="key-damaged"
        ) from error


@contextmanager
def foreign(block: KeyBlock, passphrase: bytes | None) -> Iterator[None]:
    """Translate what ``cryptography`` raises; with a passphrase, a ValueError rejects it."""
    try:
        yield
    except UnsupportedAlgorithm as error:
        raise unsupported(block, error) from error
    except (ValueError, TypeError) as error:
        if str(error).startswith(("Unknown", "Unsupported", "Key encrypted with unknown")):
            raise unsupported(block, error) from error
        if passphrase is not None:
            raise rejected(block) from error
        raise KeyUnusableError(
            f"{block.description} is damaged, or no private key.", code="key-damaged"
        ) from error


def unsupported(block: KeyBlock, error: Exception) -> KeyUnusableError:
    """Make the error for a key type or cipher that ``cryptography`` does not have."""
    return KeyUnusableError(
        f"{block.description} uses a key type or cipher that is not supported: {error}",
        hint="Convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in KEY -out NEW",
        code="key-kind",
    )


def rejected(block: KeyBlock) -> PassphraseError:
    """Make the error for a passphrase that does not open the block."""
    return PassphraseError(f"{block.description}: the passphrase does not open it.")


def too_slow(block: KeyBlock) -> KeyUnusableError:
    """Make the error for a file that names more work than is accepted."""
    return KeyUnusableError(
        f"{block.description}: its key derivation asks for more work than is allowed "
        f"({MAX_ROUNDS} rounds of PBKDF2).",
        code="key-rounds",
    )


def not_a_private_key(block: KeyBlock) -> KeyUnusableError:
    """Make the error for a block of another kind, saying which it is."""
    kinds = {
        CERTIFICATE: "a certificate",
        PUBLIC_KEY: "a public key",
        "ED25519 PRIVATE KEY": "an Ed25519 key under DEK-Info encryption, which nothing writes",
    }
    kind = kinds.get(block.label, "no private key that is supported")
    supported = f"{PRIVATE_KEY}, {ENCRYPTED_PRIVATE_KEY}, RSA, EC or OPENSSH PRIVATE KEY"
    return KeyUnusableError(
        f"{block.description}: this is {kind}.",
        hint=f"Give the private key: a PEM block {supported}.",
        code="not-a-private-key",
    )
