"""A homeserver answers through Afterword as it does directly, byte for byte, but for what docs/transparency.md names.

The same requests are sent both ways, by raw sockets, and what comes is compared: the status line, the headers in the
order of each name, and the body.
"""

import gzip
import json
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .gateway import Afterword, in_front_of
from .homeservers import Dendrite, DendriteNotBuilt, Synapse
from .matrix import C, Server, User, eventually, quote
from .raw import Raw, RawAnswer, ask, request

# Somebody has put a proxy in front that ends TLS for this name.
_HOST = "matrix.example.test"
_BEHIND_TLS = ["X-Forwarded-For: 203.0.113.5", "X-Forwarded-Proto: https"]

_MEDIA = "/_matrix/media"
_TEXT = "m.room.message"
_BINARY = "Content-Type: application/octet-stream"


@pytest.fixture(scope="module", params=["synapse", "dendrite"])
def both(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, Afterword]]:
    directory: Path = tmp_path_factory.mktemp(request.param)
    if request.param == "synapse":
        homeserver = Synapse(
            directory / "homeserver",
            settings={
                "public_baseurl": f"https://{_HOST}/",
                "cas_config": {"enabled": True, "server_url": "https://cas.example.test"},
                "serve_server_wellknown": True,
            },
        )
    else:
        homeserver = Dendrite(directory / "homeserver", default_rate_limits=False)
        try:
            homeserver.build()
        except DendriteNotBuilt as error:
            pytest.skip(str(error))
    afterword = Afterword(directory / "afterword", settings={"rate_limits.enabled": "false"})
    with in_front_of(homeserver, afterword):
        yield homeserver, afterword


@pytest.fixture(scope="module")
def alice(both: tuple[Server, Afterword]) -> User:
    return both[0].register("alice", admin=True)


@pytest.fixture(scope="module")
def room(alice: User) -> str:
    room = alice.create_room()
    for number in range(3):
        alice.send(room, _TEXT, {"msgtype": "m.text", "body": f"{number} %2F + \u00e4"}).ok()
    return room


# What belongs to one connection or one moment.
_OF_THE_MOMENT = {b"date", b"connection", b"keep-alive"}

# What a homeserver makes anew for each request, by what it looks like.
_NEW = [
    (rb"\$[A-Za-z0-9_-]{43}", b"$EVENT"),
    (rb'"user_id":\s*"@\d+:home\.test"', b'"user_id":"@GUEST:home.test"'),
    (rb"mxc://home\.test/[A-Za-z0-9_=-]+", b"mxc://MEDIA"),
    (rb'"(session|access_token|refresh_token|device_id)":\s*"[^"]+"', rb'"\1":"NEW"'),
    (rb'"(age|age_ts|origin_server_ts|last_active_ago|last_seen_ts|expires_in_ms)":\s*\d+', rb'"\1":0'),
    (rb'"(next_batch|prev_batch|start|end|pos)":\s*"[^"]+"', rb'"\1":"TOKEN"'),
]


def _compared(answer: RawAnswer | None) -> object:
    if answer is None:
        return None
    is_packed = answer.all_of(b"Content-Encoding") == [b"gzip"]
    body = gzip.decompress(answer.body) if is_packed else answer.body
    whole = body
    for pattern, new in _NEW:
        body = re.sub(pattern, new, body)
    is_new = body != whole
    headers = [(name.lower(), value) for name, value in answer.headers if name.lower() not in _OF_THE_MOMENT]
    if is_new or answer.status == 204:  # an empty body has no length to tell
        headers = [header for header in headers if header[0] not in (b"content-length", b"etag")]
    return answer.status_line, sorted(headers, key=lambda header: header[0]), body


def _check_same(both: tuple[Server, Afterword], method: str, data: bytes) -> RawAnswer | None:
    """The answer that came through."""
    directly, through = (ask(server, method, data) for server in both)
    assert _compared(through) == _compared(directly), data[:500]
    return through


