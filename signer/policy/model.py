"""The trust policy: rules, each for a pattern of repositories; what no rule matches is denied.

Source: the design, "Policy file".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from signer.policy.pattern import Pattern
from signer.policy.requirement import RequiredSigner, Requirement
from signer.trust.pinning import Pins

ENFORCE: Final = "enforce"
WARN_ONLY: Final = "warn"
MODES: Final = (ENFORCE, WARN_ONLY)

PODS: Final = "pods"
TEMPLATES: Final = "templates"
NEVER: Final = "never"
MUTATION_LEVELS: Final = (PODS, TEMPLATES, NEVER)


@dataclass(frozen=True)
class EngineTerms:
    """What a rule lets a Docker engine do beyond using signed images.

    Attributes:
        local: use an image that is only local, for example one that was built or loaded here.
        build: build an image of this name from a context that cannot be seen.
    """

    local: bool = False
    build: bool = False


@dataclass(frozen=True)
class Rule:
    """One rule: what is required of the images of the repositories that it matches.

    Attributes:
        pattern: the repositories.
        line: of the rule in the file, from 1; 0 where there is no file.
        approve: True lets images run without any signature, False refuses them whatever is
            signed, None decides by the other fields.
        pins: how the collections' roots may be trusted.
        server: URL of the Notary server; empty for the one that belongs to the host.
        requirement: what an image must fulfil.
        mode: ``enforce``, or ``warn``: what would be refused is let through with a warning.
        mutate: what an admission webhook pins to digests: ``pods``, ``templates`` or ``never``.
        engine: what a Docker engine may do besides.
    """

    pattern: Pattern
    line: int = 0
    approve: bool | None = None
    pins: Pins = field(default_factory=Pins)
    server: str = ""
    requirement: Requirement = field(default_factory=Requirement)
    mode: str = ENFORCE
    mutate: str = TEMPLATES
    engine: EngineTerms = field(default_factory=EngineTerms)

    @property
    def name(self) -> str:
        """The pattern as it is written: what verdicts call the rule."""
        return self.pattern.text


@dataclass(frozen=True)
class Resource:
    """A kind of custom resources, and where it names images.

    Attributes:
        api_version: for example ``example.com/v1``.
        kind: for example ``Canary``.
        images: JSONPaths of the images in it.
    """

    api_version: str
    kind: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """A policy, checked.

    Attributes:
        rules: in the file's order.
        signers: by name, with their keys.
        teams: the names of each team's signers.
        resources: custom resources that name images.
        origin: the file, for messages.
        digest: SHA-256 of the file's bytes as hex: what decisions by this policy are filed under.
    """

    rules: tuple[Rule, ...]
    signers: Mapping[str, RequiredSigner] = field(default_factory=dict)
    teams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    resources: tuple[Resource, ...] = ()
    origin: Path = Path("policy.yaml")
    digest: str = ""
