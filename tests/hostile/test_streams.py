"""What is larger than anybody should hold: it passes in pieces, as fast as its reader reads."""

import itertools
import threading
import time
from collections.abc import Callable

import pytest

from system.gateway import Afterword

from .cases import PATH, get, request
from .homeserver import CLOSE, Homeserver, Request, Steps, answer
from .wire import PATIENCE, BrokenOff, Wire

_MB = 1_000_000
_PIECE = bytes(range(250)) * 400  # 100 kB


def _large(size: int, *, chunked: bool = False) -> Callable[[Request], Steps]:
    def steps(_: Request) -> Steps:
        framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % size
        yield b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" + framing + b"\r\n\r\n"
        for _ in range(size // len(_PIECE)):
            yield b"%x\r\n%s\r\n" % (len(_PIECE), _PIECE) if chunked else _PIECE
        if chunked:
            yield b"0\r\nX-Trailer: dropped\r\n\r\n"

    return steps


def _rss_mb(afterword: Afterword) -> float:
    with open(f"/proc/{afterword.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) * 1024 / _MB


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_large_answer_is_the_same(chunked: bool, port: int, homeserver: Homeserver):
    homeserver.script = _large(20 * _MB, chunked=chunked)
    with Wire(port) as wire:
        for _ in range(2):
            wire.send(get())
            assert wire.read_answer().body == _PIECE * 200


def test_the_beginning_comes_before_the_end(port: int, homeserver: Homeserver):
    may_go_on = threading.Event()

    def steps(_: Request) -> Steps:
        yield b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab"
        may_go_on.wait(PATIENCE)
        yield b"cd"

    homeserver.script = steps
    with Wire(port) as wire:
        wire.send(get())
        deadline = time.monotonic() + PATIENCE
        assert wire.read_head(deadline)[0] == 200
        assert wire.take(2, deadline) == b"ab"
        may_go_on.set()
        assert wire.take(2, deadline) == b"cd"


def _begin(port: int) -> Wire:
    """A client that has read the head of its answer."""
    wire = Wire(port)
    wire.send(get())
    assert wire.read_head(time.monotonic() + PATIENCE)
    return wire


def test_slow_readers_take_no_memory(port: int, afterword: Afterword, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(get())
        wire.read_answer()
    before = most = _rss_mb(afterword)
    homeserver.script = _large(50 * _MB)
    wires = [_begin(port) for _ in range(20)]
    deadline = time.monotonic() + 3 * PATIENCE
    for _ in range(10):
        for wire in wires:
            wire.take(200_000, deadline)
        most = max(most, _rss_mb(afterword))
    for _ in range(48):
        wires[0].take(_MB, deadline)  # a slow one still gets all of it
        most = max(most, _rss_mb(afterword))
    assert most - before < 40
    for wire in wires:
        wire.close()


def test_a_client_that_goes_in_the_middle_ends_it_at_the_homeserver(port: int, homeserver: Homeserver):
    homeserver.cut_all()
    _wait_until(lambda: homeserver.connections == 0)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
    homeserver.script = lambda _: itertools.chain([head], itertools.repeat(_PIECE))
    wires = [_begin(port) for _ in range(10)]
    assert homeserver.connections == len(wires)
    for number, wire in enumerate(wires):
        if number % 2:
            wire.reset()
        else:
            wire.close()
    _wait_until(lambda: homeserver.connections == 0)


@pytest.mark.parametrize("chunked", [False, True])
def test_a_homeserver_that_goes_in_the_middle_breaks_the_answer_off(chunked: bool, port: int, homeserver: Homeserver):
    half = _large(20 * _MB, chunked=chunked)
    homeserver.script = lambda request: itertools.chain(itertools.islice(half(request), 100), [CLOSE])
    with Wire(port) as wire:
        wire.send(get())
        with pytest.raises(BrokenOff):
            wire.read_answer()


@pytest.mark.parametrize("framing", [b"Content-Length: 300000000", b"Transfer-Encoding: chunked"])
def test_a_refusal_in_the_middle_of_an_upload_reaches_the_client(
    framing: bytes, port: int, afterword: Afterword, homeserver: Homeserver
):
    homeserver.early = lambda _: [answer(413, {"errcode": "M_TOO_LARGE"}), CLOSE]
    before = _rss_mb(afterword)
    with Wire(port) as wire:
        wire.send(request(b"POST", PATH, framing))
        piece = b"186a0\r\n" + bytes(100_000) + b"\r\n" if b"chunked" in framing else bytes(100_000)
        for _ in range(5):
            wire.send(piece)
        given = wire.read_answer()
    assert (given.status, given.json["errcode"]) == (413, "M_TOO_LARGE")
    assert _rss_mb(afterword) - before < 10
    assert homeserver.arrived == []


def test_whether_a_body_is_wanted_is_said_by_the_homeserver(port: int, homeserver: Homeserver):
    refusal = answer(413, {"errcode": "M_TOO_LARGE"})
    homeserver.early = lambda _: [refusal, CLOSE]
    with Wire(port) as wire:
        wire.send(request(b"POST", PATH, b"Content-Length: 5", b"Expect: 100-continue"))
        assert wire.read_line().startswith(b"HTTP/1.1 413 ")


def test_a_download_has_no_limit_and_takes_no_memory(port: int, afterword: Afterword, homeserver: Homeserver):
    size = 200 * _MB
    before = _rss_mb(afterword)
    for chunked in [False, True]:
        homeserver.script = _large(size, chunked=chunked)
        with Wire(port) as wire:
            wire.send(get())
            deadline = time.monotonic() + 3 * PATIENCE
            wire.read_head(deadline)
            for _ in range(size // _MB):
                wire.take(_MB, deadline)
                assert _rss_mb(afterword) - before < 10


def test_an_upload_has_no_limit_and_takes_no_memory(port: int, afterword: Afterword, homeserver: Homeserver):
    size = 200 * _MB
    before = _rss_mb(afterword)
    with Wire(port) as wire:
        wire.send(request(b"POST", PATH, b"Content-Length: %d" % size))
        for _ in range(size // len(_PIECE)):
            wire.send(_PIECE)
        given = wire.read_answer()
    assert given.json["bytes"] == size
    assert _rss_mb(afterword) - before < 10


def test_an_upload_that_breaks_off_is_no_request(port: int, homeserver: Homeserver):
    for framing, begin in [(b"Content-Length: 10", b"12345"), (b"Transfer-Encoding: chunked", b"5\r\n12345\r\n")]:
        with Wire(port) as wire:
            wire.send(request(b"POST", PATH, framing))
            time.sleep(0.05)
            wire.send(begin)
            time.sleep(0.05)
            wire.end()
            assert wire.read_answer() is None
    assert homeserver.arrived == []
