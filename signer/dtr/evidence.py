"""What DTR and the registry say about a promotion, gathered all at once.

What does not exist is None or empty: the gate says what that means. Any other failure (no answer,
no rights) is raised: not to know is not the same as to know that there is nothing.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeVar

import msgspec

from signer.dtr.answers import PromotionPolicy, Scan, Tag
from signer.dtr.promotion import Promotion
from signer.errors import NotFoundError

if TYPE_CHECKING:
    from signer.dtr.api import DtrApi
    from signer.transport.registry import Manifest, Registry

_Found = TypeVar("_Found")
_UNKNOWN: Final = "unknown"
_ATTESTATION: Final = "attestation-manifest"
_REFERENCE_TYPE: Final = "vnd.docker.reference.type"


@dataclass(frozen=True)
class Platform:
    """A platform of a manifest list."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)


@dataclass(frozen=True)
class Evidence:
    """Answers about one promotion."""

    tag: Tag | None = None
    """The target's tag in DTR."""

    source: Tag | None = None
    """The source's tag in DTR."""

    policy: PromotionPolicy | None = None
    """The policy that the event names, of the source repository; None also where not asked."""

    scans: tuple[Scan, ...] = ()
    """The source's scans."""

    manifest_digest: str = ""
    """``sha256:HEX`` of the registry's manifest of the target, computed; or empty."""

    is_index: bool = False
    """Whether that manifest is a list of several platforms."""

    platforms: tuple[Platform, ...] = field(default=())
    """The platforms of a manifest list."""


def gather(
    api: "DtrApi",
    registry: "Registry",
    promotion: Promotion,
    *,
    executor: Executor,
    with_policy: bool = True,
) -> Evidence:
    """Ask DTR and the registry about a promotion, all questions at the same time.

    Args:
        api: the DTR.
        registry: the registry of the same host.
        promotion: what an event claims.
        executor: runs the requests; this must not be called in one of its own threads.
        with_policy: whether the policy matters.

    Raises:
        SignerError: as ``DtrApi`` and ``Registry.manifest`` raise, but for things not found.
    """

    def ask(question: Callable[[], _Found]) -> "Future[_Found | None]":
        return executor.submit(_or_none, question)

    source, target = promotion.source_repository, promotion.target_repository
    tag = ask(lambda: api.tag(target, promotion.target_tag))
    source_tag = ask(lambda: api.tag(source, promotion.source_tag))
    scans = ask(lambda: api.scan_summary(source, promotion.source_tag))
    found = ask(lambda: registry.manifest(target, promotion.target_tag))
    policy = None
    if with_policy and promotion.policy_id:
        policy = ask(lambda: api.promotion_policy(source, promotion.policy_id))
    manifest = found.result()
    return Evidence(
        tag=tag.result(),
        source=source_tag.result(),
        policy=policy.result() if policy else None,
        scans=tuple(
            scan
            for scan in scans.result() or ()
            if scan.tag in {None, promotion.source_tag}  # of another tag it proves nothing
        ),
        manifest_digest=manifest.digest if manifest else "",
        is_index=manifest.is_index if manifest else False,
        platforms=platforms_of(manifest) if manifest else (),
    )


def _or_none(question: Callable[[], _Found]) -> _Found | None:
    try:
        return question()
    except NotFoundError:
        return None


class _Platform(msgspec.Struct):
    os: str = ""
    architecture: str = ""
    variant: str = ""


class _Entry(msgspec.Struct):
    platform: _Platform | None = None
    annotations: dict[str, str] | None = None


class _Index(msgspec.Struct):
    manifests: list[_Entry] | None = None


_INDEX: Final = msgspec.json.Decoder(_Index)


def platforms_of(manifest: "Manifest") -> tuple[Platform, ...]:
    """Return the platforms that a manifest list has; empty for a single image.

    Attestations, which builders put beside the images as platform ``unknown/unknown`` with an
    annotation, are no platforms. An entry that says nothing is one whose scan cannot be found.

    Source: OCI image specification, "Image Index".
    """
    if not manifest.is_index:
        return ()
    try:
        entries = _INDEX.decode(manifest.content).manifests or []
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()  # an index without a platform that can be read never passes the gate
    found = []
    for entry in entries:
        platform = entry.platform or _Platform()
        os, architecture = platform.os or _UNKNOWN, platform.architecture or _UNKNOWN
        is_attestation = (entry.annotations or {}).get(_REFERENCE_TYPE) == _ATTESTATION
        if is_attestation and os == architecture == _UNKNOWN:
            continue
        found.append(Platform(os, architecture, platform.variant))
    return tuple(found)
