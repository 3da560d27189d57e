"""1. Scheduling."""

import re

import pytest

from ..homeservers import Dendrite, Synapse
from ..matrix import DELAY_QUERY, STICKY_QUERY, C, U, User, new_txn_id, now_ms, quote
from .examples import FORMS, HOUR, MESSAGE, STATE, TEXT, message
from .marks import impossible

forms = pytest.mark.parametrize("form", FORMS)


def send_now(user: User, room: str, delay_id: str) -> dict:
    """The event that it becomes."""
    user.manage(delay_id, "send").ok()
    return user.event(room, user.outcome(delay_id)["event_id"])


@forms
def test_a_message(form: str, alice: User, bob: User, room: str):
    """A message is taken in each form, answered with its `delay_id`, and sent at its time as its owner's"""
    bob.join(room)
    before = now_ms()
    answer = alice.schedule(room, TEXT, MESSAGE, 1000, form=form).ok()
    after = now_ms()
    assert set(answer) == {"delay_id"}
    assert alice.events(room, TEXT) == []

    event = bob.event(room, alice.outcome(answer["delay_id"])["event_id"])
    assert (event["sender"], event["type"], event["content"]) == (alice.user_id, TEXT, MESSAGE)
    assert "state_key" not in event
    assert before + 1000 <= event["origin_server_ts"] <= after + 1000
    assert len(bob.events_arriving(room, TEXT, 1)) == 1


def test_the_delay_id(alice: User, room: str):
    """A `delay_id` is an opaque identifier in Matrix's grammar, and cannot be guessed"""
    delay_ids = [alice.delayed(room, TEXT, MESSAGE, HOUR) for _ in range(20)]
    assert len(set(delay_ids)) == 20
    for delay_id in delay_ids:
        assert re.fullmatch(r"[0-9A-Za-z._~-]{14,255}", delay_id)  # 80 bits take 14 of these letters


@forms
@pytest.mark.parametrize("state_key", ["", "sk/ey"])
def test_a_state_event(form: str, state_key: str, alice: User, room: str):
    """With a `state_key`, also the empty one, it is a state event, and becomes the room's state"""
    delay_id = alice.delayed(room, STATE, {"on": True}, 500, state_key=state_key, form=form)
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["state_key"] == state_key
    assert alice.state(room, STATE, state_key).ok() == {"on": True}


def test_unstable_delay_name(alice: User, room: str):
    """On the unstable route `delay` is accepted for `delay_ms`, as ruma calls it"""
    path = f"rooms/{quote(room)}/delayed_event/{TEXT}/{new_txn_id()}"
    body = {"delay": HOUR, "content": MESSAGE}
    assert alice.look_up(alice.request("PUT", f"{U}/{path}", body=body).ok()["delay_id"]).ok()["delay_ms"] == HOUR
    stable = alice.request("PUT", f"{C}/v3/{path}", body=body)
    assert (stable.status, stable.errcode) == (400, "M_MISSING_PARAM")


@pytest.mark.parametrize("path", [STATE, f"{STATE}/"])
def test_the_empty_state_key(path: str, alice: User, room: str):
    """`/state/{type}` and `/state/{type}/` both mean the empty state key"""
    path = f"{C}/v3/rooms/{quote(room)}/state/{path}"
    delay_id = alice.request("PUT", path, body={"on": True}, query={DELAY_QUERY: HOUR}).ok()["delay_id"]
    assert alice.look_up(delay_id).ok()["state_key"] == ""


def test_legacy_on_r0(alice: User, room: str):
    """The legacy form is there under `r0` as well"""
    path = f"{C}/r0/rooms/{quote(room)}/send/{TEXT}/{new_txn_id()}"
    delay_id = alice.request("PUT", path, body=MESSAGE, query={DELAY_QUERY: HOUR}).ok()["delay_id"]
    assert send_now(alice, room, delay_id)["content"] == MESSAGE


