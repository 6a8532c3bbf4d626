"""A server's parts over simulated collections: no network, and a clock that tests set."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from signer.admission.collections import KeptCollections
from signer.admission.decision import Decision, Decisions
from signer.admission.policy_file import InForce
from signer.names import Gun
from signer.policy.load import parse_policy
from signer.policy.model import Rule
from signer.signing.session import Session, Settings
from signer.transport.notary import NotaryServer
from tests.attacks.keys import GUN, NOW
from tests.attacks.simulator import SimulatedCollection


class SimulatedSession(Session):
    """A session whose servers are simulated collections."""

    def __init__(self, directory: Path, *collections: SimulatedCollection) -> None:
        super().__init__(Settings(directory / "trust", directory), clock=lambda: self.now)
        self.now = NOW
        self.collections_by_gun = {one.gun: one for one in collections}

    def server(self, gun: Gun, *, url: str = "") -> NotaryServer:
        """Return a simulated collection: all that is used of a server is ``get_metadata``."""
        del url
        return cast("NotaryServer", self.collections_by_gun[gun])


@dataclass
class Bench:
    """Kept collections with clocks that stand still.

    Attributes:
        session: over the simulated collections.
        seconds: the monotonic clock.
        observed: what readings were.
    """

    session: SimulatedSession
    seconds: float = 1000.0
    observed: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the parts."""
        self.kept = KeptCollections(
            self.session,
            monotonic=lambda: self.seconds,
            observer=lambda how, _gun, _collection: self.observed.append(how),
            chance=lambda: 0.0,
        )

    def pass_time(self, seconds: float) -> None:
        """Let both clocks go on."""
        self.seconds += seconds
        self.session.now += timedelta(seconds=seconds)

    def read(self, rule: Rule, gun: str = GUN) -> datetime:
        """Read a collection; return when it was last confirmed."""
        return self.kept.read(Gun(gun), rule=rule, timeout=20).contacted

    def wait_until_landed(self) -> None:
        """Wait until no update is under way."""
        ends = time.monotonic() + 20
        while self.is_reading:
            assert time.monotonic() < ends
            time.sleep(0.01)

    @property
    def is_reading(self) -> bool:
        """Whether an update is under way."""
        return any(entry.flight is not None for entry in self.kept._entries.values())

    def close(self) -> None:
        """End the threads."""
        self.kept.close()
        self.session.close()


def in_force(*rules: str, before: str = "", resources: Any = None, number: int = 1) -> InForce:  # noqa: ANN401 - paths
    """Return a policy from its rules in YAML."""
    text = "apiVersion: signer/v1\nkind: TrustPolicy\n" + before + "rules:\n" + "".join(rules)
    policy = parse_policy(text.encode(), Path("policy.yaml"))
    return InForce(policy, resources or {}, number)


def pinned_rule(server: SimulatedCollection, *more: str, match: str = GUN) -> str:
    """Return a rule that pins a collection's root and wants a release."""
    lines = [f'match: "{match}"', f'root: {{key_ids: ["{root_id(server)}"]}}']
    lines += [*more] if more else ["require: {released: true}"]
    return "  - " + "\n    ".join(lines) + "\n"


def root_id(server: SimulatedCollection) -> str:
    """Return the id by which a collection's root is pinned."""
    return str(server.signers["root"][0].keyid)


def decide(
    decisions: Decisions, policy: InForce, *texts: str, seconds: float = 20
) -> list[Decision]:
    """Decide about images."""

    async def run() -> Sequence[Decision]:
        found = await decisions.decide(policy, texts, seconds=seconds)
        return [found[text] for text in texts]

    return list(asyncio.run(run()))
