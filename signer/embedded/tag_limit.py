"""Tag limits: where a repository has one, a new tag pushes out the oldest.

Rules:

- first in, first out, by the time at which a tag was first set; the tag that is new stays;
- only the tag goes, no manifest and no blob;
- signed tags are not deleted, here as anywhere, and count; so do those of immutable repositories;
- it happens after the push is on disk and never makes it fail. A limit that is lowered counts from
  the next new tag on.

Source: DTR 2.6, "Tag pruning", "Set a tag limit"; dtr-ucp-ci reference, B.1 (deleting).
"""

import logging

from signer.embedded.database import Database
from signer.embedded.errors import ApiError
from signer.embedded.events import Event, TagPushed
from signer.embedded.images import Images, Tag
from signer.embedded.repositories import Repositories, Repository

_LOG = logging.getLogger(__name__)


class TagLimit:
    """Holds repositories to their limits.

    Args:
        database: a repository's tags are counted and deleted in one transaction.
        repositories: their settings.
        images: their tags.
    """

    def __init__(self, database: Database, repositories: Repositories, images: Images) -> None:
        self._database = database
        self._repositories = repositories
        self._images = images

    def on_event(self, event: Event) -> None:
        """Delete what is too much after a tag was set for the first time."""
        if not isinstance(event, TagPushed) or event.previous_digest:
            return
        with self._database.write():
            repository = self._repositories.get(event.namespace, event.name)
            if repository.tag_limit and not repository.immutable_tags:
                self._delete_oldest(repository, event)

    def _delete_oldest(self, repository: Repository, event: TagPushed) -> None:
        tags = self._images.tags(repository)
        surplus = len(tags) - repository.tag_limit
        for tag in sorted(tags, key=lambda tag: (tag.created_at, tag.name)):
            if surplus <= 0:
                return
            if tag.name != event.tag and self._deleted(repository, tag, author=event.author):
                surplus -= 1

    def _deleted(self, repository: Repository, tag: Tag, *, author: str) -> bool:
        try:
            self._images.delete_tag(repository, tag.name, author=author)
        except ApiError as error:
            _LOG.warning("the tag limit of %s: %s", repository.path, error.message)
            return False
        return True
