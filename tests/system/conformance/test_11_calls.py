"""11. A token service for calls beside the homeserver (MSC4512, MSC4502)."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..application_service import CallService
from ..gateway import Afterword
from ..homeservers import Dendrite, Synapse
from ..matrix import C, Response, Server, User, eventually, quote
from ..raw import Raw
from ..scripted_server import ScriptedServer

GET_TOKEN = f"{C}/unstable/io.element.msc4195/rtc/livekit/get_token"
IS_JOINED = [f"{C}/unstable/io.element.msc4502/rooms", f"{C}/v3/rooms"]
HS_TOKEN = "the-homeservers"


@pytest.fixture
def token_service() -> Iterator[ScriptedServer]:
    server = ScriptedServer("token service")
    server.answers[GET_TOKEN] = {"url": "wss://sfu.example.org", "jwt": "…"}
    yield server
    server.close()


@pytest.fixture
def beside(
    token_service: ScriptedServer, call_service: CallService, start_another: Callable[..., Afterword], tmp_path: Path
) -> Afterword:
    """An Afterword that has the token service beside it, which is an application service of the homeserver."""
    registration = {
        "id": "token-service",
        "url": None,
        "as_token": call_service.token,
        "hs_token": HS_TOKEN,
        "sender_localpart": "token-service",
        "io.element.msc4502.scopes": ["urn:matrix:client:io.element.msc4502:rooms:is_joined"],
        "io.element.msc4512.proxy_prefix": "rtc/livekit",
        "io.element.msc4512.proxy_url": token_service.base_url,
    }
    file = tmp_path / "token-service.yaml"
    file.write_text(json.dumps(registration))  # JSON is YAML
    return start_another({"rtc.registration": str(file)})


def is_joined(server: Server, room: str, token: str | None, prefix: str = IS_JOINED[0], **query: str) -> Response:
    return server.request("GET", f"{prefix}/{quote(room)}/is_joined", token=token, query=query)


def test_it_is_asked_in_the_name_of_whoever_asks(beside: Afterword, token_service: ScriptedServer, alice: User):
    """What is below `/rtc/livekit/` goes to the token service, which is told whose token it was, and never the token"""
    forged = {
        "X-Matrix-User-Identifier": "@somebody-else:example.org",
        "x-matrix-origin": "example.org",
        "Connection": "keep-alive, X-Matrix-User-Identifier",
    }
    body = {"room_id": "!room:example.org", "slot_id": "m.call#ROOM"}
    answer = alice.at(beside).request("POST", GET_TOKEN, body=body, headers=forged)
    assert answer.ok()["url"] == "wss://sfu.example.org"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    [(headers, arrived)] = token_service.heard
    assert headers.get_all("X-Matrix-User-Identifier") == [alice.user_id]
    assert headers.get_all("Authorization") == [f"Bearer {HS_TOKEN}"]
    assert "X-Matrix-Origin" not in headers
    assert json.loads(arrived) == body
    assert alice.token not in str(headers)


def test_it_is_asked_for_nobody(beside: Afterword, token_service: ScriptedServer, homeserver: Synapse | Dendrite):
    """Nobody without a good token reaches the token service"""
    for token in [None, "nobody"]:
        refused = beside.request("POST", GET_TOKEN, token=token, body={})
        assert (refused.status, refused.errcode) == (401, "M_MISSING_TOKEN" if token is None else "M_UNKNOWN_TOKEN")
    assert beside.request("OPTIONS", GET_TOKEN).status == 200
    assert token_service.asked == []


def test_bodies(beside: Afterword, token_service: ScriptedServer, alice: User):
    """A body goes to the token service once it is there, so whoever sends one slowly holds nobody up; 64 KiB at most"""
    alice = alice.at(beside)
    head = f"POST {GET_TOKEN} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {alice.token}\r\nContent-Length: 1000\r\n\r\n"
    with contextlib.ExitStack() as slow:
        for _ in range(64):
            slow.enter_context(Raw(beside)).send(head.encode() + b"{")
        assert alice.request("POST", GET_TOKEN, body={}).status == 200
    assert len(token_service.asked) == 1
    assert alice.request("POST", GET_TOKEN, body={"": "a" * 65_000}).status == 200
    refused = alice.request("POST", GET_TOKEN, body={"": "a" * 66_000})
    assert (refused.status, refused.errcode) == (413, "M_TOO_LARGE")
    assert len(token_service.asked) == 2


def test_who_asks_much_at_once(beside: Afterword, token_service: ScriptedServer, alice: User, bob: User):
    """Of the connections to the token service a user has an eighth, and 429 beyond it, so that one that hangs is there for all"""
    goes_on = threading.Event()

    class Hanging(dict):
        def get(self, path: str) -> object:
            goes_on.wait(60)
            return super().get(path)

    def asked_for(user: User) -> int:
        return sum(headers["X-Matrix-User-Identifier"] == user.user_id for headers, _ in token_service.heard)

    def ask_for(user: User) -> Raw:
        asking = waiting.enter_context(Raw(beside))
        head = f"POST {GET_TOKEN} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {user.token}\r\nContent-Length: 2\r\n\r\n"
        asking.send(head.encode() + b"{}")
        return asking

    token_service.answers = Hanging(token_service.answers)
    with contextlib.ExitStack() as waiting:
        waiting.callback(goes_on.set)
        of_alice = [ask_for(alice) for _ in range(40)]
        eventually(lambda: alice.at(beside).request("POST", GET_TOKEN, body={}).errcode == "M_LIMIT_EXCEEDED")
        of_bob = ask_for(bob)
        eventually(lambda: asked_for(bob) == 1)
        goes_on.set()
        answers = [answer for asking in [of_bob, *of_alice] if (answer := asking.read_answer("POST"))]
        assert sorted(answer.status for answer in answers) == [200] * (1 + asked_for(alice)) + [429] * (40 - asked_for(alice))


def test_a_service_that_is_away(beside: Afterword, token_service: ScriptedServer, alice: User):
    """A token service that is away, or refuses what it is asked with, is a 502, which ends no session"""
    del token_service.answers[GET_TOKEN]  # it answers 401
    for away in [False, True]:
        if away:
            token_service.close()
        answer = alice.at(beside).request("POST", GET_TOKEN, body={})
        assert (answer.status, answer.errcode) == (502, "M_UNKNOWN")


def test_who_is_joined(beside: Afterword, call_service: CallService, alice: User, bob: User, room: str):
    """The service may ask whether a user of the homeserver is joined to a room, without being there itself"""
    versions = beside.request("GET", f"{C}/versions").ok()
    assert versions["unstable_features"]["io.element.msc4502"] is True
    for prefix in IS_JOINED:
        assert is_joined(beside, room, call_service.token, prefix, mxid=alice.user_id).ok() == {"joined": True}
    of_bob = bob.create_room()
    assert is_joined(beside, of_bob, call_service.token, mxid=alice.user_id).ok() == {"joined": False}
    unknown = "!unknown:" + alice.user_id.split(":", 1)[1]
    assert is_joined(beside, unknown, call_service.token, mxid=alice.user_id).ok() == {"joined": False}
    bob.join(room)
    alice.leave(room)
    assert is_joined(beside, room, call_service.token, mxid=alice.user_id).ok() == {"joined": False}


def test_who_may_not_ask_who_is_joined(beside: Afterword, call_service: CallService, alice: User, room: str):
    """Nobody else may ask, and the question is about one user or one server"""
    for token, errcode in [(None, "M_MISSING_TOKEN"), (alice.token, "M_FORBIDDEN"), (HS_TOKEN, "M_FORBIDDEN")]:
        assert is_joined(beside, room, token, mxid=alice.user_id).errcode == errcode
    assert is_joined(beside, room, call_service.token).errcode == "M_MISSING_PARAM"
    both = {"mxid": alice.user_id, "server_name": "example.org"}
    assert is_joined(beside, room, call_service.token, **both).errcode == "M_MISSING_PARAM"
    assert is_joined(beside, room, call_service.token, mxid="alice").errcode == "M_INVALID_PARAM"
    assert is_joined(beside, "room", call_service.token, mxid=alice.user_id).errcode == "M_INVALID_PARAM"
