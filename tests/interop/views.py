"""What the Go programs show, read from their output."""

import json
from dataclasses import dataclass
from typing import Any

from tests.components.peers import DockerCli, Finished

Row = tuple[str, str, int, str]
"""A line of ``notary list``: name, sha256 in hex, size in bytes, role."""


def notary_list(done: Finished) -> list[Row]:
    """Read the table of ``notary list``, sorted; empty where it says that there is nothing."""
    rows = [line.split() for line in _body(done.stdout)]
    return sorted((name, digest, int(size), role) for name, digest, size, role in rows)


@dataclass(frozen=True)
class Delegation:
    """A delegation as ``notary delegation list`` shows it.

    Attributes:
        key_ids: canonical ids.
        paths: as shown, ``"" <all paths>`` for all.
        threshold: how many must sign.
    """

    key_ids: frozenset[str]
    paths: frozenset[str]
    threshold: int


def notary_delegations(done: Finished) -> dict[str, Delegation]:
    """Read the table of ``notary delegation list``; columns begin where the head's words do."""
    lines = done.stdout.splitlines()
    head = next((line for line in lines if line.startswith("ROLE")), None)
    if head is None:
        return {}
    starts = [head.index(word) for word in ("ROLE", "PATHS", "KEY IDS", "THRESHOLD")]
    cells: dict[str, list[list[str]]] = {}
    name = ""
    for line in _body(done.stdout):
        ends = [*starts[1:], None]
        row = [line[a:b].strip() for a, b in zip(starts, ends, strict=True)]
        name = row[0] or name
        cells.setdefault(name, []).append(row)
    return {
        role: Delegation(
            key_ids=frozenset(row[2] for row in rows if row[2]),
            paths=frozenset(row[1] for row in rows if row[1]),
            threshold=int(rows[0][3]),
        )
        for role, rows in cells.items()
    }


@dataclass(frozen=True)
class DockerView:
    """A collection as ``docker trust inspect`` shows it.

    Attributes:
        tags: digest in hex and signers' names, by tag.
        signers: canonical key ids, by name.
        root: ids of the root keys.
        repository: ids of the targets keys.
    """

    tags: dict[str, tuple[str, frozenset[str]]]
    signers: dict[str, frozenset[str]]
    root: frozenset[str]
    repository: frozenset[str]


def docker_inspect(docker: DockerCli, image: str) -> DockerView:
    """Run and read ``docker trust inspect``."""
    (seen,) = json.loads(docker.trust("inspect", image).stdout)
    administrative = _keys(seen["AdministrativeKeys"])
    return DockerView(
        tags={
            tag["SignedTag"]: (tag["Digest"], frozenset(tag["Signers"]))
            for tag in seen["SignedTags"]
        },
        signers=_keys(seen["Signers"]),
        root=administrative["Root"],
        repository=administrative["Repository"],
    )


def _keys(entries: list[dict[str, Any]]) -> dict[str, frozenset[str]]:
    return {entry["Name"]: frozenset(key["ID"] for key in entry["Keys"]) for entry in entries}


def _body(table: str) -> list[str]:
    """Return a table's lines below the dashes."""
    lines = table.splitlines()
    begin = next((i for i, line in enumerate(lines) if set(line.strip()) == {"-", " "}), len(lines))
    return [line for line in lines[begin + 1 :] if line.strip()]
