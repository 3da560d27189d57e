"""7. Sending: as its owner, whatever has become of them."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from ..application_service import Bridge
from ..homeservers import Synapse
from ..matrix import PATH_UNSTABLE, C, Server, User, quote
from .examples import FORMS, HOUR, MESSAGE, TEXT
from .marks import impossible


@pytest.fixture
def with_password(alice: User) -> User:
    if not alice.password:
        pytest.skip("needs a password: --registration-shared-secret")
    return alice


def confirmed(user: User, method: str, path: str, body: dict[str, Any]) -> None:
    """A request that the homeserver wants confirmed by the password."""
    auth: dict[str, Any] = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": user.user_id},
        "user": user.user_id,
        "password": user.password,
    }
    challenge = user.request_patiently(method, path, body=body)
    assert challenge.status == 401
    auth["session"] = challenge.json["session"]
    user.request_patiently(method, path, body={**body, "auth": auth}).ok()


# An owner who may no longer do it


def leave(alice: User, bob: User, room: str) -> None:
    bob.leave(room)


def be_banned(alice: User, bob: User, room: str) -> None:
    alice.request("POST", f"{C}/v3/rooms/{quote(room)}/ban", body={"user_id": bob.user_id}).ok()


def be_kicked(alice: User, bob: User, room: str) -> None:
    alice.request("POST", f"{C}/v3/rooms/{quote(room)}/kick", body={"user_id": bob.user_id}).ok()


def be_silenced(alice: User, bob: User, room: str) -> None:
    levels = alice.state(room, "m.room.power_levels").ok()
    alice.set_state(room, "m.room.power_levels", {**levels, "events_default": 50}).ok()


@pytest.mark.parametrize("lose_the_right", [leave, be_banned, be_kicked, be_silenced])
def test_a_right_that_was_lost(lose_the_right: Callable, alice: User, bob: User, room: str):
    """Who has left the room, was banned or lost the power by then: failed, with the homeserver's error"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 1000)
    lose_the_right(alice, bob, room)

    outcome = bob.outcome(delay_id)
    assert "event_id" not in outcome
    assert outcome["error"]["errcode"] == "M_FORBIDDEN"
    assert outcome["error"]["error"]
    assert alice.events(room, TEXT) == []
    assert bob.scheduled() == []


def test_a_right_that_is_there_again(alice: User, bob: User, room: str):
    """What counts is the moment of sending: who has come back by then, sends"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 2000)
    bob.leave(room)
    bob.join(room)
    assert "event_id" in bob.outcome(delay_id)


def test_a_right_that_never_was(alice: User, bob: User, room: str):
    """Scheduling asks no room: who was never in it is refused at the time of sending"""
    delay_id = bob.delayed(room, TEXT, MESSAGE, 500)
    assert bob.outcome(delay_id)["error"]["errcode"] == "M_FORBIDDEN"


def test_a_room_that_does_not_exist(alice: User):
    """An event for a room that does not exist fails with the homeserver's error"""
    delay_id = alice.delayed("!nowhere:example.org", TEXT, MESSAGE, 500)
    error = alice.outcome(delay_id)["error"]
    assert error["errcode"].startswith("M_")


# A session that has ended


def test_a_device_that_logged_out(with_password: User, room: str):
    """An event is sent although its device has logged out meanwhile"""
    phone = with_password.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, 1500)
    phone.request("POST", f"{C}/v3/logout", body={}).ok()
    assert with_password.event(room, with_password.outcome(delay_id)["event_id"])["sender"] == with_password.user_id


def test_a_device_that_was_deleted(with_password: User, room: str):
    """An event is sent although its device was deleted meanwhile"""
    phone = with_password.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, 2000)
    confirmed(with_password, "DELETE", f"{C}/v3/devices/{phone.device_id}", {})
    assert with_password.event(room, with_password.outcome(delay_id)["event_id"])["sender"] == with_password.user_id


