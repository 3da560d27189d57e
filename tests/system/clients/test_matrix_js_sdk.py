"""matrix-js-sdk as published, against Afterword and real Synapse: its calls for delayed events, and whole MatrixRTC calls."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ..gateway import Afterword
from ..matrix import User, eventually, now_ms
from . import js_sdk
from .js_sdk import JsClient, JsError

pytestmark = pytest.mark.skipif(
    not js_sdk.is_installed(), reason="the real matrix-js-sdk is not installed: scripts/js-clients"
)

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
CALL_MEMBER = "org.matrix.msc3401.call.member"
STICKY_CALL_MEMBER = "org.matrix.msc4143.rtc.member"
HOUR = 3_600_000
DAY = 24 * HOUR

# A call in a quarter of the usual time: 8 s until the leave, restarted every 5 s.
LEAVE_AFTER_MS = 2000
QUICK = {
    "delayedLeaveEventDelayMs": LEAVE_AFTER_MS,
    "delayedLeaveEventRestartMs": 1250,
    "delayedLeaveEventRestartLocalTimeoutMs": 500,
    "networkErrorRetryMs": 200,
}


@pytest.fixture
def js_client(tmp_path: Path) -> Iterator[Callable[[User], JsClient]]:
    clients: list[JsClient] = []

    def start(user: User) -> JsClient:
        clients.append(JsClient(user, tmp_path / f"{user.localpart}.log"))
        return clients[-1]

    yield start
    for client in clients:
        client.kill()


# The calls for delayed events


def schedule(client: JsClient, room: str, delay_ms: int = HOUR) -> str:
    return client.call("_unstable_sendDelayedEvent", room, {"delay": delay_ms}, None, TEXT, MESSAGE)["delay_id"]


def refusal(client: JsClient, method: str, *parameters: Any) -> JsError:
    with pytest.raises(JsError) as refused:
        client.call(method, *parameters)
    return refused.value


def test_it_finds_delayed_events_supported(alice: User, js_client: Callable[[User], JsClient]):
    assert js_client(alice).call("doesServerSupportUnstableFeature", "org.matrix.msc4140") is True


def test_it_schedules_looks_up_and_lists(alice: User, room: str, js_client: Callable[[User], JsClient]):
    client = js_client(alice)
    message = schedule(client, room)
    state = client.call("_unstable_sendDelayedStateEvent", room, {"delay": 300}, "org.example.state", {"lit": True}, "k")

    found = client.call("_unstable_getDelayedEvent", message)
    assert (found["delay_id"], found["room_id"], found["type"]) == (message, room, TEXT)
    assert found["content"] == MESSAGE
    listed = client.call("_unstable_getDelayedEvents")["delayed_events"]
    assert [event["delay_id"] for event in listed] == [state["delay_id"], message]

    assert "event_id" in alice.outcome(state["delay_id"])
    assert alice.state(room, "org.example.state", "k").ok() == {"lit": True}
    listed = client.call("_unstable_getDelayedEvents", "scheduled")["delayed_events"]
    assert [event["delay_id"] for event in listed] == [message]


def test_it_restarts_sends_and_cancels(alice: User, room: str, js_client: Callable[[User], JsClient]):
    client = js_client(alice)
    sent, cancelled = schedule(client, room), schedule(client, room)
    before = now_ms()
    client.call("_unstable_restartScheduledDelayedEvent", sent)
    assert alice.look_up(sent).ok()["delayed_since_ts"] >= before

    client.call("_unstable_sendScheduledDelayedEvent", sent)
    assert client.call("_unstable_cancelScheduledDelayedEvent", cancelled) == {}
    assert [event["content"] for event in alice.events(room, TEXT)] == [MESSAGE]
    assert client.call("_unstable_getDelayedEvents") == {"delayed_events": []}


def test_its_deprecated_form_of_actions_works_too(alice: User, room: str, js_client: Callable[[User], JsClient]):
    client = js_client(alice)
    delay_id = schedule(client, room)
    client.call("_unstable_updateDelayedEvent", delay_id, "restart")
    client.call("_unstable_updateDelayedEvent", delay_id, "send")
    assert len(alice.events(room, TEXT)) == 1


def test_what_is_over_is_not_found(alice: User, room: str, js_client: Callable[[User], JsClient]):
    client = js_client(alice)
    sent, cancelled = schedule(client, room), schedule(client, room)
    client.call("_unstable_sendScheduledDelayedEvent", sent)
    client.call("_unstable_cancelScheduledDelayedEvent", cancelled)

    # The same again is no error, ...
    client.call("_unstable_sendScheduledDelayedEvent", sent)
    assert client.call("_unstable_cancelScheduledDelayedEvent", cancelled) == {}
    # ... and M_NOT_FOUND is the one that the SDK does not end a call for.
    for delay_id, action in [(sent, "restart"), (sent, "cancel"), (cancelled, "restart"), (cancelled, "send")]:
        assert refusal(client, f"_unstable_{action}ScheduledDelayedEvent", delay_id).errcode == "M_NOT_FOUND"
    assert refusal(client, "_unstable_restartScheduledDelayedEvent", "unknown").errcode == "M_NOT_FOUND"
    assert refusal(client, "_unstable_getDelayedEvent", "unknown").errcode == "M_NOT_FOUND"


def test_it_is_told_the_longest_delay(alice: User, room: str, js_client: Callable[[User], JsClient]):
    too_long = refusal(js_client(alice), "_unstable_sendDelayedEvent", room, {"delay": 30 * DAY + 1}, None, TEXT, MESSAGE)
    assert (too_long.told["status"], too_long.errcode) == (400, "M_UNKNOWN")
    assert too_long.told["org.matrix.msc4140.errcode"] == "M_MAX_DELAY_EXCEEDED"
    assert too_long.told["org.matrix.msc4140.max_delay"] == 30 * DAY


# Calls


def in_call(user: User, watcher: JsClient) -> Callable[[], bool]:
    return lambda: watcher.members == [user.user_id]


def nobody_in_call(watcher: JsClient) -> Callable[[], bool]:
    return lambda: watcher.members == []


def memberships(user: User, room: str, event_type: str = CALL_MEMBER) -> list[bool]:
    """Every change of who is in the call, as the room shows it: joined, or left."""
    return ["application" in event["content"] for event in user.events(room, event_type)]


@pytest.fixture
def call(alice: User, bob: User, room: str, js_client: Callable[[User], JsClient]) -> Callable[..., Any]:
    """Alice joins a call in the room, and Bob's client sees her there. Hands back both clients."""

    def start(at: Afterword | None = None, **settings: Any) -> tuple[JsClient, JsClient]:
        users = [user.at(at) if at else user for user in (alice, bob)]
        bob.join(room)
        alices, bobs = map(js_client, users)
        assert [alices.watch_call(room), bobs.watch_call(room)] == [[], []]
        alices.join_call(**{**QUICK, **settings})
        eventually(lambda: in_call(alice, bobs)() or alices.notices("error"))
        assert alices.notices("error") == []
        return alices, bobs

    return start


