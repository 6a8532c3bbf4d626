"""Policies and readings for the tests of the policy: written as users write them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from textwrap import indent

from cryptography.hazmat.primitives.serialization import Encoding

from signer.constants import ROOT
from signer.errors import SignerError
from signer.names import Gun, ImageReference
from signer.policy.agreement import ManifestSource
from signer.policy.decide import Decider
from signer.policy.load import parse_policy
from signer.policy.model import Policy, Rule
from signer.policy.reading import Reading
from signer.policy.verdict import Verdict
from tests.attacks.keys import GUN, NOW, certificate, pem_of, private_key
from tests.attacks.reading import Reader
from tests.attacks.simulator import SimulatedCollection

KEY_ID = "ab" * 32
HEAD = "apiVersion: signer/v1\nkind: TrustPolicy\ndefault: deny\n"
ROOTED = f'root: {{key_ids: ["{KEY_ID}"]}}'
RELEASED = "require: {released: true}"


def rule(match: str, *lines: str) -> str:
    """Return a rule in YAML: these lines, or a pinned root and a release."""
    body = "\n".join(lines or (ROOTED, RELEASED))
    return f'  - match: "{match}"\n{indent(body, "    ")}\n'


def policy_text(*rules: str, before: str = "") -> str:
    """Return a policy in YAML."""
    return f"{HEAD}{before}rules:\n{''.join(rules)}"


def parse(text: str, origin: Path = Path("policy.yaml")) -> Policy:
    """Read a policy from its text."""
    return parse_policy(text.encode(), origin)


def write_keys(directory: Path, *names: str, gun: str = GUN) -> None:
    """Write ``NAME.pem``, the public key of each of a simulated collection's signers."""
    for name in names:
        (directory / f"{name}.pem").write_bytes(pem_of(private_key(f"{gun} {name}")))


def write_certificate(
    path: Path, *, begins: datetime = NOW - timedelta(days=30), days: int = 3650, ca: bool = False
) -> None:
    """Write a certificate over a key of its own, named by the path."""
    made = certificate(path.name, path.stem, begins=begins, days=days, ca=ca)
    path.write_bytes(made.public_bytes(Encoding.PEM))


@dataclass
class Readings:
    """A ``CollectionReader`` over simulated collections, which counts what it is asked.

    Attributes:
        readers: by GUN.
        errors: what reading a GUN raises instead.
        asked: GUN and rule of every reading.
        unreachable: handed on in the reading.
    """

    readers: Mapping[str, Reader] = field(default_factory=dict)
    errors: Mapping[str, SignerError] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    reading: Callable[[Reading], Reading] = lambda reading: reading

    def read(self, gun: Gun, *, rule: Rule) -> Reading:
        """Read by the rule's pins."""
        self.asked.append((gun, rule.name))
        if gun in self.errors:
            raise self.errors[gun]
        reader = self.readers[gun]
        reader.pins = rule.pins
        return self.reading(Reading(reader.read(), NOW))


@dataclass
class Scene:
    """A simulated collection, and a directory with the keys of its signers for policies.

    Attributes:
        server: the collection.
        directory: where policies and keys lie.
        now: the time.
        registry: asked in step 15.
    """

    server: SimulatedCollection
    directory: Path
    now: datetime = NOW
    registry: ManifestSource | None = None

    @property
    def root(self) -> str:
        """The ``root`` line of a rule that pins the collection."""
        return f'root: {{key_ids: ["{self.server.signers[ROOT][0].keyid}"]}}'

    def declare(self, *names: str, teams: str = "") -> str:
        """Write these signers' keys, and return the policy's declarations."""
        write_keys(self.directory, *names, gun=self.server.gun)
        lines = "".join(f"  {name}: {{keys: [{name}.pem]}}\n" for name in names)
        return f"signers:\n{lines}{teams}"

    def judge(self, text: str, reference: str = ":1") -> Verdict:
        """Decide about an image of the collection by a policy's text."""
        policy = parse(text, self.directory / "policy.yaml")
        reader = Reader(self.server, self.directory / "trust", now=self.now)
        registry = self.registry
        decider = Decider(
            policy,
            Readings({self.server.gun: reader}),
            clock=lambda: self.now,
            registry=(lambda _: registry) if registry else None,
        )
        return decider.decide(ImageReference.parse(f"{self.server.gun}{reference}"))

    def by(self, *lines: str, names: tuple[str, ...] = (), teams: str = "") -> Verdict:
        """Decide by one rule of these lines below the collection's root."""
        before = self.declare(*names, teams=teams) if names else ""
        return self.judge(policy_text(rule(GUN, self.root, *lines), before=before))


def refused(verdict: Verdict, code: str, *, step: int, exit_code: int = 3) -> SignerError:
    """Assert that a verdict is a refusal of exactly this kind; return its reason."""
    assert verdict.verdict == "reject", verdict
    assert verdict.digest == ""
    reason = verdict.reason
    assert reason is not None
    assert (reason.code, int(reason.step), int(verdict.exit_code)) == (code, step, exit_code)
    failed = [int(check.step) for check in verdict.checks if check.status == "fail"]
    assert failed == ([step] if step else [])
    return reason
