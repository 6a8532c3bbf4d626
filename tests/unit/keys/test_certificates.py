"""The certificates of roots and signers."""

import base64
import hashlib
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from signer.dialect.keys import NotaryKey
from signer.errors import ExpiredError, KeyUnusableError, SignerError, TrustDataError
from signer.keys.certificates import (
    check_root_certificate,
    common_names,
    load_signer_certificate,
    near_expiry,
    self_signed_root,
)
from signer.keys.pem import parse_blocks
from signer.keys.signers import FileSigner, SignerAdapter
from tests.unit.keys.material import ec_pem, openssl, pkcs8_pem, public_der, rsa_pem
from tests.unit.keys.test_signers import key_of, stock

NOW: Final = datetime.now(UTC)
GUN: Final = "dtr.example.com/admin/flask"
LONG_GUN: Final = "dtr.example.com:5000/" + "a-long_name/" * 15 + "end"
Make = Callable[..., bytes]


def text_of(pem: bytes) -> str:
    return openssl("x509", "-noout", "-text", "-certopt", "no_pubkey,no_sigdump", data=pem).decode()


@pytest.mark.parametrize(
    ("pem", "algorithm"),
    [
        (ec_pem, "ecdsa-with-SHA256"),
        (lambda: ec_pem("secp384r1"), "ecdsa-with-SHA384"),
        (lambda: ec_pem("secp521r1"), "ecdsa-with-SHA512"),
        (rsa_pem, "sha256WithRSAEncryption"),
    ],
)
def test_a_root_certificate_has_what_notary_gives_it(
    pem: Callable[[], bytes], algorithm: str
) -> None:
    made = self_signed_root(
        key_of(pem()), GUN, now=datetime(2026, 11, 22, 1, 2, 3, 999, UTC), serial=7
    )
    assert made.endswith(b"-----END CERTIFICATE-----\n")
    shown = " ".join(text_of(made).split())
    for part in (
        "Serial Number: 7 (0x7)",
        f"Signature Algorithm: {algorithm}",
        f"Issuer: CN = {GUN} Validity Not Before: Nov 22 01:02:03 2026 GMT "
        f"Not After : Nov 19 01:02:03 2036 GMT Subject: CN = {GUN}",
        "X509v3 Key Usage: critical Digital Signature, Key Encipherment X509v3",
        "X509v3 Extended Key Usage: Code Signing X509v3",
        "X509v3 Basic Constraints: critical CA:FALSE",
    ):
        assert part in shown
    certificate = NotaryKey.from_certificate(made).certificate()
    assert certificate is not None
    check_root_certificate(certificate, GUN, now=datetime(2026, 11, 22, 2, tzinfo=UTC))


def test_a_root_certificate_verifies_with_openssl_and_its_serial_is_random(tmp_path: Path) -> None:
    first = self_signed_root(key_of(ec_pem()), GUN, now=NOW)
    assert first != self_signed_root(FileSigner(key_of(ec_pem())), GUN, now=NOW)
    path = tmp_path / "root.pem"
    path.write_bytes(first)
    shown = openssl("verify", "-check_ss_sig", "-partial_chain", "-trusted", str(path), str(path))
    assert shown.decode().endswith("OK\n")


def test_a_long_collection_name_fits_into_the_certificate() -> None:
    made = self_signed_root(key_of(ec_pem()), LONG_GUN, now=NOW)
    assert len(LONG_GUN) > 64
    assert f"CN = {LONG_GUN}" in text_of(made)
    key = self_signed_root(key_of(ec_pem()), LONG_GUN + "ä", now=NOW)
    assert common_names(x509.load_pem_x509_certificate(key)) == [LONG_GUN + "ä"]
    certificate = NotaryKey.from_certificate(made).certificate()
    assert certificate is not None
    check_root_certificate(certificate, LONG_GUN, now=NOW)


def test_a_key_in_a_device_needs_a_certificate_of_its_own() -> None:
    inner, key = stock(ec_pem(), "ecdsa-sha2-nistp256")
    with pytest.raises(KeyUnusableError) as caught:
        self_signed_root(SignerAdapter(inner, key), GUN, now=NOW)
    assert "--root-cert" in caught.value.hint


def test_an_ed25519_key_cannot_be_a_root_key() -> None:
    with pytest.raises(KeyUnusableError, match="Ed25519"):
        self_signed_root(key_of(pkcs8_pem("ED25519")), GUN, now=NOW)


def load(pem: bytes, *, now: datetime = NOW) -> NotaryKey:
    return load_signer_certificate(pem, now=now, origin="gitlab.pem")


def test_a_signer_s_certificate_gives_its_x509_key(certificate_of: Make) -> None:
    pem = certificate_of(rsa_pem())
    key = load(pem)
    public = base64.b64encode(pem).decode()
    body = f'{{"keytype":"rsa-x509","keyval":{{"private":null,"public":"{public}"}}}}'
    assert key.keyid == hashlib.sha256(body.encode()).hexdigest()
    assert key.keytype == "rsa-x509"


def test_chain_text_and_line_ends_do_not_change_the_key_id(certificate_of: Make) -> None:
    pem = certificate_of(rsa_pem())
    chain = b"subject=CN = gitlab\n" + pem + certificate_of(ec_pem())
    assert load(chain).keyid == load(pem.replace(b"\n", b"\r\n")).keyid == load(pem).keyid


