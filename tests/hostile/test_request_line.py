"""The request line: RFC 9112 section 3, and RFC 9110 section 9 for methods."""

from .cases import PATH, Arrival, Case, check, get, passes, refused, request, table, turned_away
from .homeserver import Homeserver

P = PATH.encode()
LONG = b"a" * 70_000


@table(
    passes("plain", get()),
    passes("an empty line before it", b"\r\n" + get()),
    passes("one between requests", get() + b"\r\n" + get(), Arrival("GET", PATH), Arrival("GET", PATH)),
    refused("two spaces behind the method", b"GET  " + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("two spaces before the version", b"GET " + P + b"  HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space before the method", b" GET " + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space at its end", b"GET " + P + b" HTTP/1.1 \r\nHost: x\r\n\r\n"),
    refused("a tab behind the method", b"GET\t" + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a tab before the version", b"GET " + P + b"\tHTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a vertical tab", b"GET\x0b" + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a form feed", b"GET " + P + b"\x0cHTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("no target", b"GET HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("a space for a target", b"GET  HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("no method", b"" + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("an empty method", b" " + P + b" HTTP/1.1\r\nHost: x\r\n\r\n"),
    refused("no version: HTTP 0.9", b"GET " + P + b"\r\n\r\n"),
    refused("HTTP 0.9 with a header", b"GET " + P + b"\r\nHost: x\r\n\r\n"),
    refused("a bare line feed at its end", b"GET " + P + b" HTTP/1.1\nHost: x\r\n\r\n"),
    refused("a bare carriage return at its end", b"GET " + P + b" HTTP/1.1\rHost: x\r\n\r\n"),
    refused("two carriage returns", b"GET " + P + b" HTTP/1.1\r\r\nHost: x\r\n\r\n"),
    refused("carriage returns only", b"GET " + P + b" HTTP/1.1\rHost: x\r\r"),
    refused("a request inside the target", get(P + b" HTTP/1.1\r\nX: y")[:-4] + b"\rGET / HTTP/1.1\r\n\r\n"),
    refused("binary garbage", bytes(range(256)) + b"\r\n\r\n"),
    refused("a NUL before it", b"\0" + get()),
    refused("a byte order mark before it", b"\xef\xbb\xbf" + get()),
)
def test_its_form(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    refused("HTTP 2.0", get(version=b"HTTP/2.0")),
    refused("HTTP 2", get(version=b"HTTP/2")),
    refused("HTTP 1", get(version=b"HTTP/1")),
    refused("HTTP 1.2", get(version=b"HTTP/1.2")),
    refused("HTTP 1.9", get(version=b"HTTP/1.9")),
    refused("HTTP 0.9", get(version=b"HTTP/0.9")),
    refused("HTTP 9.9", get(version=b"HTTP/9.9")),
    refused("two digits", get(version=b"HTTP/1.10")),
    refused("leading zeros", get(version=b"HTTP/01.01")),
    refused("a sign", get(version=b"HTTP/+1.1")),
    refused("a comma", get(version=b"HTTP/1,1")),
    refused("lower case", get(version=b"http/1.1")),
    refused("HTTPS", get(version=b"HTTPS/1.1")),
    refused("spaces inside", get(version=b"HTTP / 1.1")),
    refused("a space behind the slash", get(version=b"HTTP/ 1.1")),
    refused("another protocol", get(version=b"ICY/1.1")),
    refused("something behind it", get(version=b"HTTP/1.1x")),
    refused("a NUL in it", get(version=b"HTTP/1.\x001")),
)
def test_its_version(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def _method(method: bytes) -> bytes:
    return request(method, PATH, b"Content-Length: 0")


@table(
    *(
        passes(method.decode(), _method(method), Arrival(method.decode(), PATH))
        for method in [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH"]
    ),
    passes("HEAD", request(b"HEAD", PATH), Arrival("HEAD", PATH), to_head=True),
    refused("brackets", _method(b"GET[]")),
    refused("a colon", _method(b"GET:")),
    refused("a slash", _method(b"GET/")),
    refused("a quote", _method(b'"GET"')),
    refused("a NUL", _method(b"G\0ET")),
    refused("letters beyond ASCII", _method("GÉT".encode())),
    refused("longer than all limits", _method(LONG), status=431),
)
def test_its_method(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def test_a_method_in_lower_case_is_another_one(port: int, homeserver: Homeserver):
    """Methods are case-sensitive. What is a delayed send for a homeserver that ignores case must not pass."""
    send = "/_matrix/client/v3/rooms/!r/send/m/t?org.matrix.msc4140.delay=1000"
    for method in [b"put", b"Put", b"pUT", b"post", b"get", b"head"]:
        check(turned_away("", request(method, send, b"Content-Length: 2", body=b"{}")), port, homeserver)


@table(
    refused("CONNECT to an authority", request(b"CONNECT", b"example.org:443")),
    refused("CONNECT to a path", request(b"CONNECT", PATH)),
    refused("TRACE", request(b"TRACE", PATH)),
    refused("PRI, as HTTP 2 begins", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
)
def test_methods_that_are_no_business_of_a_homeserver(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)
