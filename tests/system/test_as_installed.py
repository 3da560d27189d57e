"""Afterword as `afterword init` sets it up: its defaults (rate limits, grace after a start) get in nobody's way.

What Complement's TestDelayedEvents asks, which is run with the defaults too.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from .gateway import Afterword
from .homeservers import Synapse
from .matrix import BODY_UNSTABLE, LEGACY, PATH_UNSTABLE, U, User, eventually, new_txn_id, now_ms

TEXT = "m.room.message"
STATE = "org.example.state"
HOUR = 3_600_000
UNKNOWN = "abc"


def message(body: str) -> dict[str, str]:
    return {"msgtype": "m.text", "body": body}


@pytest.fixture
def installed(start_another: Callable[..., Afterword]) -> Afterword:
    return start_another(as_installed=True)


@pytest.fixture
def alice(alice: User, installed: Afterword) -> User:
    return alice.at(installed)


@pytest.fixture
def nobody(alice: User) -> User:
    """A client that has no token, only what Alice has told it."""
    return replace(alice, token=None)


def test_messages_leave_at_their_time_and_only_their_owner_lists_them(
    alice: User, bob: User, room: str, installed: Afterword
):
    bob = bob.at(installed)
    bob.join(room)
    assert alice.scheduled() == []
    for number in range(3):
        txn_id, delay = new_txn_id(), 2000 + 100 * number
        delay_id = alice.delayed(room, TEXT, message(str(number)), delay, form=LEGACY, txn_id=txn_id)
        # A repetition needs no body.
        assert alice.delayed(room, TEXT, None, delay, form=LEGACY, txn_id=txn_id) == delay_id
    assert len(alice.scheduled()) == 3
    assert bob.scheduled() == []

    events = alice.events_arriving(room, TEXT, 3)
    assert [event["content"]["body"] for event in events] == ["0", "1", "2"]
    eventually(lambda: alice.scheduled() == [])


def test_the_delay_id_is_right_enough_to_manage_a_state_event(alice: User, nobody: User, room: str):
    cancelled = alice.delayed(room, STATE, {}, 2000, state_key="cancelled", form=LEGACY)
    restarted = alice.delayed(room, STATE, {}, 2000, state_key="restarted", form=LEGACY)
    sent = alice.delayed(room, STATE, {}, HOUR, state_key="sent", form=LEGACY)
    time.sleep(1)
    now = now_ms()
    nobody.manage(restarted, "restart", PATH_UNSTABLE).ok()
    nobody.manage(cancelled, "cancel", PATH_UNSTABLE).ok()
    nobody.manage(sent, "send", PATH_UNSTABLE).ok()

    assert alice.outcome(restarted)["finalised_ts"] >= now + 2000
    assert {event["state_key"] for event in alice.events(room, STATE)} == {"restarted", "sent"}
    assert alice.state(room, STATE, "cancelled").status == 404
    assert alice.scheduled() == []


def test_what_cannot_be_is_refused(nobody: User):
    assert nobody.request("GET", f"{U}/delayed_events").status == 401
    for action in ["cancel", "restart", "send"]:
        assert nobody.manage(UNKNOWN, action, PATH_UNSTABLE, body={}).status == 404
    assert nobody.manage(UNKNOWN, "no-such-action", PATH_UNSTABLE, body={}).status == 404
    assert nobody.manage(UNKNOWN, "no-such-action", BODY_UNSTABLE).status == 400
    assert nobody.request("POST", f"{U}/delayed_events/{UNKNOWN}", body={}).status == 400


@pytest.mark.parametrize("stopped", ["afterword", "homeserver", "both"])
def test_a_short_delay_is_sent_soon_after_a_start(
    stopped: str, alice: User, room: str, installed: Afterword, synapse: Synapse
):
    """The grace holds nothing for longer than its own delay. Complement's test waits for five seconds."""
    due = [
        alice.delayed(room, TEXT, message("due"), 900),
        alice.delayed(room, STATE, {}, 900, state_key="due"),
    ]
    later = alice.delayed(room, STATE, {}, HOUR, state_key="later")
    if stopped != "homeserver":
        installed.stop()
    try:
        if stopped != "afterword":
            synapse.stop()
        time.sleep(1)
    finally:
        if stopped != "afterword":
            synapse.resume()
    if stopped != "homeserver":
        installed.start()

    for delay_id in due:
        assert alice.outcome(delay_id, 5)["event_id"]
    assert [event["delay_id"] for event in alice.scheduled()] == [later]
    alice.manage(later, "send").ok()
    assert alice.state(room, STATE, "later").ok() == {}
