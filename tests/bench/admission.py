"""The verifier in one process, and the admission webhook under load: how fast, and how right.

Aims on two processors: at most 2 ms for an image with warm connections and no decision cache; 300
reviews a second at 8 clients; at 32 clients the 99th percentile under 250 ms; nothing wrong.

Every answer is checked for the verdict and for the digest of each image; what is wrong is counted.
The clients run on the same machine, and take their share of it.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any, Final

from signer.admission.collections import KeptCollections
from signer.admission.decision import Decisions
from signer.admission.policy_file import read_policy
from signer.names import Gun
from signer.signing.session import Session
from tests.bench.measure import ProgramError
from tests.bench.stage import SIGNER_NAME, Stage, digest
from tests.components.webhook import Webhook, pod, review_of

AIMS: Final = (
    "aims on two processors: at most 2 ms for an image (warm, no decision cache), 300 reviews/s\n"
    "at 8 clients, p99 under 250 ms at 32 clients, nothing wrong\n"
)
CLIENTS: Final = (1, 8, 32, 128)
CONTAINERS: Final = (1, 10)
ROUND_TRIP_MS: Final = 20
_SECONDS: Final = 300.0
_CERTIFICATE: Final = Path(__file__).parents[2] / "keys-example" / "cert.pem"


@dataclass
class _Clock:
    """Seconds that go on when they are told to."""

    seconds: float = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True)
class _Amount:
    images: int = 1000
    collections: int = 100
    reviews: int = 3000
    runs: int = 30


_QUICK: Final = _Amount(images=40, collections=8, reviews=200, runs=5)


def admission(stage: Stage, *, quick: bool) -> Iterator[str]:
    """Measure, and yield the lines of the table."""
    amount = _QUICK if quick else _Amount()
    tags = [f"1.0.{number}" for number in range(amount.images // amount.collections)]
    guns = [
        stage.make_collection(f"bench/hook-{number}", tags, distinct=True)
        for number in range(amount.collections)
    ]
    policy = stage.directory / "policy.yaml"
    policy.write_text(_policy(stage))
    images = [f"{gun}:{tag}" for gun in guns for tag in tags]
    yield AIMS
    yield "the verifier in one process, 0 ms round trip: milliseconds for one image"
    yield from _in_process(stage, policy, images[0], amount)
    stage.meters.set_round_trip(ROUND_TRIP_MS)
    yield from _many(stage, policy, images, amount)
    stage.meters.set_round_trip(0)
    for workers in (1, 2):
        yield f"the webhook with {workers} process(es): /mutate over TLS"
        yield _row(
            "clients x containers, images", "reviews/s", "p50 ms", "p95 ms", "p99 ms", "wrong"
        )
        with _webhook(stage, policy, f"hook-{workers}", workers=workers) as webhook:
            for containers in CONTAINERS:
                for clients in CLIENTS:
                    for chosen in (images[:containers], images):
                        name = "distinct" if len(chosen) > containers else "the same"
                        title = f"{clients} x {containers}, {name}"
                        yield _load(webhook, title, chosen, containers, clients, amount.reviews)


def _policy(stage: Stage) -> str:
    return (
        "apiVersion: signer/v1\nkind: TrustPolicy\n"
        f"signers: {{{SIGNER_NAME}: {{keys: [{_CERTIFICATE}]}}}}\nrules:\n"
        f'  - match: "{stage.registry_proxy.host}/bench/*"\n'
        "    root: {trust_on_first_use: true}\n"
        f"    require: {{signers: [{SIGNER_NAME}]}}\n"
        f"    server: {stage.notary_proxy.url}\n"
    )


def _in_process(stage: Stage, policy: Path, image: str, amount: _Amount) -> Iterator[str]:
    in_force = read_policy(policy)
    gun = image.rpartition(":")[0]

    async def decide(decisions: Decisions) -> float:
        begun = time.perf_counter()
        found = await decisions.decide(in_force, [image], seconds=30)
        taken = time.perf_counter() - begun
        if found[image].verdict.digest != _wanted(image).partition("@")[2]:
            raise ProgramError(f"{image}: {found[image].verdict}")
        return taken * 1000

    cold, verified, confirmed, kept = [], [], [], []
    for number in range(amount.runs):
        trust = stage.directory / f"cold-{number}"
        settings = replace(stage.session.settings, trust_dir=trust)
        clock = _Clock()
        with Session(settings) as session:
            reader = KeptCollections(session, monotonic=clock)
            decisions = Decisions(reader, clock=session.clock, caching=False)
            cold.append(asyncio.run(decide(decisions)))
            clock.seconds += 20
            confirmed.append(asyncio.run(decide(decisions)))
            clock.seconds += 1000
            verified.append(asyncio.run(decide(decisions)))
            kept.append(asyncio.run(decide(decisions)))
            reader.close()
    yield _row("", "median", "min", "max")
    for name, times in (
        ("cold: nothing known, connection made", cold),
        ("warm: everything verified again", verified),
        ("warm: timestamp and root confirmed", confirmed),
        ("warm: kept, no decision cache", kept),
    ):
        yield _row(name, *(f"{value:.2f}" for value in (median(times), min(times), max(times))))
    yield f"  ({gun.rpartition('/')[2]}: root, timestamp, snapshot, targets, two delegations)\n"


def _many(stage: Stage, policy: Path, images: Sequence[str], amount: _Amount) -> Iterator[str]:
    """Decide about all images of all collections, of which nothing is known."""
    yield (
        f"{len(images)} images of {amount.collections} collections, {ROUND_TRIP_MS} ms round trip, "
        "nothing known before"
    )
    with _webhook(stage, policy, "many") as webhook:
        yield _row(
            "clients x containers, images", "reviews/s", "p50 ms", "p95 ms", "p99 ms", "wrong"
        )
        yield _load(webhook, "32 x 1, each once", images, 1, 32, len(images))
        yield _load(webhook, "32 x 1, each again", images, 1, 32, len(images))
    yield ""


def _webhook(stage: Stage, policy: Path, name: str, *, workers: int = 1) -> Webhook:
    return Webhook(
        stage.directory / name,
        stage.authority,
        policy=policy,
        options=("--ca", stage.authority.ca_file, "--workers", str(workers), "--timeout", "20"),
    )


def _load(
    webhook: Webhook,
    title: str,
    images: Sequence[str],
    containers: int,
    clients: int,
    total: int,
) -> str:
    groups = [images[start : start + containers] for start in range(0, len(images), containers)]
    plan = {
        "port": webhook.port,
        "ca_file": str(webhook.authority.ca_file),
        "path": "/mutate",
        "bodies": [json.dumps(review_of(pod(*group))) for group in groups],
        "expected": [[_wanted(image) for image in group] for group in groups],
        "clients": clients,
        "total": total,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.load"],
        input=json.dumps(plan),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        raise ProgramError(done.stderr[-2000:])
    tally: dict[str, Any] = json.loads(done.stdout)
    times = sorted(tally["times"])
    quantiles = [f"{1000 * times[int(len(times) * part)]:.1f}" for part in (0.5, 0.95, 0.99)]
    line = _row(title, f"{len(times) / tally['seconds']:.0f}", *quantiles, str(tally["wrong"]))
    return f"{line}\n  {tally['first_wrong']}" if tally["wrong"] else line


def _wanted(image: str) -> str:
    return f"{image}@sha256:{digest(Gun(image).rpartition(':')[2])}"


def _row(name: str, *cells: str) -> str:
    return f"  {name:<38}" + "".join(f"{cell:>11}" for cell in cells)
