"""Whose request is it? Either one token is clearly given, or nobody's."""

import secrets

import pytest

from system.gateway import Afterword
from system.matrix import C, U, User

from .cases import request
from .homeserver import USERS, Homeserver
from .wire import Answer, Wire

LIST = f"{U}/delayed_events"


def _user(afterword: Afterword, name: str) -> User:
    user_id, device_id = USERS[f"{name}s-token"]
    return User(afterword, user_id, f"{name}s-token", device_id)


@pytest.fixture
def marks(afterword: Afterword) -> dict[str, str]:
    """Each of them has an event that says whose list it is: its type, and the owner's name."""
    made = {}
    for name in ["alice", "bob"]:
        kind = f"org.example.{name}.{secrets.token_hex(4)}"
        _user(afterword, name).delayed("!room:example.org", kind, {}, 3_600_000)
        made[kind] = name
    yield made
    for name in ["alice", "bob"]:
        user = _user(afterword, name)
        for each in user.scheduled():
            user.manage(each["delay_id"], "cancel")


def _ask(port: int, *headers: bytes, query: str = "") -> Answer:
    with Wire(port) as wire:
        wire.send(request(b"GET", LIST + query, *headers))
        return wire.read_answer()


def _whose(given: Answer, marks: dict[str, str]) -> str:
    """A name, or "nobody"."""
    if given.status != 200:
        assert given.status in (400, 401, 403), given
        assert given.json["errcode"].startswith("M_")
        return "nobody"
    owners = {marks[each["type"]] for each in given.json["delayed_events"] if each["type"] in marks}
    assert len(owners) == 1
    return owners.pop()


_ALICE = b"Authorization: Bearer alices-token"
_BOB = b"Authorization: Bearer bobs-token"
_UNCLEAR: dict[str, tuple[list[bytes], str, set[str]]] = {
    # What is sent, and whose it may be taken for. Of two in the query homeservers take the first as well.
    "plain": ([_ALICE], "", {"alice"}),
    "in the query": ([], "?access_token=alices-token", {"alice"}),
    "spaces around": ([b"Authorization:  Bearer alices-token  "], "", {"alice"}),
    "another case of the scheme": ([b"Authorization: bEARER alices-token"], "", {"alice", "nobody"}),
    "two spaces": ([b"Authorization: Bearer  alices-token"], "", {"alice", "nobody"}),
    "a tab": ([b"Authorization: Bearer\talices-token"], "", {"alice", "nobody"}),
    "another case of the token": ([b"Authorization: Bearer ALICES-TOKEN"], "", {"nobody"}),
    "no token": ([b"Authorization: Bearer"], "", {"nobody"}),
    "no scheme": ([b"Authorization: alices-token"], "", {"nobody"}),
    "an empty header": ([b"Authorization:"], "", {"nobody"}),
    "Basic": ([b"Authorization: Basic alices-token"], "", {"nobody"}),
    "Basic and a query": ([b"Authorization: Basic eA=="], "?access_token=alices-token", {"alice", "nobody"}),
    "quotes": ([b'Authorization: Bearer "alices-token"'], "", {"nobody"}),
    "two in one header": ([b"Authorization: Bearer alices-token, Bearer bobs-token"], "", {"nobody"}),
    "two words": ([b"Authorization: Bearer alices-token bobs-token"], "", {"nobody"}),
    "two headers": ([_ALICE, _BOB], "", {"nobody"}),
    "two headers the other way": ([_BOB, _ALICE], "", {"nobody"}),
    "two headers the same": ([_ALICE, _ALICE], "", {"alice", "nobody"}),
    "two headers, one of another scheme": ([b"Authorization: Basic eA==", _ALICE], "", {"alice", "nobody"}),
    "header and query": ([_ALICE], "?access_token=bobs-token", {"nobody"}),
    "header and query the same": ([_ALICE], "?access_token=alices-token", {"alice", "nobody"}),
    "header and an empty query": ([_ALICE], "?access_token=", {"alice", "nobody"}),
    "an empty header and query": ([b"Authorization: Bearer "], "?access_token=alices-token", {"alice", "nobody"}),
    "two in the query": ([], "?access_token=alices-token&access_token=bobs-token", {"alice", "nobody"}),
    "twice in the query": ([], "?access_token=alices-token&access_token=alices-token", {"alice", "nobody"}),
    "two in the query, one encoded": ([], "?access%5ftoken=alices-token&access_token=bobs-token", {"alice", "nobody"}),
    "a semicolon between": ([], "?x=y;access_token=alices-token", {"alice", "nobody"}),
    "two with a semicolon": ([], "?access_token=alices-token;access_token=bobs-token", {"alice", "nobody"}),
    "an empty query": ([], "?access_token=", {"nobody"}),
    "no value": ([], "?access_token", {"nobody"}),
    "a cookie": ([b"Cookie: access_token=alices-token"], "", {"nobody"}),
    "another header": ([b"X-Authorization: Bearer alices-token"], "", {"nobody"}),
    "a proxy's header": ([b"Proxy-Authorization: Bearer alices-token"], "", {"nobody"}),
    "a header that belongs to the connection": ([_ALICE, b"Connection: Authorization"], "", {"alice", "nobody"}),
    "a NUL encoded": ([], "?access_token=alices-token%00", {"nobody"}),
    "a line break encoded": ([], "?access_token=alices-token%0d%0aX-Injected:%20yes", {"nobody"}),
    "a request encoded": ([], "?access_token=x%0d%0a%0d%0aGET%20/evil%20HTTP/1.1%0d%0aHost:x%0d%0a%0d%0a", {"nobody"}),
    "a space encoded": ([], "?access_token=alices-token%20x", {"nobody"}),
    "a plus": ([], "?access_token=alices-token+x", {"nobody"}),
    "bytes beyond ASCII": ([b"Authorization: Bearer \xff\xfe"], "", {"nobody"}),
    "bytes beyond ASCII encoded": ([], "?access_token=%ff%fe", {"nobody"}),
    "an escape that is none": ([], "?access_token=alices-token%zz", {"nobody"}),
    "30,000 letters": ([b"Authorization: Bearer " + b"a" * 30_000], "", {"nobody"}),
}  # fmt: skip


