"""2. Managing: a leave that is delegated to a call service (MSC4195), from the call's beginning to its end."""

import threading
import time
from collections.abc import Callable

import pytest

from ..application_service import CallService
from ..gateway import Afterword
from ..matrix import LEGACY, PATH_STABLE, PATH_UNSTABLE, STABLE, UNSTABLE, C, Puppet, User, now_ms, quote
from .examples import FORMS, HOUR

CALL_MEMBER = "org.matrix.msc3401.call.member"

ROUTES = pytest.mark.parametrize(("look", "act"), [(STABLE, PATH_STABLE), (UNSTABLE, PATH_UNSTABLE)])


def member_of(user: User) -> str:
    return f"_{user.user_id}_{user.device_id}_m.call"


def leave_of(user: User, room: str, delay_ms: int, form: str = LEGACY) -> str:
    return user.delayed(room, CALL_MEMBER, {}, delay_ms, form=form, state_key=member_of(user))


@pytest.fixture
def service(call_service: CallService, alice: User) -> Puppet:
    """The call service, with its own token and Alice's `user_id`."""
    return call_service.on_behalf_of(alice)


@pytest.mark.parametrize("form", FORMS)
def test_a_leave_of_an_hour(form: str, service: Puppet, alice: User, room: str):
    """A leave of an hour, as delegated ones are, is taken in each form; the service reads its delay and its room"""
    delay_id = leave_of(alice, room, HOUR, form)
    for look in [STABLE, UNSTABLE]:
        seen = service.look_up(delay_id, look).ok()
        assert (seen["delay_ms"], seen["room_id"], seen["type"]) == (HOUR, room, CALL_MEMBER)
        assert "finalised" not in seen


@ROUTES
def test_it_is_kept_alive_and_sent(look: str, act: str, service: Puppet, alice: User, room: str):
    """Restarted at four fifths of its delay it is never sent; when the participant has gone, `send` sends it at once"""
    alice.set_state(room, CALL_MEMBER, {"call_id": ""}, member_of(alice)).ok()
    delay_id = leave_of(alice, room, 2500)
    for _ in range(3):
        before = service.look_up(delay_id, look).ok()["delayed_since_ts"]
        time.sleep(1.5)
        service.manage(delay_id, "restart", act).ok()
        assert service.look_up(delay_id, look).ok()["delayed_since_ts"] > before
    assert alice.state(room, CALL_MEMBER, member_of(alice)).ok() == {"call_id": ""}

    service.manage(delay_id, "send", act).ok()
    assert alice.state(room, CALL_MEMBER, member_of(alice)).ok() == {}
    left = alice.event(room, service.look_up(delay_id, look).ok()["finalised"]["event_id"])
    assert (left["sender"], left["state_key"]) == (alice.user_id, member_of(alice))


def test_a_service_that_dies(service: Puppet, alice: User, room: str):
    """When the service dies as well, nobody restarts the leave, and it is sent at its time"""
    delay_id = leave_of(alice, room, 1500)
    service.manage(delay_id, "restart").ok()
    restarted = now_ms()
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["content"] == {}
    assert event["origin_server_ts"] <= restarted + 1500


@ROUTES
@pytest.mark.parametrize("ended", ["send", "cancel"])
def test_a_leave_that_has_ended(ended: str, look: str, act: str, service: Puppet, alice: User, room: str):
    """What the caller has ended herself ends the service's job: 409 on the stable routes, 404 on the unstable ones"""
    delay_id = leave_of(alice, room, HOUR)
    alice.manage(delay_id, ended).ok()
    final = 409 if act == PATH_STABLE else 404
    assert service.manage(delay_id, "restart", act).status == final
    assert service.manage(delay_id, "send", act).status == (200 if ended == "send" else final)
    assert ("event_id" in service.look_up(delay_id, look).ok()["finalised"]) == (ended == "send")


@ROUTES
def test_of_somebody_else(look: str, act: str, service: Puppet, bob: User, room: str):
    """A `delay_id` that is not the caller's, or nobody's, is not found, so the service takes no such leave"""
    bob.join(room)
    for delay_id in [leave_of(bob, room, HOUR), "syd_never"]:
        assert service.look_up(delay_id, look).status == 404
        for action in ["restart", "send"]:
            assert service.manage(delay_id, action, act).status == 404


@ROUTES
def test_after_a_logout(look: str, act: str, service: Puppet, alice: User, room: str):
    """The service goes on for a caller who has logged out, or whose client was removed"""
    witness = alice.on_new_device()
    delay_id = leave_of(alice, room, HOUR)
    alice.request("POST", f"{C}/v3/logout", body={}).ok()
    service.manage(delay_id, "restart", act).ok()
    service.manage(delay_id, "send", act).ok()
    event = witness.event(room, service.look_up(delay_id, look).ok()["finalised"]["event_id"])
    assert (event["sender"], event["content"]) == (alice.user_id, {})


def test_send_and_restart_at_once(service: Puppet, alice: User, room: str):
    """A restart that meets the service's own `send` is told the outcome, and the room has one leave"""
    delay_id = leave_of(alice, room, HOUR)
    answers: list[int] = []
    asking = [
        threading.Thread(target=lambda action=action: answers.append(service.manage(delay_id, action).status))
        for action in ["send", "restart", "send"]
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join()
    assert set(answers) <= {200, 409} and answers.count(200) >= 2
    assert len(alice.events(room, CALL_MEMBER)) == 1


def test_a_bad_delay_id(service: Puppet):
    """A `delay_id` that is a path is refused, escaped as the service hands it on"""
    for evil in ["../../delayed_events", ".."]:
        answer = service.request("POST", f"{C}/v1/delayed_events/{quote(evil)}/send", body={})
        assert answer.status in (400, 404)


def test_many_callers_of_one_service(
    call_service: CallService,
    new_user: Callable[[str], User],
    room: str,
    start_another: Callable[..., Afterword],
):
    """The limits of rate are each caller's: a service restarts for many, and who is limited is told when to come back"""
    server = start_another({"rate_limits.enabled": "true", "rate_limits.manage": "1/s burst 2"})
    callers = [new_user("alice").at(server) for _ in range(3)]
    for caller in callers:
        caller.join(room)
    leaves = [(call_service.on_behalf_of(caller), leave_of(caller, room, HOUR)) for caller in callers]
    for _ in range(2):
        for service, delay_id in leaves:
            service.manage(delay_id, "restart").ok()
    service, delay_id = leaves[0]
    refused = service.manage(delay_id, "restart")
    assert refused.status == 429 and int(refused.headers["Retry-After"]) >= 1
