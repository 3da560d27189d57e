"""The long form; see scripts/calls."""

import argparse
import sys
import tempfile
import time
import traceback
from pathlib import Path

from .call_run import CallRun, Row
from .cases import TO_ONE, to_servers
from .grounds import GROUNDS
from .livekit import LiveKit
from .table import table
from .web import install

# As Element Call comes.
_LEAVE_AFTER_MS = 18_000
_HEARTBEAT_MS = 4_000


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/calls", description=__doc__)
    parser.add_argument("--ground", choices=[*GROUNDS, "all"], default="all")
    parser.add_argument("--people", type=int, choices=range(2, 6), default=2)
    parser.add_argument("--only", default="", help="cases that have this in their names")
    arguments = parser.parse_args()

    directory = Path(tempfile.mkdtemp(prefix="afterword-calls-"))
    pictures = directory / "pictures"
    pictures.mkdir()
    _say(f"logs in {directory}, screenshots in {pictures}")
    install()
    livekit = LiveKit(directory)
    livekit.build()
    livekit.start()
    rows: list[Row] = []
    there: dict[str, set[str]] = {}  # the cases that there are on each ground
    good = True
    began = time.monotonic()
    try:
        for name, make in GROUNDS.items():
            if arguments.ground not in (name, "all"):
                continue
            try:
                with (
                    make(directory / name, livekit, _LEAVE_AFTER_MS, _HEARTBEAT_MS) as ground,
                    CallRun(ground, arguments.people, _say, pictures) as run,
                ):
                    server_cases = to_servers(ground, lambda run=run: run.people)
                    there[ground.title] = {case.name for case in [*TO_ONE, *server_cases]}
                    for case in TO_ONE:
                        if arguments.only in case.name:
                            rows.append(run.strike_one(case))
                    for server_case in server_cases:
                        if arguments.only in server_case.name:
                            rows.append(run.strike_server(server_case))
            except Exception:
                _say(f"{name}: {traceback.format_exc()}")
                good = False
    finally:
        livekit.stop()
    _say("\n" + table(rows, there))
    _say(f"\n{time.monotonic() - began:.0f} s; logs in {directory}, screenshots in {pictures}")
    # Of Synapse's own delayed events nothing is expected here.
    ours = [row for row in rows if row.ground != GROUNDS["alone"].title]
    return 0 if good and not any(row.wrong for row in ours) else 1


if __name__ == "__main__":
    sys.exit(main())
