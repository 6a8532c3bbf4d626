"""Digests have 71 characters, and lines of text still fit into 80 columns."""

from collections.abc import Callable
from typing import Final

import click
import pytest

from signer.cli import inspect, sign
from signer.cli.globals import GlobalOptions
from signer.errors import GateError, NotSignedError
from signer.policy.verdict import Check, Verdict
from signer.report.outcome import of_verdict
from signer.report.text import verdict_text
from signer.signing.inspect import TagView
from signer.signing.sign import SignResult
from signer.trust.steps import Step

_IMAGE: Final = "dtr.test/admin/flask:1"
_ONE: Final = "sha256:" + "1" * 64
_TWO: Final = "sha256:" + "2" * 64
_SENTENCE: Final = f"{_IMAGE}: {_ONE} is signed in targets/releases, not {_TWO}, as was wanted."
_VERBOSE: Final = GlobalOptions(verbose=True)


def _verify() -> None:
    check = Check(Step.DIGEST, "fail", _SENTENCE)
    reason = NotSignedError(_SENTENCE, hint=_SENTENCE, code="digest-differs")
    accepted = Verdict(_IMAGE, "accept", _ONE, signers=("gitlab",), role="targets/releases")
    for verdict in (Verdict(_IMAGE, "reject", reason=reason, checks=(check,)), accepted):
        click.echo(verdict_text(of_verdict(verdict), verbose=True))


def _sign() -> None:
    versions = {f"targets/signer-{number}": number for number in range(6)}
    done = SignResult(_IMAGE, "signed", _ONE, _TWO, tuple(versions), versions=versions)
    sign.print_result(done, _VERBOSE, dry_run=False)
    failed = SignResult(_IMAGE, "refused", error=GateError(_SENTENCE, hint=_SENTENCE))
    sign.print_result(failed, _VERBOSE, dry_run=False)


def _inspect() -> None:
    digests = {f"targets/signer-{number}": (_ONE, _TWO)[number % 2] for number in range(12)}
    inspect._print_tag(TagView("1", _ONE, 1, (), digests, registry_digest=_TWO))


@pytest.mark.parametrize("shown", [_verify, _sign, _inspect])
def test_no_line_is_wider_than_80_columns(
    shown: Callable[[], None], capsys: pytest.CaptureFixture[str]
) -> None:
    shown()
    printed = capsys.readouterr()
    lines = (printed.out + printed.err).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert all(any(digest in line for line in lines) for digest in (_ONE, _TWO))


def test_roles_stand_below_the_digest_that_they_have(capsys: pytest.CaptureFixture[str]) -> None:
    digests = {"targets/releases": _ONE, "targets/a": _TWO, "targets/b": _ONE}
    inspect._print_tag(TagView("1", _ONE, 1, ("b",), digests, registry_digest=_TWO))
    assert capsys.readouterr().out == (
        f"\n1\n  {_ONE}\n    targets/releases, targets/b\n  {_TWO}\n    targets/a, registry\n"
    )