def test_a_redaction(alice: User, room: str):
    """A redaction can be delayed in the legacy form"""
    target = alice.send(room, TEXT, message("oops")).ok()["event_id"]
    path = f"{C}/v3/rooms/{quote(room)}/redact/{quote(target)}/{new_txn_id()}"
    delay_id = alice.request("PUT", path, body={"reason": "typo"}, query={DELAY_QUERY: 1000}).ok()["delay_id"]
    assert alice.event(room, target)["content"] == message("oops")

    redaction = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert redaction["type"] == "m.room.redaction"
    assert redaction["content"]["reason"] == "typo"
    assert alice.event(room, target)["content"] == {}


def test_a_leave(alice: User, bob: User, room: str):
    """A delayed `m.room.member` event takes its user out of the room"""
    bob.join(room)
    delay_id = bob.delayed(room, "m.room.member", {"membership": "leave"}, 500, state_key=bob.user_id)
    bob.outcome(delay_id)
    assert alice.state(room, "m.room.member", bob.user_id).ok()["membership"] == "leave"


@impossible(dendrite="it has no sticky events (MSC4354)")
@pytest.mark.parametrize("early", [False, True], ids=["at its time", "early"])
@forms
def test_a_sticky_event(form: str, early: bool, alice: User, room: str):
    """A sticky event (MSC4354) stays sticky, also if it is sent early"""
    delay = HOUR if early else 500
    delay_id = alice.delayed(room, TEXT, MESSAGE, delay, form=form, query={STICKY_QUERY: 60_000})
    if early:
        alice.manage(delay_id, "send").ok()
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["msc4354_sticky"] == {"duration_ms": 60_000}


def test_ts_is_for_application_services(alice: User, room: str):
    """`ts` of an ordinary user is ignored: the event carries the time of its sending"""
    before = now_ms()
    event = send_now(alice, room, alice.delayed(room, TEXT, MESSAGE, HOUR, query={"ts": 1_000_000}))
    assert before <= event["origin_server_ts"] <= now_ms()


@forms
def test_scheduling_takes_a_token(form: str, somebody: User, somewhere: str):
    """Scheduling takes a valid token"""
    missing = somebody.schedule(somewhere, TEXT, MESSAGE, HOUR, form=form, token=None)
    assert (missing.status, missing.errcode) == (401, "M_MISSING_TOKEN")
    unknown = somebody.schedule(somewhere, TEXT, MESSAGE, HOUR, form=form, token="nobody")
    assert (unknown.status, unknown.errcode) == (401, "M_UNKNOWN_TOKEN")


@forms
def test_nothing_is_sent_before(form: str, alice: User, room: str, homeserver: Synapse | Dendrite):
    """Until its time the homeserver has not heard of the event"""
    alice.delayed(room, TEXT, MESSAGE, HOUR, form=form)
    alice.delayed(room, STATE, {}, HOUR, form=form, state_key="")
    directly = alice.at(homeserver)
    assert {event["type"] for event in directly.events(room)}.isdisjoint({TEXT, STATE})


@pytest.mark.parametrize("path", [f"send/{TEXT}/one", f"send/{TEXT}/one/", f"state/{STATE}/key", "redact/$event/one"])
@pytest.mark.parametrize(
    "query",
    [
        f"{DELAY_QUERY}=0",
        f"{DELAY_QUERY}=-1",
        f"{DELAY_QUERY}=soon",
        f"{DELAY_QUERY}=",
        DELAY_QUERY,
        f"{DELAY_QUERY}=99999999999999999999",
        f"ts=1&{DELAY_QUERY}=0&{DELAY_QUERY}=-1",
        "org.matrix.msc4140%2Edelay=0",
        "%6Frg.matrix.msc4140.delay=0",
    ],
)
def test_the_delay_query_stays_here(path: str, query: str, somebody: User, somewhere: str):
    """A request with the delay query never reaches the homeserver, which might send the event at once"""
    before = [event["event_id"] for event in somebody.events(somewhere)]
    answer = somebody.request("PUT", f"{C}/v3/rooms/{quote(somewhere)}/{path}", query=query, body=MESSAGE)
    assert 400 <= answer.status < 500
    assert [event["event_id"] for event in somebody.events(somewhere)] == before