# (method, target, headers, body); {room} and {user} are filled in, and a token is added but for what begins with "-".
_JSON = "Content-Type: application/json"
_REQUESTS: list[tuple[str, str, list[str], bytes]] = [
    ("-GET", f"{C}/v3/login", [], b""),
    ("-HEAD", f"{C}/v3/login", [], b""),
    ("-OPTIONS", f"{C}/v3/sync", ["Origin: https://app.example"], b""),
    ("-OPTIONS", f"{C}/v3/no/such/route", [], b""),
    ("-GET", f"{C}/v3/no/such/route", [], b""),
    ("-PATCH", f"{C}/v3/login", [], b""),
    ("-DELETE", f"{C}/v3/login", [], b""),
    ("-GET", "/", [], b""),
    ("-GET", "/nowhere?a=b", [], b""),
    ("-GET", "/.well-known/matrix/client", [], b""),
    ("-GET", "/.well-known/matrix/server", [], b""),
    ("-GET", "/_matrix/key/v2/server", [], b""),
    ("-GET", "/_matrix/federation/v1/version", [], b""),
    ("-GET", "/_matrix/federation/v1/query/profile?user_id=@alice:home.test", [], b""),
    ("-GET", "/_synapse/admin/v1/server_version", [], b""),
    ("GET", "/_synapse/admin/v1/server_version", [], b""),
    ("-POST", f"{C}/v3/login", [_JSON], b"{"),
    ("-POST", f"{C}/v3/login", [_JSON], b"[]"),
    ("-POST", f"{C}/v3/login", [_JSON], b'{"type": "m.login.nothing"}'),
    ("-POST", f"{C}/v3/register", [_JSON], b"{}"),
    ("-POST", f"{C}/v3/register?kind=guest", [_JSON], b"{}"),
    ("-GET", f"{C}/v3/register/available?username=a%2Fb+c", [], b""),
    ("-GET", f"{C}/v3/register/available?username=bob&username=a%20b", [], b""),
    ("-GET", f"{C}/v3/sync", [], b""),
    ("-GET", f"{C}/v3/sync", ["Authorization: Bearer nobodys"], b""),
    ("-GET", f"{C}/v3/profile/%40alice%3Ahome.test", [], b""),
    ("-GET", f"{C}/v3/profile/@nobody:home.test", [], b""),
    ("-GET", f"{C}/v3/login/sso/redirect?redirectUrl=https%3A%2F%2Fapp.example%2F%3Fa%3Db%26c", [], b""),
    ("-GET", f"{C}/v3/login/sso/redirect", [], b""),
    ("GET", f"{C}/v3/account/whoami", [], b""),
    ("GET", f"{C}/v3/joined_rooms", [], b""),
    ("GET", f"{C}/v3/pushrules/", [], b""),
    ("GET", f"{C}/v3/devices", [], b""),
    ("GET", f"{C}/v3/voip/turnServer", [], b""),
    ("PUT", f"{C}/v3/profile/{{user}}/displayname", [_JSON], '{"displayname": "Älice"}'.encode()),
    ("GET", f"{C}/v3/profile/{{user}}/displayname", [], b""),
    ("PUT", f"{C}/v3/user/{{user}}/account_data/org.example.%2F%25%3B%3F%5C+", [_JSON], b'{"a": "b"}'),
    ("GET", f"{C}/v3/user/{{user}}/account_data/org.example.%2F%25%3B%3F%5C+", [], b""),
    ("GET", f"{C}/v3/user/{{user}}/account_data/org.example.%2f%25%3b%3f%5c%2b", [], b""),
    ("GET", f"{C}/v3/user/{{user}}/account_data/org.example.none", [], b""),
    ("PUT", f"{C}/v3/rooms/{{room}}/state/org.example.s/a%2Fb%25%3B%3F%5C+", [_JSON], b'{"a": "b"}'),
    ("GET", f"{C}/v3/rooms/{{room}}/state/org.example.s/a%2Fb%25%3B%3F%5C+", [], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/state/org.example.s/a/b", [], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/state", [], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/joined_members", [], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/messages?dir=b&limit=5&dir=f", [], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/messages", [], b""),
    ("GET", f"{C}/v3/rooms/%21nowhere%3Ahome.test/messages?dir=b", [], b""),
    ("GET", f"{C}/v3/directory/room/%23none%3Ahome.test", [], b""),
    ("GET", f"{C}/v3/sync?filter=%7B%22room%22%3A%7B%22timeline%22%3A%7B%22limit%22%3A1%7D%7D%7D", [], b""),
    ("GET", f"{C}/v3/sync?timeout=abc", [], b""),
    ("GET", f"{C}/v3/sync", ["Accept-Encoding: gzip"], b""),
    ("GET", f"{C}/v3/rooms/{{room}}/messages?dir=b", ["Accept-Encoding: br, gzip;q=0.5", "Range: bytes=0-9"], b""),
    ("GET", f"{C}/v3/pushrules/", ["Accept-Encoding: gzip", 'If-None-Match: "x"'], b""),
    ("POST", f"{C}/v3/keys/query", [_JSON], b'{"device_keys": {"@alice:home.test": []}}'),
    ("POST", f"{C}/v3/keys/upload", [_JSON], b"{}"),
    ("POST", f"{C}/v3/user_directory/search", [_JSON], b'{"search_term": "alice"}'),
    ("POST", f"{C}/v3/publicRooms?limit=1", [_JSON], b"{}"),
    ("POST", f"{C}/v3/user/{{user}}/filter", [_JSON], b'{"room": {}}'),
    ("POST", f"{C}/v3/search", [_JSON], b'{"search_categories": {"room_events": {"search_term": "x"}}}'),
    ("POST", f"{_MEDIA}/v3/upload?filename=a%2Fb", [_BINARY], b"\0\xff\r\n\r\nGET"),
    ("GET", f"{_MEDIA}/v3/config", [], b""),
    ("GET", f"{C}/v1/media/config", [], b""),
    ("GET", f"{C}/v1/media/download/home.test/nothing", [], b""),
    ("PUT", f"{C}/v3/rooms/{{room}}/send/m.room.message/%2F%25", [_JSON], b'{"msgtype": "m.text", "body": "once"}'),
    ("PUT", f"{C}/v3/rooms/{{room}}/send/m.room.message/bad", [_JSON], b"not JSON"),
    ("PUT", f"{C}/v3/sendToDevice/m.x/%2F1", [_JSON], b'{"messages": {}}'),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(_REQUESTS)), ids=[f"{each[0]}-{each[1]}"[:70] for each in _REQUESTS])
