"""0. Every answer."""

import pytest

from ..matrix import C, PATH_UNSTABLE, Response, Server, U, User, new_txn_id, quote
from .examples import HOUR, MESSAGE, TEXT, UNKNOWN


def can_be_read_by_web_clients(answer: Response) -> bool:
    return (
        answer.headers["Content-Type"].startswith("application/json")
        and answer.headers["Access-Control-Allow-Origin"] == "*"
        and "Retry-After" in answer.headers["Access-Control-Expose-Headers"]
        and isinstance(answer.json, dict)
    )


# (method, path, with a token, body, status, errcode)
ERRORS = [
    ("GET", f"{C}/v1/delayed_events/{UNKNOWN}", True, None, 404, "M_NOT_FOUND"),
    ("GET", f"{U}/delayed_events/{UNKNOWN}", True, None, 404, "M_NOT_FOUND"),
    ("POST", f"{C}/v1/delayed_events/{UNKNOWN}/restart", True, None, 404, "M_NOT_FOUND"),
    ("POST", f"{U}/delayed_events/{UNKNOWN}/restart", False, None, 404, "M_NOT_FOUND"),
    ("POST", f"{U}/delayed_events/{UNKNOWN}", False, b"{", 400, "M_NOT_JSON"),
    ("POST", f"{U}/delayed_events/{UNKNOWN}", False, b"{}", 400, "M_MISSING_PARAM"),
    ("PUT", f"{C}/v3/rooms/!r:x/delayed_event/{TEXT}/one", True, b"{", 400, "M_NOT_JSON"),
    ("PUT", f"{C}/v3/rooms/!r:x/delayed_event/{TEXT}/two", True, b"[]", 400, "M_BAD_JSON"),
    ("PUT", f"{U}/rooms/!r:x/delayed_event/{TEXT}/three", True, b"{}", 400, "M_MISSING_PARAM"),
    ("PUT", f"{C}/v3/rooms/!r:x/delayed_event/{TEXT}/four", False, b"{}", 401, "M_MISSING_TOKEN"),
    ("GET", f"{U}/delayed_events", False, None, 401, "M_MISSING_TOKEN"),
    ("GET", f"{C}/v1/delayed_events?dir=up", True, None, 400, "M_INVALID_PARAM"),
    ("POST", f"{U}/delayed_events/{UNKNOWN}/explode", True, None, 404, "M_UNRECOGNIZED"),
    ("GET", f"{U}/no/such/route", True, None, 404, "M_UNRECOGNIZED"),
    ("DELETE", f"{C}/v1/delayed_events/{UNKNOWN}", True, None, 405, "M_UNRECOGNIZED"),
    ("GET", f"{C}/v1/delayed_events/{UNKNOWN}/send", True, None, 405, "M_UNRECOGNIZED"),
]


@pytest.mark.parametrize(("method", "path", "with_token", "raw", "status", "errcode"), ERRORS)
def test_errors(method, path, with_token, raw, status, errcode, somebody: User):
    """An error is a Matrix error object, as JSON and with the CORS headers that the Matrix specification asks for"""
    answer = somebody.request(method, path, token=somebody.token if with_token else None, raw=raw)
    assert (answer.status, answer.errcode) == (status, errcode)
    assert answer.json["error"]
    assert can_be_read_by_web_clients(answer)


def test_successes(alice: User, room: str):
    """A success is JSON, and can be read by web clients too"""
    scheduled = alice.schedule(room, TEXT, MESSAGE, HOUR)
    delay_id = scheduled.ok()["delay_id"]
    managed = alice.manage(delay_id, "restart", PATH_UNSTABLE)
    for answer in [scheduled, managed, alice.look_up(delay_id), alice.request("GET", f"{U}/delayed_events")]:
        assert answer.status == 200
        assert can_be_read_by_web_clients(answer)


ROUTES = [
    f"{C}/v3/rooms/!room/delayed_event/{TEXT}/one",
    f"{U}/rooms/!room/delayed_event/{TEXT}/one",
    f"{C}/v3/rooms/!room/send/{TEXT}/one?org.matrix.msc4140.delay=1000",
    f"{C}/v1/delayed_events/{UNKNOWN}/restart",
    f"{U}/delayed_events/{UNKNOWN}/restart",
    f"{U}/delayed_events/{UNKNOWN}",
    f"{C}/v1/delayed_events/{UNKNOWN}",
    f"{U}/delayed_events",
    f"{C}/v1/delayed_events",
    f"{C}/unstable/org.matrix.msc4486/delayed_events",
]


@pytest.mark.parametrize("path", ROUTES)
def test_preflight_requests(path: str, server: Server):
    """OPTIONS is answered on every route, without a token, for the browser's preflight request"""
    headers = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "PUT"}
    answer = server.request("OPTIONS", path, headers=headers)
    assert answer.status in (200, 204)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    methods = {method.strip() for method in answer.headers["Access-Control-Allow-Methods"].split(",")}
    assert {"GET", "POST", "PUT"} <= methods
    assert "authorization" in answer.headers["Access-Control-Allow-Headers"].lower()


@pytest.mark.parametrize("state_key", ["sk/ey", "100%", "%2F", "ä ö", "a?b#c", "+"])
def test_percent_encoding(state_key: str, alice: User, room: str):
    """A percent-encoded path segment is decoded once"""
    path = f"{C}/v3/rooms/{quote(room)}/state/org.example.state/{quote(state_key)}"
    delay_id = alice.request("PUT", path, body={}, query={"org.matrix.msc4140.delay": HOUR}).ok()["delay_id"]
    assert alice.look_up(delay_id).ok()["state_key"] == state_key


def test_percent_encoded_delay_ids(alice: User, room: str):
    """An identifier may be percent-encoded even where it need not be"""
    delay_id = alice.delayed(room, TEXT, MESSAGE, HOUR)
    encoded = "".join(f"%{byte:02X}" for byte in delay_id.encode())
    assert alice.look_up(encoded).ok()["delay_id"] == delay_id
    assert alice.manage(encoded, "cancel").status == 200

    encoded_room = "".join(f"%{byte:02x}" for byte in room.encode())
    path = f"{C}/v3/rooms/{encoded_room}/delayed_event/{TEXT}/{new_txn_id()}"
    answer = alice.request("PUT", path, body={"delay_ms": HOUR, "content": MESSAGE})
    assert alice.look_up(answer.ok()["delay_id"]).ok()["room_id"] == room


@pytest.mark.parametrize("length", [256, 10_000])
def test_long_ids(length: int, somebody: User, somewhere: str):
    """Identifiers of any length are answered, and none is found that cannot exist"""
    delay_id = "x" * length
    for answer in [
        somebody.look_up(delay_id),
        somebody.manage(delay_id, "restart"),
        somebody.manage(delay_id, "cancel", PATH_UNSTABLE, token=None),
    ]:
        assert (answer.status, answer.errcode) == (404, "M_NOT_FOUND")
    refused = somebody.schedule("!" + "r" * length, TEXT, MESSAGE, HOUR)
    assert 400 <= refused.status < 500
    assert can_be_read_by_web_clients(refused)
