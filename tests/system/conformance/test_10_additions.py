"""10. Additions that the proposal leaves room for, where the server announces them."""

import time

import pytest

from ..matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, C, User
from .examples import HOUR, MESSAGE, TEXT

FORMS = pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE])


def additions(user: User) -> dict:
    """What the server announces under Afterword's name; another server need not have any of it."""
    capabilities = user.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    if "afterword.delayed_events" not in capabilities:
        pytest.skip("this server has no additions")
    return capabilities["afterword.delayed_events"]


@FORMS
def test_the_event_id_of_send(form: str, alice: User, room: str):
    """`send` answers the `event_id`, also when it is asked twice, or after the event was sent at its time"""
    assert additions(alice)["send_answers_event_id"] is True
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    answers = [alice.manage(delay_id, "send", form).ok() for _ in range(2)]
    assert answers == [{"event_id": alice.look_up(delay_id).ok()["finalised"]["event_id"]}] * 2

    at_its_time = alice.delayed(room, TEXT, MESSAGE, 1)
    outcome = alice.outcome(at_its_time)
    assert alice.manage(at_its_time, "send", form).ok() == {"event_id": outcome["event_id"]}


@FORMS
def test_the_time_after_a_restart(form: str, alice: User, room: str):
    """`restart` answers `send_ts`, the new scheduled time in milliseconds"""
    assert additions(alice)["restart_answers_send_ts"] is True
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    time.sleep(0.1)
    answer = alice.manage(delay_id, "restart", form).ok()
    event = alice.look_up(delay_id).ok()
    assert answer == {"send_ts": event["delayed_since_ts"] + event["delay_ms"]}