def test_the_answer_is_the_same(number: int, both: tuple[Server, Afterword], alice: User, room: str):
    method, target, headers, body = _REQUESTS[number]
    if not method.startswith("-"):
        headers = [f"Authorization: Bearer {alice.token}", *headers]
    method = method.removeprefix("-")
    target = target.replace("{room}", quote(room)).replace("{user}", quote(alice.user_id))
    _check_same(both, method, request(method, target, *headers, *_BEHIND_TLS, host=_HOST, body=body))


def test_compression_is_the_homeservers(both: tuple[Server, Afterword], alice: User):
    asked = request("GET", f"{C}/v3/sync", f"Authorization: Bearer {alice.token}", "Accept-Encoding: gzip")
    # Dendrite tells some of what has just happened a moment later.
    seen = lambda: _compared(ask(both[0], "GET", asked))
    eventually(lambda: seen() == (time.sleep(0.2) or seen()))
    given = _check_same(both, "GET", asked)
    assert given.all_of(b"Content-Encoding") == ([b"gzip"] if isinstance(both[0], Synapse) else [])


def test_media_are_the_same_in_ranges_and_by_condition(both: tuple[Server, Afterword], alice: User):
    data = secrets.token_bytes(300_000)
    upload = request("POST", f"{_MEDIA}/v3/upload", f"Authorization: Bearer {alice.token}", _BINARY, body=data)
    uri = json.loads(ask(both[1], "POST", upload).body)["content_uri"]
    path = f"{C}/v1/media/download/{uri.removeprefix('mxc://')}"
    asked = [f"Authorization: Bearer {alice.token}"]
    whole = _check_same(both, "GET", request("GET", path, *asked))
    assert whole.body == data
    tag = b"".join(whole.all_of(b"ETag")).decode() or '"none"'
    for header in [
        *["Range: bytes=0-0", "Range: bytes=1000-200000", "Range: bytes=-10", "Range: bytes=300000-"],
        *["Range: bytes=0-9,20-29", f"If-None-Match: {tag}", f"If-Match: {tag}", "Accept-Encoding: gzip, br"],
    ]:
        _check_same(both, "GET", request("GET", path, *asked, header))
    _check_same(both, "HEAD", request("HEAD", path, *asked))


