"""Client bundles of UCP: a certificate, its private key and CA certificates, zipped or unpacked.

Rules:

- nothing is written to the disk, and only the names that are needed are read from a zip file, each
  with a limit on its size, whatever the file says of itself;
- ``cert.pem`` and ``key.pem`` must belong together;
- the first certificate of ``cert.pem`` is the user's; what follows is its chain.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from signer.dialect.keys import NotaryKey
from signer.errors import KeyUnusableError
from signer.keys.certificates import subject_of
from signer.keys.files import read_key_file, refuse_shared, translated
from signer.keys.pem import CERTIFICATE, KeyBlock, decode_private_key, format_block, parse_blocks
from signer.keys.signers import FileSigner
from signer.names import KeyId, printable

if TYPE_CHECKING:
    from datetime import datetime

    from signer.keys.passphrase import Passphrases
    from signer.keys.pkcs8 import PrivateKey
    from signer.names import CanonicalKeyId

CERTIFICATE_NAME: Final = "cert.pem"
KEY_NAME: Final = "key.pem"
CA_NAME: Final = "ca.pem"

_NEEDED: Final = (CERTIFICATE_NAME, KEY_NAME)
_MEMBER_LIMIT: Final = 256 * 2**10
_ZIP_LIMIT: Final = 4 * 2**20
_MEMBERS_LIMIT: Final = 1000
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED_FLAG: Final = 0x1
_ZIP_MAGIC: Final = b"PK\x03\x04"


@dataclass(frozen=True)
class ClientBundle:
    """A client bundle whose certificate and private key belong together.

    Attributes:
        origin: the zip file or directory, for messages.
        certificate: the user's certificate as delegations list it.
        signer: signs with the private key, under the certificate's key id.
        ca_certificates: how many certificates ``ca.pem`` holds; 0 where it is absent.
        mode: permission bits of the file that holds the private key.
    """

    origin: str
    certificate: NotaryKey
    signer: FileSigner = field(repr=False)
    ca_certificates: int
    mode: int

    @property
    def subject(self) -> str:
        """The certificate's subject in RFC 4514's form, fit for a message."""
        leaf = self.certificate.certificate()
        return subject_of(leaf) if leaf else ""

    @property
    def not_after(self) -> datetime:
        """When the certificate expires, in UTC."""
        leaf = self.certificate.certificate()
        if leaf is None:
            raise KeyUnusableError(f"{self.origin}: no certificate.", code="bundle-incomplete")
        return leaf.not_valid_after_utc

    @property
    def key_type(self) -> str:
        """Notary's type of the certificate's key: ``rsa-x509`` or ``ecdsa-x509``."""
        return self.certificate.keytype

    @property
    def key_id(self) -> KeyId:
        """The key id over the certificate, which metadata and signatures carry."""
        return KeyId(self.certificate.keyid)

    @property
    def canonical_id(self) -> CanonicalKeyId:
        """The key id over the bare public key, by which docker shows signers."""
        return self.certificate.canonical_id


def is_bundle(path: Path) -> bool:
    """Tell whether a path is a directory or a zip file."""
    if path.is_dir():
        return True
    with translated(path, "read"):
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(len(_ZIP_MAGIC)) == _ZIP_MAGIC


def read_bundle(
    path: Path, *, passphrases: Passphrases | None = None, allow_shared_key_file: bool = True
) -> ClientBundle:
    """Read a client bundle.

    Args:
        path: the zip file as UCP gives it, or the directory into which it was unpacked.
        passphrases: for a private key that was encrypted; UCP's are not.
        allow_shared_key_file: whether the file that holds the key (``key.pem``, or the zip file)
            may be accessible to others; to inspect a bundle it may.

    Raises:
        KeyUnusableError: a file is missing, damaged or too large; certificate and private key do
            not belong together; the key is of a kind that Notary does not know.
        PassphraseError: the private key is encrypted and cannot be opened.

    Source: dtr-ucp-ci C.1.
    """
    origin = printable(str(path))
    contents, mode = _from_directory(path) if path.is_dir() else _from_zip(path)
    missing = [name for name in _NEEDED if name not in contents]
    if missing:
        raise KeyUnusableError(
            f"{origin} is no client bundle: {' and '.join(missing)} missing.",
            hint="Download the bundle anew from UCP, and give the zip file or its directory.",
            code="bundle-incomplete",
        )
    if not allow_shared_key_file:
        refuse_shared(path / KEY_NAME if path.is_dir() else path, mode)
    certificate = _certificate(contents[CERTIFICATE_NAME], f"{origin}/{CERTIFICATE_NAME}")
    signer = _signer(contents[KEY_NAME], f"{origin}/{KEY_NAME}", passphrases)
    if signer.canonical_id != certificate.canonical_id:
        raise KeyUnusableError(
            f"{origin}: cert.pem and key.pem do not belong together: the certificate is for the "
            f"key {certificate.canonical_id[:7]}, the private key is {signer.canonical_id[:7]}.",
            hint="Every download of a bundle makes new keys: take both files from the same one.",
            code="bundle-mismatch",
        )
    authorities = parse_blocks(contents.get(CA_NAME, b""), origin=f"{origin}/{CA_NAME}")
    return ClientBundle(
        origin=origin,
        certificate=certificate,
        signer=signer.for_key(certificate),
        ca_certificates=sum(block.label == CERTIFICATE for block in authorities),
        mode=mode,
    )


def _certificate(pem: bytes, origin: str) -> NotaryKey:
    for block in parse_blocks(pem, origin=origin):
        if block.label == CERTIFICATE:
            try:
                return NotaryKey.from_certificate(format_block(CERTIFICATE, {}, block.der))
            except ValueError as error:
                raise KeyUnusableError(
                    f"{origin}: no certificate that Notary can use: {error}.",
                    code="bundle-certificate",
                ) from error
    raise KeyUnusableError(f"{origin}: no certificate in it.", code="bundle-certificate")


def _signer(pem: bytes, origin: str, passphrases: Passphrases | None) -> FileSigner:
    block = next((found for found in parse_blocks(pem, origin=origin) if found.private), None)
    if block is None:
        raise KeyUnusableError(f"{origin}: no private key in it.", code="no-private-key")
    return FileSigner(_open(block, passphrases))


def _from_directory(path: Path) -> tuple[dict[str, bytes], int]:
    contents, mode = {}, 0
    for name in (*_NEEDED, CA_NAME):
        if (path / name).exists():
            file = read_key_file(path / name, limit=_MEMBER_LIMIT)
            contents[name] = file.data
            mode = file.mode if name == KEY_NAME else mode
    return contents, mode


def _from_zip(path: Path) -> tuple[dict[str, bytes], int]:
    origin = printable(str(path))
    file = read_key_file(path, limit=_ZIP_LIMIT)
    try:
        with zipfile.ZipFile(io.BytesIO(file.data)) as archive:
            return _members(archive, origin), file.mode
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        raise KeyUnusableError(
            f"{origin} is a damaged zip file, or none.",
            hint="Download the bundle anew from UCP.",
            code="bundle-damaged",
        ) from error


def _members(archive: zipfile.ZipFile, origin: str) -> dict[str, bytes]:
    """Read the files that are needed, at the top or in a single directory there."""
    infos = archive.infolist()
    if len(infos) > _MEMBERS_LIMIT:
        raise KeyUnusableError(
            f"{origin}: {len(infos)} files in it; that is no client bundle.", code="bundle-size"
        )
    paths = [PurePosixPath(info.filename) for info in infos]
    folders = [path.parent for path in paths if path.name in _NEEDED and len(path.parts) <= 2]
    folder = max(folders, key=folders.count, default=None)
    contents: dict[str, bytes] = {}
    for info in infos:
        member = PurePosixPath(info.filename)
        if member.parent == folder and member.name in {*_NEEDED, CA_NAME}:
            if member.name in contents:
                raise KeyUnusableError(
                    f"{origin}: {member.name} is in it twice.", code="bundle-damaged"
                )
            contents[member.name] = _member(archive, info, origin)
    return contents


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, origin: str) -> bytes:
    name = printable(info.filename)
    if info.flag_bits & _ENCRYPTED_FLAG or info.compress_type not in _METHODS:
        raise KeyUnusableError(
            f"{origin}: {name} is encrypted, or compressed in an unusual way.",
            hint="Unpack the bundle and give the directory.",
            code="bundle-damaged",
        )
    with archive.open(info) as file:
        data = file.read(_MEMBER_LIMIT + 1)
    if len(data) > _MEMBER_LIMIT:
        raise KeyUnusableError(
            f"{origin}: {name} is larger than {_MEMBER_LIMIT} bytes; that is no client bundle.",
            code="bundle-size",
        )
    return data


def _open(block: KeyBlock, passphrases: Passphrases | None) -> PrivateKey:
    if not block.encrypted or passphrases is None:
        return decode_private_key(block, None)
    return passphrases.unlock(
        lambda passphrase: decode_private_key(block, passphrase),
        role=block.role,
        origin=block.origin,
    )
