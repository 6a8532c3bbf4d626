"""Public keys and their signatures: what Go accepts, and nothing else (NP 1.6)."""

import base64
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from securesystemslib.exceptions import UnverifiedSignatureError, VerificationError
from securesystemslib.signer import Signature

from signer.dialect.keys import NotaryKey, key_id
from tests.unit.dialect.plain_signer import (
    PlainSigner,
    certificate_pem,
    notary_key,
    plain_key_id,
    private_key,
    public_dict,
    sign_raw,
    spki,
)

PAYLOAD: Final = b'{"_type":"Targets"}'

# Keys that the Go programs made: the project's key vectors, which protect nothing.
EC_ID: Final = "13979d665ca4d96d775f3f543ac466960cbedea48848bc24e9ed27d5346d72d3"
EC_PUBLIC: Final = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAElyYbhaZoykXJ7rrDNDyi0qg+U5WWPkULj7hzN79JqUtRF5WhGUT3R8IH"
    "epxqGKBbappb8gcVSsD7rVSsnHHHCQ=="
)
ED_ID: Final = "bf25a41f92338503b509906ed52744f49b4faed6b0f673e4f89fbd9714b55030"
ED_PUBLIC: Final = "cztE8pvoyMosfUB2IA0LXcpXMgnWgpuiKpXj9n9+784="

SIGNERS: Final = [
    ("p224", "ecdsa"),
    ("p256", "ecdsa"),
    ("p384", "ecdsa"),
    ("p521", "ecdsa"),
    ("rsa2048", "rsapss"),
    ("rsa2048", "rsapkcs1v15"),
    ("rsa3072", "rsapss"),
    ("ed25519", "eddsa"),
]
METHODS: Final = ("ecdsa", "rsapss", "rsapkcs1v15", "pycrypto-pkcs#1 pss", "eddsa")


def signature(raw: bytes, method: str, keyid: str = "0" * 64) -> Signature:
    return Signature(keyid, raw.hex(), {"method": method})


def wrong(error: pytest.ExceptionInfo[UnverifiedSignatureError]) -> bool:
    """Tell "checked, and wrong" from "cannot be checked", which is a subclass."""
    return type(error.value) is UnverifiedSignatureError


@pytest.mark.parametrize(
    ("keytype", "public", "expected"),
    [("ecdsa", EC_PUBLIC, EC_ID), ("ed25519", ED_PUBLIC, ED_ID)],
)
def test_a_key_id_is_the_one_that_notary_named_the_file_by(
    keytype: str, public: str, expected: str
) -> None:
    assert key_id(keytype, public) == expected
    key = notary_key(keytype, base64.b64decode(public))
    assert (key.keyid, key.canonical_id) == (expected, expected)
    assert NotaryKey.from_public_key(key.crypto()).keyid == expected


@pytest.mark.parametrize(("kind", "method"), SIGNERS)
def test_a_strangers_signature_verifies(kind: str, method: str) -> None:
    signer = PlainSigner.bare(kind, method)
    signer.notary.verify_signature(signer.sign(PAYLOAD), PAYLOAD)


@pytest.mark.parametrize("kind", ["p224", "p256", "p384", "p521", "rsa2048"])
def test_a_signature_by_a_certificates_key_verifies(kind: str) -> None:
    signer = PlainSigner.x509(kind, "localhost/a")
    signer.notary.verify_signature(signer.sign(PAYLOAD), PAYLOAD)


@pytest.mark.parametrize(("kind", "method"), SIGNERS)
def test_another_payload_is_checked_and_wrong(kind: str, method: str) -> None:
    signer = PlainSigner.bare(kind, method)
    with pytest.raises(UnverifiedSignatureError) as caught:
        signer.notary.verify_signature(signer.sign(PAYLOAD), PAYLOAD + b" ")
    assert wrong(caught)


def test_the_method_may_be_in_upper_case() -> None:
    signer = PlainSigner.bare("p256")
    raw = sign_raw(signer.key, PAYLOAD)
    signer.notary.verify_signature(signature(raw, "ECDSA"), PAYLOAD)


@pytest.mark.parametrize("kind", ["p256", "rsa2048", "ed25519"])
@pytest.mark.parametrize("method", [*METHODS, "", "ml-dsa", "rsapss ", "none"])
def test_a_method_that_does_not_go_with_the_key_cannot_be_checked(kind: str, method: str) -> None:
    signer = PlainSigner.bare(kind)
    if method == signer.method or (kind == "rsa2048" and method.startswith("rsa")):
        method += "x"
    with pytest.raises(VerificationError, match="cannot verify"):
        signer.notary.verify_signature(signature(sign_raw(signer.key, PAYLOAD), method), PAYLOAD)


