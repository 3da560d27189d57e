"""What passes through is the same on both sides, byte for byte, but for what docs/transparency.md names."""

import re

import pytest

from .cases import PATH, get, request
from .homeserver import CLOSE, Homeserver, Request
from .wire import Wire

_TARGETS = [
    f"{PATH}/%2F%25%3B%3F%5C+", f"{PATH}/%2f%5c", f"{PATH}/%C3%A4%c3%a4", f"{PATH}/%00%0d%0A%7f", f"{PATH}//b///",
    f"{PATH}/;a=b;c", f"{PATH}/%zz/100%", f"{PATH}/!r:x/@u:x/$e/%23", f"{PATH}/'\"<>{{}}|^`\\~(a)*,&=@:", f"{PATH}/...",
    f"{PATH}?", f"{PATH}??", f"{PATH}?a=1&a=2&b&=c&a=&&a=1", f"{PATH}?a=%2F+%20%2B;b=c", f"{PATH}?next=https://x/?y=z",
    f"{PATH}?a=/../b", f"{PATH}?%zz=%", "/", "/?", "/_synapse/admin/v1/rooms?order_by=a", "/.well-known/matrix/client",
]  # fmt: skip


@pytest.mark.parametrize("target", _TARGETS)
@pytest.mark.parametrize("method", [b"GET", b"DELETE", b"PROPFIND"])
def test_a_target_arrives_as_it_was_written(method: bytes, target: str, port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(request(method, target))
        assert wire.read_answer().status == 200
    assert homeserver.arrived[-1].head.splitlines()[0] == method + b" " + target.encode() + b" HTTP/1.1"


# What Afterword says about the client, to whom it is connected by itself.
_FORWARDED = [b"X-Forwarded-For: 127.0.0.1", b"X-Forwarded-Proto: http", b"X-Forwarded-Host: x"]

# The lines that a client sends, and those that arrive where they differ.
_HEADERS = {
    "none": ([], []),
    "repeated, among others": ([b"Cookie: b=1", b"X-A: 1", b"Cookie: a=2", b"x-a: 2"], None),
    "any case of a name": ([b"aCCept-LANGUAGE: de", b"ACCEPT: */*"], None),
    "any name": ([b"!#$%&'*+.^_`|~0-9: x"], None),
    "an empty value": ([b"X-Empty:"], [b"X-Empty: "]),
    "white space around a value": ([b"X-Space:  \ta \t b\t "], [b"X-Space: a \t b"]),
    "no white space": ([b"X-Space:a:b"], [b"X-Space: a:b"]),
    "what is not ASCII": ([b"X-Bytes: \xe4\xc3\xa4\xff"], None),
    "quotes and commas": ([b'If-None-Match: W/"a,b", "c"', b"Range: bytes=0-1, 5-"], None),
    "compression": ([b"Accept-Encoding: gzip;q=1.0, br", b"Accept-Encoding: zstd"], None),
    "a token": ([b"Authorization: Bearer a", b"Origin: https://x", b"Referer: https://x/?y"], None),
    "those of the connection": (
        [b"Keep-Alive: timeout=1", b"TE: trailers", b"Trailer: X", b"Proxy-Connection: close", b"Upgrade: websocket"],
        [],
    ),
    "named as the connection's": ([b"Connection: X-A, keep-alive, Upgrade", b"X-A: 1", b"X-B: 2"], [b"X-B: 2"]),
    "Host named as the connection's": ([b"Connection: Host"], []),
    "an expectation nobody knows": ([b"Expect: something"], None),
    "an empty body": ([b"Content-Length: 0"], None),
    "methods and proxies": ([b"X-HTTP-Method-Override: PUT", b"Via: 1.0 x", b"Max-Forwards: 0"], None),
}


def _lines(arrived: Request) -> list[bytes]:
    """Of its head, but for the name that Afterword gives each request."""
    lines = arrived.head.split(b"\r\n")
    names = [line for line in lines if re.fullmatch(rb"X-Request-Id: [\w-]{16}", line)]
    assert len(names) == 1
    return [line for line in lines if line not in names]


@pytest.mark.parametrize("name", _HEADERS)
def test_headers_arrive_as_they_were_written(name: str, port: int, homeserver: Homeserver):
    sent, arrived = _HEADERS[name]
    with Wire(port) as wire:
        wire.send(get(PATH, *sent))
        assert wire.read_answer().status == 200
    lines = sent if arrived is None else arrived
    # The length is written last.
    lengths = [line for line in lines if line.startswith(b"Content-Length")]
    others = [line for line in lines if line not in lengths]
    first = [b"GET %s HTTP/1.1" % PATH.encode(), b"Host: x"]
    assert _lines(homeserver.arrived[-1]) == [*first, *others, *_FORWARDED, *lengths]


@pytest.mark.parametrize(
    "host",
    [b"x", b"Matrix.Example.org", b"example.org:8448", b"example.org.", b"127.0.0.1:1", b"[::1]:80", b"[2001:DB8::1]"]
    + [b""],
)
def test_the_host_arrives_as_the_client_named_it(host: bytes, port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        for data in [get(host=b"Host: " + host), get(PATH, b"X-A: b", host=b"HOST:" + host)]:
            wire.send(data)
            assert wire.read_answer().status == 200
            assert homeserver.arrived[-1].all_of("Host") == [host.decode()]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        (b"POST", "/_synapse/admin/v1/deactivate/@bob:example.org"),
        (b"PUT", "/_synapse/admin/v2/users/@bob:example.org"),
        (b"POST", "/_synapse/admin/v1/reset_password/@bob:example.org"),
        (b"POST", "/_matrix/client/v3/account/deactivate"),
        (b"POST", "/_matrix/client/v3/account/password"),
        (b"POST", "/_matrix/client/v3/logout/all"),
        (b"POST", "/_matrix/client/v3/logout"),
    ],
)
def test_no_other_host_says_who_has_ended(method: bytes, path: str, port: int, homeserver: Homeserver):
    """Something else may answer at the homeserver's address, under another name."""
    lines = [b"Authorization: Bearer made-up", b"Content-Length: 2"]
    with Wire(port) as wire:
        wire.send(request(method, path, *lines, body=b"{}", host=b"Host: elsewhere.example"))
        assert wire.read_answer() is not None
    [arrived] = [each for each in homeserver.arrived if each.path == path]
    assert arrived.all_of("Host") == [homeserver.url.removeprefix("http://")]
    assert arrived.all_of("X-Forwarded-Host") == ["elsewhere.example"]


