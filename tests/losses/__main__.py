"""The long form; see scripts/losses."""

import argparse
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from crashes.trial import Figures
from crashes.verdict import BREACHES

from .loss_run import LossRun
from .losses import GROUNDS


def _say(text: str) -> None:
    print(text, flush=True)


def _table(figures: dict[str, Figures], times_lost: Counter[str]) -> str:
    head = ["lost", "times", "events", "sent", "heartbeats", *BREACHES, "longest gap", "latest event"]
    rows = [head, ["---"] * len(head)]
    for name, one in figures.items():
        numbers = [times_lost[name], one.events, one.sent, one.heartbeats, *(one.breaches[breach] for breach in BREACHES)]
        times = [f"{one.longest_gap:.1f} s", f"{one.late_at(1.0):.1f} s"]
        rows.append([name, *(f"{number:,}" for number in numbers), *times])
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/losses", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each thing is lost")
    parser.add_argument("--database", choices=[*GROUNDS, "both"], default="both")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    arguments = parser.parse_args()

    directory = Path(tempfile.mkdtemp(prefix="afterword-losses-"))
    _say(f"seed {arguments.seed}, logs in {directory}")
    figures: dict[str, Figures] = {}
    times_lost: Counter[str] = Counter()
    good = True
    for name, make in GROUNDS.items():
        if arguments.database not in (name, "both"):
            continue
        try:
            with make(directory / name, arguments.seed) as ground, LossRun(ground, arguments.seed, _say) as run:
                for _ in range(arguments.rounds):
                    for loss in ground.losses():
                        figures.setdefault(loss.name, Figures()).add(run.lose(loss))
                        times_lost[loss.name] += 1
                run.look_again()
                good = good and not run.breaches
        except Exception:
            _say(f"{name}: {traceback.format_exc()}")
            good = False

    _say("\n" + _table(figures, times_lost))
    if good:
        shutil.rmtree(directory)
        return 0
    _say(f"seed {arguments.seed}; logs are kept in {directory}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
