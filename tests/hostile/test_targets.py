"""The request target: RFC 9112 section 3.2, RFC 3986, and what a homeserver could take for another path than we do."""

from .cases import PATH, Arrival, Case, check, get, ours, passes, refused, request, table, turned_away
from .homeserver import Homeserver
from .wire import STILL_THERE, try_bytes


@table(
    passes("the absolute form", get(b"http://x" + PATH.encode())),
    passes("the absolute form in capitals", get(b"HTTP://x" + PATH.encode())),
    passes("the absolute form of TLS", get(b"https://x" + PATH.encode())),
    passes("the absolute form without a path", get(b"http://x"), Arrival("GET", "/")),
    passes("the absolute form with a query only", get(b"http://x?a=b"), Arrival("GET", "/?a=b")),
    turned_away("a colon and a path", get(b":" + PATH.encode())),
    turned_away("no slash", get(b"_matrix/client/v3/here")),
    turned_away("another scheme", get(b"file:///etc/passwd")),
    turned_away("another scheme with an authority", get(b"ftp://x/y")),
    turned_away("an authority", get(b"x:80")),
    turned_away("an asterisk with GET", get(b"*")),
    turned_away("two asterisks", request(b"OPTIONS", b"**")),
    turned_away("a query only", get(b"?a=b")),
    refused("a fragment", get(PATH + "#fragment")),
    refused("a fragment behind a query", get(PATH + "?a=b#fragment")),
    refused("a fragment in the absolute form", get(b"http://x" + PATH.encode() + b"#f")),
)
def test_forms(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def _bytes_inside(byte: int) -> list[Case]:
    name = f"{byte:#04x}"
    inside = PATH.encode() + bytes([byte]) + b"x"
    return [
        refused(f"{name} in the path", get(inside)),
        refused(f"{name} in the query", get(PATH.encode() + b"?a=" + bytes([byte]))),
    ]


@table(
    *(
        case
        for byte in [0x00, 0x01, 0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x1F, 0x7F, 0x80, 0xA0, 0xC0, 0xE9, 0xFF]
        for case in _bytes_inside(byte)
    ),
    refused("UTF-8 that is not encoded", get(PATH + "/ä")),
    refused("an overlong slash", get(PATH.encode() + b"\xc0\xaf")),
    refused("longer than all limits", get(PATH + "a" * 70_000), status=431),
)
def test_bytes_that_no_target_has(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


# A homeserver, or a proxy before it, may fold these; we are never of another opinion about what they mean, because we
# pass them on byte for byte and have no route of our own there.
FOLDABLE = [
    "//" + PATH[1:],
    "/_matrix//client/v3/here",
    "/_matrix/./client/v3/here",
    "/_matrix/client/v3/x/../here",
    "/_matrix/client/v3/%2e%2e/here",
    "/_matrix/client/v3/%2E/here",
    "/_matrix/client/v3/..%2fhere",
    "/_matrix/client/v3/here/",
    "/_matrix/client/v3/here/.",
    "/_matrix/client/v3/here;x=y",
    "/%5fmatrix/client/v3/here",
    "/_matrix\\client\\v3\\here",
    "/_matrix/client/v3/%25%32%65",
    "/_matrix/client/v3/here?",
    "/_matrix/client/v3/here??",
    "/_matrix/client/v3/here?a=%zz",
    "/_matrix/client/v3/here?a&&b=&=c",
]


@table(*(Case(target, get(target), (), None) for target in FOLDABLE))
def test_what_could_be_folded_passes_as_it_is_or_not_at_all(case: Case, port: int, homeserver: Homeserver):
    outcome = try_bytes(port, case.data, expected=1)
    arrived = [each.target for each in homeserver.arrived if each.target != STILL_THERE]
    if outcome.statuses == [200]:
        assert arrived == [case.name]
    else:
        assert (outcome.statuses[0] in (400, 404), arrived) == (True, [])


# Ways to write the delayed send that a homeserver without delayed events would send at once.
_SEND = "/_matrix/client/v3/rooms/!r:x/send/m.room.message/t"
_DELAY = "org.matrix.msc4140.delay=60000"


def _put(target: str) -> bytes:
    return request(b"PUT", target, b"Content-Length: 2", body=b"{}")


@table(
    *(
        ours(target, _put(target), 401)
        for target in [
            f"{_SEND}?{_DELAY}",
            f"{_SEND}?x=1&{_DELAY}",
            f"{_SEND}?{_DELAY}&{_DELAY}",
            f"{_SEND}?org%2ematrix.msc4140.delay=60000",
            f"{_SEND}?%6f%72%67.matrix.msc4140.delay=60000",
            f"{_SEND}?org.matrix.msc4140.delay",
            f"{_SEND}?org.matrix.msc4140.delay=",
            f"{_SEND}?org.matrix.msc4140.delay=%zz",
            "/_matrix/client/v3/rooms/!r:x/%73end/m/t?" + _DELAY,
            "/%5Fmatrix/client/v3/rooms/!r:x/send/m/t?" + _DELAY,
        ]
    ),
    *(
        turned_away(target, _put(target))
        for target in [
            "//_matrix/client/v3/rooms/!r:x/send/m/t?" + _DELAY,
            "/_matrix/client/v3/./rooms/!r:x/send/m/t?" + _DELAY,
            "/_matrix/client/v3/rooms/!r:x/send/m/t/?" + _DELAY,
            "/_matrix/client/v3/x/../rooms/!r:x/send/m/t?" + _DELAY,
            "/_matrix/client/v4/rooms/!r:x/send/m/t?" + _DELAY,
            "/_synapse/x?" + _DELAY,
        ]
    ),
)
def test_the_delay_query_never_passes(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


# Each segment would take more memory than its one byte of the head, for as long as the homeserver hangs.
@table(
    *(
        ours(f"{len(path)} bytes of segments by {method}", request(method.encode(), path, b"Content-Length: 0"), 404)
        for method in ["GET", "PUT"]
        for path in ["/" * 101, "/a" * 101, "/a" * 31_000, "/" * 63_000, "/" * 62_000 + "?timeout=1"]
    ),
    passes("100 segments", get("/a" * 100), Arrival("GET", "/a" * 100)),
    passes("slashes in a query", get("/a?" + "/" * 1_000), Arrival("GET", "/a?" + "/" * 1_000)),
)
def test_a_path_has_no_more_segments_than_any_route_could_need(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    ours(
        "an unknown action", request(b"POST", "/_matrix/client/v1/delayed_events/x/nothing", b"Content-Length: 0"), 404
    ),
    ours("the list by POST", request(b"POST", "/_matrix/client/v1/delayed_events", b"Content-Length: 0"), 405),
    ours("without a token", get("/_matrix/client/v1/delayed_events"), 401),
)
def test_our_own(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)
