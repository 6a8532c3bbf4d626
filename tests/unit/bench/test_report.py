"""What the benchmark's table says about given runs."""

import json
from pathlib import Path
from typing import Final

from tests.bench.measure import Command, Run
from tests.bench.race import Result
from tests.bench.report import aims, content, section
from tests.bench.scenarios import Contender, Scenario


def _nothing(_: Path) -> list[Command]:
    return []


_SIGNER: Final = Contender("signer verify", _nothing)
_DOCKER: Final = Contender("docker trust inspect", _nothing, times=10)
_SCENARIO: Final = Scenario("image", "one image, empty cache", 20, (_SIGNER, _DOCKER))


def _results() -> list[Result]:
    quick = [Run(seconds, 0.1, 6, 5, 0) for seconds in (0.5, 0.3, 0.4)]
    slow = [Run(seconds, 0.01, 9, 9, 0) for seconds in (0.1, 0.08, 0.09)]
    return [
        Result(_SCENARIO, _SIGNER, tuple(quick)),
        Result(_SCENARIO, _DOCKER, tuple(slow)),
    ]


def test_a_row_has_median_extremes_ratio_and_counts_of_the_whole_job() -> None:
    signer, docker = (line.split() for line in section(_results(), load=1.0).splitlines()[2:])
    assert signer == ["signer", "verify", "0.400", "0.300", "0.500", "0.100", "6", "5", "0"]
    assert docker[3:] == ["0.900", "0.800", "1.000", "0.44", "0.100", "90", "90", "0"]


def test_the_aim_is_shown_beside_the_ratio() -> None:
    (_, line) = aims(_results()).splitlines()
    assert line.endswith("at most 0.6 of docker trust inspect; it was 0.44")


def test_the_file_has_every_run_as_it_was_measured() -> None:
    read = json.loads(json.dumps(content(_results(), {"repeats": 3})))
    assert read["schema"] == "signer.bench/1"
    assert [run["seconds"] for run in read["results"][1]["runs"]] == [0.1, 0.08, 0.09]
