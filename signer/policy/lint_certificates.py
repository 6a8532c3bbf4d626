"""Certificates that a policy names, and when they expire."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509

from signer.errors import UsageError
from signer.files import read_named_file
from signer.policy.document import Document
from signer.policy.lint_finding import WARNING, LintFinding

NEAR: Final = timedelta(days=30)
_ID_PREFIX: Final = "id:"

_MEANING: Final = {
    "signer": "The policy goes by its key, which goes on counting; publishing with it may fail.",
    "root": "A root whose certificate has expired is refused (certificate-expired, step 4).",
    "ca": "It vouches for no root any more once it has expired.",
}


def certificate_findings(document: Document, *, now: datetime) -> Iterator[LintFinding]:
    """Yield a finding for each certificate that has expired, or will within 30 days.

    Args:
        document: a policy that can be loaded.
        now: the time to judge by.
    """
    base = document.origin.resolve().parent
    for place, source, kind in _sources(document.content):
        for certificate in _certificates(base / source):
            found = _expiry(certificate, now=now)
            if found:
                code, said = found
                yield LintFinding(
                    code,
                    WARNING,
                    document.line(place),
                    f"The certificate {source} {said}.",
                    _MEANING[kind],
                )


def _sources(content: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for name, signer in (content.get("signers") or {}).items():
        for number, source in enumerate(signer["keys"]):
            if not source.startswith(_ID_PREFIX):
                yield f"$.signers.{name}.keys[{number}]", source, "signer"
    for number, rule in enumerate(content["rules"]):
        root, where = rule.get("root") or {}, f"$.rules[{number}].root"
        for source in root.get("certs") or []:
            yield f"{where}.certs", source, "root"
        authorities = root.get("ca") or []
        for source in [authorities] if isinstance(authorities, str) else authorities:
            yield f"{where}.ca", source, "ca"


def _certificates(path: Path) -> list[x509.Certificate]:
    try:
        return list(x509.load_pem_x509_certificates(read_named_file(path)))
    except (ValueError, x509.InvalidVersion, UsageError):
        return []  # a bare public key, which has no expiry; anything else was refused before


def _expiry(certificate: x509.Certificate, *, now: datetime) -> tuple[str, str] | None:
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends:
        return "certificate-expired", f"expired on {ends:%Y-%m-%d}"
    if now < begins:
        return "certificate-not-yet-valid", f"is valid from {begins:%Y-%m-%d} on"
    if ends - now < NEAR:
        return "certificate-expires", f"expires on {ends:%Y-%m-%d}"
    return None
