"""Its owner can look a delayed event up, while it waits and afterwards."""

import pytest

from .matrix import STABLE, UNSTABLE, C, Server, U, User, now_ms

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
HOUR = 3_600_000


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
def test_a_waiting_event_shows_what_was_scheduled(form: str, alice: User, room: str):
    before = now_ms()
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    event = alice.look_up(delay_id, form).ok()
    delayed_since = event["delayed_since_ts"]
    assert before <= delayed_since <= now_ms()

    expected = {"delay_id": delay_id, "room_id": room, "type": TEXT, "content": MESSAGE}
    expected |= {"delay_ms": HOUR, "delayed_since_ts": delayed_since}
    if form == UNSTABLE:
        expected |= {"delay": HOUR, "running_since": delayed_since}
    assert event == expected


def test_a_state_event_shows_its_key(alice: User, room: str):
    delay_id = alice.delayed(room, "org.example.state", {}, HOUR, state_key="")
    assert alice.look_up(delay_id).ok()["state_key"] == ""


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
def test_a_sent_event_shows_its_event_id(form: str, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, 500)
    alice.outcome(delay_id)
    finalised = alice.look_up(delay_id, form).ok()["finalised"]
    assert set(finalised) == {"finalised_ts", "event_id"}
    assert alice.event(room, finalised["event_id"])["content"] == MESSAGE


def test_a_cancelled_event_shows_only_when(alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    alice.manage(delay_id, "cancel").ok()
    assert set(alice.look_up(delay_id).ok()["finalised"]) == {"finalised_ts"}


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
def test_only_its_owner_can_look_it_up(form: str, alice: User, bob: User, afterword: Server, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    foreign = bob.look_up(delay_id, form)
    assert (foreign.status, foreign.errcode) == (404, "M_NOT_FOUND")
    prefix = f"{C}/v1" if form == STABLE else U
    anonymous = afterword.request("GET", f"{prefix}/delayed_events/{delay_id}")
    assert (anonymous.status, anonymous.errcode) == (401, "M_MISSING_TOKEN")


def test_the_list_holds_what_is_scheduled_by_send_time(alice: User, bob: User, room: str):
    later = alice.delayed(room, TEXT, MESSAGE, HOUR)
    sooner = alice.delayed(room, TEXT, MESSAGE, HOUR // 2)
    cancelled = alice.delayed(room, TEXT, MESSAGE, HOUR // 4)
    alice.manage(cancelled, "cancel").ok()

    assert [event["delay_id"] for event in alice.scheduled()] == [sooner, later]
    assert bob.scheduled() == []


def test_the_list_of_the_unstable_route_has_one_key_only(alice: User, room: str):
    # mautrix adds `scheduled` and `delayed_events` up.
    alice.delayed(room, TEXT, MESSAGE, HOUR)
    answer = alice.request("GET", f"{U}/delayed_events", query={"status": "what", "from": "here"}).ok()
    assert set(answer) == {"delayed_events"}
    assert len(answer["delayed_events"]) == 1
