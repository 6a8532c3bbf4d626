"""``signer policy``: lint, explain, test and import policies."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from signer.cli.deciding import Deciding
from signer.cli.globals import GlobalOptions, global_options
from signer.cli.output import error_content, print_json
from signer.errors import ExitCode, SignerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from signer.names import ImageReference
    from signer.policy.model import Policy, Rule
    from signer.policy.table import Case, CaseResult
    from signer.policy.ucp import UcpAnswer
    from signer.policy.verdict import Verdict

_FILE = click.Path(path_type=Path, dir_okay=False)
_KINDS = ("connaisseur", "portieris", "docker")


@click.group("policy", short_help="Lint, explain, test and import policies.")
@global_options
def command(options: GlobalOptions) -> None:
    """Lint, explain, test and import policies."""


@command.command("check", short_help="Find what is wrong or unwise in a policy.")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option("--strict", is_flag=True, help="End with 1 where there are warnings.")
@global_options
def check_command(options: GlobalOptions, *, file: Path, strict: bool) -> int:
    """Find what is wrong or unwise in the policy FILE.

    A policy that cannot be loaded ends with 2. Findings are warnings, or notes on what may well be
    meant.
    """
    from signer.cli.policy_view import findings_text
    from signer.files import read_named_file
    from signer.policy.lint import lint
    from signer.policy.lint_finding import WARNING
    from signer.signing.session import utc_now

    result = lint(read_named_file(file), file, now=utc_now())
    if options.as_json:
        content = {
            "policy": str(file),
            "digest": f"sha256:{result.policy.digest}",
            "rules": len(result.policy.rules),
            "findings": [
                {
                    "code": found.code,
                    "severity": found.severity,
                    "line": found.line,
                    "rule": found.rule,
                    "message": found.message,
                    "hint": found.hint,
                }
                for found in result.findings
            ],
        }
        print_json("policy", content)
    else:
        text = findings_text(file, result, quiet=options.quiet)
        if text:
            click.echo(text)
    warned = any(found.severity == WARNING for found in result.findings)
    return ExitCode.FAILURE if strict and warned else ExitCode.OK


@command.command("explain", short_help="Say which rule decides about an image, and why.")
@click.argument("image", metavar="IMAGE")
@click.option("--policy", type=_FILE, required=True, metavar="FILE", help="The policy.")
@click.option("--offline", is_flag=True, help="Do not ask the server what UCP would see.")
@global_options
def explain_command(options: GlobalOptions, *, image: str, policy: Path, offline: bool) -> int:
    """Say which rule decides about IMAGE, what it requires, and whether UCP would run it.

    Who has signed is read from the Notary server, if it can be; everything else is said without.
    """
    from signer.cli.policy_view import explanation_content, explanation_text
    from signer.names import ImageReference
    from signer.policy.decide import with_tag
    from signer.policy.explain import explain
    from signer.policy.load import load_policy

    loaded = load_policy(policy)
    reference = with_tag(ImageReference.parse(image))
    explanation = explain(loaded, reference)
    answer: UcpAnswer | None = None
    unknown: SignerError | None = None
    if explanation.rule is not None and explanation.rule.approve is None:
        try:
            answer = _ask_ucp(options, loaded, explanation.rule, reference, offline=offline)
        except SignerError as error:
            unknown = error
    if options.as_json:
        why = {"reason": error_content(unknown) if unknown else None}
        print_json("policy", explanation_content(explanation, answer) | why)
    else:
        click.echo(explanation_text(explanation, answer, unknown, policy=policy))
    return ExitCode.OK


def _ask_ucp(
    options: GlobalOptions,
    policy: "Policy",
    rule: "Rule",
    reference: "ImageReference",
    *,
    offline: bool,
) -> "UcpAnswer":
    from signer.policy.reading import SessionReader
    from signer.policy.ucp import ask_ucp

    with options.session(offline=offline) as session:
        collection = SessionReader(session).read(reference.gun, rule=rule).collection
        return ask_ucp(policy, rule, collection, reference)


@command.command("test", short_help="Compare a policy's verdicts with a table's.")
@click.argument("table", type=_FILE, metavar="FILE")
@click.option("--policy", type=_FILE, metavar="FILE", help="Instead of the one that FILE names.")
@click.option("--offline", is_flag=True, help="Decide by what earlier runs stored.")
@click.option("--bundle", type=_FILE, help="Decide by what this file holds.")
@click.option(
    "--bundle-key", type=_FILE, multiple=True, help="Trust the bundle's roots if signed by this."
)
@click.option("--junit", type=_FILE, help="Write the cases as JUnit XML.")
@global_options
def test_command(
    options: GlobalOptions,
    *,
    table: Path,
    policy: Path | None,
    offline: bool,
    bundle: Path | None,
    bundle_key: tuple[Path, ...],
    junit: Path | None,
) -> int:
    """Compare the verdicts of a policy with those that the table FILE expects.

    FILE is YAML: 'policy' names the policy, and each of 'cases' has 'image' and 'expect' (accept,
    warn or reject), and where wanted 'code', 'digest', 'rule' and 'at'. Ends with 1 where a
    verdict is not as expected.
    """
    from signer.cli.policy_view import results_content, results_text
    from signer.policy.table import compare, load_table

    loaded = load_table(table)
    chosen = policy or loaded.policy
    if chosen is None:
        raise UsageError(
            f"{table} names no policy.", hint="Write 'policy: FILE' into it, or give --policy."
        )
    deciding = Deciding(
        policy=chosen,
        signers=(),
        pins=None,
        registry=False,
        offline=offline,
        bundle=bundle,
        bundle_keys=bundle_key,
        at=None,
    )
    results = compare(loaded.cases, _decide(options, deciding, loaded.cases))
    if options.as_json:
        print_json("policy", results_content(results))
    else:
        text = results_text(table, results, quiet=options.quiet)
        if text:
            click.echo(text)
    if junit is not None:
        _write_junit(junit, table, results)
    failed = any(result.differences for result in results)
    return ExitCode.FAILURE if failed else ExitCode.OK


def _decide(options: GlobalOptions, deciding: Deciding, cases: "Sequence[Case]") -> "list[Verdict]":
    """Decide about the cases of each moment in one session; return verdicts in their order."""
    verdicts: dict[int, Verdict] = {}
    for moment in dict.fromkeys(case.at for case in cases):
        numbers = [number for number, case in enumerate(cases) if case.at == moment]
        as_of = replace(deciding, at=moment)
        with as_of.open_session(options) as session:
            found = as_of.decide(session, [cases[number].reference for number in numbers])
        verdicts |= dict(zip(numbers, found, strict=True))
    return [verdicts[number] for number in range(len(cases))]


def _write_junit(file: Path, table: Path, results: "Sequence[CaseResult]") -> None:
    from signer.cli.policy_view import outcome_of
    from signer.files import write_named_file
    from signer.report.junit import junit

    text = junit([outcome_of(table, result) for result in results], command="policy test")
    write_named_file(file, text.encode(), mode=0o644)


@command.command("import", short_help="Turn another verifier's policy into one of signer's.")
@click.argument("file", type=_FILE, metavar="FILE")
@click.option(
    "--from",
    "kind",
    type=click.Choice(_KINDS),
    metavar="SOURCE",
    help=f"{', '.join(_KINDS[:-1])} or {_KINDS[-1]}.  [default: by the content]",
)
@click.option(
    "--signer",
    "signers",
    multiple=True,
    metavar="NAME=FILE",
    help="Certificate or public key of a signer whom FILE names without one; repeatable.",
)
@click.option("--namespace", metavar="NAME", default="", help="Whose policies, of Portieris'.")
@click.option("-o", "--output", type=_FILE, help="Write the policy here.")
@global_options
def import_command(
    options: GlobalOptions,
    *,
    file: Path,
    kind: str | None,
    signers: tuple[str, ...],
    namespace: str,
    output: Path | None,
) -> int:
    """Turn Connaisseur's values, Portieris' policies or daemon.json into a policy of signer's.

    Nothing is accepted that the source would refuse: what cannot be carried over is refused, with
    a comment that says why.
    """
    from signer.cli.policy_view import import_warnings
    from signer.files import read_named_file, write_atomically
    from signer.policy.importing.source import import_policy

    imported = import_policy(
        read_named_file(file),
        file,
        kind=kind or "",
        signers=dict(_signer_key(given) for given in signers),
        namespace=namespace,
    )
    if output is not None:
        if output.exists():
            raise UsageError(f"{output} is there already.", hint="It was not touched.")
        write_atomically(output, imported.text.encode(), mode=0o644)
    if options.as_json:
        content: dict[str, Any] = {
            "source": imported.kind,
            "rules": imported.rules,
            "denied": imported.denied,
            "warnings": list(imported.warnings),
            "policy": imported.text,
        }
        print_json("policy", content)
        return ExitCode.OK
    if output is None:
        click.echo(imported.text, nl=False)
    if not options.quiet:
        click.echo(import_warnings(imported, output), err=True)
    return ExitCode.OK


def _signer_key(given: str) -> tuple[str, str]:
    from signer.files import read_named_file
    from signer.keys.certificates import read_public_key
    from signer.trust.checks import public_key_id

    name, equals, file = given.partition("=")
    if not (name and equals and file):
        raise UsageError(f"--signer {given!r} is not NAME=FILE.")
    return name, public_key_id(read_public_key(read_named_file(Path(file)), origin=file))
