"""A homeserver that breaks HTTP: whoever asked gets a clear answer, and nobody gets another one's."""

import itertools
import random
import threading
from collections.abc import Callable

import pytest

from system.gateway import Afterword

from .cases import PATH, get, request
from .homeserver import CLOSE, HANG, RESET, Homeserver, Request, Steps, answer
from .wire import Answer, BrokenOff, Wire

_numbers = itertools.count()
EVIL = b'{"evil": true}'
_EVIL_ANSWER = answer(200, EVIL)
_BODY = b'{"here": 1}'
_GOOD = answer(200, _BODY)
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_CHUNKS = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def _ask(port: int, target: str = PATH, method: bytes = b"GET") -> Answer:
    """On a connection of its own."""
    with Wire(port) as wire:
        wire.send(request(method, target, b"Connection: close"))
        given = wire.read_answer(to_head=method == b"HEAD")
        assert given is not None
        assert wire.read_answer() is None, "one request, one answer"
        return given


def _try(port: int, method: bytes = b"GET") -> Answer | None:
    """The answer for PATH, or nothing if it broke off."""
    try:
        return _ask(port, method=method)
    except BrokenOff:
        return None


def _lie(homeserver: Homeserver, steps: Callable[[], Steps] | Steps) -> None:
    """To requests for PATH; all else is answered honestly."""
    honest = homeserver.honest

    def script(request: Request) -> Steps:
        if request.target != PATH:
            return honest(request)
        return steps() if callable(steps) else steps

    homeserver.script = script


def _check_that_others_are_served(port: int, homeserver: Homeserver) -> None:
    """By answers to what they asked for, and not over the connection of the lie."""
    lied_on = {each.connection for each in homeserver.arrived if each.target == PATH}
    before = len(homeserver.arrived)
    for _ in range(3):
        target = f"/_matrix/client/v3/other-{next(_numbers)}"
        given = _ask(port, target)
        assert (given.status, given.json["target"]) == (200, target)
    used = {each.connection for each in homeserver.arrived[before:]}
    assert not used & lied_on, "a connection that has surprised is used again"


