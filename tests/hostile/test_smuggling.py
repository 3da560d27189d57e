"""No byte of a client becomes framing of a request of ours, and no two kinds of requests share a connection."""

import json
import time
from urllib.parse import quote

import pytest

from .cases import request
from .homeserver import Homeserver, Request, answer
from .wire import Answer, Wire

C = "/_matrix/client"
U = f"{C}/unstable/org.matrix.msc4140"

# What an attacker would have the homeserver read behind the token: a header, a request that swallows the next one with
# its token, a request whose answer becomes somebody else's.
_SMUGGLED = {
    "a header": "x\r\nX-Injected: yes",
    "an upload that swallows what follows": "x\r\n\r\nPUT /_matrix/media/v3/upload/example.org/x HTTP/1.1\r\n"
    "Host: x\r\nAuthorization: Bearer alices-token\r\nContent-Length: 600\r\n\r\n",
    "a question whose answer is somebody else's": "x\r\n\r\nGET /_matrix/client/v3/profile/@admin:example.org HTTP/1.1\r\n"
    "Host: x\r\nX: ",
    "line feeds only": "x\n\nGET / HTTP/1.1\nHost: x\n\n",
    "a carriage return": "x\rX-Injected: yes",
    "a NUL": "x\0y",
    "a space": "x y",
}
# Everything that makes us ask or tell the homeserver something of our own.
_ROUTES = [
    (b"GET", f"{C}/v1/delayed_events"),
    (b"GET", f"{C}/v1/delayed_events/some-id"),
    (b"POST", f"{C}/v1/delayed_events/some-id/restart"),
    (b"POST", f"{C}/v1/delayed_events/some-id/send"),
    (b"POST", f"{U}/delayed_events/some-id/cancel"),
    (b"GET", f"{U}/delayed_events"),
    (b"PUT", f"{C}/v3/rooms/!r:example.org/delayed_event/m/t?delay=1000"),
    (b"PUT", f"{C}/v3/rooms/!r:example.org/send/m/t?org.matrix.msc4140.delay=1000"),
]


def ask(port: int, method: bytes, target: str, *headers: bytes, body: dict | None = None) -> Answer:
    text = json.dumps(body or {}).encode()
    length = b"Content-Length: %d" % len(text)
    with Wire(port) as wire:
        wire.send(request(method, target, length, *headers, body=text))
        given = wire.read_answer()
    assert given is not None
    return given


def with_query(target: str, **parameters: str) -> str:
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in parameters.items())
    return target + ("&" if "?" in target else "?") + query


@pytest.mark.parametrize("token", _SMUGGLED.values(), ids=[name.replace(" ", "-") for name in _SMUGGLED])
@pytest.mark.parametrize(("method", "target"), _ROUTES)
def test_a_token_that_is_none_is_refused_before_anybody_is_asked(
    method: bytes, target: str, token: str, port: int, homeserver: Homeserver
):
    given = ask(port, method, with_query(target, access_token=token), body={"action": "cancel"})
    assert (given.status, given.json["errcode"]) in [(401, "M_UNKNOWN_TOKEN"), (400, "M_INVALID_PARAM")]
    assert homeserver.arrived == []


@pytest.mark.parametrize("parameter", ["user_id", "device_id", "org.matrix.msc3202.device_id"])
def test_other_parameters_of_a_question_stay_parameters(parameter: str, port: int, homeserver: Homeserver):
    target = with_query(f"{C}/v1/delayed_events", access_token="alices-token", **{parameter: _SMUGGLED["a header"]})
    ask(port, b"GET", target)
    assert {each.path for each in homeserver.arrived} <= {f"{C}/v3/account/whoami"}
    for each in homeserver.arrived:
        assert each.all_of("X-Injected") == []
        assert each.token == "alices-token"


def test_what_is_smuggled_with_a_token_never_meets_a_delivery(port: int, homeserver: Homeserver):
    """The attack from end to end: between two deliveries, strangers say what they can."""
    alice = b"Authorization: Bearer alices-token"
    seen: list[Request] = []

    def deliver(txn_id: str) -> Request:
        target = f"{C}/v3/rooms/!r:example.org/send/m.test/{txn_id}?org.matrix.msc4140.delay=1"
        given = ask(port, b"PUT", target, alice)
        assert given.status == 200, given
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            sends = [each for each in homeserver.arrived if each.is_send]
            if len(sends) > len(seen):
                seen.append(sends[-1])
                return sends[-1]
            time.sleep(0.02)
        raise AssertionError("the event was not delivered")

    deliver("before")
    for token in _SMUGGLED.values():
        for method, target in _ROUTES:
            ask(port, method, with_query(target, access_token=token), body={"action": "cancel"})
        # As what passes through may hold it
        ask(port, b"GET", with_query(f"{C}/v3/sync", access_token=token))
        ask(port, b"GET", with_query(f"{C}/v3/account/whoami", access_token=token))
    delivered = deliver("after")
    assert delivered.token == homeserver.as_token
    assert not [each for each in homeserver.arrived if each.all_of("X-Injected") or "upload" in each.path]
    for each in homeserver.arrived:
        assert homeserver.as_token.encode() not in each.body


def test_no_two_kinds_of_requests_share_a_connection(port: int, homeserver: Homeserver):
    alice = b"Authorization: Bearer alices-token"
    for number in range(3):
        ask(port, b"GET", f"{C}/v1/delayed_events", b"Authorization: Bearer made-up-%d" % number)
        ask(port, b"GET", f"{C}/v3/here", alice)
        ask(port, b"GET", f"{C}/v3/sync?timeout=0", alice)
        target = f"{C}/v3/rooms/!r:example.org/send/m.test/pools-{number}?org.matrix.msc4140.delay=1"
        ask(port, b"PUT", target, alice)
    deadline = time.monotonic() + 20
    while sum(each.is_send for each in homeserver.arrived) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)

    def kind(each: Request) -> str:
        if each.token == homeserver.as_token:
            return "delivery"
        return "question" if each.path.endswith("/account/whoami") else "passing"

    connections: dict[str, set[int]] = {}
    for each in homeserver.arrived:
        if each.token is None:
            continue  # Afterword has asked what the homeserver is
        connections.setdefault(kind(each), set()).add(each.connection)
    assert connections.keys() == {"delivery", "question", "passing"}
    assert not connections["delivery"] & connections["question"]
    assert not connections["delivery"] & connections["passing"]
    assert not connections["question"] & connections["passing"]


def test_an_answer_that_nobody_asked_for_says_nobody_who_they_are(port: int, homeserver: Homeserver):
    """Behind the answer to one question comes that to the next one, which is then believed to be an admin's."""
    admin = answer(200, {"user_id": "@admin:example.org", "device_id": "D"})

    def script(each: Request) -> list[object]:
        given = b"".join(step for step in homeserver.honest(each) if isinstance(step, bytes))
        return [given + admin] if each.token == "lured" else [given]

    homeserver.script = script
    given = ask(port, b"GET", f"{C}/v1/delayed_events", b"Authorization: Bearer lured")
    assert given.status in (502, 503)
    connections = {each.connection for each in homeserver.arrived if each.token == "lured"}
    given = ask(port, b"GET", f"{C}/v1/delayed_events", b"Authorization: Bearer bobs-token")
    assert given.status == 200
    assert not connections & {each.connection for each in homeserver.arrived if each.token == "bobs-token"}
