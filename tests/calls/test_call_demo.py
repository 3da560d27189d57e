"""scripts/run --call, with a browser in the place of the person's."""

import contextlib
import re
import signal
import subprocess
import sys
from pathlib import Path

from system.matrix import eventually

from .browser import CallBrowser
from .livekit import LiveKit

_PROGRAM = Path(__file__).resolve().parents[2] / "scripts/call_demo.py"


def test_its_link_opens_a_call_and_it_starts_again_what_is_killed(livekit: LiveKit, tmp_path: Path):
    told = tmp_path / "told"
    with contextlib.ExitStack() as ends:
        output = ends.enter_context(told.open("w"))
        program = subprocess.Popen([sys.executable, _PROGRAM], stdout=output, stderr=subprocess.STDOUT)
        ends.callback(program.wait, 30)
        # Not SIGINT, which whoever starts the tests in the background has them ignore.
        ends.callback(program.send_signal, signal.SIGTERM)
        browser = CallBrowser(tmp_path, "person")
        ends.callback(browser.close)
        link = eventually(lambda: re.search(r"http://\S+/alice", told.read_text()), timeout=60)
        browser.open(link[0])
        eventually(lambda: "alice      is in the call" in told.read_text(), timeout=60)
        [afterword] = re.findall(r"kill -9 (\d+) +Afterword", told.read_text())
        subprocess.run(["kill", "-9", afterword], check=True)
        eventually(lambda: "Afterword  was killed, and is started again" in told.read_text(), timeout=30)
        assert "has left" not in told.read_text()
    assert program.returncode == 143
