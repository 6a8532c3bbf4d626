"""What holds for every certificate that Notary meets, and how its names are read.

``certificate.subject`` is not used: ``cryptography`` warns about a common name of more than 64
characters, and a root certificate's is a GUN, which may be longer.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from signer.constants import MIN_RSA_BITS, NEAR_EXPIRY_DAYS
from signer.errors import ExpiredError, KeyUnusableError, TrustDataError
from signer.keys import der as asn1

if TYPE_CHECKING:
    from datetime import datetime

_NOT_BEFORE_LEEWAY: Final = timedelta(days=1)
_WEAK_HASHES: Final = frozenset({"md5", "sha1"})
_GO_CURVES: Final = frozenset({"secp224r1", "secp256r1", "secp384r1", "secp521r1"})
_COMMON_NAME: Final = bytes.fromhex("550403")
_EXPLICIT_VERSION: Final = 0xA0
_SUBJECT: Final = 4
_TEXT_ENCODINGS: Final = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii"}


def common_names(certificate: x509.Certificate) -> list[str]:
    """Return the common names in a certificate's subject, of any length.

    Raises:
        TrustDataError: the subject cannot be read, or a name is in an encoding that is not UTF-8,
            printable or IA5.

    Source: RFC 5280 section 4.1.2.6.
    """
    try:
        fields = asn1.sequence(certificate.tbs_certificate_bytes)
        skipped = int(fields[0].tag == _EXPLICIT_VERSION)
        subject = fields[skipped + _SUBJECT]
        return [
            value.value.decode(_TEXT_ENCODINGS[value.tag])
            for relative in asn1.sequence(subject.raw)
            for attribute in asn1.elements(relative.value)
            for oid, value in [asn1.sequence(attribute.raw)]
            if oid.value == _COMMON_NAME
        ]
    except (ValueError, IndexError, KeyError) as error:
        raise TrustDataError(
            "A certificate has a subject that cannot be read.", code="certificate-malformed"
        ) from error


def is_ca(certificate: x509.Certificate) -> bool:
    """Tell whether a certificate says that it is a CA's.

    Raises:
        TrustDataError: its extensions cannot be read.
    """
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    except x509.ExtensionNotFound:
        return False
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise TrustDataError(
            "A certificate has extensions that cannot be read.", code="certificate-malformed"
        ) from error
    return constraints.value.ca


def check_certificate(certificate: x509.Certificate, *, now: datetime, origin: str) -> None:
    """Check validity, signature hash and key size of a certificate, as Go does for every one.

    Raises:
        ExpiredError: it has expired, or is not valid for another day or more.
        KeyUnusableError: SHA-1 or MD5, RSA under 2048 bits, or a curve that Go does not have.

    Source: notary tuf/utils/x509.go, ValidateCertificate.
    """
    if certificate.not_valid_before_utc > now + _NOT_BEFORE_LEEWAY:
        raise ExpiredError(
            f"Certificate {origin}: not valid before {_date(certificate.not_valid_before_utc)}.",
            hint="Check this machine's clock.",
            code="certificate-not-yet-valid",
        )
    if certificate.not_valid_after_utc < now:
        raise ExpiredError(
            f"Certificate {origin}: expired on {_date(certificate.not_valid_after_utc)}.",
            hint="Get a new certificate; the key may stay the same.",
            code="certificate-expired",
        )
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm as error:
        raise KeyUnusableError(
            f"Certificate {origin}: its signature algorithm is not supported.",
            code="certificate-weak",
        ) from error
    if algorithm is not None and algorithm.name in _WEAK_HASHES:
        raise KeyUnusableError(
            f"Certificate {origin}: signed with {algorithm.name.upper()}, which Notary refuses.",
            hint="Have it signed anew with SHA-256.",
            code="certificate-weak",
        )
    check_strength(certificate.public_key(), origin)


def near_expiry(certificate: x509.Certificate, *, now: datetime) -> str:
    """Return a warning for a certificate that expires within six months, otherwise ""."""
    if certificate.not_valid_after_utc - now < timedelta(days=NEAR_EXPIRY_DAYS):
        return f"the certificate expires on {_date(certificate.not_valid_after_utc)}."
    return ""


def check_strength(key: object, origin: str) -> None:
    """Refuse RSA keys under 2048 bits and curves that Go does not have.

    Raises:
        KeyUnusableError: with the size or the curve.
    """
    if isinstance(key, RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise KeyUnusableError(
            f"{origin}: an RSA key of {key.key_size} bits; Notary refuses RSA under "
            f"{MIN_RSA_BITS} bits.",
            hint=f"Use RSA with at least {MIN_RSA_BITS} bits, or ECDSA P-256.",
            code="key-too-weak",
        )
    if isinstance(key, EllipticCurvePublicKey) and key.curve.name not in _GO_CURVES:
        raise KeyUnusableError(
            f"{origin}: an EC key on the curve {key.curve.name}, which Notary cannot read.",
            hint="Use P-256.",
            code="key-kind",
        )


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC")
