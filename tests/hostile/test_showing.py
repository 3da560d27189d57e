"""Answers that show events: untouched for whoever has sent no delayed event, and else changed as they pass."""

import gzip
import http.client
import itertools
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from system.gateway import Afterword, is_sanitized
from system.matrix import C, User

from .homeserver import CLOSE, SERVER_NAME, USERS, Homeserver, Request, Steps, answer, as_token_of

_MB = 1_000_000
_SYNC = f"{C}/v3/sync"


@pytest.fixture
def fresh(tmp_path: Path, homeserver: Homeserver) -> Iterator[Afterword]:
    """One of its own, that knows nobody yet."""
    own = Afterword(tmp_path / "afterword", settings={"rate_limits.enabled": "false"})
    own.set_up(SERVER_NAME, homeserver.url)
    kept, homeserver.as_token = homeserver.as_token, as_token_of(own.registration)
    own.start()
    yield own
    assert own.stop() == 0
    homeserver.as_token = kept


@pytest.fixture
def alice(fresh: Afterword) -> User:
    return User(fresh, "@alice:example.org", "alices-token", "ALICES_PHONE")


@pytest.fixture
def sync(homeserver: Homeserver) -> Callable[[Callable[[Request], Steps]], list[Request]]:
    """Says how /sync is answered; hands back the requests that come."""

    def script(steps: Callable[[Request], Steps]) -> list[Request]:
        arrived: list[Request] = []

        def answered(request: Request) -> Steps:
            if request.path != _SYNC:
                return homeserver.honest(request)
            arrived.append(request)
            return steps(request)

        homeserver.script = answered
        return arrived

    return script


def send_a_delayed_event(user: User) -> tuple[str, str]:
    """Its delay_id and event_id."""
    delay_id = user.delayed("!room:example.org", "org.example.test", {}, 1)
    return delay_id, user.outcome(delay_id)["event_id"]


def sync_of(events: list[dict]) -> dict:
    return {"next_batch": "s1", "rooms": {"join": {"!r:example.org": {"timeline": {"events": events}}}}}


def event(event_id: str, sender: str = "@alice:example.org", **more: object) -> dict:
    return {"event_id": event_id, "sender": sender, "content": {"body": "é" * 100}, **more}


def with_id(event_: dict, delay_id: str) -> dict:
    ids = {"org.matrix.msc4140.delay_id": delay_id, "delay_id": delay_id}
    return {**event_, "unsigned": {**event_.get("unsigned", {}), **ids}}


def with_ids(events: list[dict], event_id: str, delay_id: str) -> list[dict]:
    return [with_id(each, delay_id) if each["event_id"] == event_id else each for each in events]


def peak(afterword: Afterword) -> float:
    """In MB, the most memory that it ever had."""
    with open(f"/proc/{afterword.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


def bound(mb: float) -> float:
    """A sanitizer takes some for itself, and more for each piece of an answer."""
    return mb + 200 if is_sanitized() else mb


def whoami_questions(homeserver: Homeserver) -> int:
    arrived = [request for request in homeserver.arrived if request.path.endswith("/whoami")]
    return sum(request.token != homeserver.as_token for request in arrived)


@pytest.mark.parametrize("coding", ["gzip", "br", None])
def test_one_who_has_sent_nothing_has_what_the_homeserver_sends(
    coding: str | None, alice: User, homeserver: Homeserver, sync
):
    body = gzip.compress(json.dumps(sync_of([event("$x")])).encode()) if coding else b"{ }"
    headers = [("ETag", '"x"'), *([("Content-Encoding", coding)] if coding else [])]
    arrived = sync(lambda request: [answer(200, body, *headers)])
    asked = {"Accept-Encoding": "gzip;q=0.9, br", "If-None-Match": '"y"', "Range": "bytes=0-"}
    for _ in range(3):
        given = alice.request("GET", _SYNC, headers=asked)
        assert given.body == body
        assert (given.headers["ETag"], given.headers["Content-Encoding"]) == ('"x"', coding)
        assert given.headers["Content-Length"] == str(len(body))
    for request in arrived:
        assert all(request.all_of(name) == [value] for name, value in asked.items())
    assert whoami_questions(homeserver) <= 1


def test_a_made_up_token_costs_no_question(alice: User, homeserver: Homeserver, sync):
    sync(lambda request: [answer(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "x"})])
    for i in range(5):
        assert alice.request("GET", _SYNC, token=f"made-up-{i}").status == 401
    assert whoami_questions(homeserver) == 0


@pytest.mark.parametrize("takes_gzip", [False, True])
def test_a_sender_has_it_changed_and_packed_again(takes_gzip: bool, alice: User, sync):
    delay_id, event_id = send_a_delayed_event(alice)
    events = [event(event_id), event("$other"), event(event_id, unsigned={"age": 1})] * 2_000
    body = json.dumps(sync_of(events)).encode()
    arrived = sync(lambda request: [answer(200, body, ("ETag", '"x"'))])
    given = alice.request("GET", _SYNC, headers={"Accept-Encoding": "gzip, br"} if takes_gzip else {})
    assert arrived[0].all_of("Accept-Encoding") == []
    assert given.headers["Content-Encoding"] == ("gzip" if takes_gzip else None)
    assert given.headers["ETag"] is None
    shown = json.loads(gzip.decompress(given.body) if takes_gzip else given.body)
    assert shown == sync_of(with_ids(events, event_id, delay_id))


