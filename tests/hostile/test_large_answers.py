"""Answers of a homeserver that are far too large or too deep: neither memory nor other users pay for them."""

import itertools
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import unquote

import pytest

from system.gateway import Afterword
from system.matrix import C, Response, User

from .homeserver import SERVER_NAME, USERS, Homeserver, Request, Steps, answer, as_token_of

_MB = 1_000_000
_BIG = 40 * _MB
# Read whole, and as a tree, such an answer takes a gigabyte. A sanitizer takes some for itself.
_FEW_MB = 64
_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def _filled(begin: bytes, end: bytes, size: int = _BIG) -> Steps:
    """One answer of that size, with letters between the two."""
    yield _HEAD + b"Content-Length: %d\r\n\r\n" % (len(begin) + size + len(end)) + begin
    for _ in range(size // _MB):
        yield b"y" * _MB
    yield end


def _chunked(begin: bytes) -> Steps:
    """The same without an end."""
    yield _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n" % (len(begin), begin)
    while True:
        yield b"%x\r\n" % _MB + b"y" * _MB + b"\r\n"


def _nested(open_: bytes, close: bytes, depth: int) -> bytes:
    return open_ * depth + b"1" + close * depth


_USER = b'{"user_id": "@alice:example.org", "device_id": "D", "event_id": "$x", "chunk": [], "x": '
_TOO_MUCH: dict[str, Callable[[], Steps]] = {
    "40 MB": lambda: _filled(_USER + b'"', b'"}'),
    "40 MB of spaces": lambda: _filled(b"", b"{}"),
    "no end": lambda: _chunked(_USER + b'"'),
    "10,000 objects deep": lambda: [answer(200, _USER + _nested(b'{"a":', b"}", 10_000) + b"}")],
    "100,000 lists deep": lambda: [answer(200, _USER + _nested(b"[", b"]", 100_000) + b"}")],
    "a list of a million": lambda: [answer(200, _USER + b"[" + b"{}," * 1_000_000 + b"{}]}")],
    "a million of one key": lambda: [answer(200, _USER + b"{" + b'"a":1,' * 1_000_000 + b'"a":1}}')],
    "a number of a million digits": lambda: [answer(200, _USER + b"1" * 1_000_000 + b"}")],
}


@pytest.fixture
def fresh(tmp_path, homeserver: Homeserver) -> Iterator[Afterword]:
    """One of its own, so that the most memory it ever had is this test's."""
    own = Afterword(tmp_path / "afterword", settings={"rate_limits.enabled": "false"})
    own.set_up(SERVER_NAME, homeserver.url)
    kept, homeserver.as_token = homeserver.as_token, as_token_of(own.registration)
    own.start()
    yield own
    assert own.stop() == 0
    homeserver.as_token = kept


def _peak(afterword: Afterword) -> int:
    """In MB, the most memory that it ever had."""
    with open(f"/proc/{afterword.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


class _Heartbeats:
    """Somebody else's restarts meanwhile; `longest` is how long one of them took."""

    def __init__(self, afterword: Afterword):
        user_id, device_id = USERS["bobs-token"]
        self._bob = User(afterword, user_id, "bobs-token", device_id)
        self.longest = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat)

    def __enter__(self) -> "_Heartbeats":
        self._delay_id = self._bob.delayed("!b:example.org", "org.example.test", {}, 3_600_000)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._ended.wait(0.02):
            started = time.monotonic()
            self._bob.manage(self._delay_id, "restart").ok()
            self.longest = max(self.longest, time.monotonic() - started)


@pytest.mark.parametrize("steps", _TOO_MUCH.values(), ids=_TOO_MUCH)
def test_whose_a_token_is(steps: Callable[[], Steps], fresh: Afterword, homeserver: Homeserver):
    token = secrets.token_hex(8)
    honest = homeserver.honest
    homeserver.script = lambda request: steps() if request.token == token else honest(request)
    before = _peak(fresh)
    with _Heartbeats(fresh) as others:
        given = fresh.request("GET", f"{C}/v1/delayed_events", token=token)
    assert given.status == 200 or given.json["errcode"].startswith("M_")
    assert _peak(fresh) - before < _FEW_MB
    assert others.longest < 1


@pytest.mark.parametrize("name", ["40 MB", "no end", "100,000 lists deep"])
def test_how_a_send_went_and_what_is_in_the_room(name: str, fresh: Afterword, homeserver: Homeserver):
    """Whatever is said once about an event, and about its room: it is there once in the end."""
    steps = _TOO_MUCH[name]
    user_id, device_id = USERS["alices-token"]
    alice = User(fresh, user_id, "alices-token", device_id)
    honest, lies = homeserver.honest, itertools.count()
    there: dict[str, str] = {}

    def script(request: Request) -> Steps:
        if "/rooms/" not in request.path:
            return honest(request)
        if request.is_send:
            txn_id = unquote(request.path.rsplit("/", 1)[1])
            there.setdefault(txn_id, f"$of-{txn_id}")
            return steps() if next(lies) == 0 else [answer(200, {"event_id": there[txn_id]})]
        if next(lies) == 1:
            return steps()
        return [answer(200, {"chunk": []})]

    homeserver.script = script
    before = _peak(fresh)
    with _Heartbeats(fresh) as others:
        delay_id = alice.delayed("!a:example.org", "org.example.test", {}, 100)
        outcome = alice.outcome(delay_id, timeout=60)
    assert len(there) == 1
    assert outcome["event_id"] in ("$x", *there.values())
    assert _peak(fresh) - before < _FEW_MB
    assert others.longest < 1


@pytest.mark.parametrize("path", [f"{C}/versions", f"{C}/v3/capabilities"])
@pytest.mark.parametrize("steps", _TOO_MUCH.values(), ids=_TOO_MUCH)
def test_what_the_homeserver_can(path: str, steps: Callable[[], Steps], fresh: Afterword, homeserver: Homeserver):
    honest = homeserver.honest
    homeserver.script = lambda request: steps() if request.path == path else honest(request)
    before = _peak(fresh)
    with _Heartbeats(fresh) as others:
        given: Response = fresh.request("GET", path)
    assert given.status in (200, 502)
    assert _peak(fresh) - before < 128
    assert others.longest < 1
