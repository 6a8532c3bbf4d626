"""``signer sign --event`` and ``signer reconcile``: what DTR promoted, through the gate."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from signer.cli.globals import GlobalOptions
from signer.cli.sign import report, result_content
from signer.cli.signing_keys import load_keys
from signer.dtr.gate import GateConditions
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.provenance import pipeline_of
from signer.dtr.sbom import read_sbom
from signer.dtr.signing_job import OpenKeys, sign_events
from signer.dtr.sources import read_events

if TYPE_CHECKING:
    from signer.dtr.events import Event
    from signer.keys.signers import NotarySigner
    from signer.names import Gun
    from signer.signing.session import PinSources, Session
    from signer.signing.sign import SignResult


def sign_from_events(
    options: GlobalOptions,
    sources: Sequence[str | None],
    *,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
    signer: str | None,
    sbom: Path | None,
    annotations: Mapping[str, str],
    with_provenance: bool,
    dry_run: bool,
    pins: "PinSources | None",
) -> int:
    """Read events, sign what they say was promoted as far as DTR agrees, and show the results.

    Raises:
        UsageError: an event cannot be read, or no host is configured.
    """
    events: list[Event] = []
    for source in sources:
        events += read_events(source, environment=os.environ, stdin=sys.stdin.buffer)
    settings = job_settings(
        options,
        signer=signer,
        sbom=sbom,
        annotations=annotations,
        with_provenance=with_provenance,
        dry_run=dry_run,
    )
    with options.session(pins) as session:
        opener = key_opener(
            session, options, keys=keys, allow_shared_key_file=allow_shared_key_file
        )
        results = sign_events(session, events, settings=settings, open_keys=opener)
    return report(results, options, dry_run=dry_run, content=job_content)


def job_settings(
    options: GlobalOptions,
    *,
    signer: str | None,
    sbom: Path | None = None,
    annotations: Mapping[str, str] | None = None,
    with_provenance: bool = True,
    dry_run: bool = False,
) -> JobSettings:
    """Put a job's settings together: what may be signed is the configuration file's word alone."""
    file = options.configuration
    return JobSettings(
        host=file.host,
        allow=file.allow,
        conditions=file.gate or GateConditions(),
        signer=signer or file.signer,
        with_provenance=with_provenance,
        pipeline=pipeline_of(os.environ),
        sbom=read_sbom(sbom) if sbom else None,
        annotations=dict(annotations or {}),
        dry_run=dry_run,
    )


def key_opener(
    session: "Session",
    options: GlobalOptions,
    *,
    keys: tuple[str, ...],
    allow_shared_key_file: bool,
) -> OpenKeys:
    """Return a function that opens the keys when something has passed the gate."""

    def open_keys(guns: "Sequence[Gun]") -> "list[NotarySigner]":
        return load_keys(
            session, options, keys=keys, guns=guns, allow_shared_key_file=allow_shared_key_file
        )

    return open_keys


def job_content(result: "SignResult") -> dict[str, Any]:
    """Return a job's result as JSON: a sign result, its gate, and why it was skipped."""
    content = result_content(result)
    if not isinstance(result, JobResult):
        return content
    if result.reason:
        content["skipped"] = result.reason
    if result.gate:
        content["gate"] = [
            {
                "code": condition.code,
                "status": condition.status,
                "seen": condition.seen,
                "expected": condition.expected,
            }
            for condition in result.gate.conditions
        ]
    if result.custom:
        content["custom"] = result.custom
    return content
