"""Content-Length: RFC 9110 section 8.6, RFC 9112 section 6.3."""

from .cases import PATH, Arrival, Case, check, get, passes, refused, request, table, waits
from .homeserver import CLOSE, Homeserver, answer
from .wire import try_bytes


def post(*headers: bytes, body: bytes = b"") -> bytes:
    return request(b"POST", PATH, *headers, body=body)


def _length(value: bytes) -> bytes:
    return post(b"Content-Length: " + value, body=b"12345")


_PASSED = Arrival("POST", PATH, b"12345")
_EMPTY = Arrival("POST", PATH)


@table(
    passes("plain", _length(b"5"), _PASSED),
    passes("spaces around it", _length(b"  5\t "), _PASSED),
    passes("nothing", post(b"Content-Length: 0"), _EMPTY),
    passes("none", post(), _EMPTY),
    passes("in lower case", post(b"content-length: 5", body=b"12345"), _PASSED),
    passes("with GET", request(b"GET", PATH, b"Content-Length: 5", body=b"12345"), Arrival("GET", PATH, b"12345")),
    passes("NULs in the body", post(b"Content-Length: 5", body=b"\0\r\n\r\n"), Arrival("POST", PATH, b"\0\r\n\r\n")),
    waits("more than comes", _length(b"6")),
    waits("the most that is taken", _length(b"1000000")),
)
def test_good_ones(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    *(
        refused(value.decode("latin-1") or "empty", _length(value))
        for value in [
            b"",
            b"+5",
            b"-5",
            b"-0",
            b"5.0",
            b"5,6",
            b"5, 6",
            b"5 5",
            b"5_0",
            b"0x5",
            b"0o5",
            b"5h",
            b"5;x",
            b'"5"',
            b"five",
            b"\xc2\xb2",
            b"1e0",
            b"5\x0b",
            b"99999999999999999999",
            b"18446744073709551616",
            b"18446744073709551621",
            b"-18446744073709551611",
        ]
    ),
    refused("a space before the colon", post(b"Content-Length : 5", body=b"12345")),
    refused("a folded one", post(b"Content-Length:\r\n 5", body=b"12345")),
    refused("two that differ", post(b"Content-Length: 5", b"Content-Length: 6", body=b"12345")),
    refused("two that differ the other way", post(b"Content-Length: 6", b"Content-Length: 5", body=b"12345")),
    refused("one of two is empty", post(b"Content-Length: 5", b"Content-Length:", body=b"12345")),
    refused("one of two is no number", post(b"Content-Length: 5", b"Content-Length: x", body=b"12345")),
)
def test_bad_ones(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


# RFC 9110 allows to refuse these or to take them for one; what must not be is a body of another length.
_DOUBTFUL = {
    "two that are the same": post(b"Content-Length: 5", b"Content-Length: 5", body=b"12345"),
    "a list of the same": _length(b"5, 5"),
    "a list with an empty element": _length(b"5,"),
    "leading zeros": _length(b"0005"),
    "many leading zeros": _length(b"0" * 40 + b"5"),
}


@table(*(Case(name, data, (), None) for name, data in _DOUBTFUL.items()))
def test_doubtful_ones_are_refused_or_read_as_they_are_meant(case: Case, port: int, homeserver: Homeserver):
    outcome = try_bytes(port, case.data, expected=1)
    arrived = [(each.method, each.body) for each in homeserver.arrived if each.target == PATH]
    if outcome.statuses == [400]:
        assert (outcome.end, arrived) == ("closed", [])
    else:
        assert (outcome.statuses, outcome.end, arrived) == ([200], "kept", [("POST", b"12345")])


def test_a_body_is_never_read_as_a_request(port: int, homeserver: Homeserver):
    inside = get("/_matrix/client/v3/inside")
    for method in [b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"POST", b"PUT"]:
        homeserver.forget()
        data = request(method, PATH, b"Content-Length: %d" % len(inside), body=inside)
        check(passes("", data, Arrival(method.decode(), PATH, inside), to_head=method == b"HEAD"), port, homeserver)


def test_a_huge_length_is_the_homeservers_to_refuse(port: int, homeserver: Homeserver):
    check(waits("", _length(b"1000000000000")), port, homeserver)
    homeserver.early = lambda _: [answer(413, {"errcode": "M_TOO_LARGE"}), CLOSE]
    check(refused("", _length(b"1000000000000"), status=413), port, homeserver)
