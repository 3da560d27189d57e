"""The long form; see scripts/crashes."""

import argparse
import shutil
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

from . import targets
from .crash_run import CrashRun, Plan
from .targets import Target
from .verdict import BREACHES, NO_BREACHES

_said = threading.Lock()


def _say(text: str) -> None:
    with _said:
        print(text, flush=True)


def _run(target: Target, plan: Plan, results: dict[str, CrashRun]) -> None:
    try:
        target.start()
        run = CrashRun(target, plan, _say)
        results[target.title] = run  # in part, if it does not get to its end
        run.run()
    finally:
        target.stop()


def _table(results: dict[str, CrashRun]) -> str:
    head = ["", "kills", "homeserver killed", "stopped", "events", "sent", "heartbeats", *BREACHES, *NO_BREACHES]
    head += ["late p50", "p99", "longest"]
    rows = [head, ["---"] * len(head)]
    for title, run in results.items():
        figures = run.figures
        numbers = [run.kills, run.homeserver_kills, run.homeserver_stops]
        numbers += [figures.events, figures.sent, figures.heartbeats]
        numbers += [figures.breaches[breach] for breach in BREACHES] + [figures.number_of(one) for one in NO_BREACHES]
        late = [f"{figures.late_at(share):.2f} s" for share in (0.5, 0.99, 1.0)]
        rows.append([title, *(f"{number:,}" for number in numbers), *late])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/crashes", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000, help="in all, shared by the homeservers")
    parser.add_argument("--homeserver", choices=["synapse", "dendrite", "both"], default="both")
    parser.add_argument("--synapse-kills", type=int, default=0, help="also kills Synapse with its own delayed events")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()

    names = ["synapse", "dendrite"] if arguments.homeserver == "both" else [arguments.homeserver]
    plans = {name: Plan(arguments.kills // len(names), arguments.seed) for name in names}
    directory = Path(tempfile.mkdtemp(prefix="afterword-crashes-"))
    _say(f"seed {arguments.seed}, logs and databases in {directory}")
    results: dict[str, CrashRun] = {}
    failures: list[str] = []

    def run(name: str, plan: Plan) -> None:
        try:
            _run(targets.make(name, directory), plan, results)
        except BaseException:
            failures.append(f"{name}: {traceback.format_exc()}")
            _say(failures[-1])

    threads = [threading.Thread(target=run, args=item) for item in plans.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    good = not failures and not any(run.figures.breaches for run in results.values())
    if arguments.synapse_kills:
        run("synapse-alone", Plan(arguments.synapse_kills, arguments.seed, kills_a_block=10, homeserver_too=False))

    _say("\n" + _table(results))
    for failure in failures:
        _say(failure)
    if good and not failures:
        shutil.rmtree(directory)
        return 0
    if not good:
        _say(f"seed {arguments.seed}; logs and databases are kept in {directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
