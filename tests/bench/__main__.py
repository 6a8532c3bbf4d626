"""``python -m tests.bench [--quick] [--only NAME] [--json FILE]``."""

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.admission import admission
from tests.bench.measure import ProgramError
from tests.bench.programs import versions
from tests.bench.race import Result, race
from tests.bench.report import NOTES, aims, content, section
from tests.bench.scenarios import NAMES, QUICK, Size, scenarios
from tests.bench.stage import open_stage
from tests.components.service import MissingComponentError, StartError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit code: 0, or 1 where a program is missing or failed."""
    options = _parser().parse_args(arguments)
    size = QUICK if options.quick else Size()
    if options.repeats:
        size = replace(size, repeats=options.repeats)
    try:
        results = _run(size, options.only or NAMES, options.json)
    except (MissingComponentError, StartError, ProgramError) as error:
        print(f"The benchmark ended early. {error}", file=sys.stderr)
        return 1
    return 0 if results or options.only == ["webhook"] else 1


def _run(size: Size, names: Sequence[str], file: Path | None) -> list[Result]:
    facts = {
        **versions(),
        "python": platform.python_version(),
        "processors": os.cpu_count(),
        "at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "repeats": size.repeats,
    }
    for name, value in facts.items():
        print(f"{name + ':':<12}{value}")
    print(flush=True)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="signer-bench-") as name, open_stage(Path(name)) as on:
        for number, scenario in enumerate(scenarios(on, size, names)):
            directory = Path(name) / f"scenario-{number}"
            done = race(scenario, repeats=size.repeats, directory=directory, meters=on.meters)
            print(section(done, load=os.getloadavg()[0]), flush=True)
            results += done
        if "webhook" in names:
            on.meters.set_round_trip(0)
            for line in admission(on, quick=size.repeats == QUICK.repeats):
                print(line, flush=True)
            print()
    print(aims(results))
    print(NOTES)
    if file is not None:
        file.write_text(json.dumps(content(results, facts), indent=1) + "\n", encoding="utf-8")
    return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench",
        description="Time signer, docker trust and notary side by side, on real servers.",
    )
    parser.add_argument("--quick", action="store_true", help="little of everything, to try it out")
    parser.add_argument(
        "--only", action="append", choices=NAMES, metavar="NAME", help=f"one of {', '.join(NAMES)}"
    )
    parser.add_argument("--repeats", type=int, metavar="N", help="timed runs of each program")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every run there")
    return parser


if __name__ == "__main__":
    sys.exit(main())
