"""Roots whose certificates an authority issued (check matrix, rows 1 and 4)."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from signer.constants import ROOT
from signer.errors import ExitCode
from signer.trust.pinning import Pins
from tests.attacks.keys import GUN, NOW, SimulatedKey, certificate, with_pem
from tests.attacks.reading import Reader
from tests.attacks.simulator import DIGEST, SimulatedCollection

CA = certificate("ca", "Example CA", ca=True)
INTERMEDIATE = certificate("intermediate", "Example Issuing CA", ca=True, issuer=("ca", CA))
FROM_CA = ("ca", CA)
FROM_INTERMEDIATE = ("intermediate", INTERMEDIATE)


def pin(*authorities: x509.Certificate) -> Pins:
    pem = b"".join(item.public_bytes(Encoding.PEM) for item in authorities)
    return Pins.load((), authorities=[("ca.pem", pem)])


def reader_of(root: SimulatedKey, pins: Pins, directory: Path) -> Reader:
    """Return a reader of a collection with this root key."""
    server = SimulatedCollection()
    server.signers[ROOT] = [root]
    server.set_root_keys(root)
    server.sign_tag("targets", "1", DIGEST)
    server.publish(*server.content)
    return Reader(server, directory, pins)


def issued(
    common_name: str = GUN, *, issuer: tuple[str, x509.Certificate] = FROM_CA, days: int = 3650
) -> x509.Certificate:
    return certificate("leaf", common_name, issuer=issuer, days=days)


@pytest.mark.parametrize(
    ("root", "pins"),
    [
        (with_pem("leaf", issued()), pin(CA)),
        (with_pem("leaf", issued(issuer=FROM_INTERMEDIATE), INTERMEDIATE), pin(CA)),
        (with_pem("leaf", issued(issuer=FROM_INTERMEDIATE)), pin(CA, INTERMEDIATE)),
        (with_pem("leaf", issued(issuer=FROM_INTERMEDIATE)), pin(INTERMEDIATE)),
        (with_pem("leaf", issued("registry.example.com/shop/*")), pin(CA)),
        (
            with_pem(
                "leaf",
                certificate(
                    "leaf",
                    issuer=FROM_CA,
                    extensions=[x509.ExtendedKeyUsage([x509.OID_CODE_SIGNING])],
                ),
            ),
            pin(CA),
        ),
    ],
    ids=["direct", "intermediate in the root", "intermediate in the pin", "pinned intermediate",
         "prefix of the name", "code signing only"],
)  # fmt: skip
def test_a_root_that_the_pinned_authority_issued_is_accepted(
    tmp_path: Path, root: SimulatedKey, pins: Pins
) -> None:
    assert reader_of(root, pins, tmp_path).accepts() == DIGEST


OTHER_CA = certificate("other ca", "Example CA", ca=True)
SAME_NAME_CA = certificate("mallory", "Example CA", ca=True)
NO_CA = certificate("no ca", "No CA", ca=False)
SILENT = certificate("silent", "Silent", ca=None)
NO_SIGNING = certificate(
    "no signing",
    "No signing",
    ca=True,
    extensions=[
        x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=False,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
    ],
)
EXPIRED_CA = certificate(
    "expired ca", "Expired CA", ca=True, begins=NOW - timedelta(days=90), days=60
)
NO_CA_BETWEEN = certificate("between", "Between", ca=False, issuer=FROM_CA)


@pytest.mark.parametrize(
    ("root", "pins"),
    [
        (with_pem("leaf", issued()), pin(OTHER_CA)),
        (with_pem("leaf", issued(issuer=("mallory", SAME_NAME_CA))), pin(CA)),
        (with_pem("leaf", issued(issuer=("mallory", CA))), pin(CA)),
        (with_pem("leaf", issued(issuer=FROM_INTERMEDIATE)), pin(CA)),
        (with_pem("leaf", issued("registry.example.com/shop/other")), pin(CA)),
        (with_pem("leaf", issued("registry.example.com/shop/webserver")), pin(CA)),
        (with_pem("leaf", issued("registry.example.com/shop")), pin(CA)),
        (with_pem("leaf", issued("")), pin(CA)),
        (with_pem("leaf", certificate("leaf", issuer=("no ca", NO_CA))), pin(NO_CA)),
        (with_pem("leaf", certificate("leaf", issuer=("silent", SILENT))), pin(SILENT)),
        (with_pem("leaf", certificate("leaf", issuer=("no signing", NO_SIGNING))), pin(NO_SIGNING)),
        (with_pem("leaf", certificate("leaf", issuer=("expired ca", EXPIRED_CA))), pin(EXPIRED_CA)),
        (
            with_pem("leaf", issued(issuer=("between", NO_CA_BETWEEN)), NO_CA_BETWEEN),
            pin(CA),
        ),
        (with_pem("leaf", certificate("leaf"), issued(), CA), pin(CA)),
    ],
    ids=[
        "another authority",
        "another authority of the same name",
        "forged signature",
        "intermediate missing",
        "another collection's name",
        "a longer name",
        "a shorter name without a star",
        "no name",
        "issuer is no CA",
        "issuer does not say that it is a CA",
        "issuer may not sign certificates",
        "authority expired",
        "intermediate is no CA",
        "the issued one is not the leaf",
    ],
)
def test_a_root_that_the_pinned_authority_did_not_vouch_for_is_refused(
    tmp_path: Path, root: SimulatedKey, pins: Pins
) -> None:
    reader = reader_of(root, pins, tmp_path)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_an_expired_leaf_of_the_authority_is_refused(tmp_path: Path) -> None:
    reader = reader_of(with_pem("leaf", issued(days=20)), pin(CA), tmp_path)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_certificates_are_judged_at_the_readers_time_not_the_machines(tmp_path: Path) -> None:
    then = datetime(2001, 2, 3, tzinfo=UTC)
    old_ca = certificate("old ca", "Old CA", ca=True, begins=then, days=300)
    leaf = certificate("leaf", issuer=("old ca", old_ca), begins=then, days=300)
    reader = reader_of(with_pem("leaf", leaf), pin(old_ca), tmp_path)
    reader.now = then + timedelta(days=100)
    assert reader.accepts() == DIGEST


def test_a_leaf_that_expires_later_is_refused_although_it_was_pinned_before(
    tmp_path: Path,
) -> None:
    reader = reader_of(with_pem("leaf", issued(days=40)), pin(CA), tmp_path)
    reader.read()
    reader.now = NOW + timedelta(days=11)
    reader.refuses("certificate-expired", ExitCode.EXPIRED, step=4)


def test_a_self_signed_root_certificate_given_as_authority_pins_only_itself(
    tmp_path: Path,
) -> None:
    own = certificate("leaf")
    assert reader_of(with_pem("leaf", own), pin(own), tmp_path).accepts() == DIGEST
    child = certificate("child", issuer=("leaf", own))
    reader = reader_of(with_pem("child", child), pin(own), tmp_path / "other")
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)


def test_an_authoritys_own_key_is_no_root_key(tmp_path: Path) -> None:
    ca_for_gun = certificate("ca for gun", GUN, ca=True)
    reader = reader_of(with_pem("ca for gun", ca_for_gun), pin(ca_for_gun), tmp_path)
    reader.refuses("root-certificate-ca", ExitCode.TRUST_DATA, step=4)


def test_an_authority_does_not_vouch_for_a_wildcard_over_everything(tmp_path: Path) -> None:
    reader = reader_of(with_pem("leaf", issued("*")), pin(CA), tmp_path)
    reader.refuses("pin-mismatch", ExitCode.TRUST_DATA, step=1)
