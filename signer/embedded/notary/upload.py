"""The body of an upload: one file per part, named by its role.

Source: NP 4.3 step 7, NP 5.1 item 1.
"""

import json
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any, Final, NoReturn

from signer.dialect.time import parse_time
from signer.embedded.notary.errors import NotaryError
from signer.errors import UsageError
from signer.names import RoleName, parse_role

MAX_PARTS: Final = 25_000
"""More than the roles that a collection may have."""

_INT64: Final = range(-(2**63), 2**63)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


_JSON: Final = json.JSONDecoder(parse_constant=_refuse_constant)


@dataclass(frozen=True)
class Upload:
    """One file of an upload: its role, the version it claims (0 where there is none), its bytes."""

    role: RoleName
    version: int
    wire: bytes


def read_upload(content_type: str, body: bytes) -> dict[RoleName, Upload]:
    """Read a multipart body; of two parts for one role the later one counts.

    Raises:
        NotaryError: MALFORMED_UPLOAD, NO_FILENAME, INVALID_ROLE or MALFORMED_JSON, for the first
            part that is at fault.
    """
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise NotaryError("MALFORMED_UPLOAD")
    uploads = {}
    for part in _parts(body, boundary.encode("latin-1", "replace")):
        upload = _read_part(part)
        uploads[upload.role] = upload
    return uploads


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """Split a body at its delimiters; each part begins with its header fields.

    Source: RFC 2046 section 5.1.1.
    """
    delimiter = b"\r\n--" + boundary
    _preamble, *parts = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)
    ends = [number for number, part in enumerate(parts) if part.startswith(b"--")]
    if not ends:  # cut off on the way, or far too long
        raise NotaryError("MALFORMED_UPLOAD", "the body has no end")
    return parts[: ends[0]]


def _read_part(part: bytes) -> Upload:
    padding, line_end, rest = part.partition(b"\r\n")
    fields, blank, wire = (line_end + rest).partition(b"\r\n\r\n")
    if padding.strip(b" \t") or not blank:
        raise NotaryError("MALFORMED_UPLOAD")
    header = BytesHeaderParser().parsebytes(fields.removeprefix(b"\r\n"))
    name = str(header.get_filename("")).removesuffix(".json")
    if not name:
        raise NotaryError("NO_FILENAME")
    try:
        role = parse_role(name)
    except UsageError as error:
        raise NotaryError("INVALID_ROLE", name) from error
    return Upload(role, _claimed_version(wire), wire)


def _claimed_version(wire: bytes) -> int:
    """Return the version in a file that Go would at least parse.

    This decides only between MALFORMED_JSON and what validation says later: Go reads the first
    JSON value and ignores what it does not know.
    """
    try:
        document, _end = _JSON.raw_decode(wire.decode("utf-8", "replace").lstrip(" \t\r\n"))
        signed = _object(_object(document).get("signed"))
        version = signed.get("version")
        if "expires" in signed:
            parse_time(signed["expires"])
    except (ValueError, TypeError, RecursionError) as error:
        raise NotaryError("MALFORMED_JSON") from error
    if version is None:
        return 0
    if type(version) is not int or version not in _INT64:
        raise NotaryError("MALFORMED_JSON")
    return version


def _object(value: Any) -> dict[str, Any]:  # noqa: ANN401 - decoded JSON
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value
