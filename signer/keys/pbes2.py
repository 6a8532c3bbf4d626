"""The encryption of Notary's key files: PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC.

``cryptography`` has no writer for it (its own choice, HMAC-SHA256, is a wrong password to Go), so
the structure is put together here from its and hashlib's primitives. 2048 rounds are weak by
today's measure; more are read by Notary's programs as well.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from signer.keys import der as asn1
from signer.keys.pem import NOTARY_ROUNDS, KeyBlock
from signer.keys.refusals import MAX_ROUNDS, damaged, rejected, too_slow

if TYPE_CHECKING:
    from collections.abc import Callable

_MAX_SCRYPT_BYTES: Final = 256 * 2**20
_SALT_SIZE: Final = 8
_IV_SIZE: Final = 16
_AES_KEY_SIZE: Final = 32

_PBES2: Final = bytes.fromhex("2a864886f70d01050d")
_PBKDF2: Final = bytes.fromhex("2a864886f70d01050c")
_SCRYPT: Final = bytes.fromhex("2b06010401da47040b")
_HMAC_SHA1: Final = bytes.fromhex("2a864886f70d0207")
_AES256_CBC: Final = bytes.fromhex("60864801650304012a")


def encrypt(
    plain: bytes,
    passphrase: bytes,
    *,
    rounds: int = NOTARY_ROUNDS,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Encrypt PKCS#8 as Notary does: PBES2 with PBKDF2-HMAC-SHA1 and AES-256-CBC, DER.

    Source: NP 2.2, RFC 8018 section 6.2.
    """
    salt, iv = random(_SALT_SIZE), random(_IV_SIZE)
    key = hashlib.pbkdf2_hmac("sha1", passphrase, salt, rounds, _AES_KEY_SIZE)
    padder = PKCS7(AES.block_size).padder()
    box = Cipher(AES(key), CBC(iv)).encryptor()
    secret = box.update(padder.update(plain) + padder.finalize()) + box.finalize()
    salted = asn1.encode(asn1.SEQUENCE, asn1.encode(asn1.OCTET_STRING, salt), asn1.integer(rounds))
    kdf = asn1.encode(asn1.SEQUENCE, asn1.encode(asn1.OBJECT_IDENTIFIER, _PBKDF2), salted)
    cipher = asn1.encode(
        asn1.SEQUENCE,
        asn1.encode(asn1.OBJECT_IDENTIFIER, _AES256_CBC),
        asn1.encode(asn1.OCTET_STRING, iv),
    )
    scheme = asn1.encode(
        asn1.SEQUENCE,
        asn1.encode(asn1.OBJECT_IDENTIFIER, _PBES2),
        asn1.encode(asn1.SEQUENCE, kdf, cipher),
    )
    return asn1.encode(asn1.SEQUENCE, scheme, asn1.encode(asn1.OCTET_STRING, secret))


def decrypt(block: KeyBlock, passphrase: bytes) -> bytes | None:
    """Open an ``ENCRYPTED PRIVATE KEY`` block that is encrypted in Notary's way.

    Returns:
        The unencrypted PKCS#8, or None where another cipher or derivation is used, which
        ``cryptography`` may know; the work that it asks for has been bounded then.

    Raises:
        PassphraseError: the passphrase is wrong.
        KeyUnusableError: the structure is damaged, or asks for too many rounds.
    """
    with damaged(block):
        scheme, secret = asn1.sequence(block.der)
        ciphertext = secret.expect(asn1.OCTET_STRING)
        salt_rounds_iv = _notary_parameters(block, scheme)
    if salt_rounds_iv is None:
        return None
    salt, rounds, iv = salt_rounds_iv
    key = hashlib.pbkdf2_hmac("sha1", passphrase, salt, rounds, _AES_KEY_SIZE)
    try:
        box = Cipher(AES(key), CBC(iv)).decryptor()
        unpadder = PKCS7(AES.block_size).unpadder()
        padded = box.update(ciphertext) + box.finalize()
        plain = unpadder.update(padded) + unpadder.finalize()
        asn1.read_integer(asn1.sequence(plain)[0])
    except (ValueError, IndexError) as error:
        raise rejected(block) from error
    return plain


def _notary_parameters(block: KeyBlock, scheme: asn1.Element) -> tuple[bytes, int, bytes] | None:
    """Return salt, rounds and IV of Notary's own encryption; None for any other."""
    scheme_oid, *parameters = asn1.sequence(scheme.raw)
    if scheme_oid.value != _PBES2:
        _check_rounds(block, scheme_oid, parameters)
        return None
    kdf, cipher = asn1.sequence(parameters[0].raw)
    kdf_oid, kdf_parameters = asn1.sequence(kdf.raw)
    if kdf_oid.value == _SCRYPT:
        _salt, cost, size, *_rest = asn1.sequence(kdf_parameters.raw)
        if 128 * asn1.read_integer(cost) * asn1.read_integer(size) > _MAX_SCRYPT_BYTES:
            raise too_slow(block)
        return None
    if kdf_oid.value != _PBKDF2:
        return None
    salt, count, *options = asn1.sequence(kdf_parameters.raw)
    rounds = asn1.read_integer(count)
    if not 1 <= rounds <= MAX_ROUNDS:
        raise too_slow(block)
    cipher_oid, *cipher_parameters = asn1.sequence(cipher.raw)
    prf = next((option for option in options if option.tag == asn1.SEQUENCE), None)
    if cipher_oid.value != _AES256_CBC or (prf and asn1.sequence(prf.raw)[0].value != _HMAC_SHA1):
        return None
    iv = cipher_parameters[0].expect(asn1.OCTET_STRING)
    if len(iv) != _IV_SIZE:
        raise asn1.DerError("an initialisation vector of the wrong length")
    return salt.expect(asn1.OCTET_STRING), rounds, iv


def _check_rounds(block: KeyBlock, scheme: asn1.Element, parameters: list[asn1.Element]) -> None:
    """Bound the rounds of the older schemes (PBES1, PKCS#12), whose parameters are alike."""
    scheme.expect(asn1.OBJECT_IDENTIFIER)
    if parameters and asn1.read_integer(asn1.sequence(parameters[0].raw)[1]) > MAX_ROUNDS:
        raise too_slow(block)
