"""Key files as text: PEM blocks with the headers that Notary puts into them.

Rules:

- text before, between and after blocks, CRLF and a byte-order mark are tolerated, as OpenSSL and
  Go do; a block that is begun must be whole;
- ``EC PARAMETERS`` blocks, which ``openssl ecparam`` writes first, are skipped;
- Notary's own headers ``gun``, ``path`` and ``role`` stand where RFC 1421 has ``Proc-Type`` and
  ``DEK-Info``; OpenSSL's and ``cryptography``'s loaders refuse such files, so they are read here;
- this module imports no cryptography: keys are listed by these headers alone. The functions that
  need it load ``signer.keys.pkcs8`` when they are called.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from signer.errors import KeyUnusableError
from signer.names import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from signer.dialect.keys import PublicKey
    from signer.keys.pkcs8 import PrivateKey as PrivateKey  # noqa: PLC0414 - a re-export

ENCRYPTED_PRIVATE_KEY: Final = "ENCRYPTED PRIVATE KEY"
PRIVATE_KEY: Final = "PRIVATE KEY"
OPENSSH_PRIVATE_KEY: Final = "OPENSSH PRIVATE KEY"
PUBLIC_KEY: Final = "PUBLIC KEY"
CERTIFICATE: Final = "CERTIFICATE"

NOTARY_ROUNDS: Final = 2048
"""PBKDF2 rounds that Notary writes (NP 2.2); its reader takes the number from the file."""

_BEGIN: Final = "-----BEGIN "
_DASHES: Final = "-----"
_SKIPPED: Final = frozenset({"EC PARAMETERS", "DH PARAMETERS", "DSA PARAMETERS"})
_OPENSSH_MAGIC: Final = b"openssh-key-v1\x00"
_OPENSSH_PLAIN: Final = _OPENSSH_MAGIC + b"\x00\x00\x00\x04none"


@dataclass(frozen=True)
class KeyBlock:
    """One PEM block.

    Attributes:
        label: what stands after BEGIN, for example ``ENCRYPTED PRIVATE KEY``.
        headers: the lines before the data, by their names as written.
        der: the decoded data; it may be a private key, so it is never shown.
        origin: where the block came from, for messages.
    """

    label: str
    headers: Mapping[str, str]
    der: bytes = field(repr=False)
    origin: str = ""

    @property
    def role(self) -> str:
        """The role that Notary noted (``root``, ``targets``, a signer's name), or ""."""
        return self.headers.get("role", "")

    @property
    def gun(self) -> str:
        """The collection that a targets or snapshot key belongs to, or ""."""
        return self.headers.get("gun", "")

    @property
    def path(self) -> str:
        """The name under which an exported key is stored again, or ""."""
        return self.headers.get("path", "")

    @property
    def private(self) -> bool:
        """Whether the block says that it holds a private key."""
        return self.label.endswith(PRIVATE_KEY)

    @property
    def encrypted(self) -> bool:
        """Whether a passphrase is needed to read the key."""
        if self.label == OPENSSH_PRIVATE_KEY:
            return not self.der.startswith(_OPENSSH_PLAIN)
        return (
            self.label == ENCRYPTED_PRIVATE_KEY
            or "ENCRYPTED" in self.headers.get("Proc-Type", "")
            or "DEK-Info" in self.headers
        )

    @property
    def description(self) -> str:
        """The label and origin, fit for a message."""
        origin = f"{printable(self.origin)}: " if self.origin else ""
        return f"{origin}{printable(self.label)}"


def parse_blocks(data: bytes, *, origin: str) -> list[KeyBlock]:
    """Find the PEM blocks in a file.

    Args:
        data: the file's bytes; UTF-8, or UTF-16 with a byte-order mark (as PowerShell writes).
        origin: the file's name or another description, for messages.

    Returns:
        The blocks in their order, without parameters blocks; an empty list where there are none.

    Raises:
        KeyUnusableError: a block is cut short or its base64 is damaged.

    Source: RFC 7468, RFC 1421 section 4.6; NP 2.2.
    """
    return [
        _parse_body(label, body, origin=origin)
        for label, body in _bodies(_decode_text(data), origin)
        if label not in _SKIPPED
    ]


def format_block(label: str, headers: Mapping[str, str], der: bytes) -> bytes:
    """Write a PEM block as Go does: sorted headers, an empty line, 64 columns, LF.

    Headers with an empty value are left out; with none, there is no empty line.

    Raises:
        KeyUnusableError: a header's value has control characters (it could forge another line).

    Source: NP 2.2.
    """
    lines = []
    for name, value in sorted(headers.items()):
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in value):
            raise KeyUnusableError(
                f"The {name} {printable(value)!r} cannot stand in a key file: control characters.",
                code="bad-key-header",
            )
        if value:
            lines.append(f"{name}: {value}")
    if lines:
        lines.append("")
    text = base64.b64encode(der).decode("ascii")
    lines += [text[start : start + 64] for start in range(0, len(text), 64)]
    body = "".join(f"{line}\n" for line in lines)
    return f"{_BEGIN}{label}{_DASHES}\n{body}-----END {label}{_DASHES}\n".encode(
        "utf-8", "surrogateescape"
    )