@pytest.mark.parametrize("role_header", [b"", b"role: alice\n\n"])
def test_a_bare_public_key_is_taken(role_header: bytes) -> None:
    pem = openssl("pkey", "-pubout", data=ec_pem())
    begin = b"-----BEGIN PUBLIC KEY-----\n"
    key = load(pem.replace(begin, begin + role_header))
    assert key.keytype == "ecdsa"
    assert key.keyval["public"] == base64.b64encode(public_der(ec_pem())).decode()


def test_a_private_key_is_refused_and_not_shown(certificate_of: Make) -> None:
    for pem in (rsa_pem(), certificate_of(rsa_pem()) + rsa_pem()):
        with pytest.raises(KeyUnusableError, match="give the certificate or public key"):
            load(pem)


@pytest.mark.parametrize("junk", [b"", b"no PEM", b"\x30\x82\x01\x00"])
def test_a_file_without_key_is_refused(junk: bytes) -> None:
    with pytest.raises(KeyUnusableError, match="no certificate and no public key"):
        load(junk)


def test_validity_is_judged_with_a_day_s_leeway_at_the_beginning(certificate_of: Make) -> None:
    pem = certificate_of(rsa_pem(), "-days", "1")
    made = x509.load_pem_x509_certificate(pem).not_valid_before_utc
    load(pem, now=made - timedelta(hours=23))
    with pytest.raises(ExpiredError, match="not valid before"):
        load(pem, now=made - timedelta(hours=25))
    load(pem, now=made + timedelta(hours=23))
    with pytest.raises(ExpiredError, match=r"gitlab\.pem: expired on") as caught:
        load(pem, now=made + timedelta(hours=25))
    assert caught.value.exit_code == 5


def test_near_expiry_is_a_warning(certificate_of: Make, caplog: pytest.LogCaptureFixture) -> None:
    pem = certificate_of(rsa_pem(), "-days", "100")
    with caplog.at_level(logging.WARNING):
        load(pem)
    assert "gitlab.pem: the certificate expires on" in caplog.text
    certificate = x509.load_pem_x509_certificate(pem)
    assert near_expiry(certificate, now=NOW - timedelta(days=100)) == ""


@pytest.mark.parametrize(
    ("pem", "options", "words"),
    [
        (rsa_pem, ("-sha1",), "SHA1"),
        (rsa_pem, ("-md5",), "MD5"),
        (lambda: rsa_pem(1024), ("-sha256",), "RSA key of 1024 bits"),
        (lambda: pkcs8_pem("ED25519"), (), "no Notary|no key type|Ed25519"),
        (lambda: ec_pem("secp256k1"), (), "secp256k1"),
    ],
    ids=["SHA-1", "MD5", "RSA 1024", "Ed25519", "secp256k1"],
)
def test_weak_and_unknown_certificates_are_refused(
    certificate_of: Make, pem: Callable[[], bytes], options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(KeyUnusableError, match=words) as caught:
        load(certificate_of(pem(), *options))
    assert "gitlab.pem" in caught.value.message


def test_a_weak_bare_public_key_is_refused() -> None:
    with pytest.raises(KeyUnusableError, match="1024 bits"):
        load(openssl("pkey", "-pubout", data=rsa_pem(1024)))


def root_like(
    *names: str, ca: bool = False, now: datetime = NOW, days: int = 10
) -> x509.Certificate:
    private_key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text) for text in names])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private_key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(private_key, SHA256())
    )


@pytest.mark.parametrize("name", [GUN, "dtr.example.com/*", "dtr.example.com/admin/fl**", "d*"])
def test_a_root_certificate_for_the_collection_is_good(name: str) -> None:
    check_root_certificate(root_like(name), GUN, now=NOW)


@pytest.mark.parametrize(
    "names",
    [
        ("dtr.example.com/admin/other",),
        (GUN + "2",),
        (GUN[:-1],),
        ("dtr.example.com/adm*in/flask",),
        ("dtr.example.com/other/*",),
        ("*",),
        ("**",),
        (),
        (GUN, "other"),
        ("other", GUN),
    ],
)
def test_a_root_certificate_for_something_else_is_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(TrustDataError, match=f"root certificate of {GUN} is for"):
        check_root_certificate(root_like(*names), GUN, now=NOW)


def test_a_ca_an_old_and_a_weak_root_certificate_are_refused(certificate_of: Make) -> None:
    with pytest.raises(TrustDataError, match="CA certificate"):
        check_root_certificate(root_like(GUN, ca=True), GUN, now=NOW)
    with pytest.raises(ExpiredError, match="expired on"):
        check_root_certificate(root_like(GUN), GUN, now=NOW + timedelta(days=11))
    with pytest.raises(ExpiredError, match="not valid before"):
        check_root_certificate(root_like(GUN), GUN, now=NOW - timedelta(days=2))
    subject = ("-subj", "/CN=" + GUN.replace("/", "\\/"), "-addext", "basicConstraints=CA:FALSE")
    for pem in (
        certificate_of(rsa_pem(), "-sha1", *subject),
        certificate_of(rsa_pem(1024), *subject),
    ):
        certificate = x509.load_pem_x509_certificate(pem)
        with pytest.raises(TrustDataError) as caught:
            check_root_certificate(certificate, GUN, now=NOW)
        assert caught.value.exit_code == 4


def test_a_certificate_that_is_damaged_is_an_error(certificate_of: Make) -> None:
    pem = certificate_of(ec_pem())
    (block,) = parse_blocks(pem, origin="o")
    body = base64.b64encode(block.der[:-10])
    with pytest.raises(SignerError):
        load(b"-----BEGIN CERTIFICATE-----\n" + body + b"\n-----END CERTIFICATE-----\n")
