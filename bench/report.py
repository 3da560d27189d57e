"""Rows for people, and in a file."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .plan import Plan
from .rows import Row, to_json

ROOT = Path(__file__).resolve().parents[1]


def show(row: Row) -> None:
    print(f"\n{row.name}: {row.title} ({row.unit})")
    heads = "".join(f"{f'÷ {other} (range)':>26}" for other in row.beside)
    print(f"  {'':24}{'median':>10} {'(range)':20}{heads}", *(f"{name:>15}" for name in row.details))
    for contestant, values in row.samples.items():
        spread = f"({number(min(values))}–{number(max(values))})"
        print(f"  {contestant:24}{number(statistics.median(values)):>10} {spread:20}", end="")
        for other in row.beside:
            print(f"{ratio(row, contestant, other):>26}", end="")
        for detail in row.details.values():
            values = detail.get(contestant)
            print(f" {number(statistics.median(values)) if values else '':>15}", end="")
        print()
    for goal in row.goals:
        reached = goal.reached(row)
        verdict = (
            "not measured" if reached is None else f"{number(reached)}, {'met' if goal.is_met(reached) else 'MISSED'}"
        )
        print(f"  goal {goal}: {verdict}")
    for problem in row.problems:
        print(f"  {problem}")
    sys.stdout.flush()


def ratio(row: Row, contestant: str, other: str) -> str:
    """Its median, with the range of the rounds."""
    if contestant == other or not row.samples.get(other):
        return ""
    ratios = row.ratios(contestant, other)
    return f"{number(statistics.median(ratios))} ({number(min(ratios))}–{number(max(ratios))})"


def number(value: float) -> str:
    """With about three digits that count."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def save(file: Path, run: dict[str, Any], rows: list[Row]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"run": run, "rows": to_json(rows)}, indent=1) + "\n")


def _said_by(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stdout + done.stderr).strip().splitlines()[0]


def machine() -> str:
    models = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{os.cpu_count()} × {models[0] if models else platform.machine()}, Linux {platform.release()}"


def commit() -> str:
    return _said_by("git", "-C", str(ROOT), "-c", f"safe.directory={ROOT}", "describe", "--always", "--dirty")


def describe(plan: Plan) -> dict[str, Any]:
    """What was measured, and on what."""
    return {
        "began": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "commit": commit(),
        "machine": machine(),
        "load_before": os.getloadavg()[0],
        "nginx": _said_by("/usr/sbin/nginx", "-v").removeprefix("nginx version: "),
        "synapse": "1.163.2, one process, SQLite, its rate limits lifted",
        "postgresql": "15, synchronous_commit=on, fsync=on, shared_buffers=128MB, on the same disk",
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "quick": plan.quick,
    }
