"""A homeserver that speaks HTTP well and says what is not so: to the questions that Afterword itself asks."""

import itertools
import json
import re
import threading
import time
from urllib.parse import unquote

import pytest

from system.gateway import Afterword
from system.matrix import C, Response, User

from .homeserver import CLOSE, HANG, RESET, USERS, Homeserver, Request, Steps, answer

_numbers = itertools.count()
_DEEP = b'{"a":' * 10_000 + b"1" + b"}" * 10_000
_HUGE = b'{"user_id": "@alice:example.org", "event_id": "$x", "x": "' + b"y" * 40_000_000 + b'"}'


@pytest.fixture
def alice(afterword: Afterword) -> User:
    user_id, device_id = USERS["alices-token"]
    return User(afterword, user_id, "alices-token", device_id)


def _memory(afterword: Afterword) -> int:
    """In MB, the most that it ever had."""
    with open(f"/proc/{afterword.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) // 1024


def _is_clear(given: Response) -> bool:
    """A Matrix error, for a client to read."""
    return given.status >= 400 and isinstance(given.json["errcode"], str) and isinstance(given.json["error"], str)


# --- Whose a token is ---

_ALICE = b'"user_id": "@alice:example.org"'


def _user_id(user_id: str) -> bytes:
    return json.dumps({"user_id": user_id}).encode()


# Nobody is any of these.
_NOBODY = {
    "no JSON": b"hello",
    "nothing": b"",
    "half of an object": b"{" + _ALICE,
    "two objects": b"{" + _ALICE + b"}{" + _ALICE + b"}",
    "a list": b"[" + _ALICE.replace(b": ", b", ") + b"]",
    "a string": b'"@alice:example.org"',
    "null": b"null",
    "no user_id": b"{}",
    "a number": b'{"user_id": 1}',
    "a list for a user_id": b'{"user_id": ["@alice:example.org"]}',
    "null for a user_id": b'{"user_id": null}',
    "an empty user_id": _user_id(""),
    "no sigil": _user_id("alice:example.org"),
    "a room": _user_id("!alice:example.org"),
    "no server": _user_id("@alice"),
    "an empty server": _user_id("@alice:"),
    "another server": _user_id("@alice:evil.example"),
    "a server that begins alike": _user_id("@alice:example.org.evil.example"),
    "a server that ends alike": _user_id("@alice:evil.example.org"),
    "a port": _user_id("@alice:example.org:8448"),
    "a line break": _user_id("@alice\r\nX-Injected: yes:example.org"),
    "a NUL": _user_id("@alice\0:example.org"),
    "a NUL at the end": _user_id("@alice:example.org\0"),
    "a space": _user_id("@alice :example.org"),
    "a DEL": _user_id("@alice\x7f:example.org"),
    "300 letters": _user_id("@" + "a" * 300 + ":example.org"),
    "a megabyte": _user_id("@" + "a" * 1_000_000 + ":example.org"),
    "bytes that are no UTF-8": b'{"user_id": "@alice\xff:example.org"}',
    "half a surrogate pair": b'{"user_id": "@alice\\ud800:example.org"}',
    "a mark of byte order": b"\xef\xbb\xbf{" + _ALICE + b"}",
    "nested without measure": b'{"x": ' + _DEEP + b", " + _ALICE + b"}",
    "gzip": b"\x1f\x8b\x08\0\0\0\0\0\0\xff",
}


@pytest.mark.parametrize("body", _NOBODY.values(), ids=_NOBODY)
def test_a_token_of_nobody_opens_nothing(body: bytes, alice: User, homeserver: Homeserver):
    token = f"a-token-{next(_numbers)}"
    honest = homeserver.honest

    def script(request: Request) -> Steps:
        return [answer(200, body)] if request.token == token else honest(request)

    homeserver.script = script
    given = alice.server.request("GET", f"{C}/v1/delayed_events", token=token)
    assert _is_clear(given), given
    assert given.status in (401, 403, 502, 503)
    assert alice.request("GET", f"{C}/v1/delayed_events").status == 200


@pytest.mark.parametrize("device", ["", "A\r\nX: y", "A\0", "A" * 1_000_000, "A B", "é\x7f", 5, None, ["A"]])
def test_a_device_with_an_impossible_name_does_no_harm(device: object, alice: User, homeserver: Homeserver):
    token = f"a-token-{next(_numbers)}"
    honest = homeserver.honest

    def script(request: Request) -> Steps:
        if request.token == token:
            return [answer(200, {"user_id": alice.user_id, "device_id": device})]
        return honest(request)

    homeserver.script = script
    given = alice.server.request("GET", f"{C}/v1/delayed_events", token=token)
    assert given.status == 200 or _is_clear(given)


_WAITS = [
    "-1",
    "-9223372036854775808",
    "9223372036854775807",
    "9223372036854775808",
    "1e300",
    "0.5",
    '"1"',
    "null",
    "{}",
]


@pytest.mark.parametrize("wait", _WAITS)
def test_a_wait_that_nobody_can_wait_is_still_told_clearly(wait: str, alice: User, homeserver: Homeserver):
    token = f"a-token-{next(_numbers)}"
    body = f'{{"errcode": "M_LIMIT_EXCEEDED", "error": "Wait", "retry_after_ms": {wait}}}'.encode()
    honest, first = homeserver.honest, itertools.count()

    def script(request: Request) -> Steps:
        if request.token != token:
            return honest(request)
        return [answer(429, body)] if next(first) < 3 else [answer(200, {"user_id": alice.user_id, "device_id": "D"})]

    homeserver.script = script
    given = alice.server.request("GET", f"{C}/v1/delayed_events", token=token, timeout=30)
    assert given.status == 200 or (given.status in (429, 503) and _is_clear(given))
    for value in given.headers.get_all("Retry-After", []):
        assert re.fullmatch("[0-9]{1,9}", value), value


_REFUSALS = {
    "HTML": (403, b"<html>no</html>"),
    "nothing": (400, b""),
    "an errcode that is no string": (403, b'{"errcode": 5, "error": "x"}'),
    "an error that is no string": (403, b'{"errcode": "M_FORBIDDEN", "error": ["x"]}'),
    "nested without measure": (401, _DEEP),
    "a status of a proxy": (407, b"{}"),
    "a redirect": (302, b""),
    "an error of the server": (500, b'{"errcode": "M_UNKNOWN", "error": "x"}'),
    "a status that nobody knows": (499, b"[]"),
}


@pytest.mark.parametrize(("status", "body"), _REFUSALS.values(), ids=_REFUSALS)
def test_a_refusal_is_told_as_an_error_of_matrix(status: int, body: bytes, alice: User, homeserver: Homeserver):
    token = f"a-token-{next(_numbers)}"
    honest = homeserver.honest
    homeserver.script = lambda request: [answer(status, body)] if request.token == token else honest(request)
    given = alice.server.request("GET", f"{C}/v1/delayed_events", token=token)
    assert _is_clear(given), given
    assert given.headers.get_all("Access-Control-Allow-Origin") == ["*"]


# --- Events that are sent ---

# Said to the first attempt of an event. None of these is an outcome.
_UNCLEAR: dict[str, Steps] = {
    "no JSON": [answer(200, b"sent")],
    "nothing": [answer(200, b"")],
    "no event_id": [answer(200, {})],
    "an empty event_id": [answer(200, {"event_id": ""})],
    "a number": [answer(200, {"event_id": 5})],
    "a list": [answer(200, {"event_id": ["$x"]})],
    "a line break": [answer(200, {"event_id": "$x\r\nX-Injected: yes"})],
    "a NUL": [answer(200, {"event_id": "$x\0"})],
    "a megabyte": [answer(200, {"event_id": "$" + "x" * 1_000_000})],
    "bytes that are no UTF-8": [answer(200, b'{"event_id": "$\xff"}')],
    "nested without measure": [answer(200, _DEEP)],
    "two answers": [answer(200, b"") + answer(200, {"event_id": "$evil"})],
    "half of an answer": [answer(200, {"event_id": "$x"})[:-5], CLOSE],
    "a redirect": [answer(301, b"", ("Location", "http://127.0.0.1:1/"))],
    "an error of the server": [answer(500, {"errcode": "M_UNKNOWN", "error": "x"})],
    "a reset": [RESET],
    "the end": [CLOSE],
}


def _sync_of(events: list[dict]) -> bytes:
    return json.dumps({"chunk": events}).encode()


def test_no_answer_makes_an_event_lost_or_twice(alice: User, homeserver: Homeserver):
    """Each of them is lied about once, all at the same time; then the homeserver is itself again."""
    rooms = {f"!{number}:example.org": name for number, name in enumerate(_UNCLEAR)}
    lied: set[str] = set()
    sent: dict[str, dict[str, dict]] = {}  # room → txn_id → event: as a homeserver keeps them
    lock = threading.Lock()
    honest = homeserver.honest

    def script(request: Request) -> Steps:
        parts = [unquote(part) for part in request.path.split("/")]
        room = parts[5] if len(parts) > 6 and parts[4] == "rooms" else None
        if room not in rooms:
            return honest(request)
        with lock:
            if request.is_send:
                txn_id = parts[-1]
                event = {
                    "event_id": f"$of-{txn_id}",
                    "type": parts[7],
                    "sender": alice.user_id,
                    "content": json.loads(request.body),
                    "origin_server_ts": int(request.query["ts"][0]),
                    "room_id": room,
                }
                sent.setdefault(room, {}).setdefault(txn_id, event)
                if room not in lied:
                    lied.add(room)
                    return _UNCLEAR[rooms[room]]
                return [answer(200, {"event_id": event["event_id"]})]
            return [answer(200, _sync_of(list(sent.get(room, {}).values())))]

    homeserver.script = script
    ids = {room: alice.delayed(room, "org.example.test", {"for": name}, 300) for room, name in rooms.items()}
    started = time.monotonic()
    for room, delay_id in ids.items():
        outcome = alice.outcome(delay_id, timeout=90)
        assert outcome.get("event_id") == f"$of-{delay_id}", rooms[room]
    print(f"after {time.monotonic() - started:.1f} s")
    assert {room: len(events) for room, events in sent.items()} == dict.fromkeys(rooms, 1)


# Said for ever about one event.
_FOR_EVER: dict[str, Steps] = {
    "an unknown endpoint": [answer(404, {"errcode": "M_UNRECOGNIZED", "error": "x"})],
    "an unknown endpoint with 400": [answer(400, {"errcode": "M_UNRECOGNIZED", "error": "x"})],
    "a bare 404": [answer(404, b"")],
    "a bare 405": [answer(405, b"<html>")],
    "a redirect": [answer(301, b"", ("Location", "/"))],
    "an error of the server": [answer(500, {"errcode": "M_UNKNOWN", "error": "x"})],
    "a gateway without a server": [answer(502, b"<html>")],
    "a limit of a proxy": [answer(429, b"", ("Retry-After", "300"))],
    "a limit": [answer(429, {"errcode": "M_LIMIT_EXCEEDED", "error": "x", "retry_after_ms": 300_000})],
    "garbage": [b"hello\r\n\r\n", CLOSE],
    "a reset": [RESET],
    "silence": [HANG],
    "a token that is unknown": [answer(403, {"errcode": "M_UNKNOWN_TOKEN", "error": "x"})],
}


@pytest.mark.parametrize("name", _FOR_EVER)
def test_what_is_said_about_one_event_stops_no_other_owners(
    name: str, alice: User, afterword: Afterword, homeserver: Homeserver
):
    user_id, device_id = USERS["bobs-token"]
    bob = User(afterword, user_id, "bobs-token", device_id)
    bad_room = f"!bad-{next(_numbers)}:example.org"
    honest, heard = homeserver.honest, threading.Event()

    def script(request: Request) -> Steps:
        if unquote(request.path).find(bad_room) < 0:
            return honest(request)
        heard.set()
        return _FOR_EVER[name]

    homeserver.script = script
    bad = alice.delayed(bad_room, "org.example.test", {}, 1)
    assert heard.wait(30)
    for _ in range(2):
        scheduled = time.monotonic()
        bob.outcome(bob.delayed("!good:example.org", "org.example.test", {}, 100), timeout=30)
        assert time.monotonic() - scheduled < 5, "it waited for what is not its own"
    homeserver.script = honest
    homeserver.cut_all()
    alice.manage(bad, "cancel")


# --- Answers in which events are shown ---


def _shown(event: bytes) -> bytes:
    return b'{"rooms": {"join": {"!r:example.org": {"timeline": {"events": [' + event + b"]}}}}}"


@pytest.fixture
def sent_id(alice: User, homeserver: Homeserver) -> str:
    """Of an event of Alice's that was delayed, so that her answers are looked into."""
    return alice.outcome(alice.delayed("!room:example.org", "org.example.test", {}, 1))["event_id"]


_OWN = b'"event_id": "%s", "sender": "@alice:example.org"'
_STRANGE = {
    "no JSON": b"hello %s",
    "half of it": _shown(b"{" + _OWN)[:-4],
    "a list": b"[{" + _OWN + b"}]",
    "nested as deep as Go reads": _shown(b'{"content": ' + b"[" * 9_990 + b"]" * 9_990 + b", " + _OWN + b"}"),
    "nested without measure": _shown(b'{"content": ' + b"[" * 100_000 + b"]" * 100_000 + b", " + _OWN + b"}"),
    "never closed": b'{"a":' * 100_000 + b'"%s"',
    "no UTF-8": _shown(b'{"content": "\xff", ' + _OWN + b"}"),
    "half a surrogate pair": _shown(b'{"content": "\\ud800", ' + _OWN + b"}"),
    "the same key twice": _shown(b'{"event_id": "$x", "sender": "@bob:example.org", ' + _OWN + b"}"),
    "unsigned twice": _shown(b'{"unsigned": {"a": 1}, "unsigned": {"b": 2}, ' + _OWN + b"}"),
    "unsigned that is none": _shown(b'{"unsigned": [1], ' + _OWN + b"}"),
    "a delay_id already": _shown(b'{"unsigned": {"delay_id": {"x": ["}"]}, "age": 1}, ' + _OWN + b"}"),
    "a number that is none": _shown(b'{"content": 01, ' + _OWN + b"}"),
    "a huge number": _shown(b'{"content": 1e999999999, ' + _OWN + b"}"),
    "20,000 events": _shown(b",".join([b"{" + _OWN + b"}"] * 20_000).replace(b"%s", b"$x").replace(b"$x", b"%s", 1)),
    "a mark of byte order": b"\xef\xbb\xbf" + _shown(b"{" + _OWN + b"}"),
    "NULs": _shown(b"{" + _OWN + b"}") + bytes(100),
}  # fmt: skip
_ADDED = re.compile(
    rb',"unsigned":{"org.matrix.msc4140.delay_id":"[^"]+","delay_id":"[^"]+"}|,?"(org.matrix.msc4140.)?delay_id":"[^"]+"'
)


@pytest.mark.parametrize("body", _STRANGE.values(), ids=_STRANGE)
def test_an_answer_stays_as_it_is_but_for_delay_ids(body: bytes, alice: User, homeserver: Homeserver, sent_id: str):
    body = body.replace(b"%s", sent_id.encode())
    path = f"{C}/v3/sync"
    honest = homeserver.honest
    homeserver.script = lambda request: [answer(200, body)] if request.path == path else honest(request)
    given = alice.request("GET", path)
    assert given.status == 200
    without = _ADDED.sub(b"", given.body)
    if without != body:
        # Only a member of the homeserver's own has been given another value.
        assert b'"delay_id": {"x"' in body
        assert (
            json.loads(given.body)["rooms"]["join"]["!r:example.org"]["timeline"]["events"][0]["unsigned"]["age"] == 1
        )