def test_a_request_without_a_host_is_for_the_homeserver(port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(get(host=b"", version=b"HTTP/1.0"))
        assert wire.read_answer().status == 200
    assert homeserver.arrived[-1].all_of("Host") == [homeserver.url.removeprefix("http://")]


def test_our_own_questions_are_for_the_homeserver(port: int, homeserver: Homeserver):
    """Whatever host the client has named in the request for which they are asked."""
    event = f"{PATH.removesuffix('here')}rooms/!r:example.org/delayed_event/m.test/host"
    body = b'{"delay_ms": 86400000, "content": {}}'
    lines = [b"Authorization: Bearer alices-token", b"Content-Length: %d" % len(body)]
    with Wire(port) as wire:
        wire.send(request(b"PUT", event, *lines, body=body, host=b"Host: elsewhere.example"))
        scheduled = wire.read_answer()
        assert scheduled.status == 200
        cancel = f"/_matrix/client/v1/delayed_events/{scheduled.json['delay_id']}/cancel"
        wire.send(request(b"POST", cancel, lines[0], b"Content-Length: 0", host=b"Host: elsewhere.example"))
        assert wire.read_answer().status == 200
    asked = [each for each in homeserver.arrived if each.path.endswith("/whoami")]
    assert all(each.all_of("Host") == [homeserver.url.removeprefix("http://")] for each in asked)


@pytest.mark.parametrize(
    ("framing", "body", "arriving"),
    [
        (b"Content-Length: 5", b"12345", b"Content-Length: 5"),
        (b"Content-Length: 005", b"12345", b"Content-Length: 5"),
        (b"Transfer-Encoding: chunked", b"5\r\n12345\r\n0\r\n\r\n", b"Transfer-Encoding: chunked"),
        (
            b"transfer-encoding: Chunked",
            b"2;a=b\r\n12\r\n3\r\n345\r\n0\r\nX-T: y\r\n\r\n",
            b"Transfer-Encoding: chunked",
        ),
    ],
)
@pytest.mark.parametrize("method", [b"POST", b"GET", b"PATCH"])
def test_a_body_arrives_framed_as_it_was(
    method: bytes, framing: bytes, body: bytes, arriving: bytes, port: int, homeserver: Homeserver
):
    with Wire(port) as wire:
        wire.send(request(method, PATH, framing, b"Content-Type: image/png", body=body))
        assert wire.read_answer().status == 200
    arrived = homeserver.arrived[-1]
    assert _lines(arrived)[2:] == [b"Content-Type: image/png", *_FORWARDED, arriving]
    assert arrived.body == b"12345"


_DATE = b"Date: Thu, 01 Jan 1970 00:00:00 GMT"


def _said(status: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"HTTP/1.1 " + status, _DATE, *lines, b"", b""]) + body


def _same(status: bytes, *lines: bytes, body: bytes = b"") -> tuple[bytes, bytes]:
    """Goes on as it is, over a connection that ends with it. The length comes last of what was said."""
    lengths = [line for line in lines if line.startswith((b"Content-Length", b"Transfer-Encoding"))]
    others = [line for line in lines if line not in lengths]
    return _said(status, *lines, body=body), _said(status, *others, *lengths, b"Connection: close", body=body)


