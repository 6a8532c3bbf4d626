"""Pins: by which key, certificate or authority a collection's root is trusted at first.

A pin *accepts* a root when a key that the root role lists is the pinned one (or its certificate is
pinned, or issued by a pinned authority for this GUN) **and** that key made a valid signature on
this root. Being listed is not enough.

Source: NP section 6, items 7 and 8; verification requirements, row 1.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_public_key
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from tuf.api.metadata import Root

from signer.constants import ROOT
from signer.dialect.keys import NotaryKey
from signer.errors import UsageError
from signer.keys.certificates import common_names, name_fits
from signer.names import parse_key_id
from signer.trust.checks import public_key_id, signed_keys

if TYPE_CHECKING:
    from signer.dialect.envelope import Envelope


@dataclass(frozen=True)
class Pins:
    """How a root may be trusted; any one pin suffices.

    Attributes:
        key_ids: TUF ids or canonical ids of root keys, 64 lower-case hex digits.
        certificates: SHA-256 over the DER of root certificates, as hex.
        authorities: sets of CA certificates, each set one pin.
        trust_on_first_use: accept whatever root is met first.
        threshold: how many of the root's keys, each named by a pin, must have signed it.
    """

    key_ids: frozenset[str] = frozenset()
    certificates: frozenset[str] = frozenset()
    authorities: tuple[tuple[x509.Certificate, ...], ...] = ()
    trust_on_first_use: bool = False
    threshold: int = 1

    def __post_init__(self) -> None:
        """Refuse a threshold that nothing would be measured by.

        Raises:
            UsageError: it is below 1.
        """
        if self.threshold < 1:
            raise UsageError(f"A threshold of {self.threshold} pinned root keys pins nothing.")

    @classmethod
    def load(
        cls,
        key_ids: Iterable[str] = (),
        certificates: Iterable[tuple[str, bytes]] = (),
        *,
        authorities: Iterable[tuple[str, bytes]] = (),
        trust_on_first_use: bool = False,
        threshold: int = 1,
    ) -> "Pins":
        """Read pins as users give them.

        Args:
            key_ids: TUF or canonical ids of root keys.
            certificates: (origin, PEM) pairs of root certificates or bare public keys.
            authorities: (origin, PEM) pairs of CA bundles.
            trust_on_first_use: whether any root may be trusted when none is known.
            threshold: how many pinned keys must have signed the root.

        Raises:
            UsageError: an id is malformed, a file has no certificate (the origin is named), or the
                threshold is below 1.
        """
        ids = {parse_key_id(key_id) for key_id in key_ids}
        fingerprints = set()
        for origin, pem in certificates:
            if b"PUBLIC KEY" in pem and b"CERTIFICATE" not in pem:
                ids.add(_canonical_id(origin, pem))
            else:
                fingerprints.add(_fingerprint(_certificates(origin, pem)[0]))
        sets = tuple(_certificates(origin, pem) for origin, pem in authorities)
        return cls(frozenset(ids), frozenset(fingerprints), sets, trust_on_first_use, threshold)

    def __bool__(self) -> bool:
        """Whether there is any way to trust a root that is not known yet."""
        return self.explicit or self.trust_on_first_use

    @property
    def explicit(self) -> bool:
        """Whether something is pinned, beyond trust on first use."""
        return bool(self.key_ids or self.certificates or self.authorities)

    @property
    def fingerprint(self) -> str:
        """A name for this set of pins, under which its acceptance can be remembered.

        Kinds are kept apart: a certificate that vouched as an authority is not pinned itself.
        """
        parts = [f"key {key_id}" for key_id in sorted(self.key_ids)]
        parts += [f"certificate {print_}" for print_ in sorted(self.certificates)]
        parts += sorted(f"ca {_fingerprint(ca)}" for bundle in self.authorities for ca in bundle)
        if self.threshold > 1:
            parts.append(f"threshold {self.threshold}")
        return hashlib.sha256("\n".join(parts).encode("ascii")).hexdigest()

    def names(self, key: NotaryKey, *, gun: str, now: datetime) -> bool:
        """Tell whether a pin names a root key; what it has signed is not looked at."""
        try:
            if key.keyid in self.key_ids or key.canonical_id in self.key_ids:
                return True
            certificates = key.certificates
        except ValueError:
            return False  # a key that cannot be decoded is pinned by nobody
        if not certificates:
            return False
        leaf, *intermediates = certificates
        if _fingerprint(leaf) in self.certificates:
            return True
        if not any(name_fits(name, gun) for name in common_names(leaf)):
            return False  # an authority vouches for names, so the name must be this collection's
        return any(
            _issued_by(leaf, intermediates, authority=bundle, now=now)
            for bundle in self.authorities
        )


def accepted_by(pins: Pins, envelope: "Envelope", *, gun: str, now: datetime) -> bool:
    """Tell whether the pins accept a root: they name keys that validly signed this very root.

    As many distinct public keys as the pins' threshold says, in whatever forms they are listed.

    The root's own threshold is a separate check (step 2 of ``TrustedCollection``).
    """
    signed = signed_keys(envelope.signed_as(Root), ROOT, envelope)
    named = {public_key_id(key) for key in signed.values() if pins.names(key, gun=gun, now=now)}
    return len(named) >= pins.threshold


def _issued_by(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    *,
    authority: Sequence[x509.Certificate],
    now: datetime,
) -> bool:
    """Build a path from ``leaf`` to ``authority``; the uses in its extensions do not matter."""
    anything = ExtensionPolicy.permit_all()
    issuers = anything.require_present(
        x509.BasicConstraints, Criticality.AGNOSTIC, _must_be_ca
    ).may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _must_sign_certificates)
    verifier = (
        PolicyBuilder()
        .store(Store(list(authority)))
        .time(now)
        .extension_policies(ca_policy=issuers, ee_policy=anything)
        .build_client_verifier()
    )
    try:
        verifier.verify(leaf, list(intermediates))
    except VerificationError:
        return False
    return True


def _must_be_ca(_policy: Policy, _cert: x509.Certificate, value: x509.BasicConstraints) -> None:
    if not value.ca:
        raise ValueError("the issuer is no CA")


def _must_sign_certificates(
    _policy: Policy, _cert: x509.Certificate, value: x509.KeyUsage | None
) -> None:
    if value is not None and not value.key_cert_sign:
        raise ValueError("the issuer may not sign certificates")


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(Encoding.DER)).hexdigest()


def _certificates(origin: str, pem: bytes) -> tuple[x509.Certificate, ...]:
    try:
        return tuple(x509.load_pem_x509_certificates(pem))
    except (ValueError, x509.InvalidVersion) as error:
        raise UsageError(
            f"{origin} has no certificate in PEM form.", code="bad-certificate"
        ) from error


def _canonical_id(origin: str, pem: bytes) -> str:
    try:
        return NotaryKey.from_public_key(load_pem_public_key(pem)).keyid  # type: ignore[arg-type] # refused inside
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(
            f"{origin} has no public key that Notary knows: {error}.", code="bad-certificate"
        ) from error
