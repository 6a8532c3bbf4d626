"""What happens in the API, beside what happens in the registry (``signer.embedded.events``)."""

from dataclasses import dataclass

from signer.embedded.events import Event


@dataclass(frozen=True)
class Scan:
    """What is known of one image's weaknesses; ``status`` is DTR's number.

    Attributes:
        digest: the image's manifest.
        os: of its platform.
        architecture: of its platform.
        status: 6 is a completed scan; nothing else is a result.
        critical: number of vulnerabilities, as ``major`` and ``minor``.
        major: CVSS from 4.0.
        minor: CVSS above 0.
        checked_at: RFC 3339; of year 1 where it was not checked.
        error: why the scan failed; empty where it did not.
        components: names of what was found in it.
        licenses: names of their licences.
    """

    digest: str
    os: str
    architecture: str
    status: int
    critical: int
    major: int
    minor: int
    checked_at: str
    error: str = ""
    components: tuple[str, ...] = ()
    licenses: tuple[str, ...] = ()


@dataclass(frozen=True)
class TagScanned(Event):
    """Scans of a tag have ended: ``scans`` are those, one for each platform."""

    tag: str
    scans: tuple[Scan, ...]


@dataclass(frozen=True)
class ImagePromoted(Event):
    """A tag was promoted; the event's own repository is the source.

    Attributes:
        policy_id: the policy; empty where a person did it.
        digest: of the manifest, in source and target alike.
        source_tag: the tag that was promoted.
        target_repository: ``NAMESPACE/REPO``.
        target_tag: the tag that came of it.
    """

    policy_id: str
    digest: str
    source_tag: str
    target_repository: str
    target_tag: str
