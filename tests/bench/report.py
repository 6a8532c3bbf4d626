"""The table for people, and the same as JSON."""

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any, Final

from tests.bench.race import Result

_HEAD: Final = (
    "program",
    "median s",
    "min",
    "max",
    "signer is",
    "CPU s",
    "requests",
    "connections",
    "publishes",
)
_NAME_WIDTH: Final = 30
_WIDTH: Final = 12

NOTES: Final = """\
"signer is" is signer's median divided by the program's: below 1, signer is faster. Times are those
of whole processes. The round-trip time is added by a proxy before Notary server and registry, TCP
handshake included (tests/bench/proxy.py says what it models); all programs go through it at 0 ms
too. Requests are those that the servers logged; connections were counted by the proxies.

- signer verify checks more than the others: root chain, all delegations, hashes of every file.
- docker trust inspect with several images asks one after the other in one process.
- signer sign fetches each tag's manifest from the registry and signs what is there; notary signs
  the digest that it is told, and asks no registry.
- docker trust sign needs an engine for a tag that nobody has signed yet. Without one it can only
  sign again what the collection remembers: its tags were signed before. It uploads once for each.
  A tenth of its runs is timed; time, requests, connections and publishes are multiplied by ten."""


def section(results: Sequence[Result], *, load: float) -> str:
    """Return one scenario's part of the table; ``load`` is the machine's average of a minute.

    A program that computes suffers from a busy machine, one that waits for answers does not.
    """
    scenario = results[0].scenario
    title = f"{scenario.title}, {scenario.round_trip_ms} ms round trip"
    lines = [f"{title} (load average {load:.1f})", _row(_HEAD)]
    for result in results:
        middle = median(result.seconds)
        ratio = "" if result is results[0] else f"{_ratio(results[0], result):.2f}"
        cells = (
            result.contender.name,
            f"{middle:.3f}",
            f"{min(result.seconds):.3f}",
            f"{max(result.seconds):.3f}",
            ratio,
            f"{result.cpu_seconds:.3f}",
            f"{result.requests:g}",
            f"{result.connections:g}",
            f"{result.publishes:g}",
        )
        lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def content(results: Iterable[Result], facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return everything that was measured, each run by itself, as JSON."""
    return {
        "schema": "signer.bench/1",
        "facts": dict(facts),
        "results": [
            {
                "name": result.scenario.name,
                "title": result.scenario.title,
                "round_trip_ms": result.scenario.round_trip_ms,
                "program": result.contender.name,
                "times": result.contender.times,
                "median_seconds": median(result.seconds),
                "runs": [
                    {
                        "seconds": run.seconds,
                        "cpu_seconds": run.cpu_seconds,
                        "requests": run.requests,
                        "connections": run.connections,
                        "publishes": run.publishes,
                    }
                    for run in result.runs
                ],
            }
            for result in results
        ],
    }


def aims(results: Iterable[Result]) -> str:
    """Set what issue 2 aims at beside what was measured; nothing depends on it."""
    lines = ["aims, and what was measured in this run:"]
    signer: Result | None = None
    for result in results:
        scenario = result.scenario
        if result.contender is scenario.contenders[0]:
            signer = result
            if scenario.name == "sign":
                lines.append(f"  {scenario.title}: in 1 publish; it was {result.publishes:g}")
        elif signer is not None and (aim := _aim(result)):
            lines.append(
                f"  {scenario.title}, {scenario.round_trip_ms} ms: at most {aim} of "
                f"{result.contender.name}; it was {_ratio(signer, result):.2f}"
            )
    return "\n".join(lines) + "\n"


def _aim(result: Result) -> float:
    """Return the ratio to this program that is aimed at, or 0."""
    scenario, program = result.scenario, result.contender.name
    one_image = scenario.name == "image" and not scenario.filled and scenario.round_trip_ms == 20
    if one_image and program.startswith("docker trust"):
        return 0.6
    return 0.1 if scenario.name == "images" and " x" in program else 0.0


def _ratio(signer: Result, other: Result) -> float:
    return median(signer.seconds) / median(other.seconds)


def _row(cells: Sequence[str]) -> str:
    name, *numbers = cells
    return f"  {name:<{_NAME_WIDTH}}" + "".join(f"{number:>{_WIDTH}}" for number in numbers)
