"""scripts/run --call, with a browser in the place of the person's."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from system.matrix import eventually

from .browser import Browser
from .livekit import LiveKit

_PROGRAM = Path(__file__).resolve().parents[2] / "scripts/call_demo.py"


def test_its_link_opens_a_call_and_it_starts_again_what_is_killed(livekit: LiveKit, tmp_path: Path):
    told = tmp_path / "told"
    with told.open("w") as output:
        program = subprocess.Popen([sys.executable, _PROGRAM], stdout=output, stderr=subprocess.STDOUT)
    browser = Browser(tmp_path, "person")
    try:
        link = eventually(lambda: re.search(r"http://\S+/alice", told.read_text()), timeout=60)
        browser.open(link[0])
        eventually(lambda: "alice      is in the call" in told.read_text(), timeout=60)
        [afterword] = re.findall(r"kill -9 (\d+) +Afterword", told.read_text())
        subprocess.run(["kill", "-9", afterword], check=True)
        eventually(lambda: "Afterword  was killed, and is started again" in told.read_text(), timeout=30)
        assert "has left" not in told.read_text()
    finally:
        browser.close()
        program.send_signal(signal.SIGINT)
        assert program.wait(30) == 0
