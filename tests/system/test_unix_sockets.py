"""nginx reaches Afterword, and Afterword reaches Synapse, through Unix sockets."""

import itertools
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .gateway import BINARY, Afterword
from .homeservers import Synapse
from .load_balancers import nginx_command
from .matrix import C, Server, User
from .processes import Process, free_port

TEXT = "m.room.message"
CLIENT = "198.51.100.7"  # as nginx says it

_names = itertools.count(1)


class SynapseAtSocket(Synapse):
    """Also listens at a Unix socket."""

    @property
    def socket(self) -> Path:
        return self.directory / "synapse.sock"

    def _configuration(self, registrations: list[Path]) -> dict[str, Any]:
        configuration = super()._configuration(registrations)
        listener = {"path": str(self.socket), "type": "http", "resources": [{"names": ["client"]}]}
        configuration["listeners"].append(listener)
        return configuration


@pytest.fixture(scope="module")
def installation(directory: Path) -> Iterator[tuple[SynapseAtSocket, Afterword, Path]]:
    synapse = SynapseAtSocket(directory / "unix-synapse")
    folder = directory / "unix-afterword"
    socket = folder / "afterword.sock"
    port = free_port()
    afterword = Afterword(folder, port, {"listen": f"unix:afterword.sock,127.0.0.1:{port}"})
    afterword.set_up(synapse.server_name, f"unix:{synapse.socket}")
    try:
        synapse.start([afterword.registration])
        afterword.start()
        yield synapse, afterword, socket
    finally:
        afterword.stop()
        synapse.stop()


@pytest.fixture
def alice(installation: tuple[SynapseAtSocket, Afterword, Path], tmp_path: Path) -> Iterator[User]:
    """Her client speaks to nginx."""
    synapse, _, socket = installation
    nginx = Server(f"http://127.0.0.1:{free_port()}")
    inside_http = f"""
upstream afterword {{ server unix:{socket}; keepalive 4; }}
server {{
  listen {nginx.base_url.removeprefix("http://")};
  location / {{
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For {CLIENT};
    proxy_set_header X-Forwarded-Proto https;
    proxy_pass http://afterword;
  }}
}}"""
    # Its workers run as nobody otherwise, who may not write to the sockets.
    command = [*nginx_command(tmp_path, inside_http), "-g", "user root;"]
    process = Process(command, tmp_path / "log", tmp_path)
    try:
        process.wait_until(nginx.is_ready)
        yield synapse.register(f"alice-{next(_names)}").at(nginx)
    finally:
        process.stop()


def test_an_event_is_scheduled_and_sent(installation: tuple[SynapseAtSocket, Afterword, Path], alice: User):
    _, afterword, _ = installation
    room = alice.create_room()
    assert alice.outcome(alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "later"}, 300))["event_id"]
    assert [event["content"]["body"] for event in alice.events(room, TEXT)] == ["later"]
    # The other address serves as well.
    assert alice.at(Server(f"http://{afterword.listen}")).scheduled() == []


def test_the_homeserver_learns_the_clients_address(alice: User):
    alice.create_room()
    devices = alice.request("GET", f"{C}/v3/devices").ok()["devices"]
    assert [device["last_seen_ip"] for device in devices] == [CLIENT]


def test_the_check_looks_through_the_socket(installation: tuple[SynapseAtSocket, Afterword, Path]):
    synapse, afterword, socket = installation
    done = afterword.command("check", "--set", f"listen=unix:{socket}")
    assert done.returncode == 0, done.stdout
    assert f" at unix:{synapse.socket}" in done.stdout
    assert f"in use by the Afterword that runs at unix:{socket}" in done.stdout


def test_the_sockets_file_comes_and_goes(installation: tuple[SynapseAtSocket, Afterword, Path], alice: User):
    _, afterword, socket = installation
    assert stat.S_IMODE(socket.stat().st_mode) == 0o660
    another = [str(BINARY), "serve", "--config", str(afterword.directory / "afterword.yaml")]
    another += ["--set", f"listen=unix:{socket}", "--set", f"database=sqlite:{alice.localpart}.db"]
    refused = subprocess.run(another, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "--set listen: cannot listen on unix:" in refused.stderr
    assert "another process listens there; stop it, or choose another address" in refused.stderr
    assert alice.scheduled() == []

    afterword.kill()
    assert socket.is_socket()
    afterword.start()
    assert alice.scheduled() == []

    assert afterword.stop() == 0
    assert not socket.exists()
    socket.write_text("not a socket")
    refused = subprocess.run(another, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "there is a file that is not a socket; move it away, or choose another path" in refused.stderr
    assert socket.read_text() == "not a socket"
    socket.unlink()
    afterword.start()
