"""``docker trust inspect``'s two forms.

Source: docker-trust reference, A.9.
"""

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from signer.constants import DELEGATION_PREFIX, RELEASES, ROOT, TARGETS
from signer.names import ImageReference

if TYPE_CHECKING:
    from signer.signing.inspect import Inspection, TagView

REPO_ADMIN: Final = "Repo Admin"
_SHOWN_ID: Final = 12
_MIN_WIDTH: Final = 10
_GAP: Final = 3


def docker_json(found: "Sequence[tuple[str, Inspection]]") -> str:
    """Return the array that ``docker trust inspect`` prints; names are as typed."""
    return json.dumps([_object(name, inspection) for name, inspection in found], indent=4)


def _object(name: str, inspection: "Inspection") -> dict[str, Any]:
    return {
        "Name": name,
        "SignedTags": [
            {"SignedTag": tag, "Digest": digest, "Signers": list(signers)}
            for tag, digest, signers in signed_tags(name, inspection)
        ],
        "Signers": [
            {"Name": signer, "Keys": [{"ID": key} for key in keys]}
            for signer, keys in sorted(_signers(inspection), reverse=True)
        ],
        "AdministrativeKeys": [
            {"Name": "Root", "Keys": [{"ID": key} for key in _ids(inspection, ROOT)]},
            {"Name": "Repository", "Keys": [{"ID": key} for key in _ids(inspection, TARGETS)]},
        ],
    }


def pretty_text(name: str, inspection: "Inspection") -> str:
    """Return what ``docker trust inspect --pretty`` prints."""
    rows = [
        [tag, digest, "(Repo Admin)" if signers == [REPO_ADMIN] else ", ".join(signers)]
        for tag, digest, signers in signed_tags(name, inspection)
    ]
    if rows:
        text = f"\nSignatures for {name}\n\n"
        text += _table(["SIGNED TAG", "DIGEST", "SIGNERS"], rows)
    else:
        text = f"\nNo signatures for {name}\n\n"
    signers = sorted(_signers(inspection))
    if signers:
        listed = [[signer, ", ".join(key[:_SHOWN_ID] for key in keys)] for signer, keys in signers]
        text += f"\nList of signers and their keys for {name}\n\n"
        text += _table(["SIGNER", "KEYS"], listed)
    text += f"\nAdministrative keys for {name}\n\n"
    text += f"  Repository Key:\t{', '.join(_ids(inspection, TARGETS))}\n"
    text += f"  Root Key:\t{', '.join(_ids(inspection, ROOT))}\n"
    return text


def signed_tags(name: str, inspection: "Inspection") -> list[tuple[str, str, list[str]]]:
    """Return (tag, digest as hex, signers) of released tags, in natural order.

    A tag with different digests in ``targets/releases`` and ``targets`` has two rows.
    """
    wanted = ImageReference.parse(name).tag
    return [
        (tag.name, digest.removeprefix("sha256:"), _who(tag, digest))
        for tag in sorted(inspection.tags, key=lambda tag: _natural(tag.name))
        for digest in dict.fromkeys(
            tag.digests[role] for role in (RELEASES, TARGETS) if role in tag.digests
        )
        if not wanted or tag.name == wanted
    ]


def _who(tag: "TagView", digest: str) -> list[str]:
    names = [
        role.removeprefix(DELEGATION_PREFIX)
        for role, found in tag.digests.items()
        if found == digest and role not in {RELEASES, TARGETS}
    ]
    return sorted(names) or [REPO_ADMIN]


def _signers(inspection: "Inspection") -> list[tuple[str, list[str]]]:
    return [
        (role.name.removeprefix(DELEGATION_PREFIX), [key.canonical_id for key in role.keys])
        for role in inspection.roles
        if role.paths is not None and role.name != RELEASES
    ]


def _ids(inspection: "Inspection", name: str) -> list[str]:
    return [key.key_id for role in inspection.roles if role.name == name for key in role.keys]


def _natural(text: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lay out columns as docker does: at least ten wide, three spaces apart."""
    lines = [head, *rows]
    widths = [max(_MIN_WIDTH, *(len(line[n]) + _GAP for line in lines)) for n in range(len(head))]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line[:-1], widths, strict=False))
        + f"{line[-1]}\n"
        for line in lines
    )
