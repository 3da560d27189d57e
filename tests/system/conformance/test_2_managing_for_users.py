"""2. Managing: a call service that acts for users, as an application service (lk-jwt-service from 0.6 on)."""

from dataclasses import replace

import pytest

from ..application_service import CallService
from ..matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, STABLE, UNSTABLE, Puppet, User, eventually
from .examples import HOUR, MESSAGE, STATE, TEXT

WAYS = [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE]


@pytest.fixture
def service(call_service: CallService, alice: User) -> Puppet:
    """The call service, with its own token and Alice's `user_id`."""
    return call_service.on_behalf_of(alice)


@pytest.mark.parametrize("form", WAYS)
def test_restart(form: str, service: Puppet, alice: User, room: str):
    """A call service restarts a user's event with its own token and her `user_id`"""
    delay_id = alice.delayed(room, STATE, {}, HOUR, state_key=alice.user_id)
    before = alice.look_up(delay_id).ok()["delayed_since_ts"]

    def is_later() -> bool:
        service.manage(delay_id, "restart", form).ok()
        return alice.look_up(delay_id).ok()["delayed_since_ts"] > before

    eventually(is_later)


@pytest.mark.parametrize("form", WAYS)
def test_send(form: str, service: Puppet, alice: User, room: str):
    """Likewise it sends the event early, as its owner"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    service.manage(delay_id, "send", form).ok()
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["sender"] == alice.user_id
    service.manage(delay_id, "send", form).ok()  # it may ask twice


@pytest.mark.parametrize("form", WAYS)
def test_cancel(form: str, service: Puppet, alice: User, room: str):
    """Likewise it cancels"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert service.manage(delay_id, "cancel", form).ok() == {}
    assert set(alice.outcome(delay_id)) == {"finalised_ts"}


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
def test_look_up(form: str, service: Puppet, alice: User, room: str):
    """Likewise it looks the event up, and lists what the user has scheduled"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert service.look_up(delay_id, form).ok() == alice.look_up(delay_id, form).ok()
    assert [event["delay_id"] for event in service.scheduled()] == [delay_id]


def test_a_finalised_event(service: Puppet, alice: User, room: str):
    """On the stable routes 409 tells it that the event has ended in another way"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    alice.manage(delay_id, "cancel").ok()
    for action in ["restart", "send"]:
        answer = service.manage(delay_id, action)
        assert (answer.status, answer.errcode) == (409, "M_UNKNOWN")


def test_what_the_service_schedules_is_the_users(service: Puppet, alice: User, room: str):
    """What it schedules for a user is hers, and she may cancel it"""
    delay_id = service.delayed(room, TEXT, MESSAGE, HOUR)
    assert alice.look_up(delay_id).status == 200
    assert alice.manage(delay_id, "cancel").status == 200


@pytest.mark.parametrize("form", WAYS)
def test_a_user_outside_its_namespace(form: str, service: Puppet, bob: User, room: str):
    """For a user whom the homeserver does not let it speak for it can do nothing: 403 M_FORBIDDEN"""
    delay_id = bob.delayed(room, TEXT, MESSAGE, HOUR)
    for action in ["restart", "cancel", "send"]:
        refused = replace(service, user_id=bob.user_id).manage(delay_id, action, form)
        assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
        assert service.manage(delay_id, action, form).status == 404  # it is not Alice's
    assert bob.manage(delay_id, "cancel").status == 200


def test_a_user_who_names_another(alice: User, bob: User, room: str):
    """A user's token speaks for nobody else, whatever `user_id` it comes with"""
    delay_id = bob.delayed(room, TEXT, MESSAGE, HOUR)
    pretender = Puppet(alice.server, bob.user_id, alice.token, None)
    for action in ["restart", "cancel", "send"]:
        assert pretender.manage(delay_id, action).status == 404
    assert pretender.look_up(delay_id).status == 404
    assert pretender.scheduled() == []
    assert bob.manage(delay_id, "cancel").status == 200