def test_a_signature_without_a_method_cannot_be_checked() -> None:
    signer = PlainSigner.bare("p256")
    found = Signature(signer.notary.keyid, sign_raw(signer.key, PAYLOAD).hex(), {})
    with pytest.raises(VerificationError):
        signer.notary.verify_signature(found, PAYLOAD)


@pytest.mark.parametrize("kind", ["p256", "p384", "p521"])
def test_a_der_signature_never_verifies(kind: str) -> None:
    signer = PlainSigner.bare(kind)
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    der = signer.key.sign(PAYLOAD, ec.ECDSA(SHA256()))
    with pytest.raises(VerificationError, match=r"r\|\|s"):
        signer.notary.verify_signature(signature(der, "ecdsa"), PAYLOAD)


@pytest.mark.parametrize(
    ("kind", "width"), [("p224", 28), ("p256", 32), ("p384", 48), ("p521", 66)]
)
def test_r_and_s_have_the_width_of_the_curve(kind: str, width: int) -> None:
    signer = PlainSigner.bare(kind)
    raw = sign_raw(signer.key, PAYLOAD)
    assert len(raw) == 2 * width
    padded = b"\0" + raw[:width] + b"\0" + raw[width:]
    for other in (raw[:-1], raw[1:], raw + b"\0", b"\0" + raw, padded, b"", raw[: width + 1]):
        with pytest.raises(VerificationError, match=r"r\|\|s"):
            signer.notary.verify_signature(signature(other, "ecdsa"), PAYLOAD)


@pytest.mark.parametrize("raw", [b"\0" * 64, b"\xff" * 64, b"\0" * 32 + b"\1" * 32])
def test_r_and_s_outside_the_group_are_wrong(raw: bytes) -> None:
    with pytest.raises(UnverifiedSignatureError):
        PlainSigner.bare("p256").notary.verify_signature(signature(raw, "ecdsa"), PAYLOAD)


def test_an_ecdsa_signature_is_over_sha_256_whatever_the_curve() -> None:
    signer = PlainSigner.bare("p384")
    assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
    der = signer.key.sign(PAYLOAD, ec.ECDSA(SHA384()))
    raw = b"".join(number.to_bytes(48, "big") for number in decode_dss_signature(der))
    with pytest.raises(UnverifiedSignatureError) as caught:
        signer.notary.verify_signature(signature(raw, "ecdsa"), PAYLOAD)
    assert wrong(caught)


