"""Explores model/delivery.pml exhaustively with Spin: whole, and with one safeguard or assumption left out."""

import re
import subprocess
from pathlib import Path

import pytest

MODEL = Path(__file__).parents[2] / "model" / "delivery.pml"


def explore(folder: Path, claim: str, *definitions: str) -> tuple[int, str]:
    """How many errors Spin found, and what it printed."""
    subprocess.run(["spin", *definitions, "-a", str(MODEL)], cwd=folder, check=True, capture_output=True)
    build = ["gcc", "-O2", "-DNFAIR=4", "-o", "explore", "pan.c"]
    subprocess.run(build, cwd=folder, check=True, capture_output=True)
    search = ["./explore", "-a", *(["-f"] if claim == "settles" else []), "-N", claim, "-m1000000"]
    output = subprocess.run(search, cwd=folder, check=True, capture_output=True, text=True, timeout=120).stdout
    assert "Search not completed" not in output or "errors: 0" not in output, output
    assert "max search depth too small" not in output, output
    return int(re.search(r"errors: (\d+)", output)[1]), output


@pytest.mark.parametrize("instances", [2, 3])
@pytest.mark.parametrize("claim", ["once", "settles"])
def test_it_holds(claim: str, instances: int, tmp_path: Path):
    errors, output = explore(tmp_path, claim, f"-DINSTANCES={instances}")
    assert errors == 0, output


@pytest.mark.parametrize("without", ["FENCE", "FINGERPRINT", "QUIET_TIME", "STEP"])
def test_each_safeguard_and_each_assumption_is_needed(without: str, tmp_path: Path):
    errors, output = explore(tmp_path, "once", f"-DNO_{without}")
    assert errors > 0
    assert "assertion violated (in_room<=1)" in output  # it is sent twice
