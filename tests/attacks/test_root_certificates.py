"""The certificates around root keys (check matrix, row 4); the key itself is pinned."""

import base64
import random
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from securesystemslib.signer import Signature

from signer.constants import ROOT
from signer.dialect.canonical import canonical_json
from signer.dialect.codec import encode
from signer.dialect.keys import NotaryKey, key_id
from signer.errors import ExitCode, SignerError
from signer.trust.pinning import Pins
from tests.attacks.keys import (
    GUN,
    NOW,
    SimulatedKey,
    bare,
    certificate,
    certified,
    claim_sha1,
    small_rsa_key,
    with_bytes,
    with_pem,
)
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, SimulatedCollection

LONG = "registry.example.com/" + "/".join(["component"] * 8)


def reader_of(directory: Path, *roots: SimulatedKey, threshold: int = 1, gun: str = GUN) -> Reader:
    server = SimulatedCollection(gun)
    server.signers[ROOT] = list(roots)
    server.set_root_keys(*roots, threshold=threshold)
    server.sign_tag("targets", "1", DIGEST)
    server.publish(*server.content)
    return Reader(server, directory)


@pytest.mark.parametrize(
    "leaf",
    [
        certificate("root"),
        certificate("root", "registry.example.com/shop/*"),
        certificate("root", "registry.example.com/shop/web*"),
        certificate("root", "registry.example.com/***"),
        certificate("root", ca=None),
        certificate("root", begins=NOW + timedelta(hours=23)),
    ],
    ids=["exact", "prefix", "prefix without slash", "stars", "no constraints", "a day early"],
)
def test_a_good_root_certificate_is_accepted(tmp_path: Path, leaf: x509.Certificate) -> None:
    assert reader_of(tmp_path, with_pem("root", leaf)).accepts() == DIGEST


def test_a_name_longer_than_x509_has_it_is_accepted(tmp_path: Path) -> None:
    key = certified("root", LONG)
    assert reader_of(tmp_path, key, gun=LONG).accepts() == DIGEST


@pytest.mark.parametrize(
    ("leaf", "code", "exit_code"),
    [
        (certificate("root", "registry.example.com/shop/other"), "root-certificate-name", 4),
        (certificate("root", f"{GUN}/more"), "root-certificate-name", 4),
        (certificate("root", GUN[:-1]), "root-certificate-name", 4),
        (certificate("root", "other.example.com/*"), "root-certificate-name", 4),
        (certificate("root", "*"), "root-certificate-name", 4),
        (certificate("root", f"*{GUN[1:]}"), "root-certificate-name", 4),
        (certificate("root", ca=True), "root-certificate-ca", 4),
        (certificate("root", days=29), "certificate-expired", 5),
        (certificate("root", begins=NOW + timedelta(days=2)), "certificate-not-yet-valid", 5),
        (claim_sha1(certificate("root")), "certificate-weak", 4),
    ],
    ids=[
        "another name",
        "longer name",
        "shorter name",
        "another host's prefix",
        "a star alone",
        "a star in front",
        "a CA",
        "expired",
        "not yet valid",
        "SHA-1",
    ],
)
def test_a_bad_root_certificate_is_refused_although_its_key_is_pinned(
    tmp_path: Path, leaf: x509.Certificate, code: str, exit_code: int
) -> None:
    reader = reader_of(tmp_path, with_pem("root", leaf))
    reader.refuses(code, ExitCode(exit_code), step=4)
    assert reader.states.load(reader.gun) is None


def test_a_root_key_of_1024_bits_signs_nothing(tmp_path: Path) -> None:
    pem = certificate(small_rsa_key()).public_bytes(Encoding.PEM)
    public = base64.b64encode(pem).decode("ascii")
    keyid = key_id("rsa-x509", public)
    fields = {"keytype": "rsa-x509", "keyval": {"private": None, "public": public}}
    server = SimulatedCollection()
    server.root.keys[keyid] = NotaryKey.from_dict(keyid, fields)
    server.root.roles[ROOT].keyids = [keyid]

    def signed_by_it(_: list[Signature]) -> list[Signature]:
        pss = padding.PSS(padding.MGF1(SHA256()), 32)
        raw = small_rsa_key().sign(canonical_json(encode(server.root)), pss, SHA256())
        return [Signature(keyid, raw.hex(), {"method": "rsapss"})]

    server.forgeries[ROOT] = signed_by_it
    server.publish(*server.content)
    reader = Reader(server, tmp_path, Pins.load([keyid]))
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    reader.pins = Pins(trust_on_first_use=True)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=2)


