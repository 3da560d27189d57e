"""The Containerfile, built and run: as nobody in particular, with no capabilities, and nothing to write to but its data.

Its base is the clean root, in place of the image of the same Debian, which would have to be fetched.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from hostile.homeserver import SERVER_NAME, Homeserver, as_token_of
from support.documents import commands
from system.matrix import Server, User
from system.processes import Process, free_port, tail

from .clean_root import base
from .conftest import TOP

USER = 10001


class Podman:
    """With images and containers of its own, in a folder."""

    def __init__(self, folder: Path):
        self._where = ["--root", f"{folder}/storage", "--runroot", f"{folder}/run"]

    def command(self, *arguments: str) -> list[str]:
        # The one that runs where the groups of processes are of both versions, too.
        return ["podman", "--runtime", "runc", *self._where, *arguments]

    def succeeds(self, *arguments: str) -> str:
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"podman {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, *arguments: str) -> list[str]:
        """As deploy/README.md runs it."""
        (written,) = commands("deploy/README.md", "test_a_delayed_event_is_sent_from_it")
        written = shlex.split(written)
        assert written[:2] == ["podman", "run"] and written[-1] == "afterword"
        confined = ["--rm", *(word for word in written[2:-1] if word.startswith("--") and word != "--volume")]
        # By itself it would raise limits, which not every root may.
        confined += [f"--ulimit={limit}=4096:4096" for limit in ("nofile", "nproc")]
        return self.command("run", *confined, *arguments)


@pytest.fixture(scope="module")
def podman(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    if os.geteuid() != 0:
        pytest.skip("only root can make a clean root")
    folder = tmp_path_factory.mktemp("podman")
    podman = Podman(folder)
    podman.succeeds("import", str(base()), "localhost/debian:12")
    # What is built is confined by chroot alone, which works everywhere.
    podman.succeeds(
        "build", "--isolation=chroot", "--build-arg=BASE=localhost/debian:12", "--tag=localhost/afterword", str(TOP)
    )
    yield podman
    podman.succeeds("rmi", "--all", "--force")
    shutil.rmtree(folder, ignore_errors=True)


def test_the_image_is_small_and_for_nobody_in_particular(podman: Podman):
    image = json.loads(podman.succeeds("inspect", "localhost/afterword"))[0]
    assert image["Config"]["User"] == f"{USER}:{USER}"
    assert image["Size"] < 40_000_000
    podman_says = subprocess.run(podman.run("localhost/afterword", "--version"), capture_output=True, text=True)
    assert podman_says.stdout.startswith("afterword "), podman_says.stderr
    shell = subprocess.run(podman.run("--entrypoint=/bin/sh", "localhost/afterword"), capture_output=True, text=True)
    assert shell.returncode == 127


def test_a_delayed_event_is_sent_from_it(podman: Podman, homeserver: Homeserver, tmp_path: Path):
    settings, data = tmp_path / "settings", tmp_path / "data"
    for folder in (settings, data):
        folder.mkdir()
        os.chown(folder, USER, USER)
    port = free_port()
    init = ["init", "--server-name", SERVER_NAME, "--homeserver", homeserver.url, "--dir", "/etc/afterword"]
    init += ["--listen", f"127.0.0.1:{port}", "--database", "sqlite:/var/lib/afterword/afterword.db"]
    made = subprocess.run(
        podman.run(f"--volume={settings}:/etc/afterword", "localhost/afterword", *init), capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    homeserver.as_token = as_token_of(settings / "afterword-registration.yaml")

    folders = [f"--volume={settings}:/etc/afterword:ro", f"--volume={data}:/var/lib/afterword"]
    server = Server(f"http://127.0.0.1:{port}")
    log = tmp_path / "log"
    afterword = Process(podman.run(*folders, f"--name=afterword-{port}", "localhost/afterword"), log, tmp_path)
    afterword.wait_until(server.is_ready)
    pid = podman.succeeds("inspect", "--format={{.State.Pid}}", f"afterword-{port}").strip()
    status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert status["Uid"].split() == [str(USER)] * 4
    assert {status[name] for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1"
    alice = User(server, "@alice:example.org", "alices-token", "ALICES_PHONE")
    assert alice.outcome(alice.delayed("!room:example.org", "org.example.later", {}, 200))["event_id"]
    assert afterword.stop() == 0, tail(log)
