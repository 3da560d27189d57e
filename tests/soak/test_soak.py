"""A share of scripts/soak: two minutes."""

from pathlib import Path

from crashes.targets import BehindAfterword

from .soak_run import Plan, SoakRun, settings


def test_two_minutes_of_mixed_traffic(tmp_path: Path):
    target = BehindAfterword("synapse", tmp_path, settings)
    said: list[str] = []
    try:
        target.start()
        outcome = SoakRun(target, Plan(seconds=60, seed=1, block_seconds=8), said.append).run()
    finally:
        target.stop()
        print(*said, f"logs and databases: {tmp_path}", sep="\n")
    assert outcome.figures.sent > 50
    assert outcome.figures.heartbeats > 50
    assert outcome.answers["200"] > 100
    assert outcome.is_good, str(outcome)