# What comes besides the answer; the answer itself is fine.
_TOO_MUCH = {
    "a second answer": [_GOOD + _EVIL_ANSWER],
    "a second answer, later": [_GOOD, 0.05, _EVIL_ANSWER],
    "half of a second answer": [_GOOD + _EVIL_ANSWER[:20]],
    "a byte": [_GOOD + b"x"],
    "an empty line": [_GOOD + b"\r\n"],
    "a body for 204": [b"HTTP/1.1 204 No Content\r\n\r\n" + EVIL],
    "a body for 304": [b"HTTP/1.1 304 Not Modified\r\n\r\n" + EVIL],
    "a length that is too short": [_HEAD + b"Content-Length: 11\r\n\r\n" + _BODY + EVIL],
    "more than the last chunk": [_CHUNKS + b"b\r\n" + _BODY + b"\r\n0\r\n\r\n" + _EVIL_ANSWER],
    "a 1xx behind the answer": [_GOOD + b"HTTP/1.1 100 Continue\r\n\r\n"],
    "a request": [_GOOD + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
}  # fmt: skip


@pytest.mark.parametrize("steps", _TOO_MUCH.values(), ids=_TOO_MUCH)
def test_what_nobody_asked_for_answers_nobody(steps: Steps, port: int, homeserver: Homeserver):
    _ask(port, "/_matrix/client/v3/first")  # there is a kept connection
    _lie(homeserver, steps)
    given = _try(port)
    assert given is None or (given.status, given.body) in [(200, _BODY), (204, b""), (304, b""), (502, given.body)]
    threading.Event().wait(0.1)  # what comes later has come
    _check_that_others_are_served(port, homeserver)


def test_a_body_for_head_answers_nobody(port: int, homeserver: Homeserver):
    _lie(homeserver, [_GOOD])
    assert _ask(port, method=b"HEAD").status in (200, 502)
    _check_that_others_are_served(port, homeserver)


_BROKEN_HEADS = {
    "no status line": [b"hello\r\n\r\n"],
    "HTTP 0.9": [EVIL, CLOSE],
    "HTTP 2": [b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "a status of two digits": [b"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "a status of four digits": [b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "a status below 100": [b"HTTP/1.1 004 OK\r\nContent-Length: 2\r\n\r\n{}", CLOSE],
    "a status of 000": [b"HTTP/1.1 000 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "no status": [b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\n{}"],
    "a negative length": [_HEAD + b"Content-Length: -2\r\n\r\n{}"],
    "a length that is no number": [_HEAD + b"Content-Length: two\r\n\r\n{}"],
    "a length beyond 64 bits": [_HEAD + b"Content-Length: 18446744073709551618\r\n\r\n{}"],
    "two lengths": [_HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"],
    "a length and chunks": [_HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"],
    "a header without a colon": [_HEAD + b"nonsense\r\nContent-Length: 2\r\n\r\n{}"],
    "a name with a space": [_HEAD + b"X Y: z\r\nContent-Length: 2\r\n\r\n{}"],
    "a NUL in a header": [_HEAD + b"X: a\0b\r\nContent-Length: 2\r\n\r\n{}"],
    "a carriage return in a header": [_HEAD + b"X: a\rEvil: b\r\nContent-Length: 2\r\n\r\n{}"],
    "a line feed in a header": [_HEAD + b"X: a\nEvil: b\r\nContent-Length: 2\r\n\r\n{}"],
    "a carriage return in the reason": [b"HTTP/1.1 200 O\rK\r\nContent-Length: 2\r\n\r\n{}"],
    "a head beyond all limits": [_HEAD + b"X: " + b"y" * 100_000 + b"\r\nContent-Length: 2\r\n\r\n{}"],
    "100,000 headers": [_HEAD + b"X: y\r\n" * 100_000 + b"Content-Length: 2\r\n\r\n{}"],
    "TLS": [b"\x15\x03\x01\x00\x02\x02\x46"],
    "nothing": [CLOSE],
    "a reset": [RESET],
}  # fmt: skip


@pytest.mark.parametrize("steps", _BROKEN_HEADS.values(), ids=_BROKEN_HEADS)
def test_a_broken_answer_is_none(steps: Steps, port: int, homeserver: Homeserver):
    _ask(port, "/_matrix/client/v3/first")
    _lie(homeserver, [*steps, CLOSE])
    given = _ask(port)
    assert (given.status, given.json["errcode"]) == (502, "M_UNKNOWN")
    _check_that_others_are_served(port, homeserver)


# Their heads are sound, and may have been passed on before anybody could know.
_BROKEN_BODIES = {
    "a length that is too much": [_HEAD + b"Content-Length: 999999999999\r\n\r\n{}"],
    "more announced than sent": [_HEAD + b"Content-Length: 20\r\n\r\n{}"],
    "chunks without an end": [_CHUNKS + b"2\r\n{}\r\n"],
    "a size that is none": [_CHUNKS + b"zz\r\n{}\r\n0\r\n\r\n"],
    "a second size that is none": [_CHUNKS + b"2\r\n{}\r\n", 0.1, b"zz\r\n{}\r\n0\r\n\r\n"],
    "a size beyond 64 bits": [_CHUNKS + b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n"],
    "a chunk that is too long": [_CHUNKS + b"2\r\n{}{}\r\n0\r\n\r\n"],
    "extensions without measure": [_CHUNKS + b"2;" + b"x" * 200_000 + b"\r\n{}\r\n0\r\n\r\n"],
    "a line feed in an extension": [_CHUNKS + b"2\r\n{}\r\n", 0.1, b"2;x\ny\r\n{}\r\n0\r\n\r\n"],
    "a reset": [_HEAD + b"Content-Length: 20\r\n\r\n{}", 0.1, RESET],
}  # fmt: skip


@pytest.mark.parametrize("steps", _BROKEN_BODIES.values(), ids=_BROKEN_BODIES)
def test_a_body_that_breaks_off_is_never_whole(steps: Steps, port: int, homeserver: Homeserver):
    _ask(port, "/_matrix/client/v3/first")
    _lie(homeserver, [*steps, CLOSE])
    given = _try(port)
    assert given is None or (given.status, given.json["errcode"]) == (502, "M_UNKNOWN")
    _check_that_others_are_served(port, homeserver)


_UNUSUAL = {
    "a body until the end": [_HEAD + b"\r\n" + _BODY, CLOSE],
    "HTTP 1.0": [b"HTTP/1.0 200 OK\r\n\r\n" + _BODY, CLOSE],
    "a length twice the same": [_HEAD + b"Content-Length: 11\r\nContent-Length: 11\r\n\r\n" + _BODY, CLOSE],
    "a status that nobody knows": [b"HTTP/1.1 299 Well\r\nContent-Length: 11\r\n\r\n" + _BODY],
    "a folded header": [_HEAD + b"X: a\r\n b\r\nContent-Length: 11\r\n\r\n" + _BODY],
    "byte by byte": [_GOOD[i : i + 1] for i in range(len(_GOOD))],
    "a hundred announcements": [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100 + _GOOD],
    "gzip that nobody asked for": [_HEAD + b"Content-Encoding: gzip\r\nContent-Length: 11\r\n\r\n" + _BODY],
    "an encoding that there is not": [_HEAD + b"Content-Encoding: x\r\nContent-Length: 11\r\n\r\n" + _BODY],
}


@pytest.mark.parametrize("steps", _UNUSUAL.values(), ids=_UNUSUAL)
def test_an_unusual_answer_comes_as_it_is_or_not_at_all(steps: Steps, port: int, homeserver: Homeserver):
    _lie(homeserver, steps)
    given = _ask(port)
    assert given.status == 502 or (given.status in (200, 299) and given.body == _BODY)
    homeserver.script = homeserver.honest
    assert _ask(port, "/_matrix/client/v3/other").json["target"] == "/_matrix/client/v3/other"


def test_what_belongs_to_its_connection_does_not_come_through(port: int, homeserver: Homeserver):
    own = b"Connection: X-Own\r\nX-Own: 1\r\nKeep-Alive: timeout=1\r\nProxy-Authenticate: x\r\n"
    own += b"Upgrade: h2c\r\nTrailer: X\r\n"
    _lie(homeserver, [_HEAD + own + b"Transfer-Encoding: chunked\r\n\r\nb\r\n" + _BODY + b"\r\n0\r\nX: y\r\n\r\n"])
    with Wire(port) as wire:
        wire.send(get())
        given = wire.read_answer()
    assert (given.status, given.body) == (200, _BODY)
    for name in [
        "Connection",
        "X-Own",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Upgrade",
        "Trailer",
        "X",
    ]:
        assert not given.all_of(name), name


def test_a_switch_of_protocols_is_no_answer(port: int, homeserver: Homeserver):
    """Nobody asked for one. What follows speaks another language, and is nobody's."""
    switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
    _lie(homeserver, [switch + _EVIL_ANSWER])
    with Wire(port) as wire:
        wire.send(get(PATH, b"Connection: Upgrade", b"Upgrade: x"))
        given = wire.read_answer()
        assert given is None or given.status == 502
    _check_that_others_are_served(port, homeserver)


@pytest.mark.parametrize("end", [CLOSE, RESET], ids=["closed", "reset"])
def test_an_answer_cut_off_at_any_byte_is_none(end: object, port: int, homeserver: Homeserver):
    chunked = _CHUNKS + b"b\r\n" + _BODY + b"\r\n0\r\n\r\n"
    for whole in [_GOOD, chunked]:
        for cut in range(len(whole)):
            _lie(homeserver, [whole[:cut], end])
            given = _try(port)
            has_begun = b"\r\n\r\n" in whole[:cut]
            assert (has_begun and given is None) or given.status == 502, whole[:cut]
    _check_that_others_are_served(port, homeserver)


def _memory_peak(afterword: Afterword) -> int:
    """In MB, the most that it ever had."""
    with open(f"/proc/{afterword.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


_ENDLESS = {
    "headers": lambda: itertools.chain([_HEAD], itertools.repeat(b"X: y\r\n" * 1_000)),
    "a header": lambda: itertools.chain([_HEAD + b"X: "], itertools.repeat(b"y" * 10_000)),
    "a status line": lambda: itertools.chain([b"HTTP/1.1 200 "], itertools.repeat(b"y" * 10_000)),
    "garbage": lambda: itertools.repeat(b"y" * 10_000),
    "a chunk's extension": lambda: itertools.chain([_CHUNKS + b"1;"], itertools.repeat(b"y" * 10_000)),
    "trailers": lambda: itertools.chain([_CHUNKS + b"0\r\n"], itertools.repeat(b"X: y\r\n" * 1_000)),
}


@pytest.mark.parametrize("steps", _ENDLESS.values(), ids=_ENDLESS)
def test_an_endless_answer_is_cut_off(
    steps: Callable[[], Steps], port: int, afterword: Afterword, homeserver: Homeserver
):
    before = _memory_peak(afterword)
    _lie(homeserver, steps)
    given = _try(port)
    assert given is None or given.status == 502
    assert _memory_peak(afterword) - before < 8
    _check_that_others_are_served(port, homeserver)


def test_endless_announcements_keep_nobody_from_others(port: int, afterword: Afterword, homeserver: Homeserver):
    """1xx may come as often as a homeserver likes; they take no memory, and no time from others."""
    before = _memory_peak(afterword)
    _lie(homeserver, lambda: itertools.repeat(b"HTTP/1.1 102 Processing\r\n\r\n" * 100))
    with Wire(port) as wire:
        wire.send(get())
        threading.Event().wait(0.3)
        target = "/_matrix/client/v3/other"
        assert _ask(port, target).json["target"] == target
        assert _memory_peak(afterword) - before < 8
    homeserver.cut_all()


def test_silence_keeps_nobody_from_others(port: int, homeserver: Homeserver):
    _lie(homeserver, [HANG])
    wires = [Wire(port) for _ in range(50)]
    for wire in wires:
        wire.send(get())
    target = "/_matrix/client/v3/other"
    assert _ask(port, target).json["target"] == target
    homeserver.cut_all()
    for wire in wires:
        with wire:
            assert wire.read_answer().status == 502


_PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b" ",
    b":",
    b"0",
    b"9",
    b"HTTP/1.1 200 OK\r\n",
    b"Content-Length: 3\r\n",
    b"\r\n\r\n",
]
_PIECES += [b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"\xff", b"{", b"0\r\n\r\n", _EVIL_ANSWER]


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.choice([1, 1, 2, 3])):
        at, length = chance.randrange(len(whole) + 1), chance.choice([0, 0, 1, 2, 10])
        whole = whole[:at] + chance.choice([*_PIECES, b""]) + whole[at + length :]
    return whole


def test_no_damage_by_chance_answers_anybody_else(port: int, homeserver: Homeserver):
    """Whatever stands in an answer that was damaged: who asks afterwards gets his own, or none."""
    for seed in range(400):
        chance = random.Random(seed)
        whole = chance.choice([_GOOD, _CHUNKS + b"b\r\n" + _BODY + b"\r\n0\r\n\r\n"])
        _lie(homeserver, [_damaged(whole, chance), 0.002, CLOSE])
        _try(port)
        target = f"/_matrix/client/v3/other-{next(_numbers)}"
        given = _ask(port, target)
        assert given.status == 200 and given.json["target"] == target, f"seed {seed}"
