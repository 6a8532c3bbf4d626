"""Private keys in every form that users have, read and written."""

import base64
import hashlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, x25519
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError
from signer.keys import der as asn1
from signer.keys.pem import (
    KeyBlock,
    decode_private_key,
    encode_key_file,
    encode_public_key_file,
    format_block,
    parse_blocks,
)
from signer.keys.pkcs8 import PrivateKey
from tests.unit.keys.material import (
    OTHER_PASSPHRASE,
    PASSPHRASE,
    VECTORS,
    ec_pem,
    openssl,
    pkcs8_pem,
    public_der,
    rsa_pem,
    vectors,
)

PASS = ("-passout", f"pass:{PASSPHRASE.decode()}")


def load(pem: bytes, passphrase: bytes | None = None) -> PrivateKey:
    (block,) = parse_blocks(pem, origin="key.pem")
    return decode_private_key(block, passphrase)


def spki(key: PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize("vector", vectors(), ids=lambda vector: str(vector["file"]))
def test_notary_s_own_files_open_with_their_passphrase_only(vector: dict[str, Any]) -> None:
    pem = (VECTORS / vector["file"]).read_bytes()
    key = NotaryKey.from_public_key(load(pem, vector["passphrase"].encode()).public_key())
    assert (key.keyid, key.keytype) == (vector["keyid"], vector["keytype"])
    assert key.keyval == {"private": None, "public": vector["public"]}
    with pytest.raises(PassphraseError):
        load(pem, OTHER_PASSPHRASE)
    for nothing in (None, b""):
        with pytest.raises(PassphraseError, match="no passphrase is known"):
            load(pem, nothing)


def convert(*arguments: str, data: bytes) -> bytes:
    return openssl("pkcs8", "-topk8", *arguments, *PASS, data=data)


FORMS: Final[dict[str, Callable[[], bytes]]] = {
    "PKCS#1": rsa_pem,
    "PKCS#8 RSA": lambda: openssl("pkcs8", "-topk8", "-nocrypt", data=rsa_pem()),
    "PKCS#8 RSA 3072": lambda: openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "bits:3072"),
    "SEC1 P-256 after parameters": ec_pem,
    "SEC1 P-384": lambda: ec_pem("secp384r1"),
    "SEC1 P-521": lambda: ec_pem("secp521r1"),
    "PKCS#8 P-256": lambda: openssl("pkcs8", "-topk8", "-nocrypt", data=ec_pem()),
    "PKCS#8 Ed25519": lambda: pkcs8_pem("ED25519"),
    "PKCS#8 AES-256 HMAC-SHA256": lambda: convert("-v2", "aes-256-cbc", data=ec_pem()),
    "PKCS#8 AES-256 HMAC-SHA1": lambda: convert(
        "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", data=ec_pem()
    ),
    "PKCS#8 Ed25519 HMAC-SHA1": lambda: convert(
        "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1", data=pkcs8_pem("ED25519")
    ),
    "PKCS#8 AES-128": lambda: convert("-v2", "aes-128-cbc", data=rsa_pem()),
    "PKCS#8 3DES": lambda: convert("-v2", "des3", data=ec_pem()),
    "PKCS#8 scrypt": lambda: convert("-scrypt", data=ec_pem()),
    "PKCS#12 PBE": lambda: convert("-v1", "PBE-SHA1-3DES", data=ec_pem()),
    "DEK-Info AES RSA": lambda: openssl("rsa", "-traditional", "-aes256", *PASS, data=rsa_pem()),
    "DEK-Info 3DES EC": lambda: openssl("ec", "-des3", *PASS, data=ec_pem()),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_that_openssl_writes_are_read(form: str) -> None:
    pem = FORMS[form]()
    expected = openssl(
        "pkey", "-passin", f"pass:{PASSPHRASE.decode()}", "-pubout", "-outform", "DER", data=pem
    )
    blocks = parse_blocks(pem, origin=form)
    assert len(blocks) == 1
    assert spki(decode_private_key(blocks[0], PASSPHRASE)) == expected
    if blocks[0].encrypted:
        with pytest.raises(PassphraseError) as caught:
            decode_private_key(blocks[0], OTHER_PASSPHRASE)
        assert OTHER_PASSPHRASE.decode() not in str(caught.value) + caught.value.hint


def test_openssh_s_format_is_read() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    assert spki(load(pem)) == spki(key)


def test_notary_s_bare_ed25519_block_is_read() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    public, seed = key.public_key().public_bytes_raw(), key.private_bytes_raw()
    assert spki(load(format_block("ED25519 PRIVATE KEY", {}, public + seed + public))) == spki(key)
    for blob in (public + seed + seed, seed + public + public, public + seed, b""):
        with pytest.raises(KeyUnusableError, match="do not belong together"):
            load(format_block("ED25519 PRIVATE KEY", {}, blob))


def key_of(kind: str) -> PrivateKey:
    pem = {"rsa": rsa_pem(), "ed25519": pkcs8_pem("ED25519")}.get(kind) or ec_pem(kind)
    return load(pem)


@pytest.mark.parametrize("kind", ["prime256v1", "secp384r1", "secp521r1", "rsa", "ed25519"])
def test_a_written_key_file_has_notary_s_layout(kind: str) -> None:
    key = key_of(kind)
    pem = encode_key_file(
        key,
        passphrase=PASSPHRASE,
        role="targets",
        gun="example.com/a",
        random=lambda size: bytes(range(size)),
    )
    assert pem.startswith(
        b"-----BEGIN ENCRYPTED PRIVATE KEY-----\ngun: example.com/a\nrole: targets\n\nMI"
    )
    assert spki(load(pem, PASSPHRASE)) == spki(key)
    # The fixed part, byte for byte: PBES2, PBKDF2 (8 bytes of salt, 2048, no PRF), AES-256-CBC.
    (block,) = parse_blocks(pem, origin="o")
    scheme, secret = asn1.sequence(block.der)
    assert scheme.raw.hex() == (
        "304906092a864886f70d01050d303c301b06092a864886f70d01050c300e0408"
        "0001020304050607"
        "02020800301d060960864801650304012a0410"
        "000102030405060708090a0b0c0d0e0f"
    )
    # And the inner part, opened by openssl: version 0, which every program reads.
    secret_key = hashlib.pbkdf2_hmac("sha1", PASSPHRASE, bytes(range(8)), 2048, 32)
    plain = openssl(
        "enc", "-d", "-aes-256-cbc", "-K", secret_key.hex(), "-iv", bytes(range(16)).hex(),
        data=secret.value,
    )  # fmt: skip
    version, algorithm, blob = asn1.sequence(plain)
    assert asn1.read_integer(version) == 0
    if kind == "rsa":
        assert algorithm.raw.hex() == "300b06092a864886f70d010101"
    if kind == "ed25519":
        assert algorithm.raw.hex() == "300b06092b06010401da470f01"
        assert len(blob.value) == 96
    else:
        assert spki_of_der(plain) == spki(key)


def spki_of_der(pkcs8: bytes) -> bytes:
    key = load_der_private_key(pkcs8, None)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_openssl_opens_a_written_key_file() -> None:
    pem = encode_key_file(key_of("prime256v1"), passphrase=PASSPHRASE, role="")
    read = openssl("pkey", "-passin", f"pass:{PASSPHRASE.decode()}", "-traditional", data=pem)
    assert read == ec_pem()[ec_pem().index(b"-----BEGIN EC PRIVATE") :]


def test_without_a_passphrase_the_key_is_written_in_the_clear() -> None:
    key = key_of("prime256v1")
    pem = encode_key_file(key, passphrase=b"", role="root")
    assert pem.startswith(b"-----BEGIN PRIVATE KEY-----\nrole: root\n\n")
    assert spki(load(pem)) == spki(key)


def test_two_files_of_one_key_differ_and_more_rounds_are_read() -> None:
    key = key_of("prime256v1")
    one = encode_key_file(key, passphrase=PASSPHRASE, role="root")
    two = encode_key_file(key, passphrase=PASSPHRASE, role="root", rounds=20_000)
    assert one != two
    assert spki(load(two, PASSPHRASE)) == spki(key)


def test_a_public_key_file_is_as_docker_writes_it() -> None:
    key = key_of("prime256v1")
    pem = encode_public_key_file(key.public_key(), "alice")
    assert pem.startswith(b"-----BEGIN PUBLIC KEY-----\nrole: alice\n\n")
    (block,) = parse_blocks(pem, origin="alice.pub")
    assert block.der == public_der(ec_pem())


@pytest.mark.parametrize("bits", [512, 1024, 2047])
def test_rsa_under_2048_bits_is_refused_with_its_size(bits: int) -> None:
    with pytest.raises(KeyUnusableError, match=f"RSA key of {bits} bits") as caught:
        load(rsa_pem(bits))
    assert caught.value.code == "key-too-weak"


def pem_of(key: PrivateKeyTypes) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


OTHER_KINDS: Final[dict[str, tuple[Callable[[], bytes], str]]] = {
    "DSA": (lambda: pem_of(dsa.generate_private_key(2048)), "DSA"),
    "Ed448": (lambda: pem_of(ed448.Ed448PrivateKey.generate()), "Ed448"),
    "X25519": (lambda: pem_of(x25519.X25519PrivateKey.generate()), "X25519"),
    "P-224": (lambda: pem_of(ec.generate_private_key(ec.SECP224R1())), "secp224r1"),
    "secp256k1": (lambda: pem_of(ec.generate_private_key(ec.SECP256K1())), "secp256k1"),
    "brainpool": (lambda: pem_of(ec.generate_private_key(ec.BrainpoolP256R1())), "brainpool"),
    "SM2": (lambda: pkcs8_pem("SM2"), "supported"),
    "camellia": (lambda: convert("-v2", "camellia-256-cbc", data=ec_pem()), "not supported"),
    "camellia DEK": (
        lambda: openssl("ec", "-camellia256", *PASS, data=ec_pem()),
        "not supported",
    ),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_of_key_and_cipher_are_refused_by_name(kind: str) -> None:
    make, words = OTHER_KINDS[kind]
    (block,) = parse_blocks(make(), origin="key.pem")
    with pytest.raises(KeyUnusableError, match=words) as caught:
        decode_private_key(block, PASSPHRASE)
    assert not isinstance(caught.value, PassphraseError)
    assert "key.pem" in caught.value.message


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("CERTIFICATE", "this is a certificate"),
        ("PUBLIC KEY", "this is a public key"),
        ("X25519 PRIVATE KEY", "no private key that is supported"),
    ],
)
def test_other_blocks_are_refused_by_name(label: str, words: str) -> None:
    with pytest.raises(KeyUnusableError, match=words):
        load(format_block(label, {}, b"\x30\x00"))


