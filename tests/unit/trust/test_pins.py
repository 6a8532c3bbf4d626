"""Pins as users give them."""

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ed448
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from signer.errors import ExitCode, SignerError
from signer.trust.pinning import Pins
from tests.attacks.keys import certified, pem_of, private_key

ID = "ab" * 32


def test_nothing_pinned_is_no_pin() -> None:
    assert not Pins.load()
    assert not Pins.load().explicit


def test_trust_on_first_use_is_a_way_but_no_pin() -> None:
    pins = Pins.load(trust_on_first_use=True)
    assert pins
    assert not pins.explicit


@pytest.mark.parametrize("bad", ["", ID[:-1], ID + "a", ID.upper(), "sha256:" + ID, ID + "\n"])
def test_a_malformed_key_id_is_wrong_usage(bad: str) -> None:
    with pytest.raises(SignerError) as caught:
        Pins.load([bad])
    assert (caught.value.code, caught.value.exit_code) == ("bad-key-id", ExitCode.USAGE)


def dsa_pem() -> bytes:
    key = dsa.generate_private_key(2048).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def ed448_pem() -> bytes:
    key = ed448.Ed448PrivateKey.generate().public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def unknown_pem() -> bytes:
    """A public key under an object identifier that nobody has."""
    import base64

    der = bytes.fromhex("300e300806062b0601040163030200") + b"\x01"
    text = base64.b64encode(der).decode("ascii")
    return f"-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n".encode("ascii")


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        b"garbage",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        b"-----BEGIN CERTIFICATE-----\n",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        dsa_pem(),
        ed448_pem(),
        unknown_pem(),
        b"\xff\xfe",
    ],
    ids=["empty", "garbage", "bad certificate", "cut", "bad key", "dsa", "ed448", "unknown", "bom"],
)
@pytest.mark.parametrize("kind", ["certificates", "authorities"])
def test_a_file_that_pins_nothing_is_named(pem: bytes, kind: str) -> None:
    with pytest.raises(SignerError) as caught:
        if kind == "certificates":
            Pins.load((), [("root.pem", pem)])
        else:
            Pins.load((), authorities=[("root.pem", pem)])
    assert (caught.value.code, caught.value.exit_code) == ("bad-certificate", ExitCode.USAGE)
    assert "root.pem" in caught.value.message


def test_a_public_key_pins_by_its_canonical_id() -> None:
    pins = Pins.load((), [("root.pub", pem_of(private_key("root")))])
    assert pins.key_ids == {certified("root").notary.canonical_id}


def test_the_order_in_which_pins_are_given_does_not_matter() -> None:
    assert Pins.load([ID, "cd" * 32]).fingerprint == Pins.load(["cd" * 32, ID]).fingerprint


def test_other_pins_have_another_name() -> None:
    assert Pins.load([ID]).fingerprint != Pins.load(["cd" * 32]).fingerprint
