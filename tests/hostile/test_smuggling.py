"""No byte of a client becomes framing of a request of ours, and no two kinds of requests share a connection."""

import itertools
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from system.gateway import Afterword

from .cases import request
from .homeserver import RESET, SERVER_NAME, Homeserver, Request, Steps, answer, as_token_of
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


# Every request of each kind, with numbers and ids left out. What is new has to say here over which connections it goes.
_KINDS = {
    "delivery": {
        f"PUT {C}/v3/sendToDevice/afterword.mark/*",
        f"PUT {C}/v3/rooms/*/send/m.test/*",
        f"GET {C}/v3/rooms/*/messages",
        f"GET {C}/v3/account/whoami",
        f"GET {C}/v3/joined_rooms",
        f"POST {C}/v3/createRoom",
        "GET /_synapse/admin/v2/users/*",
    },
    "question": {f"GET {C}/v3/account/whoami", "GET /_matrix/federation/v1/version"},
    "passing": {f"GET {C}/v3/here", f"GET {C}/v3/sync", f"GET {C}/versions", f"GET {C}/v3/capabilities"},
}


def _without_ids(each: Request) -> str:
    path = re.sub(r"(?<=/rooms/)[^/]+|(?<=/afterword.mark/).+|(?<=/m.test/).+|(?<=/v2/users/).+", "*", each.path)
    return f"{each.method} {path}"


@pytest.fixture
def unknown_homeserver(tmp_path: Path) -> Iterator[tuple[Homeserver, int]]:
    """One of a product that it does not tell, before an Afterword of its own, which has an administrator's token."""
    homeserver = Homeserver()
    homeserver.start()
    settings = {"rate_limits.enabled": "false", "homeserver.admin_token": "admins-token"}
    afterword = Afterword(tmp_path / "afterword", settings=settings)
    afterword.set_up(SERVER_NAME, homeserver.url)
    homeserver.as_token = as_token_of(afterword.registration)
    homeserver.arrived.clear()  # what `afterword init` has asked
    afterword.start()
    yield homeserver, int(afterword.listen.rsplit(":", 1)[1])
    assert afterword.stop() == 0
    homeserver.stop()


def test_no_two_kinds_of_requests_share_a_connection(unknown_homeserver: tuple[Homeserver, int]):
    homeserver, port = unknown_homeserver
    alice = b"Authorization: Bearer alices-token"
    is_first = itertools.count()

    def script(each: Request) -> Steps:
        """It does not say which product it is, and how the first event went has to be looked for."""
        if "/sendToDevice/" in each.path:
            return [answer(200, {})]
        if each.is_send and next(is_first) == 0:
            return [RESET]
        if each.path.endswith("/messages"):
            return [answer(200, {"chunk": []})]
        if each.path.endswith("/joined_rooms"):
            return [answer(200, {"joined_rooms": []})]
        if each.path.endswith("/createRoom"):
            return [answer(403, {"errcode": "M_FORBIDDEN", "error": "No"})]
        if "/admin/" in each.path:
            return [answer(404, {"errcode": "M_NOT_FOUND", "error": "No such user"})]
        return homeserver.honest(each)

    homeserver.script = script
    for number in range(3):
        ask(port, b"GET", f"{C}/v1/delayed_events", b"Authorization: Bearer made-up-%d" % number)
        ask(port, b"GET", f"{C}/v3/here", alice)
        ask(port, b"GET", f"{C}/v3/sync?timeout=0", alice)
        ask(port, b"GET", f"{C}/versions")
        ask(port, b"GET", f"{C}/v3/capabilities", alice)
        target = f"{C}/v3/rooms/!r{number}:example.org/send/m.test/pools-{number}?org.matrix.msc4140.delay=1"
        ask(port, b"PUT", target, alice)
    deadline = time.monotonic() + 20
    while sum(each.is_send for each in homeserver.arrived) < 4 and time.monotonic() < deadline:
        time.sleep(0.02)

    def kind_of(each: Request) -> str:
        if each.token in (homeserver.as_token, "admins-token"):
            return "delivery"
        is_question = each.path.endswith("/account/whoami") or each.path.startswith("/_matrix/federation/")
        return "question" if is_question else "passing"

    connections: dict[str, set[int]] = {}
    requests: dict[str, set[str]] = {}
    for each in homeserver.arrived:
        connections.setdefault(kind_of(each), set()).add(each.connection)
        requests.setdefault(kind_of(each), set()).add(_without_ids(each))
    assert requests.keys() == _KINDS.keys()
    for kind, expected in _KINDS.items():
        assert requests[kind] == expected
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
