"""``signer audit``: the record of what was signed and changed."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import print_json, short_digest, table, wrapped
from signer.errors import TrustDataError, UsageError

if TYPE_CHECKING:
    from signer.audit.chain import Chain
    from signer.audit.comparison import Finding
    from signer.audit.record import Record
    from signer.names import Gun

_FILES = click.argument(
    "files", nargs=-1, metavar="[FILE...]", type=click.Path(path_type=Path, dir_okay=False)
)


@click.group("audit", short_help="Show and check the record of what was signed.")
@global_options
def command(options: GlobalOptions) -> None:
    """Show and check the record of what was signed, revoked and changed."""


@command.command("show", short_help="Show records.")
@_FILES
@click.option("--since", metavar="TIME", help="This time or later; or how long ago: 12h, 7d.")
@click.option(
    "--repository",
    "--gun",
    "repositories",
    multiple=True,
    metavar="REPO",
    help="This collection; repeatable.",
)
@click.option(
    "--action", "actions", multiple=True, metavar="ACTION", help="sign, revoke, ...; repeatable."
)
@click.option(
    "--status",
    "statuses",
    multiple=True,
    metavar="STATUS",
    help="signed, refused, ...; repeatable.",
)
@global_options
def show_command(
    options: GlobalOptions,
    *,
    files: tuple[Path, ...],
    since: str | None,
    repositories: tuple[str, ...],
    actions: tuple[str, ...],
    statuses: tuple[str, ...],
) -> int:
    """Show the records of FILEs, otherwise of the configuration's [audit] file.

    With --json every record is shown whole.
    """
    from signer.audit.selection import Selection, parse_since
    from signer.names import parse_gun
    from signer.signing.session import utc_now

    selection = Selection(
        since=parse_since(since, now=utc_now()) if since else None,
        guns=frozenset(parse_gun(repository) for repository in repositories),
        actions=frozenset(actions),
        statuses=frozenset(statuses),
    )
    found: list[Record] = []
    for path in _paths(options, files):
        chain = _read(path)
        if chain.problems:
            text = f"warning: {path} is not as it was written; see 'signer audit verify'."
            click.echo(wrapped(text), err=True)
        found += selection.of(chain.records)
    found.sort(key=lambda record: record.time)
    if options.as_json:
        print_json("audit", {"records": [record.content for record in found]})
    elif found:
        click.echo(table(["TIME", "ACTION", "STATUS", "WHAT", "WHO"], [_row(one) for one in found]))
    elif not options.quiet:
        click.echo("No records.")
    return 0


@command.command("verify", short_help="Check that no line was altered or removed.")
@_FILES
@click.option(
    "--changefeed",
    "repositories",
    multiple=True,
    metavar="REPO",
    help="Compare with what the Notary server says was published; repeatable.",
)
@click.option("--head", metavar="SHA256", help="A line with this hash must still be there.")
@global_options
def verify_command(
    options: GlobalOptions,
    *,
    files: tuple[Path, ...],
    repositories: tuple[str, ...],
    head: str | None,
) -> int:
    """Check the chain of FILEs, otherwise of the configuration's [audit] file.

    Altered, missing or reordered lines are named and end with 4; so do publishes of REPO that the
    Notary server lists and no record knows.
    """
    from signer.names import parse_gun

    guns = [parse_gun(repository) for repository in repositories]
    paths = _paths(options, files)
    chains = {path: _read(path) for path in paths}
    records = [record for chain in chains.values() for record in chain.records]
    problems = {path: _problems(chain) for path, chain in chains.items()}
    if head and head not in {record.hash for record in records}:
        problems[paths[0]].append(
            {"line": 0, "code": "head-missing", "message": f"no line has the hash {head}"}
        )
    findings = _compare(options, guns, records)
    unknown = [one for found in findings.values() for one in found if one.status == "unknown"]
    broken = any(problems.values())
    if options.as_json:
        print_json(
            "audit",
            {
                "files": [
                    {
                        "file": str(path),
                        "records": len(chain.records),
                        "head": chain.head,
                        "torn": list(chain.torn),
                        "problems": problems[path],
                    }
                    for path, chain in chains.items()
                ],
                "changefeed": [
                    {"repository": gun, "entries": [_content(one) for one in found]}
                    for gun, found in findings.items()
                ],
            },
        )
    else:
        for path, chain in chains.items():
            _print_chain(path, chain, problems[path], options)
        for gun, found in findings.items():
            _print_findings(gun, found, options)
    return int(TrustDataError.exit_code) if broken or unknown else 0


def _paths(options: GlobalOptions, files: Sequence[Path]) -> list[Path]:
    if files:
        return list(dict.fromkeys(files))
    configured = options.configuration.audit_file
    if configured is None:
        raise UsageError(
            "No audit record is configured.",
            hint='Name a FILE, or write [audit] file = "signer-audit.jsonl" into signer.toml.',
            code="no-audit-file",
        )
    return [configured]


def _read(path: Path) -> "Chain":
    from signer.audit.log import AuditLog

    return AuditLog(path).read()


def _row(record: "Record") -> list[str]:
    who = record.content["who"]
    ci = who.get("ci", {})
    names = ("GITLAB_USER_LOGIN", "GITHUB_ACTOR", "BUILD_USER_ID")
    person = next((ci[name] for name in names if ci.get(name)), who.get("user", ""))
    tag, digest = record.what("tag"), record.what("digest")
    about = record.what("gun") + (f":{tag}" if tag else "")
    parts = [about, record.what("host"), record.what("signer"), short_digest(digest)]
    what = " ".join(part for part in parts if part) or "-"
    time = str(record.content["time"])
    return [time, record.what("action"), record.status, what, f"{person}@{who.get('host', '')}"]


def _problems(chain: "Chain") -> list[dict[str, Any]]:
    return [
        {"line": problem.line, "code": problem.code, "message": problem.message}
        for problem in chain.problems
    ]


def _compare(
    options: GlobalOptions, guns: "Sequence[Gun]", records: "Sequence[Record]"
) -> "dict[Gun, list[Finding]]":
    if not guns:
        return {}
    from signer.audit.comparison import compare

    since = min((record.time for record in records), default=None)
    known = {
        gun: {file for one in records if one.what("gun") == gun for file in one.published}
        for gun in guns
    }
    with options.session() as session:
        return {
            gun: compare(session.server(gun), known[gun], since=since, executor=session.requests)
            for gun in guns
        }


def _content(finding: "Finding") -> dict[str, Any]:
    return {
        "status": finding.status,
        "category": finding.change.category,
        "created_at": finding.change.created_at,
        "timestamp_version": finding.change.version,
        "timestamp_sha256": finding.change.sha256,
        "roles": list(finding.roles),
        "removed": list(finding.removed),
    }


def _print_chain(
    path: Path, chain: "Chain", problems: Sequence[dict[str, Any]], options: GlobalOptions
) -> None:
    if options.quiet and not problems:
        return
    number = len(chain.records)
    count = f"{number} record{'' if number == 1 else 's'}"
    click.echo(f"{'broken' if problems else 'intact'}  {path}: {count}")
    for problem in problems:
        click.echo(wrapped(f"  {problem['message']}", subsequent="    "))
    for line in chain.torn:
        click.echo(f"  line {line} is torn: its writing was interrupted, as the next line says")
    click.echo(f"  head  {chain.head}")


def _print_findings(gun: "Gun", findings: "Sequence[Finding]", options: GlobalOptions) -> None:
    unknown = [finding for finding in findings if finding.status == "unknown"]
    if options.quiet and not unknown:
        return
    counts = {
        status: sum(finding.status == status for finding in findings)
        for status in ("known", "unknown", "renewed", "earlier", "gone")
    }
    shown = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    click.echo(f"changefeed  {gun}: {shown or 'empty'}")
    for finding in unknown:
        change = finding.change
        if change.category == "deletion":
            text = f"unknown  {change.created_at}  the collection was deleted"
        else:
            roles = ", ".join((*finding.roles, *(f"{role} (removed)" for role in finding.removed)))
            text = (
                f"unknown  {change.created_at}  {roles or 'files that are gone'} "
                f"(timestamp version {change.version})"
            )
        click.echo(wrapped(f"  {text}", subsequent="    "))
