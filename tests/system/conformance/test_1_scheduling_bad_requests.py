"""1. Scheduling: what is refused."""

import json

import pytest

from ..homeservers import Dendrite, Synapse
from ..matrix import LEGACY, STABLE, UNSTABLE, C, Response, U, User, new_txn_id, quote
from .examples import FORMS, HOUR, MESSAGE, STATE, TEXT, message

envelopes = pytest.mark.parametrize("form", [STABLE, UNSTABLE])


def put(user: User, room: str, form: str, raw: bytes | None, **arguments) -> Response:
    prefix = f"{C}/v3" if form == STABLE else U
    path = f"{prefix}/rooms/{quote(room)}/delayed_event/{TEXT}/{new_txn_id()}"
    return user.request("PUT", path, raw=raw, **arguments)


@envelopes
@pytest.mark.parametrize(
    ("raw", "errcode"),
    [
        # Not JSON at all
        (None, "M_NOT_JSON"),
        (b"", "M_NOT_JSON"),
        (b"{", "M_NOT_JSON"),
        (b"later", "M_NOT_JSON"),
        (b'{"delay_ms": 1000, "content": {}} and more', "M_NOT_JSON"),
        (b"{'delay_ms': 1000, 'content': {}}", "M_NOT_JSON"),
        (b'{"delay_ms": 1000, "content": {},}', "M_NOT_JSON"),
        (b'{"delay_ms": NaN, "content": {}}', "M_NOT_JSON"),
        (b'{"delay_ms": 1000, "content": {"body": "\xff\xfe"}}', "M_NOT_JSON"),
        (b'{"delay_ms": 1000, "content": {"body": "\xc0\xaf"}}', "M_NOT_JSON"),
        # Not an object
        (b"[]", "M_BAD_JSON"),
        (b'"later"', "M_BAD_JSON"),
        (b"1000", "M_BAD_JSON"),
        (b"null", "M_BAD_JSON"),
        # The delay
        (b'{"content": {}}', "M_MISSING_PARAM"),
        (b'{"content": {}, "delay_ms": null}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": true}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": "1000"}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": [1000]}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": {}}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": 0}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": -0}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": -1}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": -9223372036854775809}', "M_INVALID_PARAM"),
        (b'{"content": {}, "delay_ms": 1.5}', "M_INVALID_PARAM"),
        # The content
        (b'{"delay_ms": 1000}', "M_MISSING_PARAM"),
        (b'{"delay_ms": 1000, "content": null}', "M_INVALID_PARAM"),
        (b'{"delay_ms": 1000, "content": []}', "M_INVALID_PARAM"),
        (b'{"delay_ms": 1000, "content": "later"}', "M_INVALID_PARAM"),
        # The state key
        (b'{"delay_ms": 1000, "content": {}, "state_key": 1}', "M_INVALID_PARAM"),
        (b'{"delay_ms": 1000, "content": {}, "state_key": {}}', "M_INVALID_PARAM"),
    ],
)
def test_malformed_requests(form: str, raw: bytes | None, errcode: str, somebody: User, somewhere: str):
    """What is missing, of the wrong type or out of range is named by its errcode, with status 400"""
    answer = put(somebody, somewhere, form, raw)
    assert (answer.status, answer.errcode) == (400, errcode)
    assert somebody.scheduled() == []


@envelopes
@pytest.mark.parametrize("delay_ms", [2**53 - 1, 2**53, 2**63 - 1, 2**63, 2**64, 10**30])
def test_immense_delays(form: str, delay_ms: int, somebody: User, somewhere: str):
    """A delay of 2^53 and more is refused as too large or invalid, not cut off"""
    answer = put(somebody, somewhere, form, json.dumps({"delay_ms": delay_ms, "content": {}}).encode())
    assert answer.status == 400
    assert answer.errcode in ("M_DELAY_TOO_LARGE", "ORG.MATRIX.MSC4140_DELAY_TOO_LARGE", "M_INVALID_PARAM")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("raw", [None, b"", b"{", b"\xff", b"[]", b"null"])
def test_malformed_legacy_requests(raw: bytes | None, somebody: User, somewhere: str):
    """In the legacy form the body is the content: it must be a JSON object"""
    path = f"{C}/v3/rooms/{quote(somewhere)}/send/{TEXT}/{new_txn_id()}"
    answer = somebody.request("PUT", path, query={"org.matrix.msc4140.delay": HOUR}, raw=raw)
    assert (answer.status, answer.errcode) == (400, "M_BAD_JSON" if raw in (b"[]", b"null") else "M_NOT_JSON")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("number", ["1.5", "1e3", "1.0", str(2**53), str(-(2**53)), str(2**64), "1e400"])
@pytest.mark.parametrize("form", FORMS)
def test_numbers_that_no_event_may_hold(form: str, number: str, somebody: User, somewhere: str):
    """A content with a number that canonical JSON does not allow is refused at once"""
    raw = b'{"delay_ms": %d, "content": {"deep": [{"n": %s}]}}' % (HOUR, number.encode())
    if form == LEGACY:
        path = f"{C}/v3/rooms/{quote(somewhere)}/send/{TEXT}/{new_txn_id()}"
        raw = b'{"deep": [{"n": %s}]}' % number.encode()
        answer = somebody.request("PUT", path, query={"org.matrix.msc4140.delay": HOUR}, raw=raw)
    else:
        answer = put(somebody, somewhere, form, raw)
    assert answer.status == 400
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("size", [66_000, 200_000, 5_000_000])
@pytest.mark.parametrize("form", FORMS)
def test_events_that_are_too_large(form: str, size: int, somebody: User, somewhere: str):
    """An event beyond 65,536 bytes is refused at once, with status 413"""
    answer = somebody.schedule(somewhere, TEXT, message("x" * size), HOUR, form=form)
    assert (answer.status, answer.errcode) == (413, "M_TOO_LARGE")


