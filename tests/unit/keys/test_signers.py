"""Signatures as Notary wants them, whatever makes them."""

import hashlib
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import CryptoSigner, Key, SecretsHandler, Signature, Signer, SSlibKey

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError
from signer.keys.pem import decode_private_key, parse_blocks
from signer.keys.pkcs8 import PrivateKey
from signer.keys.signers import FileSigner, SignerAdapter, prove
from tests.unit.keys.material import ec_pem, pkcs8_pem, rsa_pem

PAYLOAD = b'{"_type":"Targets"}'
WIDTHS = {"prime256v1": 32, "secp384r1": 48, "secp521r1": 66}


def key_of(pem: bytes) -> PrivateKey:
    (block,) = parse_blocks(pem, origin="key.pem")
    return decode_private_key(block, None)


@pytest.mark.parametrize("curve", WIDTHS)
def test_an_ecdsa_signature_is_r_and_s_in_fixed_width_over_sha_256(curve: str) -> None:
    key, width = key_of(ec_pem(curve)), WIDTHS[curve]
    signer = FileSigner(key)
    for _ in range(20):  # r or s is short now and then
        signature = signer.sign(PAYLOAD)
        raw = bytes.fromhex(signature.signature)
        assert len(raw) == 2 * width
        der = encode_dss_signature(
            int.from_bytes(raw[:width], "big"), int.from_bytes(raw[width:], "big")
        )
        public = key.public_key()
        assert isinstance(public, ec.EllipticCurvePublicKey)
        public.verify(der, PAYLOAD, ec.ECDSA(SHA256()))
        signer.public_key.verify_signature(signature, PAYLOAD)
    assert signature.unrecognized_fields == {"method": "ecdsa"}
    assert signature.keyid == signer.canonical_id


def test_an_rsa_signature_is_pss_with_a_salt_of_32_bytes() -> None:
    key = key_of(rsa_pem())
    signature = FileSigner(key).sign(PAYLOAD)
    public = key.public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(
        bytes.fromhex(signature.signature),
        PAYLOAD,
        padding.PSS(padding.MGF1(SHA256()), 32),
        SHA256(),
    )
    assert signature.unrecognized_fields == {"method": "rsapss"}


def test_an_ed25519_signature_is_over_the_payload_itself() -> None:
    signer = FileSigner(key_of(pkcs8_pem("ED25519")))
    signature = signer.sign(PAYLOAD)
    signer.public_key.verify_signature(signature, PAYLOAD)
    assert len(bytes.fromhex(signature.signature)) == 64
    assert signature.unrecognized_fields == {"method": "eddsa"}


def test_a_key_signs_under_the_id_of_a_role_s_certificate(
    certificate_of: Callable[[bytes], bytes],
) -> None:
    role_key = NotaryKey.from_certificate(certificate_of(rsa_pem()))
    bare = FileSigner(key_of(rsa_pem()))
    signer = bare.for_key(role_key)
    assert signer.public_key is role_key
    assert signer.canonical_id == bare.canonical_id != role_key.keyid
    signature = signer.sign(PAYLOAD)
    assert signature.keyid == role_key.keyid
    role_key.verify_signature(signature, PAYLOAD)
    assert bare.sign(PAYLOAD).keyid == bare.canonical_id


def test_another_key_s_role_is_refused(certificate_of: Callable[[bytes], bytes]) -> None:
    other = NotaryKey.from_certificate(certificate_of(rsa_pem(3072)))
    with pytest.raises(KeyUnusableError, match="does not belong"):
        FileSigner(key_of(rsa_pem())).for_key(other)
    with pytest.raises(KeyUnusableError, match="does not belong"):
        FileSigner(key_of(rsa_pem()), other)
    inner, key = stock(ec_pem(), "ecdsa-sha2-nistp256")
    with pytest.raises(KeyUnusableError, match="does not belong"):
        SignerAdapter(inner, key).for_key(other)


def test_a_signer_shows_no_private_key() -> None:
    signer = FileSigner(key_of(ec_pem()))
    assert repr(signer) == f"FileSigner(ecdsa {signer.canonical_id})"


def stock(pem: bytes, scheme: str) -> tuple[CryptoSigner, NotaryKey]:
    key = key_of(pem)
    inner = CryptoSigner(key, SSlibKey.from_crypto(key.public_key(), scheme=scheme))
    return inner, NotaryKey.from_public_key(key.public_key())


