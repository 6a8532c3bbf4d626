"""Private keys inside PEM blocks: decoding every common form, encoding Notary's.

Notary's files are PKCS#8 that ``cryptography`` refuses: EC keys carry version 1 without the public
key that this version announces, and Ed25519 keys stand under GNU's old identifier. So the outermost
structure is read here and handed on in the standard form; every key is then loaded by
``cryptography``, and every primitive is its own or hashlib's.
"""

from __future__ import annotations

from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
    load_ssh_private_key,
)

from signer.constants import MIN_RSA_BITS
from signer.errors import KeyUnusableError, PassphraseError
from signer.keys import der as asn1
from signer.keys import pbes2
from signer.keys.pem import OPENSSH_PRIVATE_KEY, KeyBlock, format_block
from signer.keys.refusals import damaged, foreign, not_a_private_key

PrivateKey: TypeAlias = EllipticCurvePrivateKey | RSAPrivateKey | Ed25519PrivateKey

_ED25519_BLOB: Final = 96
_VERSION_WITH_PUBLIC_KEY: Final = 1
_EC: Final = bytes.fromhex("2a8648ce3d0201")
_RSA: Final = bytes.fromhex("2a864886f70d010101")
_GNU_ED25519: Final = bytes.fromhex("2b06010401da470f01")
_CURVES: Final = {
    "secp256r1": bytes.fromhex("2a8648ce3d030107"),
    "secp384r1": bytes.fromhex("2b81040022"),
    "secp521r1": bytes.fromhex("2b81040023"),
}


def decode_block(block: KeyBlock, passphrase: bytes | None) -> PrivateKey:
    """Read a block's private key; see ``signer.keys.pem.decode_private_key``."""
    if block.encrypted and not passphrase:
        raise PassphraseError(
            f"{block.description} is encrypted and no passphrase is known.",
            code="passphrase-missing",
        )
    match block.label:
        case "ENCRYPTED PRIVATE KEY":
            return _decode_encrypted(block, passphrase or b"")
        case "PRIVATE KEY":
            return _decode_plain(block, block.der)
        case "EC PRIVATE KEY" | "RSA PRIVATE KEY" | "DSA PRIVATE KEY":
            return _decode_traditional(block, passphrase if block.encrypted else None)
        case "ED25519 PRIVATE KEY" if not block.encrypted:
            return _decode_ed25519(block, block.der)
        case "OPENSSH PRIVATE KEY":
            return _decode_openssh(block, passphrase if block.encrypted else None)
        case _:
            raise not_a_private_key(block)


def encode(key: PrivateKey) -> bytes:
    """Write the unencrypted PKCS#8 of Notary's key files, DER.

    The version is 0 for every key, which Go, OpenSSL and ``cryptography`` accept alike; RSA has no
    NULL; Ed25519 has GNU's identifier over public key, seed and public key.

    Source: NP 0 item 3, NP 2.2.
    """
    if isinstance(key, Ed25519PrivateKey):
        public = key.public_key().public_bytes_raw()
        algorithm, blob = [_GNU_ED25519], public + key.private_bytes_raw() + public
    else:
        algorithm = [_RSA] if isinstance(key, RSAPrivateKey) else [_EC, _CURVES[key.curve.name]]
        blob = key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    identifiers = [asn1.encode(asn1.OBJECT_IDENTIFIER, oid) for oid in algorithm]
    return asn1.encode(
        asn1.SEQUENCE,
        asn1.integer(0),
        asn1.encode(asn1.SEQUENCE, *identifiers),
        asn1.encode(asn1.OCTET_STRING, blob),
    )


def _decode_encrypted(block: KeyBlock, passphrase: bytes) -> PrivateKey:
    plain = pbes2.decrypt(block, passphrase)
    if plain is not None:
        return _decode_plain(block, plain)
    with foreign(block, passphrase):
        return _accept(block, load_der_private_key(block.der, passphrase))


def _decode_plain(block: KeyBlock, pkcs8: bytes) -> PrivateKey:
    with damaged(block):
        version, algorithm, secret, *attributes = asn1.sequence(pkcs8)
        oid = asn1.sequence(algorithm.raw)[0].expect(asn1.OBJECT_IDENTIFIER)
        if oid == _GNU_ED25519:
            return _decode_ed25519(block, secret.expect(asn1.OCTET_STRING))
        if asn1.read_integer(version) == _VERSION_WITH_PUBLIC_KEY and not attributes:
            pkcs8 = asn1.encode(asn1.SEQUENCE, asn1.integer(0), algorithm.raw, secret.raw)
    with foreign(block, None):
        return _accept(block, load_der_private_key(pkcs8, None))


def _decode_traditional(block: KeyBlock, passphrase: bytes | None) -> PrivateKey:
    with foreign(block, passphrase):
        if not block.encrypted:
            return _accept(block, load_der_private_key(block.der, None))
        headers = "".join(
            f"{name}: {block.headers[name]}\n"
            for name in ("Proc-Type", "DEK-Info")
            if name in block.headers
        )
        begin, _, body = format_block(block.label, {}, block.der).partition(b"\n")
        pem = begin + b"\n" + headers.encode("ascii") + b"\n" + body
        return _accept(block, load_pem_private_key(pem, passphrase))


def _decode_ed25519(block: KeyBlock, blob: bytes) -> Ed25519PrivateKey:
    """Read public key, seed, public key of 32 bytes each: the seed is the middle one."""
    if len(blob) == _ED25519_BLOB:
        key = Ed25519PrivateKey.from_private_bytes(blob[32:64])
        if key.public_key().public_bytes_raw() == blob[:32] == blob[64:]:
            return key
    raise KeyUnusableError(
        f"{block.description}: the Ed25519 key is damaged: its parts do not belong together.",
        code="key-damaged",
    )


def _decode_openssh(block: KeyBlock, passphrase: bytes | None) -> PrivateKey:
    with foreign(block, passphrase):
        pem = format_block(OPENSSH_PRIVATE_KEY, {}, block.der)
        return _accept(block, load_ssh_private_key(pem, passphrase))


def _accept(block: KeyBlock, key: object) -> PrivateKey:
    match key:
        case RSAPrivateKey() if key.key_size < MIN_RSA_BITS:
            raise KeyUnusableError(
                f"{block.description}: an RSA key of {key.key_size} bits; Notary refuses RSA "
                f"under {MIN_RSA_BITS} bits.",
                hint=f"Use RSA with at least {MIN_RSA_BITS} bits, or ECDSA P-256.",
                code="key-too-weak",
            )
        case EllipticCurvePrivateKey() if key.curve.name not in _CURVES:
            raise KeyUnusableError(
                f"{block.description}: an EC key on the curve {key.curve.name}; "
                "P-256, P-384 and P-521 are supported.",
                code="key-kind",
            )
        case RSAPrivateKey() | EllipticCurvePrivateKey() | Ed25519PrivateKey():
            return key
        case _:
            kind = type(key).__name__.removesuffix("PrivateKey")
            raise KeyUnusableError(
                f"{block.description}: a key of the kind {kind}; Notary signs with ECDSA, RSA and "
                "Ed25519 only.",
                code="key-kind",
            )
