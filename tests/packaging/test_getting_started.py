"""docs/getting-started.md, word for word: a clean Debian with its own systemd, the package, a real Synapse, and nginx."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.documents import TOP, blocks, commands
from system.homeservers import Synapse
from system.load_balancers import nginx_command
from system.matrix import Server, eventually
from system.processes import Process, free_port

from .clean_root import CleanRoot

PAGE = "docs/getting-started.md"
REGISTRATION = "/etc/afterword/afterword-registration.yaml"


def files(language: str) -> list[str]:
    return [text for _, found, text in blocks(TOP / PAGE) if found == language]


class Reader:
    """Does what the page says, at the addresses of the test in place of the page's."""

    def __init__(self, root: CleanRoot, addresses: dict[str, str]):
        self._root = root
        self._addresses = addresses
        self._left = commands(PAGE, "test_from_nothing_to_a_delayed_event")

    def here(self, text: str) -> str:
        for wrong, right in self._addresses.items():
            text = text.replace(wrong, right)
        return text

    def does(self, begin: str, **environment: str) -> str:
        """The next block, which begins so."""
        block = self._left.pop(0)
        assert block.startswith(begin), block
        given = "".join(f"export {name}='{value}'\n" for name, value in environment.items())
        return self._root.succeeds("sh", "-e", "-c", given + self.here(block))

    def has_read_all(self) -> bool:
        return not self._left


@pytest.fixture
def booted(root: CleanRoot, tmp_path: Path) -> Iterator[CleanRoot]:
    root.apt("update")
    root.apt("install", "systemd", "systemd-sysv", "dbus", "curl")
    # As Debian's Synapse has it.
    root.succeeds("useradd", "--system", "--user-group", "matrix-synapse")
    with root.booted(tmp_path / "boot.log"):
        yield root


def test_from_nothing_to_a_delayed_event(booted: CleanRoot, package: Path, tmp_path: Path):
    synapse = Synapse(tmp_path / "synapse")
    ours, public = free_port(), free_port()
    (booted.path / package.name).write_bytes(package.read_bytes())
    reader = Reader(
        booted,
        {
            "./afterword_0.1.0_amd64.deb": f"--yes /{package.name}",
            "http://127.0.0.1:8008": synapse.base_url,
            "init ": f"init --listen 127.0.0.1:{ours} ",
            "127.0.0.1:8009": f"127.0.0.1:{ours}",
            "https://matrix.example.org": f"http://127.0.0.1:{public}",
        },
    )
    (own_lines,) = files("yaml")
    assert own_lines == f"app_service_config_files:\n  - {REGISTRATION}\n"
    (location,) = files("nginx")

    nginx = None
    try:
        synapse.start()
        reader.does("apt install")
        steps = reader.does("afterword init")
        assert f"At {synapse.base_url} is Synapse 1." in steps
        reader.does("usermod")
        synapse.stop()
        synapse.start([Path(f"{booted.path}{REGISTRATION}")])
        reader.does("afterword check")

        server = f"server {{\n listen 127.0.0.1:{public};\n{reader.here(location)}}}\n"
        nginx = Process(nginx_command(tmp_path, server), tmp_path / "nginx.log", tmp_path)
        alice = synapse.register("alice")
        room = alice.create_room()
        nginx.wait_until(Server(f"http://127.0.0.1:{public}").is_ready)
        reader.does("afterword check")
        answer = reader.does("curl", TOKEN=alice.token, ROOM=room)
        assert '"delay_id"' in answer
        (event,) = eventually(lambda: alice.events(room, "m.room.message"))
        assert event["content"]["body"] == "five seconds later"
        assert reader.has_read_all()
    finally:
        if nginx:
            nginx.stop()
        synapse.stop()
