"""3. Lookup."""

import pytest

from ..matrix import DELAY_QUERY, STABLE, UNSTABLE, C, User, new_txn_id, now_ms, quote
from .examples import HOUR, MESSAGE, STATE, TEXT, UNKNOWN

forms = pytest.mark.parametrize("form", [STABLE, UNSTABLE])


@forms
def test_a_scheduled_event(form: str, alice: User, room: str):
    """A scheduled event shows what was scheduled, nothing `finalised`, and on the unstable route the older names too"""
    before = now_ms()
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    event = alice.look_up(delay_id, form).ok()
    delayed_since = event["delayed_since_ts"]
    assert before <= delayed_since <= now_ms()

    expected = {"delay_id": delay_id, "room_id": room, "type": TEXT, "content": MESSAGE}
    expected |= {"delay_ms": HOUR, "delayed_since_ts": delayed_since}
    if form == UNSTABLE:
        expected |= {"delay": HOUR, "running_since": delayed_since}  # ruma requires them
    assert event == expected


@pytest.mark.parametrize("state_key", ["", "sk/ey"])
def test_a_state_event(state_key: str, alice: User, room: str):
    """A state event shows its `state_key`, also the empty one"""
    delay_id = alice.delayed(room, STATE, {}, HOUR, state_key=state_key)
    assert alice.look_up(delay_id).ok()["state_key"] == state_key


def test_a_redaction(alice: User, room: str):
    """A redaction shows what it redacts, in its content"""
    target = alice.send(room, TEXT, MESSAGE).ok()["event_id"]
    path = f"{C}/v3/rooms/{quote(room)}/redact/{quote(target)}/{new_txn_id()}"
    delay_id = alice.request("PUT", path, body={"reason": "typo"}, query={DELAY_QUERY: HOUR}).ok()["delay_id"]
    event = alice.look_up(delay_id).ok()
    assert (event["type"], event["content"]) == ("m.room.redaction", {"reason": "typo", "redacts": target})


@forms
def test_a_sent_event(form: str, alice: User, room: str):
    """A sent event shows its `event_id`, and when it was sent"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, 500)
    alice.outcome(delay_id)
    event = alice.look_up(delay_id, form).ok()
    assert set(event["finalised"]) == {"finalised_ts", "event_id"}
    assert event["delayed_since_ts"] + 500 <= event["finalised"]["finalised_ts"] <= now_ms()
    assert alice.event(room, event["finalised"]["event_id"])["content"] == MESSAGE


@forms
def test_a_cancelled_event(form: str, alice: User, room: str):
    """A cancelled event shows only when it was cancelled"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    before = now_ms()
    alice.manage(delay_id, "cancel").ok()
    finalised = alice.look_up(delay_id, form).ok()["finalised"]
    assert set(finalised) == {"finalised_ts"}
    assert before <= finalised["finalised_ts"] <= now_ms()


@forms
def test_a_failed_event(form: str, alice: User, bob: User, room: str):
    """A failed event shows the homeserver's error object"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 500)
    bob.leave(room)
    bob.outcome(delay_id)
    finalised = bob.look_up(delay_id, form).ok()["finalised"]
    assert set(finalised) == {"finalised_ts", "error"}
    assert finalised["error"]["errcode"] == "M_FORBIDDEN"
    assert finalised["error"]["error"]


@forms
def test_after_a_restart_of_its_delay(form: str, alice: User, room: str):
    """After `restart`, `delayed_since_ts` is the time of that"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    before = now_ms()
    alice.manage(delay_id, "restart").ok()
    assert before <= alice.look_up(delay_id, form).ok()["delayed_since_ts"] <= now_ms()


@forms
def test_its_owner_only(form: str, alice: User, bob: User, room: str):
    """Only its owner finds it: another user is answered as for an unknown one, and no token is refused"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    foreign = bob.look_up(delay_id, form)
    unknown = bob.look_up(UNKNOWN, form)
    assert (foreign.status, foreign.json) == (unknown.status, unknown.json)
    assert (unknown.status, unknown.errcode) == (404, "M_NOT_FOUND")
    anonymous = alice.look_up(delay_id, form, token=None)
    assert (anonymous.status, anonymous.errcode) == (401, "M_MISSING_TOKEN")


def test_on_every_device(alice: User, room: str):
    """It is found from every device of its owner"""
    if not alice.password:
        pytest.skip("needs a password to log in with: --registration-shared-secret")
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    other = alice.on_new_device()
    assert other.look_up(delay_id).status == 200
    assert other.manage(delay_id, "cancel").status == 200