def test_a_bad_certificate_beside_enough_good_ones_does_no_harm(tmp_path: Path) -> None:
    bad = with_pem("bad", certificate("bad", "another"))
    assert reader_of(tmp_path, bad, certified("root")).accepts() == DIGEST


def test_good_certificates_below_the_threshold_are_not_enough(tmp_path: Path) -> None:
    bad = with_pem("bad", certificate("bad", "another"))
    reader = reader_of(tmp_path, bad, certified("root"), threshold=2)
    reader.refuses("root-certificate-name", ExitCode.TRUST_DATA, step=4)


def test_two_good_certificates_of_one_key_count_once(tmp_path: Path) -> None:
    bad = with_pem("bad", certificate("bad", "another"))
    twice = [certified("root"), with_pem("root", certificate("root"))]
    reader = reader_of(tmp_path, bad, *twice, threshold=2)
    reader.refuses("root-certificate-name", ExitCode.TRUST_DATA, step=4)


def test_bare_root_keys_have_no_certificate_to_fail(tmp_path: Path) -> None:
    assert reader_of(tmp_path, bare("bare")).accepts() == DIGEST


PLACEHOLDERS = [
    x509.UnrecognizedExtension(x509.ObjectIdentifier(f"1.3.6.1.4.1.99999.{number}"), b"\x05\x00")
    for number in (1, 2)
]


def test_a_certificate_with_an_extension_twice_is_refused(tmp_path: Path) -> None:
    """Libraries read it with exceptions of their own, which must not become tracebacks."""
    first, second = (bytes.fromhex("2b06010401868d1f") + bytes([n]) for n in (1, 2))
    der = certificate("root", extensions=PLACEHOLDERS).public_bytes(Encoding.DER)
    assert der.count(second) == 1
    reader = reader_of(tmp_path, with_bytes("root", der.replace(second, first)))
    reader.refuses("certificate-malformed", ExitCode.TRUST_DATA, step=4)


def test_a_certificate_of_an_unknown_version_signs_nothing(tmp_path: Path) -> None:
    der = certificate("root").public_bytes(Encoding.DER)
    version_3, version_44 = bytes.fromhex("a003020102"), bytes.fromhex("a00302012b")
    assert der.count(version_3) == 1
    reader = reader_of(tmp_path, with_bytes("root", der.replace(version_3, version_44)))
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
    reader.pins = Pins()
    reader.refuses("no-pin", ExitCode.USAGE, step=1)
    reader.pins = Pins(trust_on_first_use=True)
    reader.refuses("threshold-not-met", ExitCode.TRUST_DATA, step=2)


@pytest.mark.parametrize("seed", range(200))
@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # of cryptography, for the user
def test_a_damaged_certificate_never_ends_in_anything_but_a_clear_refusal(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable damage, no secret
    ca = certificate("ca", "Example CA", ca=True)
    leaf = certificate("root", issuer=("ca", ca), extensions=PLACEHOLDERS)
    damaged = bytearray(leaf.public_bytes(Encoding.DER))
    for _ in range(chance.choice([1, 1, 2, 5])):
        damaged[chance.randrange(len(damaged))] = chance.randrange(256)
    pem = ca.public_bytes(Encoding.PEM)
    for number, pins in enumerate(
        [Pins.load((), authorities=[("ca.pem", pem)]), Pins(), Pins(trust_on_first_use=True)]
    ):
        reader = reader_of(tmp_path / str(number), with_bytes("root", bytes(damaged), ca))
        reader.pins = pins
        try:
            reader.read()
        except SignerError as error:
            assert error.exit_code in (ExitCode.TRUST_DATA, ExitCode.EXPIRED, ExitCode.USAGE)
            assert 1 <= error.step <= 4
        else:
            # What the authority signed is unharmed; on first use nobody vouches for the rest.
            assert number == 2 or bytes(damaged) == leaf.public_bytes(Encoding.DER)
