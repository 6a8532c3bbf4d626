"""What happens in the repositories, as other modules (webhooks, promotion) hear of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Event:
    """Something that happened to a repository.

    Attributes:
        namespace: the repository's first component.
        name: its second.
        author: the account that did it; empty for anonymous ones.
        at: when: RFC 3339, UTC, microseconds.
    """

    namespace: str
    name: str
    author: str
    at: str


@dataclass(frozen=True)
class RepositoryCreated(Event):
    """A repository was made, by the API or by a first push."""


@dataclass(frozen=True)
class RepositoryUpdated(Event):
    """A repository's settings were changed."""


@dataclass(frozen=True)
class RepositoryDeleted(Event):
    """A repository is gone, with its tags and manifests."""


@dataclass(frozen=True)
class ManifestPushed(Event):
    """A manifest was stored that the repository did not have; ``digest`` is ``sha256:HEX``."""

    digest: str
    media_type: str


@dataclass(frozen=True)
class ManifestPulled(Event):
    """A manifest was sent, by digest or tag."""

    digest: str


@dataclass(frozen=True)
class ManifestDeleted(Event):
    """A manifest is gone, and with it its tags (each has a `TagDeleted` of its own)."""

    digest: str


@dataclass(frozen=True)
class TagPushed(Event):
    """A tag was set, by a push or by a promotion.

    ``previous_digest`` is empty for a new tag, and equal to ``digest`` where nothing changed.
    """

    tag: str
    digest: str
    previous_digest: str


@dataclass(frozen=True)
class TagPulled(Event):
    """A manifest was sent by its tag."""

    tag: str
    digest: str


@dataclass(frozen=True)
class TagDeleted(Event):
    """A tag is gone."""

    tag: str
    digest: str
