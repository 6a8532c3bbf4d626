"""Runs a scenario: all programs in turn, again and again, each time in another order."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.measure import Meters, Run, measure
from tests.bench.scenarios import Contender, Scenario


@dataclass(frozen=True)
class Result:
    """A program's runs of one scenario; every number is for the whole job."""

    scenario: Scenario
    contender: Contender
    runs: tuple[Run, ...]

    @property
    def seconds(self) -> list[float]:
        """The duration of each run."""
        return [run.seconds * self.contender.times for run in self.runs]

    @property
    def cpu_seconds(self) -> float:
        """Processor time of the median run."""
        return median(run.cpu_seconds for run in self.runs) * self.contender.times

    @property
    def requests(self) -> float:
        """Requests of the median run."""
        return median(run.requests for run in self.runs) * self.contender.times

    @property
    def connections(self) -> float:
        """Connections of the median run."""
        return median(run.connections for run in self.runs) * self.contender.times

    @property
    def publishes(self) -> float:
        """Uploads of metadata of the median run."""
        return median(run.publishes for run in self.runs) * self.contender.times


def race(scenario: Scenario, *, repeats: int, directory: Path, meters: Meters) -> list[Result]:
    """Return one result per contender, in the scenario's order; ``directory`` must be new."""
    contenders = scenario.contenders
    runs: list[list[Run]] = [[] for _ in contenders]
    for repeat in range(repeats):
        for place in range(len(contenders)):
            lane = (repeat + place) % len(contenders)
            own = directory / f"{directory.name}-{lane}-{repeat}"
            own.mkdir(parents=True)
            runs[lane].append(_one(scenario, contenders[lane], directory=own, meters=meters))
            shutil.rmtree(own)
    return [
        Result(scenario, contender, tuple(done))
        for contender, done in zip(contenders, runs, strict=True)
    ]


def _one(scenario: Scenario, contender: Contender, *, directory: Path, meters: Meters) -> Run:
    meters.set_round_trip(0)
    if contender.prepare is not None:
        contender.prepare(directory)
    commands = contender.commands(directory)
    if scenario.filled:
        measure(commands, directory=directory, meters=meters)
    meters.set_round_trip(scenario.round_trip_ms)
    return measure(commands, directory=directory, meters=meters)
