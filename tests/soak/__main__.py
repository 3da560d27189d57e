"""The long form; see scripts/soak."""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from crashes.targets import BehindAfterword

from .soak_run import Plan, SoakRun, settings


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--homeserver", choices=["synapse", "dendrite"], default="synapse")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()

    directory = Path(tempfile.mkdtemp(prefix="afterword-soak-"))
    print(f"seed {arguments.seed}, logs and databases in {directory}", flush=True)
    target = BehindAfterword(arguments.homeserver, directory, settings)
    plan = Plan(arguments.minutes * 60, arguments.seed, block_seconds=45)
    try:
        target.start()
        outcome = SoakRun(target, plan, lambda text: print(text, flush=True)).run()
    finally:
        target.stop()
    print(outcome)
    if not outcome.is_good:
        print(f"seed {arguments.seed}; logs and databases are kept in {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
