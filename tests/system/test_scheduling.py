"""A delayed event is taken in every wire form, and sent at its time as its owner would have sent it."""

from typing import Any

import pytest

from .homeservers import Synapse
from .matrix import DELAY_QUERY, LEGACY, STABLE, STICKY_QUERY, UNSTABLE, C, Server, U, User, eventually, new_txn_id
from .matrix import now_ms, quote

FORMS = [STABLE, UNSTABLE, LEGACY]
TEXT = "m.room.message"
HOUR = 3_600_000


def message(body: str = "later") -> dict[str, Any]:
    return {"msgtype": "m.text", "body": body}


@pytest.mark.parametrize("form", FORMS)
def test_a_message_is_sent_at_its_time_by_its_owner(form: str, alice: User, bob: User, room: str):
    bob.join(room)
    before = now_ms()
    delay_id = alice.delayed(room, TEXT, message(), 1000, form=form)
    after = now_ms()
    assert alice.events(room, TEXT) == []

    event = bob.event(room, alice.outcome(delay_id)["event_id"])
    assert event["sender"] == alice.user_id
    assert event["type"] == TEXT
    assert event["content"] == message()
    assert before + 1000 <= event["origin_server_ts"] <= after + 1000
    assert len(bob.events(room, TEXT)) == 1


def test_it_is_never_early_and_hardly_late(alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, message(), 1000)
    event = alice.look_up(delay_id).json
    due = event["delayed_since_ts"] + event["delay_ms"]
    assert due <= alice.outcome(delay_id)["finalised_ts"] <= due + 1000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("state_key", ["", "sk/ey"])
def test_a_state_event_becomes_the_rooms_state(form: str, state_key: str, alice: User, room: str):
    delay_id = alice.delayed(room, "org.example.state", {"on": True}, 500, state_key=state_key, form=form)
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["state_key"] == state_key
    assert alice.state(room, "org.example.state", state_key).ok() == {"on": True}


def test_the_legacy_state_route_may_leave_out_the_empty_key(alice: User, room: str):
    path = f"{C}/v3/rooms/{quote(room)}/state/org.example.state"
    delay_id = alice.request("PUT", path, body={"on": True}, query={DELAY_QUERY: 500}).ok()["delay_id"]
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["state_key"] == ""


def test_the_legacy_form_works_on_r0_too(alice: User, room: str):
    path = f"{C}/r0/rooms/{quote(room)}/send/{TEXT}/{new_txn_id()}"
    delay_id = alice.request("PUT", path, body=message(), query={DELAY_QUERY: 500}).ok()["delay_id"]
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["content"] == message()


def test_a_redaction_can_wait(alice: User, room: str):
    target = alice.send(room, TEXT, message("oops")).ok()["event_id"]
    path = f"{C}/v3/rooms/{quote(room)}/redact/{quote(target)}/{new_txn_id()}"
    delay_id = alice.request("PUT", path, body={"reason": "typo"}, query={DELAY_QUERY: 500}).ok()["delay_id"]
    assert alice.event(room, target)["content"] == message("oops")

    redaction = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert redaction["type"] == "m.room.redaction"
    assert redaction["content"]["reason"] == "typo"
    assert alice.event(room, target)["content"] == {}


def test_a_leave_takes_its_user_out_of_the_room(alice: User, bob: User, room: str):
    bob.join(room)
    delay_id = bob.delayed(room, "m.room.member", {"membership": "leave"}, 500, state_key=bob.user_id)
    bob.outcome(delay_id)
    assert alice.state(room, "m.room.member", bob.user_id).ok()["membership"] == "leave"


@pytest.mark.parametrize("early", [False, True], ids=["at its time", "early"])
def test_a_sticky_event_stays_sticky(early: bool, alice: User, room: str):
    delay = HOUR if early else 500
    delay_id = alice.delayed(room, TEXT, message(), delay, query={STICKY_QUERY: 60_000})
    if early:
        alice.manage(delay_id, "send").ok()
    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["msc4354_sticky"] == {"duration_ms": 60_000}


def test_events_leave_in_the_order_of_their_time(alice: User, room: str):
    for number, delay in enumerate([900, 600, 700, 500, 800]):
        alice.delayed(room, TEXT, {**message(), "delay": delay, "number": number}, delay + 500)
    events = eventually(lambda: [seen for seen in [alice.events(room, TEXT)] if len(seen) == 5])[0]
    times = [event["origin_server_ts"] for event in events]
    assert times == sorted(times)


# The same request again


