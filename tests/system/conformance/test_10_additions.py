"""10. Additions that the proposal leaves room for, where the server announces them."""

import time
from collections.abc import Callable

import pytest

from ..gateway import Afterword
from ..matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, C, Response, U, User
from .examples import DAY, FORMS, HOUR, MESSAGE, STATE, TEXT

CALL_MEMBER = "org.matrix.msc3401.call.member"

ways = pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE])


def additions(user: User) -> dict:
    """What the server announces under Afterword's name; another server need not have any of it."""
    capabilities = user.request_patiently("GET", f"{C}/v3/capabilities").ok()["capabilities"]
    if "afterword.delayed_events" not in capabilities:
        pytest.skip("this server has no additions")
    return capabilities["afterword.delayed_events"]


@ways
def test_the_event_id_of_send(form: str, alice: User, room: str):
    """`send` answers the `event_id`, also when it is asked twice, or after the event was sent at its time"""
    assert additions(alice)["send_answers_event_id"] is True
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    answers = [alice.manage(delay_id, "send", form).ok() for _ in range(2)]
    assert answers == [{"event_id": alice.look_up(delay_id).ok()["finalised"]["event_id"]}] * 2

    at_its_time = alice.delayed(room, TEXT, MESSAGE, 1)
    outcome = alice.outcome(at_its_time)
    assert alice.manage(at_its_time, "send", form).ok() == {"event_id": outcome["event_id"]}


@ways
def test_the_time_after_a_restart(form: str, alice: User, room: str):
    """`restart` answers `send_ts`, the new scheduled time in milliseconds"""
    assert additions(alice)["restart_answers_send_ts"] is True
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    time.sleep(0.1)
    answer = alice.manage(delay_id, "restart", form).ok()
    event = alice.look_up(delay_id).ok()
    assert answer == {"send_ts": event["delayed_since_ts"] + event["delay_ms"]}


@pytest.mark.parametrize("form", FORMS)
def test_a_longer_delay_for_messages(form: str, alice: User, room: str):
    """A message may be scheduled for longer ahead than state, and a call's leave has the limit of state"""
    longest = additions(alice)["max_message_delay_ms"]
    assert longest == 30 * DAY
    assert alice.schedule(room, TEXT, MESSAGE, longest, form=form).status == 200
    refused = alice.schedule(room, TEXT, MESSAGE, longest + 1, form=form)
    assert (refused.status, refused.json["org.matrix.msc4140.max_delay"]) == (400, longest)
    for event_type in [STATE, CALL_MEMBER]:
        refused = alice.schedule(room, event_type, {}, DAY + 1, state_key="", form=form)
        assert (refused.status, refused.json["org.matrix.msc4140.max_delay"]) == (400, DAY)


def test_a_call_beside_many_messages(alice: User, room: str):
    """100 scheduled messages keep their author out of no call: some more may be scheduled that are of calls"""
    most = additions(alice)["max_scheduled_for_calls"]
    for _ in range(100):
        alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status == 429
    assert alice.schedule(room, STATE, {}, HOUR, state_key="").status == 429
    for number in range(100, most):
        alice.delayed(room, CALL_MEMBER, {}, HOUR, state_key=str(number))
    assert alice.schedule(room, CALL_MEMBER, {}, HOUR, state_key="one more").status == 429
    assert len(alice.scheduled()) == most


def retry(user: User, delay_id: str, prefix: str) -> Response:
    return user.request("POST", f"{prefix}/delayed_events/{delay_id}/afterword.retry", body={})


@pytest.mark.parametrize("prefix", [f"{C}/v1", U], ids=["stable", "unstable"])
def test_a_retry(prefix: str, alice: User, bob: User, room: str, start_another: Callable[..., Afterword]):
    """What a limit of rate has refused is sent by one request of its owner, as a new event; asked twice, once"""
    assert additions(alice)["retry"] is True
    alice = alice.at(start_another({"rate_limits.enabled": "true", "rate_limits.send": "0.5/s burst 1"}))
    delay_ids = [alice.delayed(room, CALL_MEMBER, {}, 1000, state_key=key) for key in ["first", "second"]]
    outcomes = {delay_id: alice.outcome(delay_id) for delay_id in delay_ids}
    [failed] = [delay_id for delay_id, outcome in outcomes.items() if "error" in outcome]
    assert outcomes[failed]["error"]["errcode"] == "M_LIMIT_EXCEEDED"

    time.sleep(2.5)
    again = retry(alice, failed, prefix).ok()["delay_id"]
    assert again != failed
    assert "event_id" in alice.outcome(again)
    assert retry(alice, failed, prefix).ok() == {"delay_id": again}
    assert sorted(event["state_key"] for event in alice.events(room, CALL_MEMBER)) == ["first", "second"]
    assert alice.look_up(failed).ok()["finalised"] == outcomes[failed]

    assert retry(bob.at(alice.server), failed, prefix).status == 404
    assert retry(alice, again, prefix).status == 409
    assert alice.request("POST", f"{prefix}/delayed_events/{failed}/afterword.retry", token=None).status == 401
