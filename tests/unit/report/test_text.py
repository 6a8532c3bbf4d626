"""What ``verify`` prints of one image."""

from dataclasses import replace

from signer.report.outcome import Outcome
from signer.report.text import verdict_text
from tests.unit.report.material import DIGEST, accepted, attacked, hostile, refused, warned

ACCEPTED = f"""\
accept  dtr.example.com/admin/flask:1
  {DIGEST}
  signers  gitlab (found in targets/releases)
  file     compose.yml:4, services.web.image
  rule     dtr.example.com/admin/* (next: dtr.example.com/**)"""

REFUSED = """\
reject  dtr.example.com/admin/flask:1
  file     deploy/a b.yml:12, services.web.image
  rule     dtr.example.com/admin/*
  reason   dtr.example.com/admin/flask: signer 'alice' has not signed '1'.
     (signer-missing, step 12)
  hint     Let alice sign it.
   8-9 pass  targets, delegations
  10 pass  target: 1 is in targets/releases version 2
  12 fail  signers
  13-14 skip  freshness, provenance: not reached"""


def test_an_accepted_image_is_told_briefly() -> None:
    assert verdict_text(accepted()) == ACCEPTED


def test_verbose_adds_the_checks() -> None:
    assert verdict_text(accepted(), verbose=True) == (
        f"{ACCEPTED}\n  10 pass  target: 1 is in targets/releases version 2"
    )


def test_a_refusal_is_complete() -> None:
    assert verdict_text(refused()) == REFUSED
    assert verdict_text(refused(), quiet=True) == REFUSED


def test_quiet_says_nothing_of_what_is_accepted_but_warns() -> None:
    assert verdict_text(accepted(), quiet=True) == ""
    assert verdict_text(warned(), quiet=True).splitlines() == [
        "warn  dtr.example.com/admin/cache:2",
        "  sha256:cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
        "  reason   dtr.example.com/admin/cache: no rule. (no-rule)",
    ]


def test_lines_have_80_columns_unless_one_word_has_more() -> None:
    long = replace(attacked(), rule="word " * 60, file="directory/" * 20)
    wide = [line for line in verdict_text(long).splitlines() if len(line) > 80]
    assert all(len(line.split()) == 1 for line in wide)


def test_foreign_text_does_not_reach_the_terminal_raw() -> None:
    def escaped(outcome: Outcome) -> bool:
        text = verdict_text(outcome, verbose=True)
        return "\x1b" not in text and "\u202e" not in text

    assert escaped(hostile())
    assert escaped(replace(refused(), image="\x1b[2Jx", rule="\x1b[2Jx", path="\x1b[2Jx"))
