"""What scripts/run does, with the demonstration and with a homeserver of one's own."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from support.documents import TOP, commands

from .gateway import BINARY
from .homeservers import Synapse
from .matrix import Server, eventually
from .processes import free_port

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
ENVIRONMENT = {**os.environ, "AFTERWORD": str(BINARY), "PYTHONUNBUFFERED": "1"}


def test_the_demonstration_goes_as_it_says():
    command = [sys.executable, SCRIPTS / "demo.py", "--once"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_scripts_that_the_documents_name_explain_themselves():
    """They take half an hour, or stay; what they do has tests of its own."""
    name = "test_the_scripts_that_the_documents_name_explain_themselves"
    for block in [*commands("README.md", name), *commands("docs/fuzzing.md", name)]:
        for line in block.splitlines():
            script, *arguments = shlex.split(line, comments=True)
            assert os.access(TOP / script, os.X_OK), line
            options = [argument for argument in arguments if argument.startswith("--")]
            if options:
                help_ = subprocess.run([TOP / script, "--help"], capture_output=True, text=True, check=True).stdout
                assert all(option in help_ for option in options), line


def test_it_is_set_up_in_front_of_a_homeserver_that_is_there(tmp_path: Path):
    (written,) = commands("README.md", "test_it_is_set_up_in_front_of_a_homeserver_that_is_there")
    assert re.fullmatch(r"HOMESERVER=\S+ scripts/run\n", written)
    synapse = Synapse(tmp_path / "synapse")
    directory = tmp_path / "afterword"
    listen = f"127.0.0.1:{free_port()}"
    environment = {**ENVIRONMENT, "HOMESERVER": synapse.base_url, "SERVER_NAME": synapse.server_name}
    environment |= {"DIR": str(directory), "LISTEN": listen}
    output = tmp_path / "output"
    try:
        synapse.start()
        with output.open("wb") as file:
            command = [sys.executable, SCRIPTS / "attach.py"]
            attached = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)
        try:
            eventually(lambda: "waits until the homeserver knows it" in output.read_text())
            assert f"- {directory}/afterword-registration.yaml" in output.read_text()

            synapse.stop()
            synapse.start([directory / "afterword-registration.yaml"])
            afterword = Server(f"http://{listen}")
            eventually(afterword.is_ready)
            user = synapse.register("someone").at(afterword)
            assert user.delayed(user.create_room(), "m.room.message", {"msgtype": "m.text", "body": "x"}, 60_000)
        finally:
            attached.send_signal(signal.SIGTERM)
            assert attached.wait(30) == 0, output.read_text()
    finally:
        synapse.stop()