@pytest.mark.parametrize("route", ["logout", "logout/all"])
def test_a_token_that_logged_out(route: str, with_password: User, room: str):
    """A token that has logged out can neither schedule, manage nor look up from then on"""
    phone = with_password.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, HOUR)
    phone.manage(delay_id, "restart").ok()
    phone.request("POST", f"{C}/v3/{route}", body={}).ok()
    answers = [phone.manage(delay_id, action) for action in ["restart", "cancel", "send"]]
    answers += [phone.look_up(delay_id), phone.schedule(room, TEXT, MESSAGE, HOUR)]
    assert {(answer.status, answer.errcode) for answer in answers} == {(401, "M_UNKNOWN_TOKEN")}


def test_a_device_deleted_elsewhere(with_password: User, room: str):
    """A device's token ends when another device deletes it"""
    phone = with_password.on_new_device()
    delay_id = phone.delayed(room, TEXT, MESSAGE, HOUR)
    confirmed(with_password, "DELETE", f"{C}/v3/devices/{phone.device_id}", {})
    answer = phone.manage(delay_id, "restart")
    assert (answer.status, answer.errcode) == (401, "M_UNKNOWN_TOKEN")
    assert with_password.manage(delay_id, "cancel").status == 200


# An account that is restricted or gone


def test_a_deactivated_account(with_password: User, bob: User, server: Server):
    """When an account is deactivated, its scheduled events are cancelled"""
    alice = with_password
    room = bob.create_room()
    alice.join(room)
    soon = alice.delayed(room, TEXT, MESSAGE, 2500)
    later = alice.delayed(room, TEXT, MESSAGE, HOUR)
    confirmed(alice, "POST", f"{C}/v3/account/deactivate", {})

    for delay_id in [soon, later]:  # the delay_id is the right to act; cancelled already is fine, anything else is not
        assert bob.manage(delay_id, "cancel", PATH_UNSTABLE, token=None).status == 200
        assert bob.manage(delay_id, "send", PATH_UNSTABLE, token=None).status == 404
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status in (401, 403)
    time.sleep(2.5)
    assert bob.events(room, TEXT) == []


@pytest.fixture(scope="session")
def admin(synapse: Synapse) -> User:
    return synapse.register("admin", admin=True)


def test_a_suspended_account(admin: User, alice: User, bob: User):
    """A suspended account's event fails with the homeserver's refusal"""
    room = bob.create_room()
    alice.join(room)
    delay_id = alice.delayed(room, TEXT, MESSAGE, 1500)
    early = alice.delayed(room, TEXT, MESSAGE, HOUR)
    path = f"/_synapse/admin/v1/suspend/{quote(alice.user_id)}"
    admin.request("PUT", path, body={"suspend": True}).ok()
    assert alice.outcome(delay_id)["error"]["errcode"] == "M_USER_SUSPENDED"
    refused = alice.manage(early, "send")
    assert (refused.status, refused.errcode) == (403, "M_USER_SUSPENDED")

    admin.request("PUT", path, body={"suspend": False}).ok()
    assert alice.manage(early, "send").status == 200


def test_a_locked_account(admin: User, alice: User, bob: User):
    """A locked account's new requests are refused as the homeserver does: 401 M_USER_LOCKED"""
    room = bob.create_room()
    alice.join(room)
    path = f"/_synapse/admin/v2/users/{quote(alice.user_id)}"
    admin.request("PUT", path, body={"locked": True}).ok()
    answer = alice.schedule(room, TEXT, MESSAGE, HOUR)
    assert (answer.status, answer.errcode) == (401, "M_USER_LOCKED")
    admin.request("PUT", path, body={"locked": False}).ok()
    assert alice.schedule(room, TEXT, MESSAGE, HOUR).status == 200


# Guests and application services


