"""What ends an account or a token: the homeserver's own word, not that of what stands before it."""

import gzip
import itertools
import json

import pytest

from system.gateway import Afterword
from system.matrix import C, User, quote

from .homeserver import CLOSE, USERS, Homeserver, Request, Steps, answer

_numbers = itertools.count()
_BOB = "@bob:example.org"
_HOUR = 3_600_000
_UNBOUND = {"id_server_unbind_result": "success"}


@pytest.fixture
def bob(afterword: Afterword) -> User:
    user_id, device_id = USERS["bobs-token"]
    return User(afterword, user_id, "bobs-token", device_id)


@pytest.fixture
def delay_id(bob: User) -> str:
    return bob.delayed("!room:example.org", "org.example.test", {"n": next(_numbers)}, _HOUR)


def _page(status: int, body: bytes) -> bytes:
    return answer(status, body).replace(b"application/json", b"text/html")


_NOT_ITS_WORD = {
    "a page": _page(200, b"<html>Down for maintenance</html>"),
    "an empty page": _page(200, b""),
    "nothing": answer(200, b""),
    "204": b"HTTP/1.1 204 Said\r\n\r\n",
    "its word in a page": _page(200, json.dumps({**_UNBOUND, "name": _BOB, "deactivated": True}).encode()),
    "compressed": answer(200, gzip.compress(json.dumps(_UNBOUND).encode()), ("Content-Encoding", "gzip")),
    "another object": answer(200, {"status": "ok"}),
    "another user": answer(200, {"name": "@eve:example.org", "deactivated": True}),
    "an account that has not ended": answer(200, {"name": _BOB, "deactivated": False}),
    "a refusal": answer(401, {"errcode": "M_UNKNOWN_TOKEN", "error": ""}),
}
_REQUESTS = {
    "deactivate": ("POST", f"/_synapse/admin/v1/deactivate/{quote(_BOB)}", {"erase": False}),
    "users": ("PUT", f"/_synapse/admin/v2/users/{quote(_BOB)}", {"deactivated": True}),
    "account/deactivate": ("POST", f"{C}/v3/account/deactivate", {}),
}


def _answering(homeserver: Homeserver, path: str, said: bytes) -> None:
    def script(request: Request) -> Steps:
        return [said] if request.path == path else homeserver.honest(request)

    homeserver.script = script


@pytest.mark.parametrize("token", [None, "bobs-token", "made-up"])
@pytest.mark.parametrize(("method", "path", "body"), _REQUESTS.values(), ids=_REQUESTS)
def test_nobody_ends_an_account_through_what_answers_for_the_homeserver(
    method: str, path: str, body: dict, token: str | None, bob: User, delay_id: str, homeserver: Homeserver
):
    for name, said in _NOT_ITS_WORD.items():
        _answering(homeserver, path, said)
        bob.server.request(method, path, token=token, body=body)
        assert bob.look_up(delay_id).status == 200, name
        assert delay_id in {each["delay_id"] for each in bob.scheduled()}, name


@pytest.mark.parametrize(
    ("request_name", "said"),
    [
        ("deactivate", _UNBOUND),
        ("users", {"name": _BOB, "deactivated": True}),
        ("account/deactivate", _UNBOUND),
        ("account/deactivate", {}),
    ],
)
def test_the_homeservers_word_ends_an_account(
    request_name: str, said: dict, bob: User, delay_id: str, homeserver: Homeserver
):
    method, path, body = _REQUESTS[request_name]
    _answering(homeserver, path, answer(200, said))
    if request_name != "account/deactivate":
        bob.server.request(method, path, token=None, body=body)
        assert delay_id in {each["delay_id"] for each in bob.scheduled()}, "without a token nobody is an admin"
    given = bob.request(method, path, body=body, headers={"Accept-Encoding": "gzip"})
    assert given.json == said
    assert not homeserver.arrived[-1].all_of("Accept-Encoding"), "its answer is going to be read"
    assert bob.scheduled() == []


# --- A 401 that cannot be read ---

_UNREADABLE = {
    "compressed": answer(
        401, gzip.compress(b'{"errcode":"M_USER_LOCKED","soft_logout":true}'), ("Content-Encoding", "gzip")
    ),
    "a page": _page(401, b"<html>Log in</html>"),
    "no errcode": answer(401, {"error": "no"}),
    "nothing": answer(401, b""),
}


@pytest.mark.parametrize("said", _UNREADABLE.values(), ids=_UNREADABLE)
def test_a_401_that_cannot_be_read_makes_us_ask_about_all_tokens_of_the_user(
    said: bytes, afterword: Afterword, bob: User, delay_id: str, homeserver: Homeserver, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(USERS, "bobs-other-token", (_BOB, "BOBS_LAPTOP"))
    laptop = User(afterword, _BOB, "bobs-other-token", "BOBS_LAPTOP")
    laptop.manage(delay_id, "restart").ok()
    path = f"{C}/v3/here"

    def locked(request: Request) -> Steps:
        if request.path.endswith("/whoami") and request.token != homeserver.as_token:
            return [answer(401, {"errcode": "M_USER_LOCKED", "error": "locked"})]
        return [said] if request.path == path else homeserver.honest(request)

    homeserver.script = locked
    assert bob.request("GET", path, headers={"Accept-Encoding": "gzip"}).status == 401
    for session in [bob, laptop]:
        assert session.manage(delay_id, "restart").errcode == "M_USER_LOCKED"


@pytest.mark.parametrize("said", _UNREADABLE.values(), ids=_UNREADABLE)
def test_a_401_that_cannot_be_read_costs_nobody_a_restart(
    said: bytes, bob: User, delay_id: str, homeserver: Homeserver
):
    path = f"{C}/v3/here"

    def away(request: Request) -> Steps:
        if request.path.endswith("/whoami") and request.token != homeserver.as_token:
            return [CLOSE]
        return [said] if request.path == path else homeserver.honest(request)

    homeserver.script = away
    assert bob.request("GET", path).status == 401
    bob.manage(delay_id, "restart").ok()