@pytest.mark.parametrize(
    ("pem", "scheme", "method"),
    [
        (ec_pem, "ecdsa-sha2-nistp256", "ecdsa"),
        (rsa_pem, "rsassa-pss-sha256", "rsapss"),
        (rsa_pem, "rsa-pkcs1v15-sha256", "rsapkcs1v15"),
        (lambda: pkcs8_pem("ED25519"), "ed25519", "eddsa"),
    ],
)
def test_stock_signers_are_adapted(pem: Callable[[], bytes], scheme: str, method: str) -> None:
    inner, key = stock(pem(), scheme)
    signature = SignerAdapter(inner, key).sign(PAYLOAD)
    assert signature.keyid == key.keyid
    assert signature.unrecognized_fields == {"method": method}
    if method != "rsapss":  # securesystemslib's own salt is as long as it can be
        key.verify_signature(signature, PAYLOAD)


def test_an_adapter_signs_under_a_role_s_id(certificate_of: Callable[[bytes], bytes]) -> None:
    inner, key = stock(ec_pem(), "ecdsa-sha2-nistp256")
    role_key = NotaryKey.from_certificate(certificate_of(ec_pem()))
    signature = SignerAdapter(inner, key).for_key(role_key).sign(PAYLOAD)
    assert signature.keyid == role_key.keyid
    role_key.verify_signature(signature, PAYLOAD)


def test_a_key_that_hashes_with_something_else_is_refused() -> None:
    inner, key = stock(ec_pem("secp384r1"), "ecdsa-sha2-nistp384")
    with pytest.raises(KeyUnusableError, match="Notary signs with SHA-256"):
        SignerAdapter(inner, key)


class Device(Signer):
    """A device that fails, or signs with another key than it says."""

    def __init__(self, public: Key, answer: Signature | Exception) -> None:
        self._public = public
        self._answer = answer

    @property
    def public_key(self) -> Key:
        return self._public

    def sign(self, payload: bytes) -> Signature:
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    @classmethod
    def from_priv_key_uri(
        cls, priv_key_uri: str, public_key: Key, secrets_handler: SecretsHandler | None = None
    ) -> "Device":
        raise NotImplementedError


class PinIncorrect(RuntimeError):  # noqa: N818 - the name that python-pkcs11 gives it
    """As python-pkcs11 raises it: without text."""


def test_a_device_s_errors_are_translated_and_name_it() -> None:
    inner, key = stock(ec_pem(), "ecdsa-sha2-nistp256")
    lost = SignerAdapter(Device(inner.public_key, OSError("unplugged")), key, origin="hsm:2")
    with pytest.raises(KeyUnusableError, match="hsm:2 cannot be used: OSError: unplugged"):
        lost.sign(PAYLOAD)
    locked = SignerAdapter(Device(inner.public_key, PinIncorrect()), key, origin="hsm:2")
    with pytest.raises(PassphraseError, match="hsm:2: the token rejected the PIN"):
        locked.sign(PAYLOAD)


def test_possession_is_proved_by_a_signature_that_means_nothing() -> None:
    seen: list[bytes] = []

    class Watched(FileSigner):
        def sign(self, payload: bytes) -> Signature:
            seen.append(payload)
            return super().sign(payload)

    prove(Watched(key_of(ec_pem())))
    prove(Watched(key_of(ec_pem())))
    assert seen[0] != seen[1]
    assert all(message.startswith(b"signer: proof") for message in seen)


def test_a_device_that_signs_with_another_key_is_found_out() -> None:
    inner, key = stock(ec_pem(), "ecdsa-sha2-nistp256")
    other = key_of(pkcs8_pem("ED25519"))
    for answer in (
        CryptoSigner(other, SSlibKey.from_crypto(other.public_key())).sign(PAYLOAD),
        inner.sign(b"something else"),
    ):
        with pytest.raises(KeyUnusableError):
            prove(SignerAdapter(Device(inner.public_key, answer), key))


def test_a_signature_over_something_else_does_not_verify() -> None:
    signer = FileSigner(key_of(ec_pem()))
    with pytest.raises(UnverifiedSignatureError):
        signer.public_key.verify_signature(signer.sign(PAYLOAD), hashlib.sha256(PAYLOAD).digest())
