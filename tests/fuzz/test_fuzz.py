"""The targets, their examples and the commands about them belong together. What the targets say of the readers is run by
ctest, as Fuzz.TARGET, and for as long as asked by scripts/fuzz."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).parent
TARGETS = sorted(re.findall(r'Target\{"(\w+)"', (FOLDER / "targets.h").read_text()))
REPLAY = ROOT / "build/release/tests/fuzz/fuzz_replay"


def test_each_target_has_examples_and_a_file():
    assert TARGETS
    assert TARGETS == sorted(folder.name for folder in (FOLDER / "corpus").iterdir())
    for target in TARGETS:
        assert (FOLDER / f"{target}.cc").exists()


def test_examples_are_small():
    for file in (FOLDER / "corpus").rglob("*"):
        assert file.is_dir() or file.stat().st_size <= 2048, file


def test_the_command_explains_itself():
    shown = subprocess.run([ROOT / "scripts/fuzz", "--help"], capture_output=True, text=True, check=True).stdout
    assert all(target in shown for target in TARGETS)


def test_only_known_targets_are_replayed():
    asked = subprocess.run([REPLAY, "nonsense", FOLDER / "corpus/json", "1"], capture_output=True, text=True)
    assert asked.returncode == 2
    assert "targets.h" in asked.stderr
