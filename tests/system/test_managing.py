"""Sending early, cancelling, and the heartbeat that postpones; by token, and where it is allowed without."""

import time

import pytest

from .matrix import BODY_UNSTABLE, PATH_STABLE, PATH_UNSTABLE, STABLE, UNSTABLE, C, Server, U, User, now_ms

TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
HOUR = 3_600_000
UNKNOWN = "no-such-delayed-event"

FORMS = [PATH_STABLE, PATH_UNSTABLE, BODY_UNSTABLE]
# Knowing the delay_id is the right to act, on the unstable routes only.
WAYS = [(form, True) for form in FORMS] + [(PATH_UNSTABLE, False), (BODY_UNSTABLE, False)]
ways = pytest.mark.parametrize(("form", "with_token"), WAYS, ids=[f"{f}{'' if t else ', no token'}" for f, t in WAYS])


def token_of(user: User, with_token: bool) -> dict[str, str | None]:
    return {"token": user.token if with_token else None}


@ways
def test_send_sends_it_now(form: str, with_token: bool, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    before = now_ms()
    assert alice.manage(delay_id, "send", form, **token_of(alice, with_token)).ok() == {}

    [event] = alice.events(room, TEXT)
    assert event["content"] == MESSAGE
    assert event["sender"] == alice.user_id
    assert before <= event["origin_server_ts"] <= now_ms()
    assert alice.outcome(delay_id)["event_id"] == event["event_id"]


@ways
def test_cancel_takes_it_back(form: str, with_token: bool, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, 500)
    assert alice.manage(delay_id, "cancel", form, **token_of(alice, with_token)).ok() == {}
    assert set(alice.outcome(delay_id)) == {"finalised_ts"}
    time.sleep(0.8)
    assert alice.events(room, TEXT) == []


@ways
def test_heartbeats_postpone_it(form: str, with_token: bool, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, 1000)
    for _ in range(3):
        time.sleep(0.4)
        before = now_ms()
        assert alice.manage(delay_id, "restart", form, **token_of(alice, with_token)).ok() == {}
    assert alice.events(room, TEXT) == []
    assert alice.look_up(delay_id).json["delayed_since_ts"] >= before

    event = alice.event(room, alice.outcome(delay_id)["event_id"])
    assert event["origin_server_ts"] >= before + 1000


@pytest.mark.parametrize("raw", [None, b"", b"{}"], ids=["no body", "empty body", "empty object"])
@pytest.mark.parametrize("form", [PATH_STABLE, PATH_UNSTABLE])
def test_the_path_says_it_all(form: str, raw: bytes | None, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    assert alice.manage(delay_id, "restart", form, raw=raw).ok() == {}


def test_the_stable_routes_take_a_token(alice: User, afterword: Server, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for action in ["send", "cancel", "restart"]:
        answer = afterword.request("POST", f"{C}/v1/delayed_events/{delay_id}/{action}")
        assert (answer.status, answer.errcode) == (401, "M_MISSING_TOKEN")
    assert len(alice.scheduled()) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("action", ["send", "cancel", "restart"])
def test_to_another_user_it_does_not_exist(action: str, form: str, alice: User, bob: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    answer = bob.manage(delay_id, action, form)
    assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
    assert len(alice.scheduled()) == 1


@ways
@pytest.mark.parametrize("action", ["send", "cancel", "restart"])
def test_what_was_never_scheduled_is_not_found(action: str, form: str, with_token: bool, alice: User):
    answer = alice.manage(UNKNOWN, action, form, **token_of(alice, with_token))
    assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")


def test_an_unknown_action_is_refused(alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    for form in [PATH_STABLE, PATH_UNSTABLE]:
        answer = alice.manage(delay_id, "explode", form)
        assert (answer.status, answer.errcode) == (404, "M_UNRECOGNIZED")
    unknown = alice.manage(delay_id, "explode", BODY_UNSTABLE)
    assert (unknown.status, unknown.errcode) == (400, "M_INVALID_PARAM")
    missing = alice.request("POST", f"{U}/delayed_events/{delay_id}", body={})
    assert (missing.status, missing.errcode) == (400, "M_MISSING_PARAM")


# Once it has an outcome, that stands: the action that made it is repeated in peace, another one is told so.
# (how it ended, action, status on the stable routes, status on the unstable ones)
AFTERWARDS = [
    ("send", "send", 200, 200),
    ("send", "cancel", 409, 404),
    ("send", "restart", 409, 404),
    ("cancel", "cancel", 200, 200),
    ("cancel", "send", 409, 404),
    ("cancel", "restart", 409, 404),
]


@pytest.mark.parametrize(("ending", "action", "stable", "unstable"), AFTERWARDS)
def test_an_outcome_stands(ending: str, action: str, stable: int, unstable: int, alice: User, room: str):
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    alice.manage(delay_id, ending).ok()
    answers = [alice.manage(delay_id, action, form) for form in FORMS]
    assert [answer.status for answer in answers] == [stable, unstable, unstable]
    errcodes = {200: None, 409: "M_UNKNOWN", 404: "M_NOT_FOUND"}
    assert [answer.errcode for answer in answers] == [errcodes[stable], errcodes[unstable], errcodes[unstable]]
    assert len(alice.events(room, TEXT)) == (1 if ending == "send" else 0)


@pytest.mark.parametrize("form", [STABLE, UNSTABLE])
def test_answers_can_be_read_by_web_clients(form: str, alice: User, room: str):
    answer = alice.look_up(UNKNOWN, form)
    assert answer.status == 404
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Retry-After" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(
    "path",
    [
        f"{C}/v1/delayed_events/{UNKNOWN}/restart",
        f"{U}/delayed_events/{UNKNOWN}",
        f"{U}/delayed_events",
        f"{C}/v3/rooms/!room/delayed_event/{TEXT}/one",
    ],
)
def test_preflight_requests_are_answered(path: str, afterword: Server):
    answer = afterword.request("OPTIONS", path, headers={"Origin": "https://app.example.org"})
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    methods = {method.strip() for method in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert {"GET", "POST", "PUT"} <= methods
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()
