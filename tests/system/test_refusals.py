"""The room's rules apply when the event is sent, as if its owner sent it then."""

import pytest

from .matrix import PATH_STABLE, PATH_UNSTABLE, User

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
HOUR = 3_600_000


def leave(alice: User, bob: User, room: str) -> None:
    bob.leave(room)


def be_silenced(alice: User, bob: User, room: str) -> None:
    levels = alice.state(room, "m.room.power_levels").ok()
    alice.set_state(room, "m.room.power_levels", {**levels, "events_default": 50}).ok()


losing_the_right = pytest.mark.parametrize("lose_the_right", [leave, be_silenced])


@losing_the_right
def test_an_event_refused_at_its_time_has_failed(lose_the_right, alice: User, bob: User, room: str):
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 1000)
    lose_the_right(alice, bob, room)

    outcome = bob.outcome(delay_id)
    assert "event_id" not in outcome
    assert outcome["error"]["errcode"] == "M_FORBIDDEN"
    assert outcome["error"]["error"]
    assert alice.events(room, TEXT) == []
    assert bob.scheduled() == []


def test_a_failed_event_can_be_cancelled_in_peace(alice: User, bob: User, room: str):
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 500)
    bob.leave(room)
    assert "error" in bob.outcome(delay_id)
    assert bob.manage(delay_id, "cancel").status == 200
    assert bob.manage(delay_id, "send").status == 409
    assert bob.manage(delay_id, "restart", PATH_UNSTABLE).status == 404


@losing_the_right
@pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE])
def test_an_early_send_that_is_refused_leaves_it_scheduled(form, lose_the_right, alice: User, bob: User, room: str):
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, HOUR)
    lose_the_right(alice, bob, room)

    refused = bob.manage(delay_id, "send", form)
    assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
    assert "finalised" not in bob.look_up(delay_id).ok()
    assert [event["delay_id"] for event in bob.scheduled()] == [delay_id]
    assert bob.manage(delay_id, "restart", form).status == 200


def test_a_device_that_is_gone_does_not_hold_its_events_back(alice: User, room: str):
    phone = alice.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, 1500)
    phone.request("POST", "/_matrix/client/v3/logout", body={}).ok()
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["sender"] == alice.user_id
