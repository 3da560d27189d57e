"""What is not about delayed events is the homeserver's, untouched."""

import secrets
import threading
import time
from pathlib import Path

import pytest

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import C, Server, User, quote

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "now"}


def test_users_log_in(afterword: Server, alice: User):
    session = afterword.log_in(alice.localpart, alice.password)
    assert session.user_id == alice.user_id
    assert session.request("GET", f"{C}/v3/account/whoami").ok()["device_id"] == session.device_id


def test_a_message_without_a_delay_is_sent_at_once(alice: User, room: str):
    event_id = alice.send(room, TEXT, MESSAGE).ok()["event_id"]
    assert [event["event_id"] for event in alice.events(room, TEXT)] == [event_id]


def test_a_long_poll_is_answered_when_something_happens(alice: User, bob: User, room: str):
    bob.join(room)
    since = bob.sync()["next_batch"]
    sender = threading.Timer(0.5, lambda: alice.send(room, TEXT, MESSAGE))
    sender.start()
    started = time.monotonic()
    timeline = bob.sync(since, timeout_ms=20_000)["rooms"]["join"][room]["timeline"]["events"]
    sender.join()
    assert 0.4 < time.monotonic() - started < 10
    assert [event["content"] for event in timeline] == [MESSAGE]


@pytest.mark.parametrize("size", [0, 1, 5_000_000])
def test_media_come_back_as_they_went(size: int, alice: User):
    picture = secrets.token_bytes(size)
    headers = {"Content-Type": "application/octet-stream"}
    uri = alice.request("POST", "/_matrix/media/v3/upload", raw=picture, headers=headers).ok()["content_uri"]
    server, media_id = uri.removeprefix("mxc://").split("/")
    answer = alice.request("GET", f"{C}/v1/media/download/{server}/{media_id}")
    assert answer.status == 200
    assert answer.body == picture


def test_large_media_are_as_they_are_without_us(synapse: Synapse, afterword: Server, alice: User):
    """Every answer about them, given directly and through Afterword, whole and in ranges."""
    picture = secrets.token_bytes(60_000_000)
    upload = alice.request(
        "POST", "/_matrix/media/v3/upload", raw=picture, headers={"Content-Type": "application/octet-stream"}
    )
    path = f"{C}/v1/media/download/" + upload.ok()["content_uri"].removeprefix("mxc://")

    def ask(server: Server, method: str, headers: dict[str, str]) -> tuple:
        answer = server.request(method, path, token=alice.token, headers=headers)
        its_own = {"date", "connection"}
        return answer.status, sorted(item for item in answer.headers.items() if item[0].lower() not in its_own), answer.body

    for method, headers in [
        ("GET", {}),
        ("HEAD", {}),
        ("GET", {"Range": "bytes=0-0"}),
        ("GET", {"Range": "bytes=1000000-41000000"}),
        ("GET", {"Range": "bytes=-1000"}),
        ("GET", {"Range": "bytes=60000000-"}),
        ("GET", {"Range": "bytes=0-9,20-29"}),
        ("GET", {"Accept-Encoding": "gzip"}),
        ("GET", {"If-None-Match": '"x"'}),
    ]:
        theirs = ask(synapse, method, headers)
        ours = ask(afterword, method, headers)
        assert ours == theirs, (method, headers, ours[:2], theirs[:2])
        if method == "GET" and not headers:
            assert ours[2] == picture


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", f"{C}/v3/no/such/route"),
        ("POST", f"{C}/v3/no/such/route"),
        ("GET", "/nowhere"),
        ("GET", "/"),
        ("DELETE", f"{C}/v3/sync"),
        ("OPTIONS", f"{C}/v3/sync"),
        ("OPTIONS", f"{C}/v3/no/such/route"),
        ("HEAD", f"{C}/v3/login"),
        ("GET", f"{C}/v3/login"),
        ("POST", f"{C}/unstable/io.element.msc4195/rtc/livekit/delegate_delayed_leave"),
    ],
)
def test_the_homeservers_answer_is_the_answer(method: str, path: str, synapse: Synapse, afterword: Server):
    theirs = synapse.request(method, path)
    ours = afterword.request(method, path)
    assert (ours.status, ours.body) == (theirs.status, theirs.body)
    for name in ["Content-Type", "Location", "Allow", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"]:
        assert ours.headers.get_all(name) == theirs.headers.get_all(name)


def test_an_encoded_path_arrives_as_it_was_written(alice: User, room: str):
    for state_key in ["a/b", "ä ö", "100%", "x?y#z"]:
        alice.set_state(room, "org.example.state", {"key": state_key}, state_key).ok()
        assert alice.state(room, "org.example.state", state_key).ok() == {"key": state_key}


def test_a_percent_sign_that_encodes_nothing_stands_for_itself(alice: User, room: str):
    """matrix-sdk writes a state key so, and Synapse takes it so: with a delay and without."""
    path = f"{C}/v3/rooms/{quote(room)}/state/org.example.state/100%"
    alice.request("PUT", path, body={"a": 1}).ok()
    assert alice.state(room, "org.example.state", "100%").ok() == {"a": 1}
    delayed = alice.request("PUT", path, body={"a": 2}, query={"org.matrix.msc4140.delay": 1})
    assert "event_id" in alice.outcome(delayed.ok()["delay_id"])
    assert alice.state(room, "org.example.state", "100%").ok() == {"a": 2}


def test_a_query_that_only_looks_like_a_delay_is_the_homeservers(alice: User, room: str):
    path = f"{C}/v3/rooms/{quote(room)}/send/{TEXT}/one"
    assert "event_id" in alice.request("PUT", path, query={"delay": 1000, "note": "delay"}, body=MESSAGE).ok()


def test_a_homeserver_that_is_away_is_an_error_that_web_clients_can_read(tmp_path: Path):
    afterword = Afterword(tmp_path)
    afterword.set_up("home.test", "http://127.0.0.1:1")
    try:
        afterword.start()
        for path in [f"{C}/versions", f"{C}/v3/sync"]:
            answer = afterword.request("GET", path)
            assert (answer.status, answer.errcode) == (502, "M_UNKNOWN")
            assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "in use by the Afterword that runs" in afterword.check().stdout
    finally:
        afterword.stop()