def encrypted_with(kdf: bytes) -> bytes:
    """Return an encrypted key whose key derivation is ``kdf``, an AlgorithmIdentifier in DER."""
    cipher = bytes.fromhex("301d060960864801650304012a0410") + bytes(16)
    scheme = asn1.encode(
        asn1.SEQUENCE,
        bytes.fromhex("06092a864886f70d01050d"),
        asn1.encode(asn1.SEQUENCE, kdf, cipher),
    )
    body = asn1.encode(asn1.SEQUENCE, scheme, asn1.encode(asn1.OCTET_STRING, bytes(32)))
    return format_block("ENCRYPTED PRIVATE KEY", {}, body)


def pbkdf2(rounds: int, prf: bytes = b"") -> bytes:
    parameters = asn1.encode(
        asn1.SEQUENCE, asn1.encode(asn1.OCTET_STRING, bytes(8)), asn1.integer(rounds), prf
    )
    return asn1.encode(asn1.SEQUENCE, bytes.fromhex("06092a864886f70d01050c"), parameters)


def scrypt(cost: int) -> bytes:
    parameters = asn1.encode(
        asn1.SEQUENCE,
        asn1.encode(asn1.OCTET_STRING, bytes(8)),
        asn1.integer(cost),
        asn1.integer(8),
        asn1.integer(1),
    )
    return asn1.encode(asn1.SEQUENCE, bytes.fromhex("06092b06010401da47040b"), parameters)


