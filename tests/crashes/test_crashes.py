"""A bounded share of scripts/crashes, before each homeserver."""

from pathlib import Path

import pytest

from system.homeservers import DendriteNotBuilt

from . import targets
from .crash_run import CrashRun, Plan


def _plan(name: str) -> Plan:
    # What was in doubt when Dendrite ended takes minutes to settle; see scripts/crashes.
    return Plan(kills=20, seed=1, homeserver_too=name == "synapse")


@pytest.mark.parametrize("name", ["synapse", "dendrite"])
def test_crashes_break_no_promise(name: str, tmp_path: Path):
    try:
        target = targets.make(name, tmp_path)
    except DendriteNotBuilt as reason:
        pytest.skip(f"not run: {reason}")
    said: list[str] = []
    try:
        target.start()
        run = CrashRun(target, _plan(name), said.append)
        run.run()
    finally:
        target.stop()
        print(*said, f"logs and databases: {tmp_path}", sep="\n")
    assert run.figures.sent > 50
    assert run.figures.heartbeats > 50
    assert not run.figures.breaches
