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
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from signer.dialect.canonical import Json
from signer.dtr.api import DtrApi
from signer.dtr.events import Event, Promoted, Skipped, sort_out
from signer.dtr.evidence import Evidence, gather
from signer.dtr.gate import GateReport, evaluate_gate
from signer.dtr.job import JobResult, JobSettings
from signer.dtr.progress import ShowStage, no_stage
from signer.dtr.promotion import Promotion
from signer.dtr.provenance import is_same_provenance, provenance
from signer.dtr.sighting import check_seen
from signer.errors import GateError, SignerError, UsageError
from signer.names import Gun
from signer.publish.signing import Keyring
from signer.signing.allow import check_allowed
from signer.signing.roles import signable_roles
from signer.signing.sign import SignRequest, SignResult, sign_images
from signer.transport.origin import Origin
from signer.trust.role import digest_of

if TYPE_CHECKING:
    from concurrent.futures import Future

    from signer.keys.signers import NotarySigner
    from signer.signing.session import Session
    from signer.trust.collection import TrustedCollection

OpenKeys = Callable[[Sequence[Gun]], "Sequence[NotarySigner]"]
"""Opens the keys for some collections; called once, and only where something passed the gate."""


@dataclass
class _Case:
    """One promotion on its way; ``error`` and ``report`` are filled in as they become known."""

    promotion: Promotion
    event: Event | None = None
    request: SignRequest | None = None
    report: GateReport | None = None
    evidence: Evidence | None = None
    error: SignerError | None = None
    signed: SignResult | None = None

    def image(self, host: str) -> str:
        return f"{host}/{self.promotion.target}"


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
        position: _Case(outcome.promotion, outcome.event)
        for position, outcome in enumerate(outcomes)
        if isinstance(outcome, Promoted)
    }
    _process(session, list(cases.values()), settings=settings, open_keys=open_keys)
    return [
        _skipped(outcome, settings)
        if isinstance(outcome, Skipped)
        else _result(cases[position], settings)
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
    cases = [_Case(promotion) for promotion in promotions]
    _process(session, cases, settings=settings, open_keys=open_keys, stage=stage)
    return [_result(case, settings) for case in cases]


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
    cases: Sequence[_Case],
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
    _ask_gate(session, api, _open(cases), settings=settings, stage=stage)
    _refuse_rivals(_open(cases), settings)
    passed = _open(cases)
    if not passed:
        return
    try:
        signers = open_keys(list(dict.fromkeys(_request(case).reference.gun for case in passed)))
    except SignerError as error:
        for case in passed:
            case.error = error
        return
    _add_custom(session, passed, signers, settings=settings)
    _sign(session, passed, signers, settings=settings)
    if not settings.dry_run:
        _look_up(session, api, passed, settings=settings)


def _open(cases: Iterable[_Case]) -> list[_Case]:
    return [case for case in cases if case.error is None]


def _request(case: _Case) -> SignRequest:
    if case.request is None:
        raise RuntimeError("a case without request is not open")
    return case.request


def _admit(case: _Case, settings: JobSettings) -> None:
    """Step 1: the configured host, and the allow-list for the target."""
    reference = case.promotion.target_at(settings.host)
    case.request = SignRequest(reference, case.promotion.digest)
    try:
        check_allowed(reference, host=settings.host, allow=settings.allow)
    except GateError as error:
        case.error = error


def _ask_gate(
    session: "Session",
    api: DtrApi,
    cases: Sequence[_Case],
    *,
    settings: JobSettings,
    stage: ShowStage,
) -> None:
    """Step 2; the collections are read meanwhile."""
    if not cases:  # none is allowed
        return
    session.prefetch(dict.fromkeys(str(_request(case).reference) for case in cases))
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


def _evidence(session: "Session", api: DtrApi, case: _Case, *, settings: JobSettings) -> Evidence:
    return gather(
        api,
        session.registry(_request(case).reference),
        case.promotion,
        executor=session.requests,
        with_policy=settings.conditions.promoted,
    )


def _refuse_rivals(cases: Sequence[_Case], settings: JobSettings) -> None:
    """Refuse a second digest for a tag: it was moved between two questions of the gate."""
    first: dict[str, _Case] = {}
    for case in cases:
        rival = first.setdefault(case.promotion.target, case)
        if rival.promotion.digest != case.promotion.digest:
            case.error = GateError(
                f"{case.image(settings.host)} has both {rival.promotion.digest} and "
                f"{case.promotion.digest} by these events.",
                hint="The tag is being moved. Sign the newest promotion.",
                code="digest-differs",
            )


def _add_custom(
    session: "Session",
    cases: Sequence[_Case],
    signers: "Sequence[NotarySigner]",
    *,
    settings: JobSettings,
) -> None:
    """Decide what is signed beside each digest; what is there stays where it says the same."""
    if not settings.with_provenance and not settings.annotations:
        return
    keyring = Keyring(signers)
    guns = dict.fromkeys(_request(case).reference.gun for case in cases)
    reads = {gun: session.collections.submit(session.client(gun).update) for gun in guns}
    collections = {gun: _collection(read) for gun, read in reads.items()}
    for case in cases:
        request = _request(case)
        custom = dict(settings.annotations)
        if settings.with_provenance:
            custom |= provenance(
                case.promotion,
                scans=case.evidence.scans if case.evidence else (),
                pipeline=settings.pipeline,
                sbom=settings.sbom,
            )
        collection = collections[request.reference.gun]
        keeps = collection is not None and _says_the_same(
            collection, request, custom, keyring=keyring, signer=settings.signer
        )
        case.request = replace(request, custom=None if keeps else custom)


def _collection(read: "Future[TrustedCollection]") -> "TrustedCollection | None":
    try:
        return read.result()
    except SignerError:
        return None  # signing reads it again, and says what is wrong


def _says_the_same(
    collection: "TrustedCollection",
    request: SignRequest,
    custom: Json,
    *,
    keyring: Keyring,
    signer: str,
) -> bool:
    """Tell whether every role that would be signed has this digest and provenance already."""
    tag = request.reference.tag
    try:
        roles = signable_roles(collection, tag, keyring=keyring, signer=signer)
    except SignerError:
        return False
    for role in roles:
        entry = collection.find(role, tag)
        if entry is None or digest_of(entry) != request.digest:
            return False
        if not is_same_provenance(entry.custom, custom):
            return False
    return True


def _sign(
    session: "Session",
    cases: Sequence[_Case],
    signers: "Sequence[NotarySigner]",
    *,
    settings: JobSettings,
) -> None:
    """Step 4: one request for each image, however many events there are for it."""
    requests = {case.image(settings.host): _request(case) for case in cases}
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
    session: "Session", api: DtrApi, cases: Sequence[_Case], *, settings: JobSettings
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


def _result(case: _Case, settings: JobSettings) -> JobResult:
    base = case.signed or SignResult(case.image(settings.host), "failed")
    status = base.status
    if case.error is not None:
        published = base.error is None and case.signed is not None
        refused = isinstance(case.error, GateError) and not published
        status = "refused" if refused else "failed"
    return JobResult(
        image=base.image,
        status=status,
        digest=base.digest or _seen_digest(case),
        previous_digest=base.previous_digest,
        roles=base.roles,
        key_ids=base.key_ids,
        versions=base.versions,
        warnings=base.warnings,
        error=case.error,
        event=case.event,
        promotion=case.promotion,
        gate=case.report,
        custom=case.request.custom if case.request else None,
    )


def _seen_digest(case: _Case) -> str:
    return case.evidence.manifest_digest if case.evidence else ""
