"""Every field that a client names and that reaches the homeserver: it arrives as what it is, or is refused.

The homeserver of these tests reads strictly. A field that split a request, or added a header or a parameter, would be a
surprise to it.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import unquote

import pytest

from system.gateway import Afterword
from system.matrix import DELAY_QUERY, STICKY_QUERY, C, Response, User, eventually, new_txn_id, quote

from .homeserver import USERS, Homeserver

NASTY = [
    "a/b", "a//b", "a?b", "a?b=c&d", "a#b", "a b", "a+b", "a%2Fb", "a%b", "%", "%0d%0a", "ä", "日本", "😀", "a\r\nX: y",
    "a\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", "a\n", "\r", "\0", "a\0b", "\x7f", "\x1b[31m", "a;b", "a;b=c",
    "a&b=c",
    "=", "a\\b", '"', "'", "<a>", "{a}", "|", "^", "`", "~", "*", ":", "@", "!", "$", "\u2028", "\ufeff", "a\u0301",
    ".", "..", "...", "./a", "../a", "..\\a", "%2e", "%2e%2e", " ", "a" * 250, "/", "//", "\\", "?", "#",
]  # fmt: skip


@pytest.fixture
def alice(afterword: Afterword) -> User:
    user_id, device_id = USERS["alices-token"]
    return User(afterword, user_id, "alices-token", device_id)


@dataclass
class Sent:
    room: str
    kind: str  # send, state or redact
    rest: list[str]  # the segments behind
    query: dict[str, list[str]] = field(repr=False)
    body: dict


def _sent(homeserver: Homeserver) -> dict[str, Sent]:
    """By the number in its content. State events have no transaction to tell them by."""
    sent = {}
    for each in homeserver.arrived:
        if each.is_send and "user_id" in each.query:
            parts = [unquote(part) for part in each.path.split("/")]
            body = json.loads(each.body)
            sent[body["number"]] = Sent(parts[5], parts[6], parts[7:], each.query, body)
    return sent


@dataclass
class Try:
    what: str
    value: str
    given: Response
    expected: object  # of what arrives, see `found`
    found: object = None


def _schedule(alice: User, number: int, what: str, value: str) -> tuple[Response, object]:
    """Schedules an event with `value` for what is called `what`. Returns what must arrive, if anything does."""
    room, kind, key = "!room:example.org", "org.example.test", None
    query = {DELAY_QUERY: 100}
    expected: object = value
    if what == "room":
        room = expected = f"!{value}:example.org"
    elif what == "type":
        kind = value
    elif what in ("state key", "state type"):
        kind, key = (kind, value) if what == "state key" else (value, "key")
    content = {"number": number}
    if what == "redaction":
        redacts = expected = "$" + value
        path = f"{C}/v3/rooms/{quote(room)}/redact/{quote(redacts)}/{new_txn_id()}"
    elif key is not None:
        path = f"{C}/v3/rooms/{quote(room)}/state/{quote(kind)}/{quote(key)}"
    else:
        txn_id = value if what == "transaction" else new_txn_id()
        path = f"{C}/v3/rooms/{quote(room)}/send/{quote(kind)}/{quote(txn_id)}"
    if what == "sticky duration":
        query[STICKY_QUERY] = value
    elif what == "ts":
        query["ts"] = value
    elif what == "device":
        query["device_id"] = value
    elif what == "user":
        query["user_id"] = value
    elif what == "content":
        content = {"number": number, value: value}
        expected = content
    return alice.request("PUT", path, query=query, body=content), expected


def _found(sent: Sent, what: str) -> object:
    return {
        "room": sent.room,
        "type": sent.rest[0],
        "state type": sent.rest[0],
        "state key": sent.rest[1],
        "redaction": sent.rest[0],
        "content": sent.body,
    }.get(what)


_FIELDS = [
    "room",
    "type",
    "state type",
    "state key",
    "redaction",
    "transaction",
    "sticky duration",
    "ts",
    "device",
    "user",
    "content",
]


@pytest.mark.parametrize("what", _FIELDS)
def test_a_field_arrives_as_it_is_or_not_at_all(what: str, alice: User, homeserver: Homeserver):
    given: dict[int, tuple[str, Response, object]] = {}
    for number, value in enumerate(NASTY):
        given[number] = (value, *_schedule(alice, number, what, value))
    taken = [number for number, (_, answered, _) in given.items() if answered.status == 200]
    for value, answered, _ in given.values():
        if answered.status != 200:
            assert 400 <= answered.status < 500, (value, answered)
            assert answered.errcode and answered.json["error"], (value, answered)
    eventually(lambda: set(taken) <= set(_sent(homeserver)), timeout=30)
    sent = _sent(homeserver)
    assert set(sent) == set(taken), "what was refused is not sent"
    for number in taken:
        value, _, expected = given[number]
        assert _found(sent[number], what) in (expected, None), value
        # Nobody else's, and no parameter more than we write.
        assert sent[number].query["user_id"] == [alice.user_id], value
        assert all(len(values) == 1 for values in sent[number].query.values()), value
        assert set(sent[number].query) <= {"user_id", "device_id", "org.matrix.msc3202.device_id", "ts", STICKY_QUERY}
        assert sent[number].query["device_id"] == [alice.device_id], value
    assert what in ("sticky duration", "ts") or len(taken) > 10


def test_what_a_proxy_would_fold_is_never_written(alice: User, homeserver: Homeserver):
    """A segment . or .. of a path, however encoded, is another path for whoever stands in between."""
    for value in [".", "..", "%2e", "%2e%2e", ".%2e"]:
        for what in ["type", "state type", "state key", "redaction", "transaction", "room"]:
            _schedule(alice, len(homeserver.arrived), what, value)
    eventually(lambda: not alice.scheduled(), timeout=30)
    for each in homeserver.arrived:
        segments = [unquote(part) for part in each.path.split("/")]
        assert "." not in segments and ".." not in segments, each