def test_a_client_of_http_1_0_has_it_until_the_connection_ends(alice: User, fresh: Afterword, sync):
    delay_id, event_id = send_a_delayed_event(alice)
    events = [event("$other")] * 1_000 + [event(event_id)]
    sync(lambda request: [answer(200, sync_of(events))])
    with socket.create_connection(("127.0.0.1", int(fresh.listen.rsplit(":", 1)[1]))) as connection:
        connection.sendall(f"GET {_SYNC} HTTP/1.0\r\nAuthorization: Bearer {alice.token}\r\n\r\n".encode())
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert json.loads(body) == sync_of([*events[:-1], with_id(events[-1], delay_id)])


@pytest.mark.parametrize("coding", [None, "gzip"])
def test_the_first_event_of_somebody_may_be_sent_while_the_answer_is_waited_for(coding: str | None, alice: User, sync):
    alice.request("GET", f"{C}/v1/delayed_events/unknown")  # whose token it is is known
    sent: list[str] = []
    waiting, may_answer = threading.Event(), threading.Event()

    def steps(request: Request) -> Steps:
        waiting.set()
        assert may_answer.wait(30)
        body = json.dumps(sync_of([event("$other"), event(sent[1])])).encode()
        if coding:
            return [answer(200, gzip.compress(body), ("Content-Encoding", coding))]
        return [answer(200, body)]

    sync(steps)
    given = []
    headers = {"Accept-Encoding": "gzip"}
    poll = threading.Thread(target=lambda: given.append(alice.request("GET", _SYNC, headers=headers)))
    poll.start()
    assert waiting.wait(30)
    sent += send_a_delayed_event(alice)
    may_answer.set()
    poll.join()
    is_packed = given[0].headers["Content-Encoding"] == "gzip"
    shown = json.loads(gzip.decompress(given[0].body) if is_packed else given[0].body)
    assert shown == sync_of([event("$other"), with_id(event(sent[1]), sent[0])])


def test_it_comes_as_it_is_sent_and_wherever_it_is_cut(alice: User, fresh: Afterword, sync):
    delay_id, event_id = send_a_delayed_event(alice)
    events = [event(event_id, unsigned={"age": i}) if i % 3 == 0 else event("$other") for i in range(600)]
    body = json.dumps(sync_of(events)).encode()
    generator = random.Random(4140)
    go_on = threading.Event()

    def steps(request: Request) -> Steps:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        half = len(body) * 3 // 4
        cuts = sorted({0, half, len(body), *(generator.randrange(len(body)) for _ in range(200))})
        for begin, end in itertools.pairwise(cuts):
            if begin == half:
                assert go_on.wait(30)
            yield body[begin:end]
            yield 0.001

    sync(steps)
    connection = fresh.connect()
    connection.request("GET", _SYNC, headers={"Authorization": f"Bearer {alice.token}"})
    given = connection.getresponse()
    received = given.read(80_000)
    assert delay_id.encode() in received
    go_on.set()
    received += given.read()
    connection.close()
    assert json.loads(received) == sync_of(with_ids(events, event_id, delay_id))


def test_what_breaks_off_is_not_completed(alice: User, sync):
    _, event_id = send_a_delayed_event(alice)
    body = json.dumps(sync_of([event(event_id)] * 1_000)).encode()
    sync(lambda request: [answer(200, body)[:-10], CLOSE])
    with pytest.raises((http.client.HTTPException, OSError)):
        alice.request("GET", _SYNC)


@pytest.mark.parametrize("takes_gzip", [False, True])
def test_a_large_one_takes_no_more_memory_than_a_small_one(takes_gzip: bool, alice: User, fresh: Afterword, sync):
    delay_id, event_id = send_a_delayed_event(alice)
    headers = {"Accept-Encoding": "gzip"} if takes_gzip else {}
    sizes = [1, 60]

    def steps(request: Request) -> Steps:
        each = json.dumps([event(event_id, content={"body": "x" * 1_000})] * 1_000).encode()[1:-1]
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n[\r\n"
        for _ in range(sizes.pop(0)):
            yield b"%x\r\n%b\r\n" % (len(each) + 1, each + b",")
        yield b"2\r\n1]\r\n0\r\n\r\n"

    sync(steps)
    alice.request("GET", _SYNC, headers=headers)
    before = peak(fresh)
    given = alice.request("GET", _SYNC, headers=headers)
    assert peak(fresh) - before < bound(4)
    body = gzip.decompress(given.body) if takes_gzip else given.body
    assert len(body) > 60 * _MB
    assert body.count(delay_id.encode()) == 2 * 60_000


def test_an_event_that_is_too_large_to_be_held_stays_as_it_is(alice: User, fresh: Afterword, sync):
    delay_id, event_id = send_a_delayed_event(alice)
    large = {"unsigned": {"age": 1}, **event(event_id, content={"body": "x" * 20 * _MB})}
    sync(lambda request: [answer(200, sync_of([large, event(event_id)]))])
    before = peak(fresh)
    given = alice.request("GET", _SYNC)
    assert json.loads(given.body) == sync_of([large, with_id(event(event_id), delay_id)])
    assert peak(fresh) - before < bound(12)


def test_other_users_events_are_nobody_elses(fresh: Afterword, alice: User, sync):
    _, event_id = send_a_delayed_event(alice)
    user_id, device_id = USERS["bobs-token"]
    bob = User(fresh, user_id, "bobs-token", device_id)
    body = json.dumps(sync_of([event(event_id)])).encode()
    sync(lambda request: [answer(200, body)])
    assert bob.request("GET", _SYNC).body == body
    send_a_delayed_event(bob)
    assert bob.request("GET", _SYNC).body == body
