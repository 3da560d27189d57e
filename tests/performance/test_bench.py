"""The benchmark, on its quickest row: that it measures, saves what it measured, and that the document is drawn from that."""

import json
import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP))

from bench.draw import SECTIONS, block
from bench.report import number
from bench.rows import from_json

SAVED = TOP / "docs/performance.json"


def test_a_row_is_measured_and_saved(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    command = [TOP / "bench/run", "--quick", "--only", "look-up", "--json", file]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    saved = json.loads(file.read_text())
    assert {"began", "commit", "machine", "minutes", "quick", "rounds", "seconds"} <= saved["run"].keys()
    [row] = from_json(saved["rows"])
    assert row.name == "look-up" and row.problems == []
    assert row.samples.keys() == {"nginx", "Afterword"}
    assert all(len(samples) == 1 and samples[0] > 0 for samples in row.samples.values())
    assert row.details["Afterword µs"].keys() == {"Afterword"}
    assert "look-up: Look-ups of one event (a second)" in done.stdout
    drawn = block(saved, [row])
    assert "| Look-ups of one event, a second |" in drawn
    assert (
        f"| Afterword | {number(row.samples['Afterword'][0])} | {number(row.ratios('Afterword', 'nginx')[0])} |"
        in drawn
    )


def test_what_cannot_be_measured_says_so(tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    environment = {"PATH": "/usr/bin:/bin", "AFTERWORD": "/nonexistent", "PYTHONPATH": f"{TOP}:{TOP}/tests"}
    command = [sys.executable, "-m", "bench", "--quick", "--only", "look-up", "--json", file]
    done = subprocess.run(command, cwd=TOP, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    [row] = from_json(json.loads(file.read_text())["rows"])
    assert row.samples == {} and "not measured" in row.problems[0] and "/nonexistent" in row.problems[0]


def test_the_document_is_drawn_from_the_saved_file() -> None:
    done = subprocess.run([TOP / "bench/draw", "--check", SAVED], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_document_shows_every_row_that_was_saved() -> None:
    names = [row["name"] for row in json.loads(SAVED.read_text())["rows"]]
    beginnings = tuple(each for section in SECTIONS.values() for each in section)
    assert [name for name in names if not name.startswith(beginnings)] == []
