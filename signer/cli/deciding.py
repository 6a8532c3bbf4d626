"""Options that say what is required of images; every command that decides about images takes them.

Either a policy file says it, or the options do; never half of each.
"""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from signer.cli.globals import GlobalOptions
from signer.cli.trusting import trust_options
from signer.errors import ExitCode, SignerError, UsageError, worst_exit_code

if TYPE_CHECKING:
    from signer.names import ImageReference
    from signer.policy.model import Policy, Resource
    from signer.policy.verdict import Verdict
    from signer.signing.session import PinSources, Session

_Function = TypeVar("_Function", bound=Callable[..., Any])
_FILE = click.Path(path_type=Path, dir_okay=False)
_DECIDED = {ExitCode.OK, ExitCode.NOT_SIGNED, ExitCode.TRUST_DATA, ExitCode.EXPIRED}


@dataclass(frozen=True)
class Deciding:
    """What is required, and by what it is decided.

    Attributes:
        policy: a policy file; None where the other options say what is required.
        signers: names of signers who must have signed.
        pins: how an unknown root may be trusted; None where nothing was given.
        registry: whether the registry must serve the manifest that is signed.
        offline: decide by what is stored.
        bundle: decide by what this file holds.
        bundle_keys: certificates or public keys of whoever may vouch for the bundle's roots.
        at: the moment to decide as of; None for now.
    """

    policy: Path | None
    signers: tuple[str, ...]
    pins: "PinSources | None"
    registry: bool
    offline: bool
    bundle: Path | None
    bundle_keys: tuple[Path, ...]
    at: datetime | None

    def __post_init__(self) -> None:
        """Refuse options that contradict each other.

        Raises:
            UsageError: which.
        """
        if self.policy is not None:
            doubled = {
                "--signer": self.signers,
                "--registry": self.registry,
                "--root-key-id, --root-cert, --root-ca or --trust-on-first-use": self.pins,
            }
            for option, given in doubled.items():
                if given:
                    raise UsageError(
                        f"--policy and {option} were given: the policy's rules say what is "
                        "required.",
                        hint="Put it into the rule, or leave --policy out.",
                    )
        if self.bundle_keys and self.bundle is None:
            raise UsageError("--bundle-key was given without --bundle.")
        if self.bundle is not None and self.offline:
            raise UsageError(
                "--bundle and --offline were given: a bundle asks no server anyway.",
                hint="--offline decides by the trust directory, --bundle by a file.",
            )
        if self.registry and (self.offline or self.bundle):
            raise UsageError("--registry asks the registry, and without a network there is none.")

    def open_session(self, options: GlobalOptions) -> "Session":
        """Open a session that reads collections as these options say.

        Raises:
            UsageError, TrustDataError: the bundle cannot be read, or is not signed as it must be.
        """
        if self.bundle is None:
            return options.session(self.pins, offline=self.offline, at=self.at)
        from signer.cli.bundle import open_bundle
        from signer.trust.bundle_source import bundle_pins, bundle_source

        bundle = open_bundle(self.bundle, self.bundle_keys)
        return options.session(
            self.pins,
            at=self.at,
            sources=bundle_source(bundle),
            vouched_pins=bundle_pins(bundle) if self.bundle_keys else None,
        )

    @functools.cached_property
    def loaded_policy(self) -> "Policy | None":
        """The policy, read once: what finds images and what decides go by the same one.

        Raises:
            UsageError: it cannot be read.
        """
        if self.policy is None:
            return None
        from signer.policy.load import load_policy

        return load_policy(self.policy)

    @property
    def resources(self) -> "tuple[Resource, ...]":
        """Kubernetes' custom resources of which the policy says where they name images."""
        return self.loaded_policy.resources if self.loaded_policy else ()

    def prefetch(self, session: "Session", references: "Sequence[ImageReference]") -> None:
        """Send the first requests, where nothing but the options decides about all images."""
        if self.policy is None and not self.offline and self.bundle is None:
            session.prefetch([str(found) for found in references], signers=self.signers)

    def decide(self, session: "Session", references: "Sequence[ImageReference]") -> "list[Verdict]":
        """Decide about images, in the given order.

        Raises:
            UsageError: no image, or a policy that cannot be read.
        """
        from signer.policy.decide import decide_images, verify_images

        if self.loaded_policy is not None:
            return decide_images(session, references, policy=self.loaded_policy)
        from signer.policy.requirement import Requirement

        requirement = Requirement.of_names(self.signers, registry=self.registry)
        return verify_images(session, references, requirement=requirement)


def undecided(verdicts: "Sequence[Verdict]") -> SignerError | None:
    """Return the error that stands for all where nothing could be decided at all."""
    codes = [int(verdict.exit_code) for verdict in verdicts]
    if not verdicts or _DECIDED.intersection(codes):
        return None
    worst = worst_exit_code(codes)
    return next(v.reason for v in verdicts if v.reason and v.exit_code == worst)


def deciding_options(function: _Function) -> _Function:
    """Add the options; the function gets them as ``deciding``."""

    @functools.wraps(function)
    def wrapper(*args: Any, **params: Any) -> Any:  # noqa: ANN401 - whatever the command has
        deciding = Deciding(
            policy=params.pop("policy"),
            signers=tuple(params.pop("signer")),
            pins=params.pop("pins"),
            registry=params.pop("registry"),
            offline=params.pop("offline"),
            bundle=params.pop("bundle"),
            bundle_keys=tuple(params.pop("bundle_key")),
            at=params.pop("at"),
        )
        return function(*args, deciding=deciding, **params)

    options = [
        click.option("--policy", type=_FILE, help="Policy file that says what is required."),
        click.option(
            "--signer", multiple=True, metavar="NAME", help="Who must have signed; repeatable."
        ),
        click.option("--registry", is_flag=True, help="The registry must serve what is signed."),
        click.option("--offline", is_flag=True, help="Decide by what earlier runs stored."),
        click.option("--bundle", type=_FILE, help="Decide by what this file holds."),
        click.option(
            "--bundle-key",
            type=_FILE,
            multiple=True,
            help="Trust the bundle's roots if signed by this key.",
        ),
        click.option("--at", type=Moment(), metavar="TIME", help="Decide as of then, in RFC 3339."),
    ]
    decorated: Any = trust_options(wrapper)
    for option in reversed(options):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return] # with more parameters


class Moment(click.ParamType[datetime]):
    """``2026-11-22T00:00:00Z``, in any zone; or a date alone, which is its first second in UTC."""

    name = "time"

    def convert(
        self,
        value: Any,  # noqa: ANN401 - as click has it
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> datetime:
        """Read the option's value."""
        from signer.dialect.time import parse_time

        if isinstance(value, datetime):
            return value
        try:
            if len(value) == len("2026-11-22"):
                day = datetime.strptime(value, "%Y-%m-%d").date()
                return datetime.combine(day, time(), tzinfo=UTC)
            return parse_time(value)
        except ValueError:
            self.fail(f"{value[:40]!r} is no time such as 2026-11-22T00:00:00Z.", param, ctx)
