"""2. Managing."""

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from ..matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, U, User, now_ms
from .examples import HOUR, MESSAGE, STATE, TEXT, UNKNOWN, message

FORMS = [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE]
ACTIONS = ["send", "cancel", "restart"]

# Knowing the delay_id is the right to act, on the unstable routes only.
WAYS = [(form, True) for form in FORMS] + [(PATH_UNSTABLE, False), (BODY_UNSTABLE, False)]
ways = pytest.mark.parametrize(("form", "with_token"), WAYS, ids=[f"{f}{'' if t else ', no token'}" for f, t in WAYS])


def token_of(user: User, with_token: bool) -> dict[str, str | None]:
    return {"token": user.token if with_token else None}


@ways
def test_send(form: str, with_token: bool, alice: User, room: str):
    """`send` sends it now, and answers when it is sent"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    before = now_ms()
    alice.manage(delay_id, "send", form, **token_of(alice, with_token)).ok()
    after = now_ms()

    event_id = alice.look_up(delay_id).ok()["finalised"]["event_id"]
    [event] = alice.events_arriving(room, TEXT, 1)
    assert (event["event_id"], event["content"], event["sender"]) == (event_id, MESSAGE, alice.user_id)
    assert before <= event["origin_server_ts"] <= after


@ways
def test_cancel(form: str, with_token: bool, alice: User, room: str):
    """`cancel` takes it back"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, 500)
    assert alice.manage(delay_id, "cancel", form, **token_of(alice, with_token)).ok() == {}
    assert set(alice.look_up(delay_id).ok()["finalised"]) == {"finalised_ts"}
    time.sleep(0.7)
    assert alice.events(room, TEXT) == []


@ways
def test_restart(form: str, with_token: bool, alice: User, room: str):
    """`restart` makes its time the present plus its delay, as often as it comes"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, 600)
    for _ in range(2):
        time.sleep(0.4)
        before = now_ms()
        alice.manage(delay_id, "restart", form, **token_of(alice, with_token)).ok()
    assert alice.look_up(delay_id).json["delayed_since_ts"] >= before
    assert alice.events(room, TEXT) == []

    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["origin_server_ts"] >= before + 600


@pytest.mark.parametrize("raw", [None, b"", b"{}"], ids=["no body", "empty body", "empty object"])
@pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE])
def test_no_body(form: str, raw: bytes | None, alice: User, room: str):
    """Where the path names the action, no body, an empty one and `{}` are all fine"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    alice.manage(delay_id, "restart", form, raw=raw).ok()


def test_the_stable_routes_take_a_token(alice: User, room: str):
    """The stable routes take a token"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for action in ACTIONS:
        answer = alice.manage(delay_id, action, PATH_STABLE, token=None)
        assert (answer.status, answer.errcode) == (401, "M_MISSING_TOKEN")
    assert len(alice.scheduled()) == 1


@pytest.mark.parametrize("form", FORMS)
def test_a_token_that_is_no_good(form: str, alice: User, room: str):
    """A token that is given must be good, also where none is needed"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for action in ACTIONS:
        answer = alice.manage(delay_id, action, form, token="nobody")
        assert (answer.status, answer.errcode) == (401, "M_UNKNOWN_TOKEN")
    assert len(alice.scheduled()) == 1