def test_a_single_sign_on_does_not_loop(both: tuple[Server, Afterword]):
    """Synapse compares the Host with its own, and sends whoever comes to another one there first."""
    homeserver, afterword = both
    if isinstance(homeserver, Dendrite):
        pytest.skip("Dendrite has no single sign-on")
    target = f"{C}/v3/login/sso/redirect?redirectUrl=https%3A%2F%2Fapp.example"
    given = ask(afterword, "GET", request("GET", target, *_BEHIND_TLS, host=_HOST))
    assert given.status == 302
    location = given.all_of(b"Location")[0]
    assert location.startswith(b"https://cas.example.test/login?service=https%3A%2F%2Fmatrix.example.test")
    cookies = given.all_of(b"Set-Cookie")
    assert cookies == ask(homeserver, "GET", request("GET", target, *_BEHIND_TLS, host=_HOST)).all_of(b"Set-Cookie")
    elsewhere = _check_same(both, "GET", request("GET", target, *_BEHIND_TLS, host="elsewhere.example"))
    assert elsewhere.all_of(b"Location")[0].startswith(f"https://{_HOST}/".encode())


def test_a_body_is_asked_for_by_the_homeserver(both: tuple[Server, Afterword], alice: User):
    head = request(
        "POST", f"{_MEDIA}/v3/upload", f"Authorization: Bearer {alice.token}", _BINARY, "Content-Length: 5",
        "Expect: 100-continue",
    )  # fmt: skip
    answers = []
    for server in both:
        with Raw(server) as raw:
            raw.send(head)
            assert raw.read_head() == b"HTTP/1.1 100 Continue\r\n\r\n"
            raw.send(b"12345")
            answers.append(raw.read_answer("POST"))
    assert _compared(answers[1]) == _compared(answers[0])
    assert answers[0].status == 200


def test_a_body_may_come_in_chunks_and_in_small_packets(both: tuple[Server, Afterword], alice: User):
    body = b'{"displayname": "in pieces"}'
    head = ["PUT", f"{C}/v3/profile/{quote(alice.user_id)}/displayname", f"Authorization: Bearer {alice.token}", _JSON]
    chunks = b"".join(b"%x;e=f\r\n%s\r\n" % (len(part), part) for part in [body[:3], body[3:]]) + b"0\r\nX: y\r\n\r\n"
    for framing, data in [("Transfer-Encoding: chunked", chunks), (f"Content-Length: {len(body)}", body)]:
        answers = []
        for server in both:
            with Raw(server) as raw:
                for part in [request(*head, framing), data[:1], data[1:10], data[10:]]:
                    raw.send(part)
                    time.sleep(0.02)
                answers.append(raw.read_answer("PUT"))
        assert _compared(answers[1]) == _compared(answers[0])
        assert answers[0].status == 200


def test_an_upload_above_the_homeservers_limit_ends_as_it_does_directly(both: tuple[Server, Afterword], alice: User):
    """Or with our 502, where the homeserver ends the connection without an answer."""
    size = 900_000_000
    head = request(
        "POST", f"{_MEDIA}/v3/upload", f"Authorization: Bearer {alice.token}", _BINARY, f"Content-Length: {size}"
    )
    outcomes = []
    for server in both:
        with Raw(server) as raw:
            raw.send(head)
            sent = 0
            while sent < size and not raw.waits_for_bytes(0.0001) and raw.send(bytes(1_000_000)):
                sent += 1_000_000
            answer = raw.read_answer("POST")
            outcomes.append(answer.status if answer else 502)
    assert outcomes[1] == outcomes[0]