_ANSWERS = {
    "cookies among others": _same(
        b"200 OK", b"Set-Cookie: b=1; Path=/", b"X: y", b"Set-Cookie: a=2", b"set-cookie: b=3", b"Content-Length: 2",
        body=b"ok",
    ),
    "a redirection": _same(
        b"302 Found", b"Location: https://x/a%2Fb?c=d&e=%3B+%20#f", b"Content-Length: 0"
    ),
    "a weak validator": _same(b"200 OK", b'ETag: W/"a"', b"Vary: *", b"Content-Length: 0"),
    "what is not ASCII": _same(b"200 OK", b"X: \xe4\xff", b"Content-Length: 3", body=b"\0\xff\n"),
    "words of its own": _same(b"200 Fine, Thanks", b"Content-Length: 0"),
    "an odd status": _same(b"499 No Patience", b"Content-Length: 0"),
    "compressed": _same(b"200 OK", b"Content-Encoding: gzip", b"Content-Length: 3", body=b"\x1f\x8b\x08"),
    "chunks": _same(b"200 OK", b"Transfer-Encoding: chunked", body=b"3\r\nabc\r\n0\r\n\r\n"),
    "no chunk but the last": _same(b"200 OK", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    "extensions and trailers": (
        _said(b"200 OK", b"Trailer: X", b"Transfer-Encoding: chunked", body=b"3;a=b\r\nabc\r\n0\r\nX: y\r\n\r\n"),
        _said(b"200 OK", b"Transfer-Encoding: chunked", b"Connection: close", body=b"3\r\nabc\r\n0\r\n\r\n"),
    ),
    "the end of the connection": (
        _said(b"200 OK", body=b"abc"),
        _said(b"200 OK", b"Transfer-Encoding: chunked", b"Connection: close", body=b"3\r\nabc\r\n0\r\n\r\n"),
    ),
    "no content": _same(b"204 No Content", b"X: y"),
    "no content, with its length": (
        _said(b"204 No Content", b"Content-Length: 0"),
        _said(b"204 No Content", b"Connection: close"),
    ),
    "not modified": _same(b"304 Not Modified", b'ETag: "a"', b"Content-Length: 99"),
    "a range": _same(b"206 Partial Content", b"Content-Range: bytes 0-2/9", b"Content-Length: 3", body=b"abc"),
    "no such range": _same(b"416 Range Not Satisfiable", b"Content-Range: bytes */9", b"Content-Length: 0"),
    "those of the connection": (
        _said(b"200 OK", b"Keep-Alive: timeout=9", b"Connection: X-A, keep-alive", b"X-A: 1", b"Upgrade: h2c",
              b"Proxy-Authenticate: Basic", b"Content-Length: 0"),
        _said(b"200 OK", b"Content-Length: 0", b"Connection: close"),
    ),
    "hints before it": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n" + _said(b"200 OK", b"Content-Length: 0"),
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nLink: </b>\r\n\r\n"
        + _said(b"200 OK", b"Content-Length: 0", b"Connection: close"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", _ANSWERS)
def test_an_answer_goes_on_as_it_came(name: str, port: int, homeserver: Homeserver):
    answer, expected = _ANSWERS[name]
    homeserver.script = lambda _: [answer, CLOSE]
    with Wire(port) as wire:
        wire.send(get(PATH, b"Connection: close"))
        received = wire.read_to_end()
    # The body of one that ends with its connection may come in any number of pieces.
    assert re.sub(rb"3\r\nabc\r\n", b"[abc]", received) == re.sub(rb"3\r\nabc\r\n", b"[abc]", expected)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"Content-Length: 99", b"Content-Type: image/png"], [b"Content-Type: image/png", b"Content-Length: 99"]),
        ([b"Transfer-Encoding: chunked"], []),
        ([b'ETag: "a"'], [b'ETag: "a"']),
    ],
)
def test_the_answer_to_a_head_goes_on_as_it_came(
    lines: list[bytes], expected: list[bytes], port: int, homeserver: Homeserver
):
    homeserver.script = lambda _: [_said(b"200 OK", *lines)]
    with Wire(port) as wire:
        wire.send(request(b"HEAD", PATH, b"Connection: close"))
        assert wire.read_to_end() == _said(b"200 OK", *expected, b"Connection: close")


def test_an_old_client_is_told_the_answer_only(port: int, homeserver: Homeserver):
    homeserver.script = lambda _: [_ANSWERS["hints before it"][0]]
    with Wire(port) as wire:
        wire.send(get(version=b"HTTP/1.0"))
        assert wire.read_to_end() == _said(b"200 OK", b"Content-Length: 0", b"Connection: close")


def test_an_answer_without_a_date_gets_one(port: int, homeserver: Homeserver):
    homeserver.script = lambda _: [b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"]
    with Wire(port) as wire:
        wire.send(get())
        answer = wire.read_answer()
    assert [name for name, _ in answer.headers] == ["Content-Length", "Date"]
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} [\d:]{8} GMT", answer.all_of("Date")[0])


def test_no_protocol_is_switched_to(port: int, homeserver: Homeserver):
    """Nobody is asked to, and who does it all the same has given no answer."""
    upgrade = get(PATH, b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 13")
    with Wire(port) as wire:
        wire.send(upgrade)
        assert wire.read_answer().status == 200
        arrived = homeserver.arrived[-1]
        assert (arrived.all_of("Upgrade"), arrived.all_of("Connection")) == ([], [])
        homeserver.script = lambda _: [b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x02hi"]
        wire.send(upgrade)
        assert wire.read_answer().status == 502