@pytest.mark.parametrize(("headers", "query", "allowed"), _UNCLEAR.values(), ids=_UNCLEAR)
def test_a_token_that_can_be_read_in_two_ways_is_none(
    headers: list[bytes], query: str, allowed: set[str], port: int, homeserver: Homeserver, marks: dict[str, str]
):
    before = len(homeserver.arrived)
    assert _whose(_ask(port, *headers, query=query), marks) in allowed
    for each in homeserver.arrived[before:]:
        assert each.path.endswith("/account/whoami"), each
        assert each.token.isascii() and each.token.isprintable() and " " not in each.token
        assert len(each.all_of("Authorization")) == 1


@pytest.mark.parametrize("action", ["cancel", "send", "restart"])
def test_a_delay_id_is_no_right_beside_another_ones_token(action: str, afterword: Afterword):
    alice, bob = _user(afterword, "alice"), _user(afterword, "bob")
    delay_id = alice.delayed("!room:example.org", "org.example.test", {}, 3_600_000)
    assert bob.manage(delay_id, action).status == 404
    assert bob.look_up(delay_id).status == 404
    assert delay_id in {each["delay_id"] for each in alice.scheduled()}
    alice.manage(delay_id, "cancel").ok()


def test_the_three_ways_to_the_homeserver_share_no_connection(afterword: Afterword, homeserver: Homeserver):
    """What clients write, what is asked about them, and what is sent with the as_token."""
    alice = _user(afterword, "alice")
    for number in range(20):
        alice.server.request("GET", f"{C}/v1/delayed_events", token=f"a-token-{secrets.token_hex(8)}")
        alice.request("GET", f"{C}/v3/something/{number}")
        delay_id = alice.delayed("!room:example.org", "org.example.test", {}, 3_600_000)
        alice.manage(delay_id, "send").ok()
    used: dict[str, set[int]] = {"passing": set(), "whoami": set(), "as_token": set()}
    for each in homeserver.arrived:
        if each.token == homeserver.as_token:
            used["as_token"].add(each.connection)
        elif each.path.endswith("/account/whoami"):
            used["whoami"].add(each.connection)
        elif each.token == alice.token:
            used["passing"].add(each.connection)
    assert all(used.values())
    assert not used["passing"] & used["whoami"]
    assert not used["passing"] & used["as_token"]
    assert not used["whoami"] & used["as_token"]


@pytest.mark.parametrize("target", [f"{C}/v1/delayed_events", f"{U}/delayed_events/x", "/a#b", "/a b", "a"])
def test_every_answer_of_ours_can_be_read_by_web_clients(target: str, port: int):
    with Wire(port) as wire:
        wire.send(request(b"POST", target, b"Origin: https://evil.example", b"Content-Length: 0"))
        given = wire.read_answer()
    assert given.status >= 400
    assert given.all_of("Access-Control-Allow-Origin") == ["*"]
    assert not given.all_of("Access-Control-Allow-Credentials")
