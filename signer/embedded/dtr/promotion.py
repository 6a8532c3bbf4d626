"""Promotion: an image that meets a policy's rules is copied to the policy's target.

Rules:

- policies run when a tag is set and when a scan ends, in the same transaction: whoever has the
  answer to the push or to the scan sees what was promoted;
- the manifest is copied with all that it refers to, and never a signature;
- a policy pushes with its author's rights, and no more: not over an immutable tag either. What it
  may not do is logged, and harms no push;
- what a promotion sets is a push to the target, so policies may follow each other; none runs twice
  for one push.

Source: dtr-ucp-ci reference, B.1, B.2 (``promotion``), B.5.
"""

import logging
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from signer.embedded.access import Access, split_path
from signer.embedded.accounts import Accounts
from signer.embedded.blobs import Blobs
from signer.embedded.database import Database
from signer.embedded.dtr.events import ImagePromoted, TagScanned
from signer.embedded.dtr.policies import Policies, Policy
from signer.embedded.dtr.rules import Facts, unmet
from signer.embedded.dtr.scans import Scans
from signer.embedded.dtr.templates import render
from signer.embedded.errors import ApiError
from signer.embedded.events import Event, TagDeleted, TagPushed
from signer.embedded.identity import PUSH, Identity
from signer.embedded.images import Images, Tag
from signer.embedded.manifests import parse_manifest
from signer.embedded.repositories import Repositories, Repository, utc_now

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS promotions (
    repository TEXT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
    tag TEXT NOT NULL,
    digest TEXT NOT NULL,
    policy TEXT NOT NULL,
    source_repository TEXT NOT NULL,
    source_tag TEXT NOT NULL,
    promoted_at TEXT NOT NULL,
    PRIMARY KEY (repository, tag)
);
"""

_MAX_CHAIN: Final = 8
_CHAIN: ContextVar[tuple[str, ...]] = ContextVar("policies that led to this push", default=())
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class PromotionRecord:
    """Where a tag was promoted from; ``policy_id`` is empty where a person did it."""

    policy_id: str
    source_repository: str
    source_tag: str

    def shown(self) -> dict[str, Any]:
        """Return it as the API shows it beside a tag."""
        return {
            "promotionPolicyID": self.policy_id,
            "sourceRepository": self.source_repository,
            "sourceTag": self.source_tag,
            "string": f"Promoted from {self.source_repository}:{self.source_tag}",
        }


class Promotions:
    """Promotes, and remembers what was promoted.

    Args:
        database: where it is remembered; its table is made here.
        repositories: told of promotions.
        images: manifests and tags.
        blobs: layers and configurations.
        access: what a policy's author may do.
        accounts: who that is.
        policies: what to do.
        scans: what rules are about.
        now: the clock.
    """

    def __init__(
        self,
        database: Database,
        *,
        repositories: Repositories,
        images: Images,
        blobs: Blobs,
        access: Access,
        accounts: Accounts,
        policies: Policies,
        scans: Scans,
        now: Callable[[], str] = utc_now,
    ) -> None:
        self._database = database
        self._repositories = repositories
        self._images = images
        self._blobs = blobs
        self._access = access
        self._accounts = accounts
        self._policies = policies
        self._scans = scans
        self._now = now
        database.create(SCHEMA)

    def on_event(self, event: Event) -> None:
        """Follow a push or a scan with promotions; called inside its transaction."""
        match event:
            case TagPushed(tag=name) | TagScanned(tag=name):
                repository = self._repositories.get(event.namespace, event.name)
                policies = self._policies.of(repository)
                if policies:
                    self.evaluate(repository, self._images.tag(repository, name), policies)
            case TagDeleted():
                self._forget(event)
            case _:
                pass

    def evaluate(self, repository: Repository, tag: Tag, policies: Sequence[Policy]) -> None:
        """Promote a tag by each of these policies that is enabled and whose rules hold."""
        chain = _CHAIN.get()
        with self._database.write():
            for policy in policies:
                if not policy.content.enabled or policy.id in chain or len(chain) >= _MAX_CHAIN:
                    continue
                facts = Facts(tag.name, self._scans.of(repository, tag.digest))
                if unmet(policy.content.rules, facts):
                    continue
                token = _CHAIN.set((*chain, policy.id))
                try:
                    self._promote_by(policy, repository, tag)
                finally:
                    _CHAIN.reset(token)

    def promote(
        self,
        repository: Repository,
        tag: Tag,
        *,
        target: str,
        target_tag: str,
        identity: Identity,
        policy_id: str = "",
    ) -> PromotionRecord:
        """Copy a tag's image to a target, in one transaction.

        Args:
            repository: the source.
            tag: what is promoted.
            target: ``NAMESPACE/REPO``; made if need be, as by a push.
            target_tag: the tag there.
            identity: whose rights to the target count.
            policy_id: the policy that asks for it.

        Raises:
            ApiError: 403 without the rights, or where the target's tag is immutable.
        """
        namespace, name = require_target(self._access, identity, target)
        with self._database.write() as connection:
            goal = self._repositories.ensure(namespace, name, author=identity.name)
            self._images.require_mutable(goal, target_tag, tag.digest)
            self._copy(repository, goal, tag.digest)
            # Remembered first: whoever hears of the new tag finds where it comes from.
            record = PromotionRecord(policy_id, repository.path, tag.name)
            at = self._now()
            connection.execute(
                "INSERT OR REPLACE INTO promotions VALUES (?, ?, ?, ?, ?, ?, ?)",
                (goal.id, target_tag, tag.digest, policy_id, repository.path, tag.name, at),
            )
            event = ImagePromoted(
                repository.namespace,
                repository.name,
                identity.name,
                at,
                policy_id,
                tag.digest,
                tag.name,
                goal.path,
                target_tag,
            )
            self._images.set_tag(goal, target_tag, tag.digest, author=identity.name)
            self._repositories.happened(event)
        return record

    def record(self, repository: Repository, tag: Tag) -> PromotionRecord | None:
        """Return where a tag was promoted from; None once it was pushed over."""
        return self.records(repository).get((tag.name, tag.digest))

    def records(self, repository: Repository) -> dict[tuple[str, str], PromotionRecord]:
        """Return all that was promoted to a repository, by tag and digest."""
        with self._database.read() as connection:
            rows = connection.execute(
                "SELECT tag, digest, policy, source_repository, source_tag FROM promotions "
                "WHERE repository = ?",
                (repository.id,),
            ).fetchall()
        return {(tag, digest): PromotionRecord(*source) for tag, digest, *source in rows}

    def _promote_by(self, policy: Policy, repository: Repository, tag: Tag) -> None:
        try:
            author = self._accounts.identity(policy.author)
            if author is None:
                raise ApiError(403, "DENIED", f"its author {policy.author} has no account any more")
            at = datetime.fromisoformat(self._now())
            self.promote(
                repository,
                tag,
                target=policy.content.target_repository,
                target_tag=render(policy.content.tag_template, tag=tag.name, at=at),
                identity=author,
                policy_id=policy.id,
            )
        except ApiError as error:
            _LOG.warning(
                "policy %s did not promote %s:%s: %s",
                policy.id,
                repository.path,
                tag.name,
                error.message,
            )

    def _copy(self, source: Repository, target: Repository, digest: str) -> None:
        """Copy a manifest and all below it; nothing is written before all of it was found."""
        manifests = [self._images.manifest(source, digest)]
        for manifest in manifests:
            content = parse_manifest(manifest.content, media_type=manifest.media_type)
            for entry in content.manifests:
                child = self._images.manifest(source, entry.digest)
                if child not in manifests:
                    manifests.append(child)  # the loop goes on with it
        for manifest in reversed(manifests):
            content = parse_manifest(manifest.content, media_type=manifest.media_type)
            if source.id != target.id:
                self._blobs.copy(source, target, list(content.blobs))
            self._images.put_manifest(
                target, manifest.content, media_type=manifest.media_type, author=manifest.author
            )

    def _forget(self, event: TagDeleted) -> None:
        repository = self._repositories.get(event.namespace, event.name)
        with self._database.write() as connection:
            connection.execute(
                "DELETE FROM promotions WHERE repository = ? AND tag = ?",
                (repository.id, event.tag),
            )


def require_target(access: Access, identity: Identity, target: str) -> tuple[str, str]:
    """Return namespace and name of a promotion's target, where somebody may push.

    Raises:
        ApiError: 400: it is no ``NAMESPACE/REPO``; 403 DENIED.
    """
    path = split_path(target) if target.count("/") == 1 else None
    if path is None:
        raise ApiError(400, "INVALID_FORM_FIELD", "targetRepository is NAMESPACE/NAME")
    namespace, name = path
    if not access.may(identity, PUSH, namespace=namespace, name=name):
        raise ApiError(403, "NOT_AUTHORIZED", f"{identity.name} may not push to {target}")
    return namespace, name
