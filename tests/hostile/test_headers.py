"""Header lines: RFC 9112 sections 2.2 and 5, RFC 9110 sections 5 and 7.2."""

from .cases import PATH, Arrival, Case, check, get, never_complete, passes, refused, table
from .homeserver import Homeserver
from .wire import Wire

_LINES = get()[:-2]  # without the empty line at the end


@table(
    refused("a space before the colon", get(PATH, b"X-Test : y")),
    refused("a tab before the colon", get(PATH, b"X-Test\t: y")),
    refused("a space before the colon of Host", get(PATH, host=b"Host : x")),
    refused("a space before the name", get(PATH, b" X-Test: y")),
    refused("a space before the first name", get(PATH, host=b" Host: x")),
    refused("a space inside the name", get(PATH, b"X Test: y")),
    refused("no name", get(PATH, b": y")),
    refused("no colon", get(PATH, b"X-Test")),
    refused("a colon alone", get(PATH, b":")),
    refused("brackets in the name", get(PATH, b"X[Test]: y")),
    refused("a slash in the name", get(PATH, b"X/Test: y")),
    refused("a quote in the name", get(PATH, b'X"Test: y')),
    refused("letters beyond ASCII in the name", get(PATH, "X-Tést: y".encode())),
    refused("a byte beyond ASCII in the name", get(PATH, b"X-Test\x80: y")),
    refused("a NUL in the name", get(PATH, b"X-\0Test: y")),
    refused("a DEL in the name", get(PATH, b"X-\x7fTest: y")),
    refused("a carriage return in the name", get(PATH, b"X-\rTest: y")),
    refused("a line folded with a space", get(PATH, b"X-Test: y", b" z")),
    refused("a line folded with a tab", get(PATH, b"X-Test: y", b"\tz")),
    refused("a folded Host", get(PATH, host=b"Host:\r\n x")),
    refused("a folded line of nothing", get(PATH, b"X-Test: y", b" ")),
    refused("a second request line", get(PATH, b"GET / HTTP/1.1")),
)
def test_names_and_lines(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    *(
        refused(f"{byte:#04x}", get(PATH, b"X-Test: a" + bytes([byte]) + b"b"))
        for byte in [0x00, 0x01, 0x07, 0x08, 0x0B, 0x0C, 0x0D, 0x0E, 0x1B, 0x1F, 0x7F]
    ),
    refused("a NUL at the end", get(PATH, b"X-Test: a\0")),
    refused("a carriage return at the end", get(PATH, b"X-Test: a\r")),
    refused("a carriage return and a header", get(PATH, b"X-Test: a\rX-Injected: yes")),
    refused("a line feed and a header", get(PATH, b"X-Test: a\nX-Injected: yes")),
    refused("a line feed and a request", get(PATH, b"X-Test: a\n\nGET / HTTP/1.1\n\n")),
    refused("line feeds only", get().replace(b"\r\n", b"\n")),
    never_complete("a line feed for the empty line", _LINES + b"\n"),
    refused("a carriage return for the empty line", _LINES + b"\rx"),
)
def test_bytes_that_no_value_has(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    passes("an empty value", get(PATH, b"X-Test:")),
    passes("spaces around the value", get(PATH, b"X-Test: \t y \t ")),
    passes("bytes beyond ASCII", get(PATH, b"X-Test: \x80\xff")),
    passes("a tab in the middle", get(PATH, b"X-Test: a\tb")),
    passes("the same one twice", get(PATH, b"X-Test: a", b"X-Test: b")),
    passes("all characters of a token in the name", get(PATH, b"!#$%&'*+-.^_`|~09azAZ: y")),
)
def test_what_is_fine(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    refused("none", get(PATH, host=b"")),
    refused("two", get(PATH, b"Host: x")),
    refused("two that differ", get(PATH, b"Host: y")),
    refused("two in different cases", get(PATH, b"HOST: y")),
    refused("two in the absolute form", get(b"http://x" + PATH.encode(), b"Host: y")),
    refused("a path", get(PATH, host=b"Host: x/y")),
    refused("a user", get(PATH, host=b"Host: me@x")),
    refused("two with a comma", get(PATH, host=b"Host: x, y")),
    refused("a space inside", get(PATH, host=b"Host: x y")),
    refused("a quote", get(PATH, host=b'Host: x"y')),
    refused("a port of letters", get(PATH, host=b"Host: x:http")),
    refused("two ports", get(PATH, host=b"Host: x:80:81")),
    refused("a port alone", get(PATH, host=b"Host: :80")),
    refused("an IPv6 address without brackets", get(PATH, host=b"Host: ::1")),
    refused("a bracket", get(PATH, host=b"Host: [::1")),
    refused("something behind the bracket", get(PATH, host=b"Host: [::1]x")),
    refused("an encoded slash", get(PATH, host=b"Host: x%2fy")),
    refused("a parameter", get(PATH, host=b"Host: x;y=z")),
    refused("a variable", get(PATH, host=b"Host: ${x}")),
    refused("what is not ASCII", get(PATH, host=b"Host: \xc3\xa4")),
    passes("with a port", get(PATH, host=b"Host: example.org:8448")),
    passes("an address", get(PATH, host=b"Host: 127.0.0.1:80")),
    passes("an IPv6 address", get(PATH, host=b"Host: [::1]:80")),
    passes("HTTP 1.0 has none", get(PATH, host=b"", version=b"HTTP/1.0"), end="closed"),
)
def test_host(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def test_a_host_chooses_nothing_here(port: int, homeserver: Homeserver):
    """Whatever a client calls us, its request goes where the configuration says, and tells what it was called."""
    data = get(PATH, host=b"Host: evil.example:81")
    data += get(b"http://evil.example" + PATH.encode(), host=b"Host: evil.example")
    check(passes("", data, *[Arrival("GET", PATH)] * 2), port, homeserver)
    assert [each.all_of("Host") for each in homeserver.arrived[:2]] == [["evil.example:81"], ["evil.example"]]


def _many(count: int) -> list[bytes]:
    return [b"X-%d: y" % i for i in range(count)]


@table(
    passes("90 lines", get(PATH, *_many(90))),
    refused("8,000 lines", get(PATH, *_many(8_000)), status=431),
    refused("8,000 lines of one name", get(PATH, *[b"A:"] * 8_000), status=431),
    refused("a name longer than all limits", get(PATH, b"a" * 70_000 + b": y"), status=431),
    refused("a value longer than all limits", get(PATH, b"X: " + b"a" * 70_000), status=431),
)
def test_limits(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def test_headers_without_an_end_are_not_kept_for_ever(port: int, homeserver: Homeserver):
    with Wire(port) as wire:
        wire.send(_LINES)
        for _ in range(40):
            wire.send(b"X-Test: " + b"y" * 2_000 + b"\r\n")
        assert wire.read_answer().status == 431
        wire.end()
        assert wire.read_answer() is None
    assert not homeserver.arrived
