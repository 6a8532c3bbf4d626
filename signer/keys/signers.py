"""Signers: a private key, wherever it is, that makes signatures as Notary wants them.

- ``FileSigner`` holds the key itself. It signs with SHA-256 on every curve, which no stock signer
  of securesystemslib does.
- ``SignerAdapter`` wraps a stock signer (HSM, KMS, Vault) and turns its signatures into Notary's.

A role may name a key in bare or in x509 form, with another key id: ``for_key`` gives the same
private key under the role's id.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Key, SecretsHandler, Signature, Signer

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError, SignerError
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from signer.keys.pkcs8 import PrivateKey
    from signer.names import CanonicalKeyId

METHODS: Final = {
    "ecdsa-sha2-nistp256": "ecdsa",
    "ed25519": "eddsa",
    "rsassa-pss-sha256": "rsapss",
    "rsa-pkcs1v15-sha256": "rsapkcs1v15",
}
"""securesystemslib's schemes that Notary has a method for (python-tuf-fit 5.3)."""

_PIN_ERRORS: Final = frozenset(
    {"PinIncorrect", "PinLocked", "PinExpired", "PinInvalid", "PinLenRange", "PinTooWeak"}
)
_SALT_SIZE: Final = 32
_PROOF_PREFIX: Final = b"signer: proof that a key can be used; no metadata: "
_SHOWN_ID: Final = 7


class NotarySigner(Signer):
    """Signs payloads for a role of a collection.

    Signatures are ``securesystemslib.signer.Signature`` with the signature in hex and Notary's
    method under ``unrecognized_fields["method"]``.
    """

    def __init__(self, key: NotaryKey) -> None:
        self._key = key

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._key.keytype} {self.canonical_id})"

    @property
    def public_key(self) -> NotaryKey:
        """The key under whose id the signatures are made."""
        return self._key

    @property
    def canonical_id(self) -> CanonicalKeyId:
        """The id of the bare public key, which does not change with ``for_key``."""
        return self._key.canonical_id

    def for_key(self, role_key: NotaryKey) -> Self:
        """Return a signer with the same private key that signs under a role's key id.

        Args:
            role_key: the key as the role names it, bare or in x509 form.

        Raises:
            KeyUnusableError: ``role_key`` is another key.
        """
        self._check_same(role_key)
        return self._with_key(role_key)

    def _check_same(self, key: NotaryKey) -> None:
        if key.canonical_id != self.canonical_id:
            raise KeyUnusableError(
                f"The private key {self.canonical_id[:_SHOWN_ID]} does not belong to the public "
                f"key {key.canonical_id[:_SHOWN_ID]}.",
                code="key-mismatch",
            )

    @abstractmethod
    def _with_key(self, key: NotaryKey) -> Self: ...

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> NotarySigner:
        """Refuse: URIs are read by ``signer.keys.sources``, which needs no public key.

        Raises:
            ValueError: always.
        """
        raise ValueError("load signers with signer.keys.sources.load_signers")


class FileSigner(NotarySigner):
    """Signs with a private key in memory.

    Args:
        private_key: the key.
        key: the public form whose id the signatures carry; the bare form unless given.
        role: the role that the key's file names, or "".
        gun: the collection that it names, or "".

    Raises:
        KeyUnusableError: ``key`` is not the private key's.
    """

    def __init__(
        self,
        private_key: PrivateKey,
        key: NotaryKey | None = None,
        *,
        role: str = "",
        gun: str = "",
    ) -> None:
        super().__init__(NotaryKey.from_public_key(private_key.public_key()))
        self._private_key = private_key
        self.role = role
        self.gun = gun
        if key is not None:
            self._check_same(key)
            self._key = key

    @property
    def private_key(self) -> PrivateKey:
        """The key itself, for storing it or for making a certificate."""
        return self._private_key

    def sign(self, payload: bytes) -> Signature:
        """Sign the canonical payload.

        ECDSA gives r and s in the curve's fixed width, RSA gives PSS with a salt of 32 bytes, both
        over SHA-256; Ed25519 signs the payload itself.

        Source: NP 1.6.
        """
        if isinstance(self._private_key, EllipticCurvePrivateKey):
            der = self._private_key.sign(payload, ECDSA(SHA256()))
            raw = _fixed_width(der, self._private_key.curve.key_size)
        elif isinstance(self._private_key, RSAPrivateKey):
            raw = self._private_key.sign(payload, PSS(MGF1(SHA256()), _SALT_SIZE), SHA256())
        else:
            raw = self._private_key.sign(payload)
        return Signature(self._key.keyid, raw.hex(), {"method": self._key.method})

    def _with_key(self, key: NotaryKey) -> Self:
        return type(self)(self._private_key, key, role=self.role, gun=self.gun)


