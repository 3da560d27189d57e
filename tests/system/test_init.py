"""`afterword init` before real homeservers: what it finds out by itself, and what it says to do next."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .gateway import BINARY
from .homeservers import Dendrite, DendriteNotBuilt, Homeserver, Synapse
from .load_balancers import nginx_command
from .matrix import Server
from .processes import Process, free_port


def init(directory: Path, homeserver: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(BINARY), "init", "--homeserver", homeserver, "--dir", str(directory / "made"), *arguments]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=60)
    print(done.stdout, done.stderr)
    assert (done.returncode == 0) == (directory / "made").exists()
    return done


@pytest.fixture
def start() -> Iterator[Callable[[Homeserver], Homeserver]]:
    started: list[Homeserver] = []

    def start(homeserver: Homeserver) -> Homeserver:
        started.append(homeserver)
        homeserver.start()
        return homeserver

    yield start
    for homeserver in started:
        homeserver.stop()


def test_synapse_says_all_of_itself(synapse: Synapse, tmp_path: Path):
    done = init(tmp_path, synapse.base_url)
    assert done.stdout.startswith(f"At {synapse.base_url} is Synapse 1.163.2, of home.test.\n")
    assert f"- {tmp_path}/made/afterword-registration.yaml" in done.stdout
    assert "app_service_config_files" in done.stdout
    for absent in ["dendrite.yaml", "own delayed events", "A proxy answers"]:
        assert absent not in done.stdout
    assert "server_name: home.test\n" in (tmp_path / "made/afterword.yaml").read_text()


def test_a_second_run_leaves_what_is_there(synapse: Synapse, tmp_path: Path):
    assert init(tmp_path, synapse.base_url).returncode == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()}
    command = [str(BINARY), "init", "--homeserver", synapse.base_url, "--dir", str(tmp_path / "made")]
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 1
    assert "exists already, and is left as it is" in again.stderr
    assert {path.name: path.read_bytes() for path in (tmp_path / "made").iterdir()} == before


def test_another_name_than_the_homeservers(synapse: Synapse, tmp_path: Path):
    done = init(tmp_path, synapse.base_url, "--server-name", "example.org")
    assert done.returncode == 1
    assert f"the homeserver at {synapse.base_url} is home.test, not example.org" in done.stderr


def test_synapse_behind_nginx_with_delayed_events_of_its_own(start: Callable[[Homeserver], Homeserver], tmp_path: Path):
    nginx = Server(f"http://127.0.0.1:{free_port()}")
    settings = {"public_baseurl": nginx.base_url}
    synapse = start(Synapse(tmp_path / "synapse", own_delayed_events=True, settings=settings))
    address = nginx.base_url.removeprefix("http://")
    inside_http = f"server {{ listen {address}; location / {{ proxy_pass {synapse.base_url}; }} }}"
    process = Process(nginx_command(tmp_path, inside_http), tmp_path / "nginx.log", tmp_path)
    try:
        process.wait_until(nginx.is_ready)
        done = init(tmp_path, synapse.base_url)
    finally:
        process.stop()
    assert "nginx answers there" in done.stdout
    assert f"--public {nginx.base_url}\n" in done.stdout
    assert "Take max_event_delay_duration out" in done.stdout
    assert "A proxy answers" not in done.stdout


def test_dendrite_without_federation_needs_its_name(start: Callable[[Homeserver], Homeserver], tmp_path: Path):
    dendrite = Dendrite(tmp_path / "dendrite")
    try:
        dendrite.build()
    except DendriteNotBuilt as missing:
        pytest.skip(str(missing))
    start(dendrite)
    done = init(tmp_path, dendrite.base_url)
    assert done.returncode == 1
    assert f"Dendrite at {dendrite.base_url} does not say which server it is" in done.stderr
    assert "add --server-name NAME" in done.stderr

    done = init(tmp_path, dendrite.base_url, "--server-name", "home.test")
    assert done.stdout.startswith(f"At {dendrite.base_url} is Dendrite.\n")
    assert "app_service_api" in done.stdout and "homeserver.yaml" not in done.stdout


def test_no_homeserver_yet(tmp_path: Path):
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = init(tmp_path, nowhere)
    assert done.returncode == 1
    assert f"no homeserver answers at {nowhere}" in done.stderr and "--server-name NAME" in done.stderr
    done = init(tmp_path, nowhere, "--server-name", "example.org")
    assert done.stdout.startswith(f"No homeserver answers at {nowhere} yet: ")
    assert "homeserver.yaml" in done.stdout and "dendrite.yaml" in done.stdout
