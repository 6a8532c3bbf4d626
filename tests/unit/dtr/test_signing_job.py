"""The signing job: which events reach a signature, and what becomes of each.

The publish itself is a recorder here; ``tests/e2e/test_promotions.py`` has the real one.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

import signer.dtr.signing_job as job
from signer.dtr.events import Promoted, decode_event, sort_out
from signer.dtr.gate import GateConditions, GateReport
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.provenance import Pipeline
from signer.errors import (
    AuthError,
    ExitCode,
    GateError,
    KeyUnusableError,
    NetworkError,
    PassphraseError,
    SignerError,
    UsageError,
)
from signer.keys.signers import FileSigner
from signer.names import Gun
from signer.signing.session import Session, Settings
from signer.signing.sign import SignRequest, SignResult
from signer.transport.http import HttpPool
from tests.attacks.keys import private_key
from tests.unit.dtr.bodies import TAG_PUSH, text
from tests.unit.dtr.stub import API, HOST, POLICY, SOURCE, TAG, TARGET, StubDtr, manifest

IMAGE = f"{HOST}/{TARGET}:{TAG}"
SETTINGS = JobSettings(
    host=HOST,
    allow=("admin/*",),
    conditions=GateConditions(max_critical=0),
    signer="gitlab",
    pipeline=Pipeline("https://ci.example.com/7"),
)


class StubSession(Session):
    """A session whose connections all lead to a stub."""

    def __init__(self, directory: Path, connections: HttpPool) -> None:
        settings = Settings(
            directory / "trust",
            directory / "docker",
            environment={"DTR_USERNAME": "admin", "DTR_PASSWORD": "worthless-example"},
        )
        self.waits: list[float] = []
        super().__init__(settings, sleep=self.waits.append)
        self.connections = connections

    @property
    def pool(self) -> HttpPool:
        """The stub's connections."""
        return self.connections


class Recorder:
    """Takes the place of ``sign_images``: DTR sees every signature at once."""

    def __init__(self, dtr: StubDtr) -> None:
        self.dtr = dtr
        self.calls: list[list[SignRequest]] = []
        self.options: dict[str, Any] = {}
        self.error: SignerError | None = None
        self.in_notary: bool | None = True

    def __call__(
        self, _session: Session, images: Sequence[SignRequest], **options: object
    ) -> list[SignResult]:
        """Record and succeed."""
        self.calls.append(list(images))
        self.options = options
        if self.error:
            raise self.error
        for request in images:
            path = f"{request.reference.path}:{request.reference.tag}"
            self.dtr.tags[path]["inNotary"] = self.in_notary
        return [
            SignResult(str(request.reference), "signed", digest=request.digest)
            for request in images
        ]


@pytest.fixture
def session(tmp_path: Path, pool: HttpPool) -> StubSession:
    """A session on the stub."""
    return StubSession(tmp_path, pool)


