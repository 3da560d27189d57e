"""A short form of bench/abuse.py. It asserts what was refused and what was held, and no times: the machine is shared."""

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from system.gateway import Afterword
from system.processes import tail

from .attacks import ATTACKS, Attack, Running, connect
from .homeserver import SERVER_NAME, FakeHomeserver
from .ordinary import Users, descriptors, rss_mb

SECONDS = 4
# Few, so that seconds suffice to fill what follows from it: 1,792 connections, 448 of one address.
DESCRIPTORS = 4096
# What each meets; what is not named here is not asserted.
EXPECTED = {
    "idle connections": ["closed by the server"],
    "idle connections of one address": ["closed by the server"],
    "heads, a byte a second": ["closed by the server"],
    "90 MB bodies that do not end": ["begun"],
    "8 MB of JSON to our routes": [413],
    "schedules by one user": [429],
    "guesses by one address": [429],
}


class Stage:
    """Afterword before the homeserver, with few connections, so that a test can fill them."""

    def __init__(self, directory: Path):
        self.homeserver = FakeHomeserver(directory / "homeserver")
        self.afterword = Afterword(directory / "afterword")
        self.afterword.set_up(SERVER_NAME, self.homeserver.url)
        [as_token] = re.findall(r"as_token: *\"?([^\s\"]+)", self.afterword.registration.read_text())
        self.homeserver.start(as_token)
        self.afterword.limit_descriptors(DESCRIPTORS)
        self.afterword.start()
        self.users = Users(self.afterword, self.homeserver, self.afterword.pid)
        self.port = int(self.afterword.listen.rsplit(":", 1)[1])

    def stop(self) -> int | None:
        status = self.afterword.stop()
        self.homeserver.stop()
        return status


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("abuse"))
    yield stage
    assert stage.stop() == 0, tail(stage.afterword.log)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_others_are_served_meanwhile(attack: Attack, stage: Stage):
    before = rss_mb(stage.afterword.pid)
    running = Running(attack, stage.port, SECONDS, min(attack.connections, DESCRIPTORS))
    experience = stage.users.live(SECONDS)
    met = running.report()
    assert not experience.failures, f"{experience.failures} while {met}"
    assert len(experience.lateness_ms) == experience.scheduled > 0
    for refusal in EXPECTED.get(attack.name, []):
        assert met[refusal] > 0, met
    assert experience.descriptors < DESCRIPTORS
    # All bodies together, and some for the connections.
    assert experience.rss_mb - before < 600, met


def test_nothing_is_kept_of_clients_that_have_gone(stage: Stage):
    [attack] = [attack for attack in ATTACKS if attack.name == "long polls of clients that go"]
    before = descriptors(stage.afterword.pid)
    met = Running(attack, stage.port, SECONDS).report()
    assert met["sent"] > 100
    give_up = time.monotonic() + 20
    # Some connections to the homeserver are kept for the next request.
    while descriptors(stage.afterword.pid) > before + 20 and time.monotonic() < give_up:
        time.sleep(0.1)
    assert descriptors(stage.afterword.pid) <= before + 20, "and the polls last a minute"


def test_bodies_that_do_not_end_take_no_memory(stage: Stage):
    """They pass as they come; somebody else's upload goes through beside them."""
    megabyte = 1_000_000

    def begin(address: str, size: int, announced: int) -> socket.socket:
        connection = connect(stage.port, address)
        connection.settimeout(20)
        head = b"POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer user-1\r\n"
        connection.sendall(head + b"Content-Length: %d\r\n\r\n" % announced)
        for _ in range(size // megabyte):
            connection.sendall(bytes(megabyte))
        return connection

    before = rss_mb(stage.afterword.pid)
    held = [begin("127.0.1.1", 24 * megabyte, 25 * megabyte) for _ in range(20)]
    with begin("127.0.1.2", 90 * megabyte, 90 * megabyte) as others:
        assert others.recv(4096).startswith(b"HTTP/1.1 200 ")
    assert rss_mb(stage.afterword.pid) - before < 40
    for connection in held:
        connection.close()