@pytest.mark.parametrize("form", FORMS)
def test_another_users_event(form: str, alice: User, bob: User, room: str):
    """With a token, another user's `delay_id` is unknown"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for action in ACTIONS:
        answer = bob.manage(delay_id, action, form)
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
    assert len(alice.scheduled()) == 1


@ways
@pytest.mark.parametrize("delay_id", [UNKNOWN, "AAAAAAAAAAAAAAAAAAAAAA", "%20", "a%2Fb"])
def test_unknown_delay_ids(delay_id: str, form: str, with_token: bool, somebody: User):
    """An unknown `delay_id` is not found: 404, whatever it looks like"""
    for action in ACTIONS:
        answer = somebody.manage(delay_id, action, form, **token_of(somebody, with_token))
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")


@ways
@pytest.mark.parametrize("delay_id", ["%00", "%FF", "..%2F.."])
def test_what_is_no_delay_id(delay_id: str, form: str, with_token: bool, somebody: User):
    """What is no text, or what a proxy would fold, is no `delay_id`: 400"""
    for action in ACTIONS:
        assert somebody.manage(delay_id, action, form, **token_of(somebody, with_token)).status == 400


def test_unknown_actions(alice: User, room: str):
    """An unknown action in the path is 404 M_UNRECOGNIZED; in the body, 400 M_INVALID_PARAM, or missing"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for form in [PATH_STABLE, PATH_UNSTABLE]:
        answer = alice.manage(delay_id, "explode", form)
        assert (answer.status, answer.errcode) == (404, "M_UNRECOGNIZED")
    for body, errcode in [
        ({"action": "explode"}, "M_INVALID_PARAM"),
        ({"action": "SEND"}, "M_INVALID_PARAM"),
        ({"action": 1}, "M_INVALID_PARAM"),
        ({"action": None}, "M_INVALID_PARAM"),
        ({}, "M_MISSING_PARAM"),
        ([], "M_BAD_JSON"),
    ]:
        answer = alice.request("POST", f"{U}/delayed_events/{delay_id}", body=body)
        assert (answer.status, answer.errcode) == (400, errcode)
    for raw in [None, b"", b"{", b"\xff"]:
        answer = alice.request("POST", f"{U}/delayed_events/{delay_id}", raw=raw)
        assert (answer.status, answer.errcode) == (400, "M_NOT_JSON")
    assert len(alice.scheduled()) == 1


# (how it ended, action, status on the stable routes, status on the unstable ones)
AFTERWARDS = [
    ("send", "send", 200, 200),
    ("cancel", "cancel", 200, 200),
    ("send", "cancel", 409, 404),
    ("send", "restart", 409, 404),
    ("cancel", "send", 409, 404),
    ("cancel", "restart", 409, 404),
]


@pytest.mark.parametrize(("ending", "action", "stable", "unstable"), AFTERWARDS)
def test_an_outcome_stands(ending: str, action: str, stable: int, unstable: int, alice: User, room: str):
    """Once finalised, the same outcome again is fine, and another one is refused: 409, or 404 on the unstable routes"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    alice.manage(delay_id, ending).ok()
    answers = [alice.manage(delay_id, action, form) for form in FORMS]
    assert [answer.status for answer in answers] == [stable, unstable, unstable]
    errcodes = {200: None, 409: "M_UNKNOWN", 404: "M_NOT_FOUND"}
    assert [answer.errcode for answer in answers] == [errcodes[stable], errcodes[unstable], errcodes[unstable]]
    assert ("event_id" in alice.look_up(delay_id).ok()["finalised"]) == (ending == "send")


def test_a_failed_event(alice: User, bob: User, room: str):
    """A failed event counts as cancelled: `cancel` is fine, `send` and `restart` are refused"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, 500)
    bob.leave(room)
    assert "error" in bob.outcome(delay_id)
    for action, stable, unstable in [("cancel", 200, 200), ("send", 409, 404), ("restart", 409, 404)]:
        statuses = [bob.manage(delay_id, action, form).status for form in FORMS]
        assert statuses == [stable, unstable, unstable]


def soon_due(alice: User, room: str) -> list[str]:
    """A message and the end of a membership, as clients schedule them."""
    state_key = alice.user_id
    return [alice.delayed(room, TEXT, MESSAGE, 1000), alice.delayed(room, STATE, {}, 1000, state_key=state_key)]


def expect_sent_at_their_time(alice: User, room: str, delay_ids: list[str]) -> None:
    for delay_id in delay_ids:
        outcome = alice.outcome(delay_id)
        event = alice.look_up(delay_id).json
        due = event["delayed_since_ts"] + event["delay_ms"]
        # It may have to wait for what the homeserver is busy with in this room.
        assert due <= outcome["finalised_ts"] <= due + 3000
        assert alice.event(room, outcome["event_id"])["origin_server_ts"] == due