@pytest.mark.parametrize("salt", [0, 20, 31, 33, 64, padding.PSS.MAX_LENGTH])
def test_a_pss_salt_has_32_bytes(salt: int) -> None:
    key = private_key("rsa2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    raw = key.sign(PAYLOAD, padding.PSS(padding.MGF1(SHA256()), salt), SHA256())
    with pytest.raises(UnverifiedSignatureError) as caught:
        notary_key("rsa", spki(key)).verify_signature(signature(raw, "rsapss"), PAYLOAD)
    assert wrong(caught)


def test_the_method_of_pycrypto_does_not_go_with_a_der_key() -> None:
    """Go wants PEM for it, and accepts no PEM for the other methods (interop/test_dialect.py)."""
    key = private_key("rsa2048")
    with pytest.raises(VerificationError):
        notary_key("rsa", spki(key)).verify_signature(
            signature(sign_raw(key, PAYLOAD), "pycrypto-pkcs#1 pss"), PAYLOAD
        )


def test_mgf1_and_the_digest_are_sha_256() -> None:
    key = private_key("rsa2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    for mask, digest in ((SHA384(), SHA256()), (SHA256(), SHA384())):
        raw = key.sign(PAYLOAD, padding.PSS(padding.MGF1(mask), 32), digest)
        with pytest.raises(UnverifiedSignatureError):
            notary_key("rsa", spki(key)).verify_signature(signature(raw, "rsapss"), PAYLOAD)


def test_the_two_rsa_methods_are_not_taken_for_each_other() -> None:
    key = private_key("rsa2048")
    public = notary_key("rsa", spki(key))
    for made, claimed in (("rsapss", "rsapkcs1v15"), ("rsapkcs1v15", "rsapss")):
        with pytest.raises(UnverifiedSignatureError) as caught:
            public.verify_signature(signature(sign_raw(key, PAYLOAD, made), claimed), PAYLOAD)
        assert wrong(caught)


@pytest.mark.parametrize("kind", ["rsa1024", "rsa2040"])
@pytest.mark.parametrize("method", ["rsapss", "rsapkcs1v15"])
def test_a_short_rsa_modulus_verifies_nothing(kind: str, method: str) -> None:
    key = private_key(kind)
    for public in (notary_key("rsa", spki(key)), notary_key("rsa-x509", certificate_pem(key, "a"))):
        with pytest.raises(VerificationError, match="at least 2048"):
            public.verify_signature(signature(sign_raw(key, PAYLOAD, method), method), PAYLOAD)


@pytest.mark.parametrize("length", [0, 1, 255, 257])
def test_an_rsa_signature_has_the_length_of_the_modulus(length: int) -> None:
    with pytest.raises(UnverifiedSignatureError):
        PlainSigner.bare("rsa2048").notary.verify_signature(
            signature(b"\1" * length, "rsapss"), PAYLOAD
        )


@pytest.mark.parametrize("length", [0, 63, 65])
def test_an_ed25519_signature_has_64_bytes(length: int) -> None:
    with pytest.raises(UnverifiedSignatureError):
        PlainSigner.bare("ed25519").notary.verify_signature(
            signature(b"\1" * length, "eddsa"), PAYLOAD
        )


_UNKNOWN_ALGORITHM: Final = bytes.fromhex("300e30070603550403050003030000aa")


def public_value(what: str) -> bytes:
    """Return what a key's table might hold: ``spki:KIND``, ``pem:KIND``, or other bytes."""
    form, _, kind = what.partition(":")
    if form == "spki":
        return spki(private_key(kind))
    if form == "pem":
        return certificate_pem(private_key(kind), "a")
    others = {
        "nothing": b"",
        "31 bytes": b"\0" * 31,
        "32 bytes": b"\0" * 32,
        "unknown algorithm": _UNKNOWN_ALGORITHM,
        "cut off": spki(private_key("p256"))[:-1],
    }
    return others[what]


@pytest.mark.parametrize(
    ("keytype", "what"),
    [
        ("ecdsa", "spki:rsa2048"),
        ("rsa", "spki:p256"),
        ("ecdsa", "spki:ed25519"),
        ("ecdsa-x509", "pem:rsa2048"),
        ("rsa-x509", "pem:p256"),
        ("ecdsa-x509", "pem:ed25519"),
        ("ecdsa-x509", "spki:p256"),
        ("ecdsa", "pem:p256"),
        ("ecdsa-x509", "nothing"),
        ("ecdsa", "nothing"),
        ("ed25519", "31 bytes"),
        ("ed25519", "spki:ed25519"),
        ("ecdsa", "unknown algorithm"),
        ("rsa", "unknown algorithm"),
        ("ecdsa", "cut off"),
        ("ml-dsa", "32 bytes"),
        ("ed25519-x509", "pem:ed25519"),
        ("-x509", "31 bytes"),
        ("", "31 bytes"),
        ("ECDSA", "spki:p256"),
    ],
)
def test_a_key_that_is_not_what_it_says_is_kept_but_verifies_nothing(
    keytype: str, what: str
) -> None:
    raw = public_value(what)
    key = notary_key(keytype, raw)
    assert key.to_dict() == public_dict(keytype, raw)
    for method in METHODS:
        with pytest.raises(VerificationError):
            key.verify_signature(signature(b"\1" * 64, method), PAYLOAD)
    with pytest.raises(ValueError):
        key.crypto()


@pytest.mark.parametrize("keytype", ["ml-dsa", "", "ed25519-x509", "-x509", "ECDSA"])
def test_a_type_that_notary_does_not_know_has_no_method(keytype: str) -> None:
    with pytest.raises(ValueError, match="unknown key type"):
        _ = notary_key(keytype, b"x").method


def test_a_curve_that_go_does_not_know_verifies_nothing() -> None:
    signer = PlainSigner.bare("k256")
    with pytest.raises(VerificationError):
        signer.notary.verify_signature(signer.sign(PAYLOAD), PAYLOAD)


def test_a_curve_that_go_does_not_know_makes_no_key() -> None:
    key = private_key("k256")
    with pytest.raises(ValueError, match="no key type"):
        NotaryKey.from_public_key(key.public_key())
    with pytest.raises(ValueError, match="no key type"):
        NotaryKey.from_certificate(certificate_pem(key, "a"))


def test_a_point_of_unknown_form_verifies_nothing() -> None:
    changed = bytearray(spki(private_key("p256")))
    changed[26] = 5  # neither the plain form of a point (4) nor a short one (2, 3)
    with pytest.raises(VerificationError):
        notary_key("ecdsa", bytes(changed)).verify_signature(
            signature(b"\1" * 64, "ecdsa"), PAYLOAD
        )


@pytest.mark.parametrize("kind", ["p256", "p384", "p521", "rsa2048", "ed25519"])
def test_a_public_key_is_written_as_notary_writes_it(kind: str) -> None:
    expected = PlainSigner.bare(kind).notary
    made = NotaryKey.from_public_key(private_key(kind).public_key())
    assert made == expected
    assert made.keyid == plain_key_id(expected.keytype, expected.keyval["public"])
    assert made.method == PlainSigner.bare(kind).method


@pytest.mark.parametrize("kind", ["p256", "rsa2048"])
def test_a_certificate_is_kept_byte_for_byte_and_its_leaf_comes_first(kind: str) -> None:
    leaf = certificate_pem(private_key(kind), "leaf")
    issuer = certificate_pem(private_key("p384"), "issuer")
    key = NotaryKey.from_certificate(leaf + issuer)
    bare = NotaryKey.from_public_key(private_key(kind).public_key())
    assert key.raw == leaf + issuer
    assert key.keytype == bare.keytype + "-x509"
    assert key.keyid != bare.keyid
    assert key.canonical_id == bare.keyid
    assert [c.subject.rfc4514_string() for c in key.certificates] == ["CN=leaf", "CN=issuer"]
    certificate = key.certificate()
    assert certificate is not None
    assert certificate.public_bytes(Encoding.PEM) == leaf
    key.verify_signature(signature(sign_raw(private_key(kind), PAYLOAD), key.method), PAYLOAD)


@pytest.mark.parametrize("what", ["nothing", "31 bytes", "spki:p256", "pem:ed25519"])
def test_what_is_no_certificate_over_ec_or_rsa_makes_no_key(what: str) -> None:
    with pytest.raises(ValueError):
        NotaryKey.from_certificate(public_value(what))


def test_a_bare_key_has_no_certificate() -> None:
    key = PlainSigner.bare("p256").notary
    assert key.certificates == ()
    assert key.certificate() is None


def test_an_id_that_is_not_the_keys_digest_is_refused() -> None:
    raw = spki(private_key("p256"))
    other = notary_key("ecdsa", spki(private_key("p256-other")))
    with pytest.raises(ValueError, match="not the digest"):
        NotaryKey.from_dict(other.keyid, public_dict("ecdsa", raw))


@pytest.mark.parametrize("private", ["", "c2VjcmV0", [], False, 0])
def test_private_key_material_is_refused_and_not_repeated(private: object) -> None:
    key = PlainSigner.bare("p256").notary
    entry = key.to_dict() | {"keyval": key.keyval | {"private": private}}
    with pytest.raises(ValueError, match="private key material") as caught:
        NotaryKey.from_dict(key.keyid, entry)
    assert "c2VjcmV0" not in str(caught.value)


def test_one_key_has_one_id_however_its_base64_is_spelled() -> None:
    raw = spki(private_key("p256"))
    public = base64.b64encode(raw).decode()
    assert public.endswith("==")
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = public[:-3] + letters[letters.index(public[-3]) + 1] + "=="
    assert base64.b64decode(other) == raw
    entry = {"keytype": "ecdsa", "keyval": {"private": None, "public": other}}
    with pytest.raises(ValueError):
        NotaryKey.from_dict(plain_key_id("ecdsa", other), entry)


def test_reading_a_key_leaves_its_input_as_it_was() -> None:
    entry = public_dict("ecdsa", spki(private_key("p256")))
    key = NotaryKey.from_dict(PlainSigner.bare("p256").notary.keyid, entry)
    key.keyval["x"] = 1
    assert entry == public_dict("ecdsa", spki(private_key("p256")))


def test_the_raw_ed25519_form_is_32_bytes() -> None:
    key = private_key("ed25519").public_key()
    made = NotaryKey.from_public_key(key)
    assert made.raw == key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    assert len(made.raw) == 32
