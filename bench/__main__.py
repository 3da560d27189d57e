"""The command line; see bench/run."""

import argparse
import os
import resource
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from . import burst, churn, costs, heartbeats, lateness, passing, postgres, size, syncs, tails
from .plan import Plan
from .report import describe, save, show
from .rows import Row

MEASUREMENTS = [costs, heartbeats, size, tails, postgres, lateness, churn, burst, passing, syncs]


def name_of(measurement) -> str:
    return measurement.__name__.rpartition(".")[2].replace("_", "-")


def measure(plan: Plan, measurement, rows: list[Row]) -> None:
    """Adds its rows; those that it fails to hand back say why."""
    done = set()
    try:
        with plan.stack:
            for row in measurement.measure(plan):
                done.add(row.name)
                if plan.wants(row.name):
                    rows.append(row)
                    show(row)
    except Exception as error:  # the others are still worth measuring
        traceback.print_exc()
        for name in measurement.ROWS:
            if name not in done and plan.wants(name):
                problem = f"not measured: {type(error).__name__}: {error}"
                rows.append(Row(name, name, "", problems=[problem.splitlines()[0]]))
                show(rows[-1])


def main() -> int:
    known = {name_of(each): each.ROWS for each in MEASUREMENTS}
    parser = argparse.ArgumentParser(prog="bench/run", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.epilog = "rows, by measurement:\n" + "\n".join(
        f"  {name}: {', '.join(rows)}" for name, rows in known.items()
    )
    parser.add_argument(
        "--quick", action="store_true", help="one short round of each, with small sizes: that all of it works"
    )
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these measurements or rows")
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--json", type=Path, default=Path("build/bench.json"), help="where all is saved (build/bench.json)"
    )
    arguments = parser.parse_args()
    names = {*known, *(row for rows in known.values() for row in rows)}
    if unknown := set(arguments.only) - names:
        parser.error(f"no row is called {', '.join(sorted(unknown))}; --help names them")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    rows: list[Row] = []
    rounds = arguments.rounds or (1 if arguments.quick else 3)
    began = time.monotonic()
    run = None
    for measurement in MEASUREMENTS:
        with tempfile.TemporaryDirectory(prefix="afterword-bench-", ignore_cleanup_errors=True) as directory:
            os.chmod(directory, 0o755)  # nginx's workers read from it
            plan = Plan(name_of(measurement), arguments.quick, rounds, set(arguments.only), Path(directory))
            if not plan.wants(*measurement.ROWS):
                continue
            run = run or describe(plan)
            print(f"\n== {plan.measurement}, after {(time.monotonic() - began) / 60:.1f} minutes", flush=True)
            measure(plan, measurement, rows)
        run["minutes"] = round((time.monotonic() - began) / 60, 1)
        save(arguments.json, run, rows)
    print(f"\n{run['minutes']} minutes; saved in {arguments.json}")
    return 1 if any(row.problems for row in rows) else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
