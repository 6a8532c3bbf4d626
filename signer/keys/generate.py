"""Making private keys."""

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from signer.errors import UsageError
from signer.keys.pkcs8 import PrivateKey

RSA_BITS = 3072


def generate_private_key(key_type: str) -> PrivateKey:
    """Make a key: ``ecdsa`` (P-256, what Notary itself makes), ``rsa`` (3072 bits) or ``ed25519``.

    Raises:
        UsageError: another type.
    """
    match key_type:
        case "ecdsa":
            return ec.generate_private_key(ec.SECP256R1())
        case "rsa":
            return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
        case "ed25519":
            return ed25519.Ed25519PrivateKey.generate()
    raise UsageError(f"{key_type!r} is no key type: ecdsa, rsa or ed25519.")