@pytest.mark.parametrize("form", FORMS)
def test_the_same_txn_id_is_the_same_request(form: str, alice: User, room: str):
    first = alice.delayed(room, TEXT, message(), HOUR, form=form, txn_id="one")
    assert alice.delayed(room, TEXT, message(), HOUR, form=form, txn_id="one") == first
    assert alice.delayed(room, TEXT, message(), HOUR, form=form, txn_id="two") != first
    assert len(alice.scheduled()) == 2


def test_a_repeated_request_needs_no_body(alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, message(), HOUR, form=UNSTABLE, txn_id="one")
    path = f"{U}/rooms/{quote(room)}/delayed_event/{TEXT}/one"
    assert alice.request("PUT", path).ok()["delay_id"] == delay_id


def test_a_txn_id_belongs_to_its_device(alice: User, room: str):
    first = alice.delayed(room, TEXT, message(), HOUR, txn_id="one")
    assert alice.on_new_device().delayed(room, TEXT, message(), HOUR, txn_id="one") != first


# What is refused


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
@pytest.mark.parametrize(
    ("raw", "errcode"),
    [
        (b'{"content": {}}', "M_MISSING_PARAM"),
        (b'{"content": {}, "delay_ms": 0}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": -1}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": "1000"}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": 1.5}', "M_INVALID_PARAM"),
        (b'{"delay_ms": 1000}', "M_MISSING_PARAM"),
        (b'{"delay_ms": 1000, "content": []}', "M_INVALID_PARAM"),
        (b'{"delay_ms": 1000, "content": ', "M_NOT_JSON"),
        (b"[]", "M_BAD_JSON"),
    ],
)
def test_a_malformed_request_is_told_what_is_wrong(form: str, raw: bytes, errcode: str, alice: User, room: str):
    prefix = f"{C}/v3" if form == STABLE else U
    path = f"{prefix}/rooms/{quote(room)}/delayed_event/{TEXT}/{new_txn_id()}"
    answer = alice.request("PUT", path, raw=raw)
    assert (answer.status, answer.errcode) == (400, errcode)
    assert alice.scheduled() == []


@pytest.mark.parametrize("form", FORMS)
def test_scheduling_takes_a_valid_token(form: str, alice: User, afterword: Server, room: str):
    prefix = {STABLE: f"{C}/v3", UNSTABLE: U, LEGACY: f"{C}/v3"}[form]
    verb = "send" if form == LEGACY else "delayed_event"
    path = f"{prefix}/rooms/{quote(room)}/{verb}/{TEXT}/{new_txn_id()}"
    query = {DELAY_QUERY: 1000} if form == LEGACY else None
    body = message() if form == LEGACY else {"delay_ms": 1000, "content": message()}

    missing = afterword.request("PUT", path, query=query, body=body)
    assert (missing.status, missing.errcode) == (401, "M_MISSING_TOKEN")
    unknown = afterword.request("PUT", path, query=query, body=body, token="nobody")
    assert (unknown.status, unknown.errcode) == (401, "M_UNKNOWN_TOKEN")


def test_an_event_that_the_homeserver_would_not_take_is_refused_at_once(synapse: Synapse, alice: User, room: str):
    directly = alice.at(synapse)
    for event_type, content in [(TEXT, message("x" * 66_000)), ("t" * 256, {}), (TEXT, {**message(), "number": 1.5})]:
        theirs = directly.send(room, event_type, content)
        ours = alice.schedule(room, event_type, content, HOUR)
        assert (ours.status, ours.errcode) == (theirs.status, theirs.errcode)
    for event_type, state_key in [("org.example.state", "k" * 256), ("m.room.member", alice.user_id)]:
        theirs = directly.set_state(room, event_type, {}, state_key)
        ours = alice.schedule(room, event_type, {}, HOUR, state_key=state_key)
        assert ours.status == theirs.status
    assert alice.scheduled() == []


@pytest.mark.parametrize("path", [f"send/{TEXT}/one", f"send/{TEXT}/one/", "state/org.example.state/key"])
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
def test_a_request_with_a_bad_delay_never_reaches_the_homeserver(path: str, query: str, alice: User, room: str):
    # A homeserver that does not know the parameter would send the event at once.
    before = len(alice.events(room))
    answer = alice.request("PUT", f"{C}/v3/rooms/{quote(room)}/{path}", query=query, body=message())
    assert 400 <= answer.status < 500
    assert len(alice.events(room)) == before


def test_a_delayed_event_is_not_seen_before_its_time(synapse: Synapse, alice: User, room: str):
    for form in FORMS:
        alice.delayed(room, TEXT, message(), HOUR, form=form)
    assert alice.at(synapse).events(room, TEXT) == []