@pytest.mark.parametrize(
    ("ending", "redundant", "refused"),
    [("sent", "send", "cancel"), ("cancelled", "cancel", "send"), ("failed", "cancel", "send")],
)
def test_a_redundant_action(ending: str, redundant: str, refused: str, alice: User, bob: User, room: str):
    """An action on what is finalised, redundant or refused, stops no other event: that leaves at its time"""
    bob.join(room)  # so that it is there when she comes back
    ended = alice.delayed(room, TEXT, message("ended"), 1000 if ending == "failed" else HOUR)
    if ending == "failed":
        alice.leave(room)
        assert "error" in alice.outcome(ended)
        alice.join(room)
    else:
        alice.manage(ended, "send" if ending == "sent" else "cancel").ok()
    others = soon_due(alice, room)

    ways_in_turn = itertools.cycle(WAYS)
    past_their_time = time.monotonic() + 1.2
    while time.monotonic() < past_their_time:
        form, with_token = next(ways_in_turn)
        assert alice.manage(ended, redundant, form, **token_of(alice, with_token)).status == 200
        refusal = alice.manage(ended, refused, form, **token_of(alice, with_token))
        assert refusal.status == (409 if form == PATH_STABLE else 404)
    expect_sent_at_their_time(alice, room, others)
    bodies = [event["content"]["body"] for event in alice.events(room, TEXT)]
    assert bodies == (["ended"] if ending == "sent" else []) + [MESSAGE["body"]]


@pytest.mark.parametrize("action", ["send", "cancel"])
def test_an_action_is_its_events_own(action: str, alice: User, room: str):
    """`send` and `cancel` of one event leave the others of its user and room alone, at the moment they are due too"""
    acted_on = [alice.delayed(room, TEXT, message("acted on"), HOUR) for _ in WAYS]
    others = soon_due(alice, room)

    def act(number: int) -> int:
        form, with_token = WAYS[number]
        time.sleep(0.85 + 0.06 * number)
        return alice.manage(acted_on[number], action, form, **token_of(alice, with_token)).status

    with ThreadPoolExecutor(len(acted_on)) as pool:
        assert set(pool.map(act, range(len(acted_on)))) == {200}
    expect_sent_at_their_time(alice, room, others)
    bodies = sorted(event["content"]["body"] for event in alice.events(room, TEXT))
    assert bodies == ["acted on"] * (len(acted_on) if action == "send" else 0) + [MESSAGE["body"]]


def leave(alice: User, bob: User, room: str) -> None:
    bob.leave(room)


def be_silenced(alice: User, bob: User, room: str) -> None:
    levels = alice.state(room, "m.room.power_levels").ok()
    alice.set_state(room, "m.room.power_levels", {**levels, "events_default": 50}).ok()


@pytest.mark.parametrize("lose_the_right", [leave, be_silenced])
def test_a_refused_send(lose_the_right: Callable, alice: User, bob: User, room: str):
    """`send` that the homeserver refuses answers its error, and the event stays scheduled"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, HOUR)
    lose_the_right(alice, bob, room)

    for form, with_token in WAYS:
        refused = bob.manage(delay_id, "send", form, **token_of(bob, with_token))
        assert (refused.status, refused.errcode) == (403, "M_FORBIDDEN")
        assert "finalised" not in bob.look_up(delay_id).ok()
        assert [event["delay_id"] for event in bob.scheduled()] == [delay_id]
        assert bob.manage(delay_id, "restart", form).status == 200


def test_a_refused_send_can_be_repeated(alice: User, bob: User, room: str):
    """`send` that was refused can be repeated, and succeeds once the right is there again"""
    bob.join(room)
    delay_id = bob.delayed(room, TEXT, MESSAGE, HOUR)
    bob.leave(room)
    assert bob.manage(delay_id, "send").status == 403
    bob.join(room)
    assert bob.manage(delay_id, "send").status == 200
    assert [event["content"] for event in bob.events_arriving(room, TEXT, 1)] == [MESSAGE]


def test_actions_and_the_timer_race(alice: User, room: str):
    """Of actions and the timer at the same moment one wins, and every caller hears the truth"""
    delay_ids = [alice.delayed(room, TEXT, message(str(number)), 1000) for number in range(12)]
    time.sleep(0.9)

    def act(case: tuple[str, str, float]) -> tuple[str, int]:
        delay_id, action, pause = case
        time.sleep(pause)
        return action, alice.manage(delay_id, action).status

    cases = [(delay_id, action, 0.03 * n) for n, delay_id in enumerate(delay_ids) for action in ["cancel", "send"]]
    with ThreadPoolExecutor(len(cases)) as pool:
        answers = list(pool.map(act, cases))
    sent = {event["event_id"] for event in alice.events(room, TEXT)}

    for number, delay_id in enumerate(delay_ids):
        outcome = alice.outcome(delay_id)
        cancel, send = answers[2 * number][1], answers[2 * number + 1][1]
        if "event_id" in outcome:
            assert (cancel, send) == (409, 200)
            sent.discard(outcome["event_id"])
        else:
            assert (cancel, send) == (200, 409)
    assert sent == set()