@pytest.mark.parametrize("early", [False, True], ids=["at its time", "early"])
def test_a_guest(early: bool, alice: User, server: Server):
    """Guests may use all of it"""
    room = alice.create_room()
    alice.set_state(room, "m.room.guest_access", {"guest_access": "can_join"}).ok()
    answer = server.request("POST", f"{C}/v3/register", query={"kind": "guest"}, body={})
    if answer.status != 200:
        pytest.skip("takes no guests")
    guest = User(server, answer.json["user_id"], answer.json["access_token"], answer.json.get("device_id"))
    guest.join(room)
    delay_id = guest.delayed(room, TEXT, MESSAGE, HOUR if early else 1000)
    assert guest.manage(delay_id, "restart").status == 200
    if early:
        guest.manage(delay_id, "send").ok()
    assert alice.event(room, guest.outcome(delay_id)["event_id"])["sender"] == guest.user_id


@pytest.fixture
def puppet(bridge: Bridge, server: Server, alice: User, room: str):
    """A user of the bridge, who is in Alice's room."""
    puppet = bridge.puppet(server, "bridge-" + alice.localpart)
    puppet.join(room)
    return puppet


@pytest.mark.parametrize("form", FORMS)
def test_an_application_service(form: str, alice: User, puppet: User, room: str):
    """An application service acts with `user_id` as one of its users, who owns the event"""
    delay_id = puppet.delayed(room, TEXT, MESSAGE, 500, form=form)
    assert alice.look_up(delay_id).status == 404
    assert alice.event(room, puppet.outcome(delay_id)["event_id"])["sender"] == puppet.user_id


def test_an_application_service_as_another_user(alice: User, bridge: Bridge, puppet: User, room: str):
    """One of its users is not another, nor the application service itself, nor anybody that is not its own"""
    delay_id = puppet.delayed(room, TEXT, MESSAGE, HOUR)
    itself = User(puppet.server, "@bridge:home.test", bridge.token, None)
    assert itself.manage(delay_id, "cancel").status == 404
    somebody_else = replace(puppet, user_id=alice.user_id)
    assert 400 <= somebody_else.manage(delay_id, "cancel").status < 500
    assert 400 <= somebody_else.schedule(room, TEXT, MESSAGE, HOUR).status < 500
    assert puppet.manage(delay_id, "cancel").status == 200


@pytest.mark.parametrize("early", [False, True], ids=["at its time", "early"])
@pytest.mark.parametrize("form", FORMS)
def test_timestamp_massaging(form: str, early: bool, alice: User, puppet: User, room: str):
    """`ts` of an application service becomes the event's `origin_server_ts`"""
    ts = 1_500_000_000_000
    delay_id = puppet.delayed(room, TEXT, MESSAGE, HOUR if early else 500, form=form, query={"ts": ts})
    if early:
        puppet.manage(delay_id, "send").ok()
    assert alice.event(room, puppet.outcome(delay_id)["event_id"])["origin_server_ts"] == ts


@pytest.mark.parametrize("ts", ["-1", "soon", "1.5", str(2**53)])
def test_bad_timestamps(ts: str, puppet: User, room: str):
    """A `ts` of an application service that is no timestamp is refused"""
    answer = puppet.schedule(room, TEXT, MESSAGE, HOUR, query={"ts": ts})
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")


@impossible(dendrite="it ignores the device_id of an application service's request")
def test_an_unknown_device_of_an_application_service(puppet: User, room: str):
    """A `device_id` that its user does not have is refused as the homeserver does"""
    answer = replace(puppet, device_id="NOSUCHDEVICE").schedule(room, TEXT, MESSAGE, HOUR)
    assert (answer.status, answer.errcode) == (400, "M_UNKNOWN_DEVICE")


@impossible(dendrite="it ignores the device_id of an application service's request")
def test_a_device_of_an_application_service(alice: User, bridge: Bridge, puppet: User, room: str):
    """An application service may name its user's device by `device_id`, and transactions are that device's own"""
    with_device = replace(puppet, device_id=bridge.device_of(puppet))
    first = with_device.delayed(room, TEXT, MESSAGE, 700, txn_id="one")
    assert with_device.delayed(room, TEXT, MESSAGE, 700, txn_id="one") == first
    assert puppet.delayed(room, TEXT, MESSAGE, 700, txn_id="one") != first
    assert alice.event(room, with_device.outcome(first)["event_id"])["sender"] == puppet.user_id