def decode_private_key(block: KeyBlock, passphrase: bytes | None) -> PrivateKey:
    """Read the private key of a block: every form that users of Notary and DTR have.

    Notary's PKCS#8 (EC with version 1, RSA without NULL, Ed25519 under its old identifier),
    standard PKCS#8, SEC1, PKCS#1, Notary's bare 96 bytes of Ed25519, OpenSSL's ``DEK-Info``
    encryption, and OpenSSH's format.

    Args:
        block: the block; an unencrypted one ignores the passphrase.
        passphrase: as bytes, exactly as the key was encrypted with; None or empty where none is
            known.

    Returns:
        An EC key on P-256, P-384 or P-521, an RSA key of at least 2048 bits, or an Ed25519 key.

    Raises:
        PassphraseError: the passphrase is missing or wrong (a damaged file looks the same).
        KeyUnusableError: another kind of key, a weak one, an unknown cipher, or damaged data.

    Source: NP 2.2; python-tuf-fit section 6.
    """
    from signer.keys import pkcs8

    return pkcs8.decode_block(block, passphrase)


def encode_key_file(
    key: PrivateKey,
    *,
    passphrase: bytes,
    role: str,
    gun: str = "",
    rounds: int = NOTARY_ROUNDS,
    random: Callable[[int], bytes] = os.urandom,
) -> bytes:
    """Write a private key as Notary's programs do, so that they read it.

    Args:
        key: the key.
        passphrase: encrypts the key; with an empty one the key is written in the clear.
        role: the ``role`` header, "" for none.
        gun: the ``gun`` header, "" for none. Root and signer keys have none: see ``KeyStore.add``.
        rounds: of PBKDF2. More than Notary's 2048 are read by it too.
        random: gives that many random bytes, for salt (8) and initialisation vector (16).

    Returns:
        The file's bytes.

    Raises:
        KeyUnusableError: role or gun could not stand in a header.

    Source: NP 2.2; python-tuf-fit section 6.3.
    """
    from signer.keys import pbes2, pkcs8

    headers = {"gun": gun, "role": role}
    plain = pkcs8.encode(key)
    if not passphrase:
        return format_block(PRIVATE_KEY, headers, plain)
    encrypted = pbes2.encrypt(plain, passphrase, rounds=rounds, random=random)
    return format_block(ENCRYPTED_PRIVATE_KEY, headers, encrypted)


def encode_public_key_file(key: PublicKey, role: str) -> bytes:
    """Write a public key as ``docker trust key generate`` writes ``NAME.pub``.

    Raises:
        KeyUnusableError: the role could not stand in a header.

    Source: NP 2.5.
    """
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return format_block(PUBLIC_KEY, {"role": role}, der)


def _decode_text(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    return data.removeprefix(codecs.BOM_UTF8).decode("utf-8", "surrogateescape")


def _bodies(text: str, origin: str) -> Iterator[tuple[str, str]]:
    position = 0
    while (begin := text.find(_BEGIN, position)) >= 0:
        label_start = begin + len(_BEGIN)
        label_end = text.find(_DASHES, label_start, label_start + 80)
        if label_end < 0 or "\n" in text[label_start:label_end]:
            position = label_start
            continue
        label = text[label_start:label_end]
        body_start = label_end + len(_DASHES)
        next_dashes = text.find(_DASHES, body_start)
        end_line = f"-----END {label}{_DASHES}"
        if next_dashes < 0 or not text.startswith(end_line, next_dashes):
            raise KeyUnusableError(
                f"{printable(origin)}: the PEM block {printable(label)!r} has no END line.",
                hint="The file is cut short; copy it again as a whole.",
                code="key-damaged",
            )
        yield label, text[body_start:next_dashes]
        position = next_dashes + len(end_line)


def _parse_body(label: str, body: str, *, origin: str) -> KeyBlock:
    lines = body.strip().splitlines()
    headers: dict[str, str] = {}
    name = ""
    used = 0
    for line in lines:
        if name and line[:1] in {" ", "\t"} and line.strip():
            headers[name] += line.strip()
        elif ":" in line:
            name, _, value = (part.strip() for part in line.partition(":"))
            headers[name] = value
        else:
            break
        used += 1
    text = "".join("".join(lines[used:]).split())
    try:
        der = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise KeyUnusableError(
            f"{printable(origin)}: the PEM block {printable(label)!r} is damaged: bad base64.",
            hint="Copy the file again; an editor or a variable may have changed its lines.",
            code="key-damaged",
        ) from error
    return KeyBlock(label, headers, der, origin)
