"""Keys in devices and services: a real token in software (SoftHSM), and the way to the others."""

import pytest

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError
from signer.keys import kms
from signer.keys.kms import load_kms_signer
from signer.keys.signers import SignerAdapter, prove
from tests.components.softhsm import SoftHsm, TokenKey
from tests.unit.keys.material import ec_pem, public_der

PAYLOAD = b"payload"


@pytest.fixture(scope="module")
def p256(softhsm: SoftHsm) -> TokenKey:
    return softhsm.generate_ec("keys-p256")


@pytest.fixture(scope="module")
def p384(softhsm: SoftHsm) -> TokenKey:
    return softhsm.generate_ec("keys-p384", curve="secp384r1")


def open_token(uri: str, softhsm: SoftHsm) -> SignerAdapter:
    return load_kms_signer(uri, environment={kms.PIN_VARIABLE: softhsm.pin})


def test_a_token_s_key_is_named_by_its_uri_alone(softhsm: SoftHsm, p256: TokenKey) -> None:
    signer = open_token(p256.uri, softhsm)
    assert signer.public_key.raw == p256.public_key
    assert signer.public_key.keytype == "ecdsa"
    signature = signer.sign(PAYLOAD)
    assert len(bytes.fromhex(signature.signature)) == 64
    assert signature.unrecognized_fields == {"method": "ecdsa"}
    signer.public_key.verify_signature(signature, PAYLOAD)
    prove(signer)


def test_without_label_the_only_token_is_used(softhsm: SoftHsm, p256: TokenKey) -> None:
    signer = open_token(f"hsm:{p256.key_id}", softhsm)
    assert signer.public_key.raw == p256.public_key


def test_a_pin_is_asked_for_once(softhsm: SoftHsm, p256: TokenKey) -> None:
    questions: list[str] = []

    def prompt(question: str) -> str:
        questions.append(question)
        return softhsm.pin

    signer = load_kms_signer(p256.uri, environment={}, prompt=prompt)
    prove(signer)
    signer.sign(PAYLOAD)
    assert questions == [f"Enter PIN for {p256.uri}: "]


def test_a_wrong_and_a_missing_pin_are_exit_code_8(p256: TokenKey) -> None:
    wrong = load_kms_signer(p256.uri, environment={kms.PIN_VARIABLE: "0000"})
    with pytest.raises(PassphraseError, match="rejected the PIN") as caught:
        prove(wrong)
    assert caught.value.exit_code == 8
    missing = load_kms_signer(p256.uri, environment={})
    with pytest.raises(PassphraseError, match="needs a PIN") as caught:
        prove(missing)
    assert kms.PIN_VARIABLE in caught.value.hint


def test_a_curve_that_the_token_hashes_otherwise_is_refused(
    softhsm: SoftHsm, p384: TokenKey
) -> None:
    with pytest.raises(KeyUnusableError, match="Notary signs with SHA-256") as caught:
        open_token(p384.uri, softhsm)
    assert "P-256" in caught.value.hint


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("hsm:99", "could not find ECDSA key"),
        ("hsm:2?label=absent", "No PKCS#11 token found"),
        ("hsm:two", "is no HSM key"),
        ("hsm:2?pin-value=1234", "is no HSM key"),
    ],
)
def test_what_is_not_there_is_an_error(softhsm: SoftHsm, uri: str, words: str) -> None:
    with pytest.raises(KeyUnusableError, match=words) as caught:
        open_token(uri, softhsm)
    assert softhsm.pin not in caught.value.hint


def test_the_token_s_library_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(kms.LIBRARY_VARIABLE, raising=False)
    with pytest.raises(KeyUnusableError) as caught:
        load_kms_signer("hsm:2", environment={})
    assert kms.LIBRARY_VARIABLE in caught.value.hint
    monkeypatch.setenv(kms.LIBRARY_VARIABLE, "/nonexistent/library.so")
    with pytest.raises(KeyUnusableError, match="nonexistent"):
        load_kms_signer("hsm:2", environment={})


@pytest.mark.parametrize(
    ("uri", "extra", "flag"),
    [
        ("hsm:2", "hsm", "_hsm_signer.PKCS11_IMPORT_ERROR"),
        ("awskms:alias/example", "aws", "_aws_signer.AWS_IMPORT_ERROR"),
        ("gcpkms:projects/example", "gcp", "_gcp_signer.GCP_IMPORT_ERROR"),
        (
            "azurekms://example.vault.azure.net/keys/example",
            "azure",
            "_azure_signer.AZURE_IMPORT_ERROR",
        ),
        ("hv:example", "vault", "_vault_signer.VAULT_IMPORT_ERROR"),
    ],
)
def test_a_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, uri: str, extra: str, flag: str
) -> None:
    monkeypatch.setattr(f"securesystemslib.signer.{flag}", "not installed")
    monkeypatch.setenv(kms.LIBRARY_VARIABLE, "/nonexistent/library.so")
    with pytest.raises(KeyUnusableError, match="not installed") as caught:
        load_kms_signer(uri, environment={})
    assert caught.value.hint == f"Run: pip install 'signer[{extra}]'"


def test_an_azure_uri_without_key_is_refused() -> None:
    for uri in ("azurekms:", "azurekms://v.vault.azure.net/secrets/x", "azurekms://v/keys/"):
        with pytest.raises(KeyUnusableError, match="is no Azure key"):
            load_kms_signer(uri, environment={})


def test_a_token_s_key_has_the_id_that_notary_gives_it(softhsm: SoftHsm, p256: TokenKey) -> None:
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    public = load_der_public_key(p256.public_key)
    expected = NotaryKey.from_public_key(public)  # type: ignore[arg-type] # an EC key
    assert open_token(p256.uri, softhsm).canonical_id == expected.keyid
    assert public_der(ec_pem()) != p256.public_key