class SignerAdapter(NotarySigner):
    """Signs with a stock signer of securesystemslib: an HSM, a cloud's KMS, Vault.

    Args:
        inner: the stock signer; it keeps its own form of the public key.
        key: the same key in Notary's form.
        origin: the URI, for messages.

    Raises:
        KeyUnusableError: the key's scheme hashes with something else than SHA-256 (P-384 and
            P-521 in an HSM or KMS), or Notary has no method for it.
    """

    def __init__(self, inner: Signer, key: NotaryKey, *, origin: str = "") -> None:
        super().__init__(key)
        self._inner = inner
        self._origin = origin or type(inner).__name__
        scheme = inner.public_key.scheme
        if scheme not in METHODS:
            raise KeyUnusableError(
                f"{self._origin}: a key of the scheme {scheme}; Notary signs with SHA-256, and "
                "with this kind of key the device or service does not.",
                hint="Use a P-256 key there, or RSA with PSS and SHA-256.",
                code="key-kind",
            )
        self._method = METHODS[scheme]

    def sign(self, payload: bytes) -> Signature:
        """Sign the canonical payload on the device or service.

        Raises:
            KeyUnusableError: it refuses, cannot be reached, or answers with no signature.
        """
        try:
            raw = bytes.fromhex(self._inner.sign(payload).signature)
            crypto = self._key.crypto()
            if isinstance(crypto, EllipticCurvePublicKey):
                raw = _fixed_width(raw, crypto.curve.key_size)
        except SignerError:
            raise
        except Exception as error:
            raise foreign_error(self._origin, error) from error
        return Signature(self._key.keyid, raw.hex(), {"method": self._method})

    def _with_key(self, key: NotaryKey) -> Self:
        return type(self)(self._inner, key, origin=self._origin)


def prove(signer: NotarySigner, *, random: Callable[[int], bytes] = os.urandom) -> None:
    """Show that a key can be used: sign a throw-away message and verify the signature.

    The message can be no metadata, so that its signature is of no use to anyone.

    Raises:
        KeyUnusableError: the key does not sign, or signs with another key than it says.
    """
    message = _PROOF_PREFIX + random(32).hex().encode("ascii")
    try:
        signer.public_key.verify_signature(signer.sign(message), message)
    except UnverifiedSignatureError as error:
        raise KeyUnusableError(
            f"The key {signer.canonical_id[:_SHOWN_ID]} made a signature that its public key does "
            f"not verify: {error}.",
            hint="Private key and public key (or certificate) do not belong together.",
            code="key-mismatch",
        ) from error


def foreign_error(origin: str, error: Exception) -> KeyUnusableError:
    """Translate an error of a device's or cloud's library.

    PKCS#11's errors about PINs are told by their names, so that the library need not be there.
    """
    name = type(error).__name__
    if name in _PIN_ERRORS:
        return PassphraseError(
            f"{origin}: the token rejected the PIN ({name}).",
            hint="Check SIGNER_HSM_PIN. A token locks itself after a few wrong PINs.",
            code="pin-rejected",
        )
    return KeyUnusableError(
        f"{origin} cannot be used: {name}: {printable(str(error))}".rstrip(": "),
        hint="Check that the device or service and the key are there, and that signing is allowed.",
        code="key-not-usable-there",
    )


def _fixed_width(der: bytes, bits: int) -> bytes:
    """Turn an ECDSA signature from DER into r and s of the curve's width."""
    width = (bits + 7) // 8
    return b"".join(part.to_bytes(width, "big") for part in decode_dss_signature(der))
