"""6. unsigned.delay_id."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ..matrix import C, DELAY_QUERY, User, eventually, new_txn_id, quote
from .examples import HOUR, MESSAGE, STATE, TEXT, message
from .marks import impossible

KEYS = ["org.matrix.msc4140.delay_id", "delay_id"]


def events_in(answer: Any) -> Iterator[dict[str, Any]]:
    """Every event in an answer, wherever it stands."""
    if isinstance(answer, dict):
        if "event_id" in answer and "sender" in answer:
            yield answer
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from events_in(part)


def sync(user: User, room: str, event_id: str) -> Any:
    return user.sync()


def sliding_sync(user: User, room: str, event_id: str) -> Any:
    subscription = {"timeline_limit": 20, "required_state": [["*", "*"]]}
    path = f"{C}/unstable/org.matrix.simplified_msc3575/sync"
    return user.request("POST", path, body={"room_subscriptions": {room: subscription}}).ok()


def messages(user: User, room: str, event_id: str) -> Any:
    return user.events(room)


def context(user: User, room: str, event_id: str) -> Any:
    return user.request_patiently("GET", f"{C}/v3/rooms/{quote(room)}/context/{quote(event_id)}").ok()


def event(user: User, room: str, event_id: str) -> Any:
    return user.event(room, event_id)


def relations(user: User, room: str, event_id: str) -> Any:
    [root] = [event for event in user.events(room, TEXT) if event["content"] == message("root")]
    return user.request_patiently("GET", f"{C}/v1/rooms/{quote(room)}/relations/{quote(root['event_id'])}").ok()


def search(user: User, room: str, event_id: str) -> Any:
    criteria = {"room_events": {"search_term": "annotation", "filter": {"rooms": [room]}}}
    return user.request_patiently("POST", f"{C}/v3/search", body={"search_categories": criteria}).ok()


ANSWERS = [
    sync,
    pytest.param(sliding_sync, marks=impossible(dendrite="it has no simplified sliding sync")),
    messages,
    context,
    event,
    relations,
    search,
]


@pytest.mark.parametrize("look", ANSWERS)
def test_every_answer(look: Callable[[User, str, str], Any], alice: User, bob: User, room: str):
    """Its sender sees the `delay_id` of an event, under both names, in every answer that shows it; nobody else does"""
    bob.join(room)
    root = alice.send(room, TEXT, message("root")).ok()["event_id"]
    content = {**message("annotation"), "m.relates_to": {"rel_type": "m.reference", "event_id": root}}
    delay_id = alice.delayed(room, TEXT, content, HOUR)
    alice.manage(delay_id, "send").ok()
    event_id = alice.look_up(delay_id).ok()["finalised"]["event_id"]
    alice.event(room, event_id)

    def seen_by(user: User) -> dict[str, Any]:
        return eventually(
            lambda: next((seen for seen in events_in(look(user, room, event_id)) if seen["event_id"] == event_id), None)
        )

    assert {key: seen_by(alice)["unsigned"].get(key) for key in KEYS} == {key: delay_id for key in KEYS}
    assert not set(KEYS) & set(seen_by(bob).get("unsigned", {}))


def test_at_its_time(alice: User, room: str):
    """It is shown for events sent at their time as well, of every kind, and for no others"""
    target = alice.send(room, TEXT, message("oops")).ok()["event_id"]
    path = f"{C}/v3/rooms/{quote(room)}/redact/{quote(target)}/{new_txn_id()}"
    redaction = alice.request("PUT", path, body={}, query={DELAY_QUERY: 500}).ok()["delay_id"]
    text = alice.delayed(room, TEXT, MESSAGE, 500)
    state = alice.delayed(room, STATE, {}, 500, state_key="")

    expected = {alice.outcome(delay_id)["event_id"]: delay_id for delay_id in [redaction, text, state]}
    for event_id in expected:
        alice.event(room, event_id)
    shown = {event["event_id"]: event.get("unsigned", {}).get("delay_id") for event in alice.events(room)}
    assert {event_id: delay_id for event_id, delay_id in shown.items() if delay_id} == expected


@impossible(dendrite="it has no `state_after`")
def test_state_after(alice: User, bob: User, room: str):
    """A state event shows it in `state_after` too (MSC4222), which matrix-js-sdk asks for"""
    bob.join(room)
    delay_id = alice.delayed(room, STATE, {}, HOUR, state_key="")
    alice.manage(delay_id, "send").ok()

    def seen_by(user: User) -> dict[str, Any]:
        query = {"use_state_after": "true", "org.matrix.msc4222.use_state_after": "true"}
        joined = user.request_patiently("GET", f"{C}/v3/sync", query=query).ok()["rooms"]["join"][room]
        [state_after] = [joined[key] for key in ("state_after", "org.matrix.msc4222.state_after") if key in joined]
        return next(seen for seen in state_after["events"] if seen["type"] == STATE)

    assert {key: seen_by(alice)["unsigned"].get(key) for key in KEYS} == {key: delay_id for key in KEYS}
    assert not set(KEYS) & set(seen_by(bob).get("unsigned", {}))


def test_what_a_user_wrote(alice: User, bob: User, room: str):
    """What users write into `content` is left as it is"""
    bob.join(room)
    content = {**MESSAGE, "event_id": "$x", "sender": bob.user_id, "unsigned": {"delay_id": "mine"}}
    delay_id = alice.delayed(room, TEXT, content, HOUR)
    alice.manage(delay_id, "send").ok()
    event_id = alice.look_up(delay_id).ok()["finalised"]["event_id"]
    for user in [alice, bob]:
        assert user.event(room, event_id)["content"] == content
