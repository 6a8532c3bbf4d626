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
)
_NAME_WIDTH: Final = 32
_WIDTH: Final = 10

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
  sign again what the collection remembers, so its tags were signed before, and nothing changes on
  the server. A tenth of the runs is timed; time, requests and connections are multiplied by ten."""


def section(results: Sequence[Result]) -> str:
    """Return one scenario's part of the table."""
    scenario = results[0].scenario
    lines = [f"{scenario.title}, {scenario.round_trip_ms} ms round trip", _row(_HEAD)]
    reference = median(results[0].seconds)
    for result in results:
        middle = median(result.seconds)
        ratio = "" if result is results[0] else f"{reference / middle:.2f}"
        cells = (
            result.contender.name,
            f"{middle:.3f}",
            f"{min(result.seconds):.3f}",
            f"{max(result.seconds):.3f}",
            ratio,
            f"{result.cpu_seconds:.3f}",
            f"{result.requests:g}",
            f"{result.connections:g}",
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
                    }
                    for run in result.runs
                ],
            }
            for result in results
        ],
    }


def _row(cells: Sequence[str]) -> str:
    name, *numbers = cells
    return f"  {name:<{_NAME_WIDTH}}" + "".join(f"{number:>{_WIDTH + 2}}" for number in numbers)