@pytest.mark.parametrize("depth", [1_000, 30_000, 1_000_000])
def test_events_that_are_too_deep(depth: int, somebody: User, somewhere: str):
    """A content nested without measure is refused, and does no harm"""
    raw = b'{"delay_ms": 3600000, "content": {"a": ' + b"[" * depth + b"]" * depth + b"}}"
    answer = put(somebody, somewhere, STABLE, raw)
    assert answer.status in (400, 413)
    assert answer.errcode in ("M_BAD_JSON", "M_NOT_JSON", "M_TOO_LARGE")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("form", FORMS)
def test_events_that_no_room_would_take(form: str, somebody: User, somewhere: str, homeserver: Synapse | Dendrite):
    """A type or state key beyond 255 bytes, or a membership event without one, is refused at once"""
    directly = somebody.at(homeserver)
    beyond_255_bytes = [("t" * 256, ""), (STATE, "k" * 256), ("ä" * 128, "")]
    for event_type, state_key in [*beyond_255_bytes, ("m.room.member", somebody.user_id)]:
        theirs = directly.set_state(somewhere, event_type, {}, state_key)
        ours = somebody.schedule(somewhere, event_type, {}, HOUR, state_key=state_key, form=form)
        assert 400 <= theirs.status < 500
        assert ours.status in (400, 413)
        assert ours.errcode in ("M_TOO_LARGE", "M_BAD_JSON")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "room", ["room:example.org", "!", "!room", "!:example.org", "!room:", "!room:exa mple", "#room:example.org"]
)
def test_what_is_no_room(room: str, form: str, somebody: User):
    """What cannot be the id of a room is refused at once: 400 M_INVALID_PARAM"""
    answer = somebody.schedule(room, TEXT, MESSAGE, HOUR, form=form)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")


@pytest.mark.parametrize("state_key", [None, "key"])
@pytest.mark.parametrize("form", FORMS)
def test_an_empty_type(state_key: str | None, form: str, somebody: User, somewhere: str):
    """So is an empty event type"""
    answer = somebody.schedule(somewhere, "", MESSAGE, HOUR, state_key=state_key, form=form)
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("event_id", ["", "$", "event"])
def test_what_is_no_event(event_id: str, somebody: User, somewhere: str):
    """So is the redaction of what cannot be the id of an event"""
    path = f"{C}/v3/rooms/{quote(somewhere)}/redact/{quote(event_id)}/{new_txn_id()}"
    answer = somebody.request("PUT", path, query={"org.matrix.msc4140.delay": HOUR}, body={})
    assert (answer.status, answer.errcode) == (400, "M_INVALID_PARAM")
    assert somebody.scheduled() == []


@pytest.mark.parametrize("part", ["%ff", "%00", "a%c0%afb"])
def test_what_is_no_text(part: str, somebody: User, somewhere: str):
    """A path or query that is not UTF-8, or holds a NUL, is refused: 400"""
    room = quote(somewhere)
    for path in [
        f"{C}/v3/rooms/{room}/delayed_event/{part}/{new_txn_id()}",
        f"{U}/rooms/{room}/delayed_event/{TEXT}/{part}",
        f"{C}/v3/rooms/{room}/state/{STATE}/{part}?org.matrix.msc4140.delay={HOUR}",
        f"{C}/v3/rooms/{room}/delayed_event/{TEXT}/{new_txn_id()}?ts={part}",
    ]:
        assert somebody.request("PUT", path, body={"delay_ms": HOUR, "content": {}}).status == 400
    assert somebody.request("GET", f"{C}/v1/delayed_events?type={part}").status == 400
    assert somebody.scheduled() == []


@envelopes
def test_duplicate_keys(form: str, alice: User, room: str):
    """Of duplicate keys the last one counts, everywhere"""
    raw = b'{"delay_ms": 1, "delay_ms": 3600000, "content": {"a": 1, "a": 2}, "content": {"b": 1, "b": 2}}'
    event = alice.look_up(put(alice, room, form, raw).ok()["delay_id"]).ok()
    assert (event["delay_ms"], event["content"]) == (HOUR, {"b": 2})


@envelopes
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json; charset=utf-8", "nonsense"])
def test_content_types(form: str, content_type: str | None, alice: User, room: str):
    """The body counts, whatever its Content-Type says"""
    headers = {"Content-Type": content_type} if content_type else {}
    raw = json.dumps({"delay_ms": HOUR, "content": MESSAGE}).encode()
    assert put(alice, room, form, raw, headers=headers).status == 200


def test_unknown_members(alice: User, room: str):
    """What is unknown in the body is ignored"""
    raw = json.dumps({"delay_ms": HOUR, "content": MESSAGE, "parent_delay_id": None, "x": {"y": []}}).encode()
    assert alice.look_up(put(alice, room, STABLE, raw).ok()["delay_id"]).ok()["content"] == MESSAGE


def test_content_comes_through_unchanged(alice: User, room: str):
    """The content arrives as it was written: letters of every script, escapes, the largest numbers, empty keys"""
    content = {
        "msgtype": "m.text",
        "body": "ä € 😀 \u0000 \u2028 \\ \" \n",
        "": [None, True, False, [], {}],
        "largest": 2**53 - 1,
        "least": -(2**53) + 1,
    }
    delay_id = alice.delayed(room, "org.example.anything", content, HOUR)
    assert alice.look_up(delay_id).ok()["content"] == content
    alice.manage(delay_id, "send").ok()
    assert alice.event(room, alice.outcome(delay_id)["event_id"])["content"] == content