def test_heartbeats_keep_a_caller_in_the_call(call: Callable[..., Any], alice: User, room: str):
    alices, bobs = call()
    [leave] = eventually(alice.scheduled)
    assert (leave["type"], leave["delay"], leave["content"]) == (CALL_MEMBER, LEAVE_AFTER_MS, {})
    time.sleep(1.5 * LEAVE_AFTER_MS / 1000)

    [kept] = alice.scheduled()
    assert kept["delay_id"] == leave["delay_id"]
    assert kept["running_since"] >= leave["running_since"] + LEAVE_AFTER_MS
    assert bobs.members == [alice.user_id]
    assert memberships(alice, room) == [True]
    assert alices.notices("error") == []


def test_who_hangs_up_leaves_at_once(call: Callable[..., Any], alice: User, room: str):
    alices, bobs = call()
    hung_up = time.monotonic()
    assert alices.leave_call() is True
    eventually(nobody_in_call(bobs))
    assert time.monotonic() - hung_up < LEAVE_AFTER_MS / 1000
    assert memberships(alice, room) == [True, False]
    assert alice.scheduled() == []


@pytest.mark.parametrize("sticky", [False, True], ids=["state", "sticky events"])
def test_who_crashes_leaves_after_the_delay(sticky: bool, call: Callable[..., Any], alice: User, room: str):
    alices, bobs = call(unstableSendStickyEvents=sticky)
    alices.kill()
    [leave] = alice.scheduled()
    eventually(nobody_in_call(bobs))

    due = leave["running_since"] + LEAVE_AFTER_MS
    assert due <= now_ms() < due + 2000
    assert memberships(alice, room, STICKY_CALL_MEMBER if sticky else CALL_MEMBER) == [True, False]


def test_who_sleeps_leaves_and_comes_back(call: Callable[..., Any], alice: User, room: str):
    alices, bobs = call()
    alices.sleep()
    eventually(nobody_in_call(bobs))
    alices.wake()
    eventually(in_call(alice, bobs))
    assert alices.notices("error") == []
    [leave] = eventually(alice.scheduled)
    assert leave["type"] == CALL_MEMBER


def test_who_was_removed_by_somebody_else_comes_back(call: Callable[..., Any], alice: User, room: str):
    alices, bobs = call()
    [leave] = alice.scheduled()
    alice.set_state(room, CALL_MEMBER, {}, leave["state_key"]).ok()
    eventually(lambda: memberships(alice, room) == [True, False, True])
    eventually(in_call(alice, bobs))
    assert alices.notices("error") == []
    eventually(lambda: [event["delay_id"] for event in alice.scheduled()] not in ([], [leave["delay_id"]]))


def test_a_delay_that_is_too_long_is_lowered(
    start_another: Callable[..., Afterword], call: Callable[..., Any], alice: User, room: str
):
    limited = start_another({"limits.max_delay": "2s"})
    alices, bobs = call(limited, delayedLeaveEventDelayMs=60_000)
    [leave] = alice.at(limited).scheduled()
    assert leave["delay"] == 2000
    time.sleep(2.5)
    assert bobs.members == [alice.user_id]
    assert memberships(alice, room) == [True]
    assert alices.notices("error") == []


@pytest.mark.parametrize("end", [Afterword.kill, Afterword.stop], ids=["killed", "stopped"])
def test_nobody_leaves_when_afterword_starts_again(
    end: Callable[[Afterword], Any],
    start_another: Callable[..., Afterword],
    call: Callable[..., Any],
    alice: User,
    room: str,
):
    afterword = start_another()
    alices, bobs = call(afterword)
    [leave] = alice.at(afterword).scheduled()
    end(afterword)
    afterword.start()
    time.sleep(1.25 * LEAVE_AFTER_MS / 1000)

    [kept] = alice.at(afterword).scheduled()
    assert kept["delay_id"] == leave["delay_id"]
    assert kept["running_since"] > leave["running_since"]
    assert memberships(alice, room) == [True]
    assert bobs.members == [alice.user_id]
    assert alices.notices("error") == []

    assert alices.leave_call() is True
    eventually(nobody_in_call(bobs))
