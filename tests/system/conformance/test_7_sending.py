"""7. Sending."""

import time
from collections.abc import Callable

from ..gateway import Afterword
from ..homeservers import Dendrite, Synapse
from ..matrix import User
from .examples import MESSAGE, STATE, TEXT, message


def test_never_before_its_time(alice: User, room: str):
    """An event is never sent before its time, and on an idle server hardly after"""
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, 600 + 50 * number) for number in range(5)]
    for delay_id in delay_ids:
        finalised_ts = alice.outcome(delay_id)["finalised_ts"]
        event = alice.look_up(delay_id).json
        due = event["delayed_since_ts"] + event["delay_ms"]
        assert due <= finalised_ts <= due + 5000  # the machine may be busy with other things


def test_its_time_stamp(alice: User, room: str):
    """An event sent at its time carries the scheduled time as `origin_server_ts`, to the millisecond"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, 500)
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    scheduled = alice.look_up(delay_id).json
    assert event["origin_server_ts"] == scheduled["delayed_since_ts"] + scheduled["delay_ms"]


def test_order(alice: User, room: str):
    """In a room events leave in the order of their scheduled time"""
    for delay in [900, 500, 700, 600, 800]:
        alice.delayed(room, TEXT, message(str(delay)), delay + 300)
    events = alice.events_arriving(room, TEXT, 5)
    assert [event["content"]["body"] for event in events] == ["500", "600", "700", "800", "900"]
    times = [event["origin_server_ts"] for event in events]
    assert times == sorted(times)


def test_overdue_events(alice: User, room: str, start_another: Callable[..., Afterword]):
    """What became due while the server was down is sent as soon as it is back, in order, with its scheduled time"""
    afterword = start_another()
    alice = alice.at(afterword)
    delays = [700, 500, 800, 600]
    for delay in delays:
        alice.delayed(room, TEXT, message(str(delay)), delay)
    due = [event["delayed_since_ts"] + event["delay_ms"] for event in alice.scheduled()]

    afterword.stop()
    time.sleep(1)
    afterword.start()

    events = alice.events_arriving(room, TEXT, len(delays))
    assert [event["content"]["body"] for event in events] == ["500", "600", "700", "800"]
    assert [event["origin_server_ts"] for event in events] == due


def test_an_outage_of_the_homeserver(
    homeserver: Synapse | Dendrite, alice: User, room: str, start_another: Callable[..., Afterword]
):
    """While the homeserver is away heartbeats are taken, and what becomes due is sent afterwards, once"""
    alice = alice.at(start_another())
    due_meanwhile = alice.delayed(room, TEXT, message("due meanwhile"), 800)
    kept_alive = alice.delayed(room, TEXT, message("kept alive"), 1500)
    homeserver.stop()
    try:
        for _ in range(5):
            alice.manage(kept_alive, "restart").ok()
            time.sleep(0.4)
    finally:
        homeserver.resume()
    alice.manage(kept_alive, "cancel").ok()
    assert "event_id" in alice.outcome(due_meanwhile, timeout=30)
    assert [event["content"] for event in alice.events_arriving(room, TEXT, 1)] == [message("due meanwhile")]


def test_a_state_event_that_changes_nothing(alice: User, room: str):
    """A state event equal to the current state succeeds, with an `event_id` of that content"""
    alice.set_state(room, STATE, {"on": True}, "key").ok()
    delay_id = alice.delayed(room, STATE, {"on": True}, 500, state_key="key")
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["content"] == {"on": True}


def test_equal_events(alice: User, room: str):
    """Events that are equal, and due at almost the same moment, are all sent"""
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, 700) for _ in range(5)]
    event_ids = {alice.outcome(delay_id)["event_id"] for delay_id in delay_ids}
    assert len(event_ids) == 5
    assert {event["event_id"] for event in alice.events_arriving(room, TEXT, 5)} == event_ids
