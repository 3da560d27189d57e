"""Every preset configures: one that does not is noticed here, and not by who needs it next."""

import json
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRESETS = [p for p in json.loads((ROOT / "CMakePresets.json").read_text())["configurePresets"] if not p.get("hidden")]


class Presets(unittest.TestCase):
    def test_configure(self):
        for preset in PRESETS:
            compiler = preset.get("cacheVariables", {}).get("CMAKE_CXX_COMPILER", "c++")
            with self.subTest(preset["name"]), tempfile.TemporaryDirectory() as folder:
                if not shutil.which(compiler):
                    self.skipTest(f"{compiler} is not installed")
                command = ["cmake", "--preset", preset["name"], "-B", folder]
                configured = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
                self.assertEqual(configured.returncode, 0, configured.stderr)


if __name__ == "__main__":
    unittest.main()
