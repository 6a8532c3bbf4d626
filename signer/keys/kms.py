"""Keys in an HSM, a cloud's KMS or Vault, named by a URI, through securesystemslib's signers.

Rules:

- the public key is read from the device or service, so that the URI is all that a user gives;
- a device's PIN comes from ``SIGNER_HSM_PIN`` or a prompt and is asked for once; a wrong one is
  an error at once and not asked for again, as tokens lock themselves after a few;
- Notary signs with SHA-256 only: keys for which the device or service hashes otherwise are refused.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.exceptions import UnsupportedLibraryError
from securesystemslib.signer import (
    SIGNER_FOR_URI_SCHEME,
    AWSSigner,
    AzureSigner,
    GCPSigner,
    HSMSigner,
    Signer,
    SSlibKey,
    VaultSigner,
)

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError, PassphraseError, SignerError
from signer.keys.signers import SignerAdapter, foreign_error
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from signer.dialect.keys import PublicKey
    from signer.keys.passphrase import Prompt

EXTRAS: Final = {"hsm": "hsm", "awskms": "aws", "gcpkms": "gcp", "azurekms": "azure", "hv": "vault"}
"""URI schemes that are understood, and the extra of this package that each needs."""

PIN_VARIABLE: Final = "SIGNER_HSM_PIN"
LIBRARY_VARIABLE: Final = "PYKCS11LIB"
"""Names the token's PKCS#11 library; securesystemslib reads it from the process's environment."""


@dataclass
class _Pin:
    """Hands out a token's PIN: securesystemslib asks for it with every signature."""

    uri: str
    environment: Mapping[str, str]
    prompt: Prompt | None
    known: str = field(default="", repr=False)

    def __call__(self, _name: str) -> str:
        if not self.known:
            self.known = self.environment.get(PIN_VARIABLE, "")
        if not self.known and self.prompt is not None:
            self.known = self.prompt(f"Enter PIN for {printable(self.uri)}: ").strip()
        if not self.known:
            raise PassphraseError(
                f"{printable(self.uri)} needs a PIN and none is set.",
                hint=f"Set {PIN_VARIABLE}.",
                code="pin-missing",
            )
        return self.known


def load_kms_signer(
    uri: str, *, environment: Mapping[str, str], prompt: Prompt | None = None
) -> SignerAdapter:
    """Make a signer for a key in a device or service.

    Args:
        uri: ``hsm:[KEYID][?label=TOKEN]``, ``awskms:KEY``, ``gcpkms:projects/...``,
            ``azurekms://VAULT.vault.azure.net/keys/NAME[/VERSION]`` or ``hv:NAME``.
        environment: variables; the PIN of a token is read from it.
        prompt: asks for a PIN on a terminal.

    Raises:
        KeyUnusableError: the needed extra is not installed, the device or service or the key is
            not there, or the key hashes with something else than SHA-256.
        PassphraseError: the PIN is missing or was rejected.

    Source: python-tuf-fit 5.3; securesystemslib's signers.
    """
    scheme = uri.partition(":")[0]
    pin = _Pin(uri, environment, prompt)
    try:
        stored_uri, public = _IMPORTS[scheme](uri, pin)
        key = NotaryKey.from_public_key(_public_key(public))
        inner: Signer = SIGNER_FOR_URI_SCHEME[scheme].from_priv_key_uri(stored_uri, public, pin)  # type: ignore[attr-defined] # the table holds Signer classes
    except SignerError:
        raise
    except UnsupportedLibraryError as error:
        raise KeyUnusableError(
            f"{printable(uri)} needs a package that is not installed.",
            hint=f"Run: pip install 'signer[{EXTRAS[scheme]}]'",
            code="extra-missing",
        ) from error
    except Exception as error:
        raise foreign_error(printable(uri), error) from error
    return SignerAdapter(inner, key, origin=printable(uri))


def _import_hsm(uri: str, pin: _Pin) -> tuple[str, SSlibKey]:
    if not os.environ.get(LIBRARY_VARIABLE):
        raise KeyUnusableError(
            f"{printable(uri)}: which library drives the token is not known.",
            hint=f"Set {LIBRARY_VARIABLE} to its PKCS#11 library, for example "
            "/usr/lib/softhsm/libsofthsm2.so or libykcs11.so.",
            code="hsm-library",
        )
    parts = urlsplit(uri)
    options = dict(parse_qsl(parts.query))
    unknown = sorted(options.keys() - {"label"})
    if unknown or not (parts.path.isascii() and (parts.path.isdecimal() or not parts.path)):
        raise KeyUnusableError(
            f"{printable(uri)} is no HSM key: write hsm:[KEYID][?label=TOKEN].",
            hint="KEYID is the key's CKA_ID as a decimal number; 2 unless given.",
            code="key-uri",
        )
    key_id = int(parts.path) if parts.path else None
    return HSMSigner.import_(key_id, options.get("label"), pin)


def _import_aws(uri: str, _pin: _Pin) -> tuple[str, SSlibKey]:
    return AWSSigner.import_(uri.partition(":")[2])


def _import_gcp(uri: str, _pin: _Pin) -> tuple[str, SSlibKey]:
    return GCPSigner.import_(uri.partition(":")[2])


def _import_azure(uri: str, _pin: _Pin) -> tuple[str, SSlibKey]:
    parts = urlsplit(uri)
    vault = (parts.hostname or "").removesuffix(".vault.azure.net")
    kind, _, name_version = parts.path.strip("/").partition("/")
    name, _, version = name_version.partition("/")
    if not vault or kind != "keys" or not name:
        raise KeyUnusableError(
            f"{printable(uri)} is no Azure key: write "
            "azurekms://VAULT.vault.azure.net/keys/NAME[/VERSION].",
            code="key-uri",
        )
    stored_uri, public = AzureSigner.import_(vault, name)
    _refuse_other_version(uri, version, stored_uri)
    return stored_uri, public


def _import_vault(uri: str, _pin: _Pin) -> tuple[str, SSlibKey]:
    name, _, version = uri.partition(":")[2].partition("/")
    stored_uri, public = VaultSigner.import_(name)
    _refuse_other_version(uri, version, stored_uri)
    return stored_uri, public


def _refuse_other_version(uri: str, version: str, stored_uri: str) -> None:
    newest = stored_uri.rpartition("/")[2]
    if version and version != newest:
        raise KeyUnusableError(
            f"{printable(uri)}: the service gives the public key of the newest version only, "
            f"which is {printable(newest)}.",
            hint="Leave the version out.",
            code="key-uri",
        )


_IMPORTS: Final[Mapping[str, Callable[[str, _Pin], tuple[str, SSlibKey]]]] = {
    "hsm": _import_hsm,
    "awskms": _import_aws,
    "gcpkms": _import_gcp,
    "azurekms": _import_azure,
    "hv": _import_vault,
}


def _public_key(key: SSlibKey) -> PublicKey:
    public = key.keyval["public"]
    if key.keytype == "ed25519":
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
    return load_pem_public_key(public.encode("ascii"))  # type: ignore[return-value] # others are refused by NotaryKey
