"""The signing job: each promotion through the gate, then one publish for each collection.

1. Events that sign nothing are skipped; host and allow-list decide before anything is asked.
2. The gate asks DTR and the registry about every promotion at the same time. One that is refused
   does not stop the others.
3. Keys are opened only where something passed.
4. What passed is signed with the digest that was promoted, one publish for each collection; a tag
   that was moved in the meantime is refused there again.
5. DTR is asked whether it sees the signature: ``inNotary`` and not ``hashMismatch``.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from signer.dtr.api import DtrApi
from signer.dtr.case import Case, open_cases
from signer.dtr.custom import add_custom
from signer.dtr.events import Event, Promoted, Skipped, sort_out
from signer.dtr.evidence import Evidence, gather
from signer.dtr.gate import evaluate_gate
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.progress import ShowStage, no_stage
from signer.dtr.promotion import Promotion, split_repository
from signer.dtr.sighting import check_seen
from signer.errors import GateError, SignerError, UsageError
from signer.names import Gun
from signer.signing.allow import check_allowed
from signer.signing.sign import SignRequest, sign_images
from signer.transport.origin import Origin

if TYPE_CHECKING:
    from signer.keys.signers import NotarySigner
    from signer.signing.session import Session

OpenKeys = Callable[[Sequence[Gun]], "Sequence[NotarySigner]"]
"""Opens the keys for some collections; called once, and only where something passed the gate."""


def sign_events(
    session: "Session", events: Iterable[Event], *, settings: JobSettings, open_keys: OpenKeys
) -> list[JobResult]:
    """Sign what events say was promoted, as far as DTR agrees.

    Args:
        session: connections and stores.
        events: as read, of any type.
        settings: what may be signed and how.
        open_keys: opens the signing keys.

    Returns:
        One result for each event, in order: ``signed``, ``up-to-date``, ``skipped``, ``refused``
        or ``failed``.

    Raises:
        UsageError: there is a promotion, but no host is configured, or it is none (``no-host``,
            ``bad-host``).
    """
    outcomes = sort_out(events)
    cases = {
        position: Case(outcome.promotion, outcome.event)
        for position, outcome in enumerate(outcomes)
        if isinstance(outcome, Promoted)
    }
    _process(session, list(cases.values()), settings=settings, open_keys=open_keys)
    return [
        _skipped(outcome, settings)
        if isinstance(outcome, Skipped)
        else cases[position].result(settings)
        for position, outcome in enumerate(outcomes)
    ]


def sign_promotions(
    session: "Session",
    promotions: Iterable[Promotion],
    *,
    settings: JobSettings,
    open_keys: OpenKeys,
    stage: ShowStage = no_stage,
) -> list[JobResult]:
    """Sign promotions that DTR's own records name (``reconcile``), each through the same gate.

    ``stage`` shows how many the gate has answered about.

    Raises:
        UsageError: as ``sign_events``.
    """
    cases = [Case(promotion) for promotion in promotions]
    _process(session, cases, settings=settings, open_keys=open_keys, stage=stage)
    return [case.result(settings) for case in cases]


def _require_host(settings: JobSettings) -> None:
    if not settings.host:
        raise UsageError(
            "No registry is configured, so no event can be believed.",
            hint='Write [registry] host = "HOST[:PORT]" into signer.toml: an event names no host, '
            "and no variable may.",
            code="no-host",
        )


def _process(
    session: "Session",
    cases: Sequence[Case],
    *,
    settings: JobSettings,
    open_keys: OpenKeys,
    stage: ShowStage = no_stage,
) -> None:
    """Steps 1 to 5 for all cases; what becomes of each is noted in it."""
    if not cases:
        return
    _require_host(settings)
    for case in cases:
        _admit(case, settings)
    api = DtrApi(session.pool, settings.host, credentials=session.credentials)
    _ask_gate(session, api, open_cases(cases), settings=settings, stage=stage)
    _refuse_rivals(open_cases(cases), settings)
    passed = open_cases(cases)
    if not passed:
        return
    try:
        signers = open_keys(list(dict.fromkeys(case.wanted.reference.gun for case in passed)))
    except SignerError as error:
        for case in passed:
            case.error = error
        return
    add_custom(session, passed, signers, settings=settings)
    _sign(session, passed, signers, settings=settings)
    if not settings.dry_run:
        _look_up(session, api, passed, settings=settings)


def _admit(case: Case, settings: JobSettings) -> None:
    """Step 1: the configured host, the allow-list for the target, and names that a DTR can have."""
    reference = case.promotion.target_at(settings.host)
    case.request = SignRequest(reference, case.promotion.digest)
    try:
        check_allowed(reference, host=settings.host, allow=settings.allow)
    except GateError as error:
        case.error = error
        return
    try:
        for repository in (case.promotion.target_repository, case.promotion.source_repository):
            split_repository(repository)
    except UsageError as error:
        case.error = error


def _ask_gate(
    session: "Session",
    api: DtrApi,
    cases: Sequence[Case],
    *,
    settings: JobSettings,
    stage: ShowStage,
) -> None:
    """Step 2; the collections are read meanwhile."""
    if not cases:  # none is allowed
        return
    session.prefetch(dict.fromkeys(str(case.wanted.reference) for case in cases))
    jobs = [
        (case, session.collections.submit(_evidence, session, api, case, settings=settings))
        for case in cases
    ]
    with stage("Asking DTR about promoted tags", len(jobs)) as advance:
        for case, job in jobs:
            try:
                case.evidence = job.result()
                case.report = evaluate_gate(case.promotion, case.evidence, settings.conditions)
                case.report.require()
            except SignerError as error:
                case.error = error
            advance()


def _evidence(session: "Session", api: DtrApi, case: Case, *, settings: JobSettings) -> Evidence:
    return gather(
        api,
        session.registry(case.wanted.reference),
        case.promotion,
        executor=session.requests,
        with_policy=settings.conditions.promoted,
    )


def _refuse_rivals(cases: Sequence[Case], settings: JobSettings) -> None:
    """Refuse a second digest for a tag: it was moved between two questions of the gate."""
    first: dict[str, Case] = {}
    for case in cases:
        rival = first.setdefault(case.promotion.target, case)
        if rival.promotion.digest != case.promotion.digest:
            case.error = GateError(
                f"{case.image(settings.host)} has both {rival.promotion.digest} and "
                f"{case.promotion.digest} by these events.",
                hint="The tag is being moved. Sign the newest promotion.",
                code="digest-differs",
            )


def _sign(
    session: "Session",
    cases: Sequence[Case],
    signers: "Sequence[NotarySigner]",
    *,
    settings: JobSettings,
) -> None:
    """Step 4: one request for each image, however many events there are for it."""
    requests = {case.image(settings.host): case.wanted for case in cases}
    try:
        results = sign_images(
            session,
            list(requests.values()),
            signers=signers,
            signer=settings.signer,
            dry_run=settings.dry_run,
        )
    except SignerError as error:  # a key cannot sign
        for case in cases:
            case.error = error
        return
    by_image = dict(zip(requests, results, strict=True))
    for case in cases:
        case.signed = by_image[case.image(settings.host)]
        case.error = case.signed.error


def _look_up(
    session: "Session", api: DtrApi, cases: Sequence[Case], *, settings: JobSettings
) -> None:
    """Step 5, for all images at the same time."""
    done = [case for case in cases if case.signed and case.error is None]
    gun = Gun(f"{settings.host}/")
    own_notary = Origin.of(session.server_url(gun)).authority == api.host
    jobs = [
        (
            case,
            session.collections.submit(
                check_seen, api, case.promotion, own_notary=own_notary, sleep=session.sleep
            ),
        )
        for case in done
    ]
    for case, job in jobs:
        try:
            warning = job.result()
        except SignerError as error:
            case.error = error
            continue
        if warning and case.signed:
            case.signed = replace(case.signed, warnings=(*case.signed.warnings, warning))


def _skipped(outcome: Skipped, settings: JobSettings) -> JobResult:
    about = outcome.event.about
    image = f"{settings.host}/{about}" if about and settings.host else about
    return JobResult(image, "skipped", event=outcome.event, reason=outcome.reason)
