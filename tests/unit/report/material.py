"""Outcomes and a collection from which the tests of reports are made."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from signer.errors import NetworkError, NotSignedError, TrustDataError
from signer.names import Gun
from signer.policy.verdict import ACCEPT, REJECT, WARN, Check, Verdict
from signer.report.outcome import Outcome, of_verdict
from signer.signing.inspect import Inspection, KeyView, RoleView, TagView
from signer.trust.steps import Step

NOW: Final = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
DIGEST: Final = "sha256:" + "ab" * 32
OTHER: Final = "sha256:" + "cd" * 32
FLASK: Final = "dtr.example.com/admin/flask:1"
GUN: Final = Gun("dtr.example.com/admin/flask")
HOSTILE: Final = (
    "</title></style><script>alert(1)</script><img src=x onerror='alert(2)'>\"&\u202egnp"
)


def accepted() -> Outcome:
    checks = (Check(Step.TARGET, "pass", "1 is in targets/releases version 2"),)
    verdict = Verdict(
        FLASK,
        ACCEPT,
        digest=DIGEST,
        rule="dtr.example.com/admin/*",
        signers=("gitlab",),
        role="targets/releases",
        checks=checks,
        custom={"provenance": {"promotion": {"from": "admin/flask_build:66"}}},
        runner_up="dtr.example.com/**",
    )
    return of_verdict(verdict, file="compose.yml", line=4, path="services.web.image")


def refused() -> Outcome:
    error = NotSignedError(
        "dtr.example.com/admin/flask: signer 'alice' has not signed '1'.",
        hint="Let alice sign it.",
        code="signer-missing",
    )
    error.step = 12
    checks = (
        Check(Step.TARGETS, "pass", ""),
        Check(Step.DELEGATIONS, "pass", ""),
        Check(Step.TARGET, "pass", "1 is in targets/releases version 2"),
        Check(Step.SIGNERS, "fail", error.message),
        Check(Step.FRESHNESS, "skip", "not reached"),
        Check(Step.PROVENANCE, "skip", "not reached"),
    )
    verdict = Verdict(FLASK, REJECT, rule="dtr.example.com/admin/*", checks=checks, reason=error)
    return of_verdict(verdict, file="deploy/a b.yml", line=12, path="services.web.image")


def warned() -> Outcome:
    error = NotSignedError("dtr.example.com/admin/cache: no rule.", code="no-rule")
    return of_verdict(Verdict("dtr.example.com/admin/cache:2", WARN, digest=OTHER, reason=error))


def attacked() -> Outcome:
    error = TrustDataError("dtr.example.com/admin/db: version 4 after 7.", code="rollback")
    return of_verdict(
        Verdict("dtr.example.com/admin/db:3", REJECT, reason=error), file="k8s.yml", line=3
    )


def undecided() -> Outcome:
    error = NetworkError("https://dtr.example.com did not answer.", code="timeout")
    return of_verdict(Verdict("dtr.example.com/admin/web:1", REJECT, reason=error))


def hostile() -> Outcome:
    error = NotSignedError(f"{HOSTILE} is not signed.", hint=HOSTILE, code="not-signed")
    checks = (Check(Step.TARGET, "fail", HOSTILE),)
    verdict = Verdict(
        HOSTILE,
        REJECT,
        rule=HOSTILE,
        role=HOSTILE,
        signers=(HOSTILE,),
        checks=checks,
        reason=error,
        custom={HOSTILE: {"url": "javascript:alert(3)", "list": [HOSTILE]}},
    )
    return of_verdict(verdict, file=f"{HOSTILE}.yml", line=1, path=HOSTILE)


def key(name: str, *, signed: bool = True) -> KeyView:
    return KeyView(
        key_id=f"{name}-id".ljust(64, "0"),
        canonical_id=f"{name}-canonical".ljust(64, "0"),
        key_type="ecdsa-x509",
        subject=f"CN={name}",
        not_after=NOW + timedelta(days=400),
        signed=signed,
    )


def role(name: str, *, days: float = 100.0, status: str = "valid", keys: int = 1) -> RoleView:
    listed = tuple(key(f"{name.rpartition('/')[2]}{number}") for number in range(keys))
    return RoleView(name, status, 3, NOW + timedelta(days=days), 1, listed)


def collection() -> Inspection:
    roles = (
        role("root", days=3000, keys=2),
        role("targets", days=900),
        role("snapshot", days=800),
        role("timestamp", days=10),
        role("targets/releases"),
        role("targets/gitlab"),
        role("targets/alice", days=-2, status="expired"),
    )
    tags = (
        TagView(
            "1",
            DIGEST,
            1570,
            ("gitlab",),
            {"targets/releases": DIGEST, "targets/gitlab": DIGEST},
            custom={"provenance": {"pipeline": {"url": "https://gitlab.example.com/-/jobs/7"}}},
        ),
        TagView("2", DIGEST, 1570, (), {"targets/releases": DIGEST, "targets/gitlab": OTHER}),
    )
    return Inspection(GUN, roles, tags)


def hostile_collection() -> Inspection:
    made = collection()
    named = replace(role(f"targets/{HOSTILE}", status=HOSTILE), problem=HOSTILE, paths=(HOSTILE,))
    keyed = replace(named, keys=(replace(key("a"), subject=HOSTILE, key_type=HOSTILE),))
    tag = TagView(
        HOSTILE,
        DIGEST,
        1,
        (HOSTILE,),
        {"targets/releases": DIGEST, keyed.name: OTHER},
        custom={"a": HOSTILE, HOSTILE: "https://x.example/'onmouseover='alert(4)"},
        registry_problem=HOSTILE,
    )
    return Inspection(Gun(GUN), (*made.roles, keyed), (*made.tags, tag))


def large_collection(*, signers: int, tags: int) -> Inspection:
    """Many signers and tags, the first of which have names without a place to break."""
    base = (role("root", days=3000), role("targets"), role("snapshot"), role("timestamp"))
    names = ["a" * 150, *(f"team{number}" for number in range(1, signers))]
    roles = (*base, role("targets/releases"), *(role(f"targets/{name}") for name in names))
    found = [
        TagView(
            "b" * 120 if number == 0 else f"1.{number}",
            DIGEST,
            1570,
            tuple(names),
            {each.name: OTHER if number == 1 else DIGEST for each in roles[5:]},
        )
        for number in range(tags)
    ]
    return Inspection(GUN, roles, tuple(found))