HMAC_SHA256 = bytes.fromhex("300c06082a864886f70d02090500")


@pytest.mark.parametrize(
    "kdf",
    [pbkdf2(10_000_001), pbkdf2(2**62), pbkdf2(0), pbkdf2(2**62, HMAC_SHA256), scrypt(2**30)],
    ids=["rounds", "huge", "none", "other PRF", "scrypt"],
)
def test_a_file_that_asks_for_too_much_work_is_refused_before_it_is_done(kdf: bytes) -> None:
    with pytest.raises(KeyUnusableError, match="more work than is allowed"):
        load(encrypted_with(kdf), PASSPHRASE)


def test_a_truncated_or_changed_file_is_an_error_and_no_traceback() -> None:
    pem = (VECTORS / "ec-root.pem").read_bytes()
    (block,) = parse_blocks(pem, origin="o")
    for position in range(0, len(block.der), 3):
        changed = bytearray(block.der)
        changed[position] ^= 0xFF
        for damaged in (block.der[:position], bytes(changed)):
            with pytest.raises(KeyUnusableError):
                decode_private_key(KeyBlock(block.label, {}, damaged, "o"), PASSPHRASE)


@pytest.mark.parametrize("label", ["PRIVATE KEY", "EC PRIVATE KEY", "OPENSSH PRIVATE KEY"])
def test_garbage_under_a_private_key_s_label_is_an_error(label: str) -> None:
    for garbage in (b"", b"\x30\x00", b"\x30\x03\x02\x01\x00", bytes(100), b"\xff" * 50):
        with pytest.raises(KeyUnusableError):
            load(format_block(label, {}, garbage), PASSPHRASE)


def test_no_secret_is_in_a_message() -> None:
    pem = BestAvailable.pem
    with pytest.raises(PassphraseError) as caught:
        load(pem, b"a-secret-passphrase")
    assert "a-secret-passphrase" not in str(caught.value) + caught.value.hint
    body = base64.b64encode(parse_blocks(pem, origin="o")[0].der).decode()
    assert body[:20] not in str(caught.value)


class BestAvailable:
    """A key as Python's ``cryptography`` encrypts it."""

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(PASSPHRASE)
    )
