"""A signing job's settings and results."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from signer.dialect.canonical import Json
from signer.dtr.events import Event
from signer.dtr.gate import GateConditions, GateReport
from signer.dtr.promotion import Promotion
from signer.dtr.provenance import Pipeline
from signer.dtr.sbom import Sbom
from signer.signing.sign import SignResult


@dataclass(frozen=True)
class JobSettings:
    """What may be signed and how, from the configuration file and the command line."""

    host: str
    """``HOST[:PORT]`` of the DTR: the only one that events may concern."""

    allow: tuple[str, ...] | None = None
    """Patterns of repositories that may be signed; None for any."""

    conditions: GateConditions = field(default_factory=GateConditions)
    """What the gate demands."""

    signer: str = ""
    """The signer's name, or empty for every role that the keys fit."""

    with_provenance: bool = True
    """Whether provenance is signed beside the digest."""

    pipeline: Pipeline = field(default_factory=Pipeline)
    """The CI run, for the provenance."""

    sbom: Sbom | None = None
    """A bill of materials, for the provenance."""

    annotations: Mapping[str, Json] = field(default_factory=dict)
    """Custom data to sign beside the provenance."""

    dry_run: bool = False
    """Find out all, publish nothing."""


@dataclass(frozen=True)
class JobResult(SignResult):
    """What became of one event or promotion: a ``SignResult`` with its reasons."""

    event: Event | None = None
    """The event, where there was one."""

    promotion: Promotion | None = None
    """What it claimed, or what DTR's record says."""

    gate: GateReport | None = None
    """Every condition, where the gate was asked."""

    custom: Json = None
    """What is signed beside the digest; None where what was there was left."""