@pytest.fixture
def published(dtr: StubDtr, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """What would have been published."""
    recorder = Recorder(dtr)
    monkeypatch.setattr(job, "sign_images", recorder)
    return recorder


def body(dtr: StubDtr, tag: str = TAG, **changes: object) -> dict[str, Any]:
    """The event of a promotion, true unless it is changed."""
    contents = {
        "promotionPolicyID": POLICY,
        "digest": dtr.tags.get(f"{TARGET}:{tag}", dtr.tags[f"{TARGET}:{TAG}"])["digest"],
        "sourceRepository": SOURCE,
        "sourceTag": tag,
        "targetRepository": TARGET,
        "targetTag": tag,
        "promotedAt": "2026-11-22T01:55:19.3Z",
    }
    return {"type": "PROMOTION", "contents": {**contents, **changes}}


opened: list[list[Gun]] = []


def open_keys(guns: Sequence[Gun]) -> list[Any]:
    opened.append(list(guns))
    return [FileSigner(private_key("a key"))]


@pytest.fixture(autouse=True)
def nothing_opened() -> None:
    """Forget the keys that another test opened."""
    opened.clear()


def run(
    session: StubSession, *bodies: dict[str, Any], settings: JobSettings = SETTINGS
) -> list[JobResult]:
    events = [decode_event(text(each), source=f"event {n}") for n, each in enumerate(bodies)]
    with session:
        return job.sign_events(session, events, settings=settings, open_keys=open_keys)


def test_what_was_promoted_is_signed_with_its_digest_and_provenance(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    (result,) = run(session, body(dtr))
    assert (result.image, result.status, result.error) == (IMAGE, "signed", None)
    assert result.digest == dtr.tags[f"{TARGET}:{TAG}"]["digest"]
    assert result.warnings == ()
    assert result.gate is not None
    assert result.gate.failed == ()
    assert opened == [[f"{HOST}/{TARGET}"]]
    ((request,),) = published.calls
    assert request.digest == result.digest
    assert request.custom["provenance"]["promotion"]["from"] == f"{SOURCE}:{TAG}"
    assert request.custom["provenance"]["scan"]["critical"] == 0
    assert request.custom["provenance"]["pipeline"] == {"url": "https://ci.example.com/7"}
    assert published.options["signer"] == "gitlab"


def test_provenance_can_be_left_out_and_annotations_added(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    settings = dataclasses.replace(SETTINGS, with_provenance=False)
    run(session, body(dtr), settings=settings)
    run(session, body(dtr), settings=dataclasses.replace(settings, annotations={"team": "a"}))
    assert [call[0].custom for call in published.calls] == [None, {"team": "a"}]


def test_many_events_are_one_call_with_refused_ones_beside(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    for tag in ("1", "2", "3"):
        dtr.promote(tag, manifest(tag))
    results = run(
        session,
        body(dtr, "1"),
        TAG_PUSH,
        body(dtr, "2", sourceTag="forged"),
        body(dtr, "3"),
        body(dtr, "1"),
        body(dtr, "never"),
    )
    assert [result.status for result in results] == [
        "signed",
        "skipped",
        "refused",
        "signed",
        "skipped",
        "refused",
    ]
    assert [[f"{request.reference}" for request in call] for call in published.calls] == [
        [f"{HOST}/{TARGET}:1", f"{HOST}/{TARGET}:3"]
    ]
    assert "TAG_PUSH" in results[1].reason
    assert "twice" in results[4].reason
    assert results[2].image == f"{HOST}/{TARGET}:2"
    assert isinstance(results[2].error, GateError)


def test_a_forged_event_beside_the_true_one_does_not_hide_it(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    results = run(session, body(dtr, sourceTag="forged"), body(dtr))
    assert [result.status for result in results] == ["refused", "signed"]
    assert len(published.calls) == 1


def test_events_that_sign_nothing_ask_nothing_and_open_no_key(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    zero = body(dtr, promotedAt="0001-01-01T00:00:00Z")
    results = run(session, TAG_PUSH, zero)
    assert [result.status for result in results] == ["skipped", "skipped"]
    assert [result.image for result in results] == [f"{HOST}/{SOURCE}:latest", IMAGE]
    assert dtr.asked == []
    assert opened == []
    assert published.calls == []


def test_events_that_sign_nothing_need_no_configuration(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    (result,) = run(session, TAG_PUSH, settings=JobSettings(host=""))
    assert (result.status, result.image) == ("skipped", f"{SOURCE}:latest")
    assert (dtr.asked, published.calls) == ([], [])


def test_a_refusal_opens_no_key(session: StubSession, dtr: StubDtr, published: Recorder) -> None:
    dtr.tags[f"{TARGET}:{TAG}"]["promotion"] = None
    (result,) = run(session, body(dtr))
    assert (result.status, opened, published.calls) == ("refused", [], [])
    assert result.gate is not None
    assert [condition.code for condition in result.gate.failed] == ["promotion-record"]


@pytest.mark.parametrize(
    "repository", ["other/flask", "admin/flask/deeper", "evil.example.com/admin/flask", "flask"]
)
def test_a_repository_that_is_not_allowed_is_refused_before_anything_is_asked(
    session: StubSession, dtr: StubDtr, published: Recorder, repository: str
) -> None:
    (result,) = run(session, body(dtr, targetRepository=repository))
    assert (result.status, result.gate, dtr.asked, published.calls) == ("refused", None, [], [])
    assert result.error is not None
    assert result.error.code == "not-allowed"


@pytest.mark.parametrize("field", ["targetRepository", "sourceRepository"])
@pytest.mark.parametrize("repository", ["flask", "admin/flask/deeper"])
def test_a_name_that_no_dtr_has_is_a_wrong_event_and_asks_nobody(
    session: StubSession, dtr: StubDtr, published: Recorder, field: str, repository: str
) -> None:
    settings = dataclasses.replace(SETTINGS, allow=None)
    (result,) = run(session, body(dtr, **{field: repository}), settings=settings)
    assert (result.status, dtr.asked, published.calls) == ("failed", [], [])
    assert result.error is not None
    assert (result.error.code, result.error.exit_code) == ("bad-repository", ExitCode.USAGE)


def test_without_a_configured_host_no_event_is_believed(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    for host, code in (("", "no-host"), ("dtr", "bad-host"), ("https://x.example.com", "bad-host")):
        with pytest.raises(UsageError) as caught:
            run(session, body(dtr), settings=dataclasses.replace(SETTINGS, host=host))
        assert caught.value.code == code
    assert published.calls == []


@pytest.mark.parametrize(
    ("status", "kind"), [(503, NetworkError), (401, AuthError), (403, AuthError)]
)
def test_a_dtr_that_does_not_answer_signs_nothing(
    session: StubSession,
    dtr: StubDtr,
    published: Recorder,
    status: int,
    kind: type[SignerError],
) -> None:
    dtr.answers[f"{API}/imagescan/scansummary/repositories/{SOURCE}/{TAG}"] = httpx.Response(status)
    (result,) = run(session, body(dtr))
    assert result.status == "failed"
    assert isinstance(result.error, kind)
    assert published.calls == []


def test_a_key_that_cannot_be_opened_fails_what_passed_and_leaves_refusals_as_they_are(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    def locked(_guns: Sequence[Gun]) -> list[Any]:
        raise PassphraseError("The passphrase is wrong.")

    events = [
        decode_event(text(each), source="e") for each in (body(dtr), body(dtr, sourceTag="forged"))
    ]
    with session:
        results = job.sign_events(session, events, settings=SETTINGS, open_keys=locked)
    assert [result.status for result in results] == ["failed", "refused"]
    assert isinstance(results[0].error, PassphraseError)
    assert published.calls == []


def test_a_key_that_cannot_sign_fails_what_passed(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    published.error = KeyUnusableError("The key cannot sign.")
    (result,) = run(session, body(dtr))
    assert (result.status, result.error) == ("failed", published.error)


# DTR's view afterwards


def test_dtr_is_given_time_to_see_the_signature(
    session: StubSession, dtr: StubDtr, published: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    published.in_notary = False

    def wait(seconds: float) -> None:
        session.waits.append(seconds)
        dtr.tags[f"{TARGET}:{TAG}"]["inNotary"] = True

    monkeypatch.setattr(session, "sleep", wait)
    (result,) = run(session, body(dtr))
    assert (result.status, session.waits) == ("signed", [1.0])


def test_a_signature_that_dtr_never_sees_is_a_failure(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    published.in_notary = False
    (result,) = run(session, body(dtr))
    assert result.status == "failed"
    assert result.error is not None
    assert result.error.code == "not-in-notary"
    assert session.waits == [1.0, 1.0]


def test_a_dtr_that_does_not_say_is_a_warning(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    published.in_notary = None
    (result,) = run(session, body(dtr))
    assert result.status == "signed"
    assert "does not say" in result.warnings[0]


@pytest.mark.parametrize("change", [{"hashMismatch": True}, {"digest": "sha256:" + "0" * 64}])
def test_a_tag_that_was_moved_while_it_was_signed_is_a_failure_of_the_gates_kind(
    session: StubSession,
    dtr: StubDtr,
    published: Recorder,
    change: dict[str, object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def moved(*arguments: Any, **options: Any) -> list[SignResult]:  # noqa: ANN401 - passed on
        results = published(*arguments, **options)
        dtr.tags[f"{TARGET}:{TAG}"] |= change
        return results

    monkeypatch.setattr(job, "sign_images", moved)
    (result,) = run(session, body(dtr))
    assert result.status == "failed"
    assert isinstance(result.error, GateError)
    assert result.error.code == "digest-differs"


def test_another_notary_server_than_dtrs_is_a_warning(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    published.in_notary = False
    session.settings = dataclasses.replace(session.settings, server="https://notary.example.com")
    (result,) = run(session, body(dtr))
    assert result.status == "signed"
    assert "another Notary server" in result.warnings[0]
    assert session.waits == []


def test_a_dry_run_publishes_nothing_and_does_not_look(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    published.in_notary = False
    (result,) = run(session, body(dtr), settings=dataclasses.replace(SETTINGS, dry_run=True))
    assert published.options["dry_run"] is True
    assert (result.status, result.warnings) == ("signed", ())


def test_two_digests_for_one_tag_are_not_both_signed(
    session: StubSession, dtr: StubDtr, published: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The tag moves between two questions, so that the gate admits both.
    monkeypatch.setattr(GateReport, "require", lambda _report: None)
    results = run(session, body(dtr), body(dtr, digest="sha256:" + "0" * 64))
    assert [result.status for result in results] == ["signed", "refused"]
    assert len(published.calls[0]) == 1


def test_promotions_by_dtrs_own_record_pass_the_same_gate(
    session: StubSession, dtr: StubDtr, published: Recorder
) -> None:
    outcome = sort_out([decode_event(text(body(dtr)), source="e")])[0]
    assert isinstance(outcome, Promoted)
    dtr.scans[f"{SOURCE}:{TAG}"][0]["critical"] = 1
    with session:
        (result,) = job.sign_promotions(
            session, [outcome.promotion], settings=SETTINGS, open_keys=open_keys
        )
    assert (result.status, published.calls) == ("refused", [])
