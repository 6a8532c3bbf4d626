"""The form of tokens: signed JSON, as servers of docker distribution read it.

Source: RFC 7515 (compact form), RFC 7518 section 3.4 (ES256: R and S, 32 bytes each); the
registry's token specification for the claims and for ``x5c``.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.embedded.certificates import KeyPair
from signer.embedded.identity import Scope

_ALGORITHM: Final = "ES256"
_COORDINATE_BYTES: Final = 32
_KEY_ID_BYTES: Final = 30
MAX_TOKEN: Final = 16 * 2**10


class InvalidTokenError(ValueError):
    """A token is malformed, or not signed by this key."""


class Access(msgspec.Struct, frozen=True):
    """One entry of a token's rights."""

    type: str
    name: str
    actions: list[str]


class Claims(msgspec.Struct, frozen=True):
    """What a token says; times are seconds since 1970."""

    iss: str
    sub: str
    aud: str
    exp: int
    nbf: int
    iat: int
    jti: str
    access: list[Access]

    def grants(self, scope: Scope) -> bool:
        """Tell whether one entry has the scope's type and name, and every action of it."""
        wanted = set(scope.actions)
        return any(
            entry.type == scope.kind
            and entry.name == scope.name
            and ("*" in entry.actions or wanted <= set(entry.actions))
            for entry in self.access
        )


class _Header(msgspec.Struct):
    alg: str


_HEADERS: Final = msgspec.json.Decoder(_Header)
_CLAIMS: Final = msgspec.json.Decoder(Claims)


def encode(claims: Claims, pair: KeyPair) -> str:
    """Return the signed token."""
    certificate = pair.certificate.public_bytes(Encoding.DER)
    header = {
        "typ": "JWT",
        "alg": _ALGORITHM,
        "kid": key_id(pair.certificate),
        "x5c": [base64.b64encode(certificate).decode()],
    }
    signed = f"{_part(header)}.{_base64url(msgspec.json.encode(claims))}"
    r, s = utils.decode_dss_signature(pair.key.sign(signed.encode(), ec.ECDSA(SHA256())))
    signature = b"".join(number.to_bytes(_COORDINATE_BYTES, "big") for number in (r, s))
    return f"{signed}.{_base64url(signature)}"


def decode(token: str, key: ec.EllipticCurvePublicKey) -> Claims:
    """Return a token's claims, whose times and audience the caller checks.

    The header's certificates are not looked at: ``key`` alone counts.

    Raises:
        InvalidTokenError: it is malformed, or its signature is not by ``key``.
    """
    signed, _, signature = token.rpartition(".")
    header, _, content = signed.partition(".")
    raw = _bytes(signature)
    if len(token) > MAX_TOKEN or len(raw) != 2 * _COORDINATE_BYTES:
        raise InvalidTokenError("the token is malformed")
    r, s = (int.from_bytes(half, "big") for half in (raw[:32], raw[32:]))
    try:
        if _HEADERS.decode(_bytes(header)).alg != _ALGORITHM:
            raise InvalidTokenError(f"the token is not signed with {_ALGORITHM}")
        key.verify(utils.encode_dss_signature(r, s), signed.encode(), ec.ECDSA(SHA256()))
        return _CLAIMS.decode(_bytes(content))
    except InvalidSignature as error:
        raise InvalidTokenError("the token is not signed by this server") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidTokenError("the token is malformed") from error


def key_id(certificate: x509.Certificate) -> str:
    """Return the key's id as libtrust makes it: twelve groups of four base32 characters."""
    public = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(public).digest()[:_KEY_ID_BYTES]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidTokenError("the token is malformed") from error
