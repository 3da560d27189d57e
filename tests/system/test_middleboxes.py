"""What stands before the homeserver ends no event by its answers, and no answer about one event delays another's."""

import json
import time
from collections.abc import Callable, Iterator

import pytest

from .gate import Answer, Fault, Gate, Lose
from .gateway import Afterword
from .homeservers import Synapse
from .matrix import User, eventually, now_ms, quote

TEXT = "m.room.message"
MEMBER = "org.matrix.msc3401.call.member"
SOON = 40  # seconds: what is unclear is looked for, and sent again after a quiet time

_HTML = {"Content-Type": "text/html"}
_JSON = {"Content-Type": "application/json"}


def page(status: int) -> Answer:
    return Answer(status, b"<html><body>No</body></html>", _HTML)


def error(status: int, errcode: str, headers: dict[str, str] | None = None) -> Answer:
    return Answer(status, json.dumps({"errcode": errcode, "error": "No"}).encode(), {**_JSON, **(headers or {})})


AWAY = error(429, "M_UNKNOWN")  # what ESS's HAProxy says for a backend that is away
ANSWERS = {
    "403 in HTML": page(403),
    "404 in HTML": page(404),
    "408": page(408),
    "413 in HTML": page(413),
    "421": page(421),
    "425": page(425),
    "429 M_UNKNOWN": AWAY,
    "302": Answer(302, b"", {"Location": "/login"}),
    "200 in HTML": page(200),
    "502": page(502),
    "401 of our token": error(401, "M_UNKNOWN_TOKEN"),
}


@pytest.fixture
def gate(synapse: Synapse) -> Iterator[Gate]:
    gate = Gate(synapse)
    yield gate
    gate.close()


@pytest.fixture
def behind_gate(gate: Gate, start_another: Callable[..., Afterword]) -> Afterword:
    return start_another({"homeserver.url": gate.base_url})


def leave(user: User, room: str, delay_ms: int) -> str:
    """Schedules the end of the user's membership of a call."""
    return user.delayed(room, MEMBER, {}, delay_ms, state_key=user.user_id)


def times_left(user: User, room: str) -> int:
    return sum(event["content"] == {} for event in user.events(room, MEMBER))


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS.keys())
def test_no_answer_of_a_middlebox_fails_an_event(
    gate: Gate, behind_gate: Afterword, alice: User, room: str, answer: Answer, count: int
):
    alice = alice.at(behind_gate)
    alice.set_state(room, MEMBER, {"memberships": ["here"]}, alice.user_id).ok()
    gate.fault_next(answer, count)
    assert alice.outcome(leave(alice, room, 300), SOON)["event_id"]
    assert alice.state(room, MEMBER, alice.user_id).ok() == {}
    assert times_left(alice, room) == 1


def test_an_outage_that_a_proxy_answers_for_is_waited_out(
    gate: Gate, behind_gate: Afterword, alice: User, bob: User, room: str
):
    callers = {alice.at(behind_gate): room, bob.at(behind_gate): bob.create_room()}
    for user, call in callers.items():
        user.set_state(call, MEMBER, {"memberships": ["here"]}, user.user_id).ok()
    ids = [leave(user, call, 1000) for user, call in callers.items()]
    gate.answer_all(AWAY)
    time.sleep(10)
    # No event is what finds out whether the homeserver is back.
    tried = len(gate.sends)
    assert tried <= 3
    gate.heal()
    for (user, call), delay_id in zip(callers.items(), ids):
        assert user.outcome(delay_id, SOON)["event_id"]
        assert times_left(user, call) == 1


FOR_EVER: dict[str, Fault] = {
    "500": page(500),
    "a reset": Lose.REQUEST,
    "301": page(301),
    "M_UNRECOGNIZED": error(404, "M_UNRECOGNIZED"),
    "429 for five minutes": error(429, "M_UNKNOWN", {"Retry-After": "300"}),
    "no answer": Lose.TIME,
}


@pytest.mark.parametrize("fault", FOR_EVER.values(), ids=FOR_EVER.keys())
def test_what_is_answered_about_one_room_delays_no_other(
    gate: Gate, behind_gate: Afterword, alice: User, bob: User, room: str, fault: Fault
):
    bobs_room = bob.create_room()
    stuck = f"/rooms/{quote(room)}/"
    gate.fault_where(lambda path, query: fault if stuck in path else None)
    alice = alice.at(behind_gate)
    for _ in range(3):
        alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "stuck"}, 200)
    bob = bob.at(behind_gate)
    for n in range(8):
        due = now_ms() + 500
        delay_id = bob.delayed(bobs_room, TEXT, {"msgtype": "m.text", "body": str(n)}, 500)
        outcome = bob.outcome(delay_id)
        assert outcome["event_id"]
        assert outcome["finalised_ts"] - due < 1500
        time.sleep(1)
    acts = fault is Lose.TIME  # the homeserver, though nobody hears of it
    assert len(alice.events(room, TEXT)) == (1 if acts else 0)
    gate.heal()


def test_what_is_not_let_through_can_be_cancelled(gate: Gate, behind_gate: Afterword, alice: User, room: str):
    alice = alice.at(behind_gate)
    gate.fault_all(error(404, "M_UNRECOGNIZED"))
    delay_id = alice.delayed(room, TEXT, {"msgtype": "m.text", "body": "stuck"}, 200)
    eventually(lambda: gate.sends or None)
    alice.manage(delay_id, "cancel").ok()
    gate.heal()
    time.sleep(2)
    assert alice.events(room, TEXT) == []
