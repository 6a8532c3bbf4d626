"""The configuration: settings that no variable can widen, and where their file is looked for."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from signer.signing.session import PinSources

if TYPE_CHECKING:
    from signer.dtr.gate import GateConditions

DEFAULT_FILES = (Path("signer.toml"), Path("~/.config/signer/signer.toml"))


@dataclass(frozen=True)
class Configuration:
    """The file's content, its paths made absolute.

    Attributes:
        path: of the file, or None where there is none.
        host: the registry's host, or empty.
        server: the Notary server's URL; where a host is named, never empty.
        ca_files: authorities for registry and Notary server.
        signer: the signer's name, or empty.
        key: source of the signing key, or empty.
        allow: patterns of repositories that may be signed; None where nothing is said.
        pins: how an unknown root may be trusted.
        gate: what is demanded of a promotion; None where the file says nothing.
        has_gate: whether there is a section ``signing.gate``.
        has_audit: whether there is a section ``audit``.
        audit_file: where what is changed is recorded, or None.
    """

    path: Path | None = None
    host: str = ""
    server: str = ""
    ca_files: tuple[Path, ...] = ()
    signer: str = ""
    key: str = ""
    allow: tuple[str, ...] | None = None
    pins: PinSources = field(default_factory=PinSources)
    gate: "GateConditions | None" = None
    has_gate: bool = False
    has_audit: bool = False
    audit_file: Path | None = None


def find_configuration(given: Path | None) -> Configuration:
    """Read the given file, or the first default one that is there.

    Raises:
        UsageError: the given file is missing, or a file is malformed; file and key are named.
    """
    path = given or next((file for file in _default_files() if file.is_file()), None)
    if path is None:
        return Configuration()
    from signer.cli.config import read_configuration  # with its libraries: few runs have a file

    return read_configuration(path)


def _default_files() -> Iterator[Path]:
    return (candidate.expanduser() for candidate in DEFAULT_FILES)
