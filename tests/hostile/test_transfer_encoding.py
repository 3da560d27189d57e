"""Transfer-Encoding and chunks: RFC 9112 sections 6.1 and 7."""

import pytest

from .cases import PATH, Arrival, Case, check, get, never_complete, passes, refused, request, table, waits
from .homeserver import Homeserver
from .wire import try_bytes

_CHUNKS = b"5\r\n12345\r\n0\r\n\r\n"
_PASSED = Arrival("POST", PATH, b"12345")
_EMPTY = Arrival("POST", PATH)
_TE = b"Transfer-Encoding: chunked"


def post(*headers: bytes, body: bytes = _CHUNKS, version: bytes = b"HTTP/1.1") -> bytes:
    return request(b"POST", PATH, *headers, body=body, version=version)


@table(
    passes("plain", post(_TE), _PASSED),
    passes("in capitals", post(b"TRANSFER-ENCODING: CHUNKED"), _PASSED),
    refused("an unknown one", post(b"Transfer-Encoding: xchunked")),
    refused("gzip", post(b"Transfer-Encoding: gzip")),
    refused("identity", post(b"Transfer-Encoding: identity")),
    refused("gzip before chunked", post(b"Transfer-Encoding: gzip, chunked")),
    refused("chunked before gzip", post(b"Transfer-Encoding: chunked, gzip")),
    refused("identity before chunked", post(b"Transfer-Encoding: identity, chunked")),
    refused("chunked before identity", post(b"Transfer-Encoding: chunked, identity")),
    refused("chunked twice", post(b"Transfer-Encoding: chunked, chunked")),
    refused("two lines", post(_TE, _TE)),
    refused("two lines, the second unknown", post(_TE, b"Transfer-Encoding: x")),
    refused("two lines, the first unknown", post(b"Transfer-Encoding: x", _TE)),
    refused("two lines, one empty", post(_TE, b"Transfer-Encoding:")),
    refused("empty", post(b"Transfer-Encoding:")),
    refused("a comma before", post(b"Transfer-Encoding: , chunked")),
    refused("a comma behind", post(b"Transfer-Encoding: chunked,")),
    refused("a parameter", post(b"Transfer-Encoding: chunked;q=1")),
    refused("quoted", post(b'Transfer-Encoding: "chunked"')),
    refused("a vertical tab before", post(b"Transfer-Encoding: \x0bchunked")),
    refused("a form feed behind", post(b"Transfer-Encoding: chunked\x0c")),
    refused("a NUL behind", post(b"Transfer-Encoding: chunked\0")),
    refused("a carriage return behind", post(b"Transfer-Encoding: chunked\r")),
    refused("a carriage return before", post(b"Transfer-Encoding: \rchunked")),
    refused("a line feed before", post(b"Transfer-Encoding:\nchunked")),
    refused("folded", post(b"Transfer-Encoding:\r\n chunked")),
    refused("a space before the colon", post(b"Transfer-Encoding : chunked")),
    refused("a tab before the colon", post(b"Transfer-Encoding\t: chunked")),
    refused("a space before the name", post(b" Transfer-Encoding: chunked")),
    refused("no-break spaces around it", post(b"Transfer-Encoding: \xa0chunked\xa0")),
    refused("HTTP 1.0", post(_TE, version=b"HTTP/1.0")),
    refused("HTTP 1.0 with a length", post(_TE, b"Content-Length: 5", version=b"HTTP/1.0")),
)
def test_the_header(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    refused("a length", post(_TE, b"Content-Length: 5")),
    refused("a length before it", post(b"Content-Length: 15", _TE)),
    refused("a length of nothing", post(_TE, b"Content-Length: 0")),
    refused("a length of the first chunk", post(b"Content-Length: 4", _TE, body=b"0\r\n\r\n" + get("/inside"))),
    refused("a length beyond the chunks", post(_TE, b"Content-Length: 99", body=b"0\r\n\r\n" + get("/inside"))),
    refused("an unknown coding and a length", post(b"Transfer-Encoding: x", b"Content-Length: 5", body=b"12345")),
    refused("identity and a length", post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=b"12345")),
    refused("an empty coding and a length", post(b"Transfer-Encoding:", b"Content-Length: 5", body=b"12345")),
)
def test_with_a_length_as_well(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


# What other servers took for Transfer-Encoding, or did not. For us it is a header like any other: there is no body.
@table(
    *(
        passes(name.decode(), post(name + b": chunked", b"Content-Length: 5", body=b"12345"), _PASSED)
        for name in [b"Transfer_Encoding", b"Transfer-Encodin", b"X-Transfer-Encoding", b"TransferEncoding"]
    ),
)
def test_what_only_looks_like_it(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


def chunks(name: str, body: bytes, passed: bytes | None = None) -> Case:
    data = post(_TE, body=body)
    return refused(name, data) if passed is None else passes(name, data, Arrival("POST", PATH, passed))


@table(
    chunks("two", b"2\r\n12\r\n3\r\n345\r\n0\r\n\r\n", b"12345"),
    chunks("none", b"0\r\n\r\n", b""),
    chunks("capitals", b"A\r\n1234567890\r\n0\r\n\r\n", b"1234567890"),
    chunks("lower case", b"a\r\n1234567890\r\n0\r\n\r\n", b"1234567890"),
    chunks("leading zeros", b"0005\r\n12345\r\n000\r\n\r\n", b"12345"),
    chunks("an extension", b"5;name=value\r\n12345\r\n0\r\n\r\n", b"12345"),
    chunks("a quoted extension", b'5;name="va;l ue"\r\n12345\r\n0;x\r\n\r\n', b"12345"),
    chunks("a trailer", b"5\r\n12345\r\n0\r\nX-Test: y\r\n\r\n", b"12345"),
    chunks("bytes that look like framing", b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    chunks("no size", b"\r\n12345\r\n0\r\n\r\n"),
    chunks("no size but an extension", b";x\r\n12345\r\n0\r\n\r\n"),
    chunks("a prefix", b"0x5\r\n12345\r\n0\r\n\r\n"),
    chunks("a letter that is no digit", b"5g\r\n12345\r\n0\r\n\r\n"),
    chunks("a sign", b"+5\r\n12345\r\n0\r\n\r\n"),
    chunks("a negative one", b"-5\r\n12345\r\n0\r\n\r\n"),
    chunks("an underscore", b"0_5\r\n12345\r\n0\r\n\r\n"),
    chunks("a space before", b" 5\r\n12345\r\n0\r\n\r\n"),
    chunks("a tab before", b"\t5\r\n12345\r\n0\r\n\r\n"),
    chunks("a quote", b'"5"\r\n12345\r\n0\r\n\r\n'),
    chunks("a comma", b"5,5\r\n12345\r\n0\r\n\r\n"),
    chunks("a NUL behind", b"5\0\r\n12345\r\n0\r\n\r\n"),
    chunks("an overflow", b"10000000000000005\r\n12345\r\n0\r\n\r\n"),
    chunks("a longer overflow", b"f" * 40 + b"\r\n12345\r\n0\r\n\r\n"),
    chunks("a line feed behind the size", b"5\n12345\r\n0\r\n\r\n"),
    chunks("a carriage return behind the size", b"5\r12345\r\n0\r\n\r\n"),
    chunks("a line feed behind the data", b"5\r\n12345\n0\r\n\r\n"),
    chunks("a carriage return behind the data", b"5\r\n12345\r0\r\n\r\n"),
    chunks("nothing behind the data", b"5\r\n123450\r\n\r\n"),
    chunks("more data than the size", b"5\r\n1234567\r\n0\r\n\r\n"),
    chunks("less data than the size", b"5\r\n123\r\n0\r\n\r\n"),
    chunks("a NUL in an extension", b"5;a\0\r\n12345\r\n0\r\n\r\n"),
    chunks("a carriage return in an extension", b"5;a\rb\r\n12345\r\n0\r\n\r\n"),
    chunks("a line feed in an extension", b"5;a\n12345\r\n0\r\n\r\n"),
    chunks("a line feed in a quoted extension", b'5;a="\n"\r\n12345\r\n0\r\n\r\n'),
    chunks("a semicolon alone", b"5;\r\n12345\r\n0\r\n\r\n"),
    chunks("a trailer without a colon", b"0\r\nX\r\n\r\n"),
    chunks("a trailer with a space before the colon", b"0\r\nX : y\r\n\r\n"),
    chunks("a folded trailer", b"0\r\nX: y\r\n z\r\n\r\n", b""),
    chunks("a trailer with a NUL", b"0\r\nX: \0\r\n\r\n"),
)
def test_chunks(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


@table(
    never_complete("a line feed behind the last size", post(_TE, body=b"5\r\n12345\r\n0\n\r\n")),
    never_complete("a line feed at the end", post(_TE, body=b"5\r\n12345\r\n0\r\n\n")),
    never_complete("line feeds only", post(_TE, body=b"5\n12345\n0\n\n")),
    never_complete("a trailer with a line feed", post(_TE, body=b"0\r\nX: y\n\r\n")),
    waits("no end", post(_TE, body=b"5\r\n12345\r\n")),
    waits("no empty line", post(_TE, body=b"5\r\n12345\r\n0\r\n")),
    waits("half of a chunk", post(_TE, body=b"5\r\n123")),
    waits("half of a size", post(_TE, body=b"5")),
)
def test_what_is_incomplete(case: Case, port: int, homeserver: Homeserver):
    check(case, port, homeserver)


_TRAILERS = [
    b"Content-Length: 99",
    b"Transfer-Encoding: gzip",
    b"Host: evil.example",
    b"Authorization: Bearer bobs-token",
    b"X-Forwarded-For: 10.0.0.1",
    b"Connection: close",
]


@pytest.mark.parametrize("line", _TRAILERS, ids=lambda line: line.decode().split(":")[0])
def test_a_trailer_says_nothing_about_its_request(line: bytes, port: int, homeserver: Homeserver):
    """What stands behind a body was not there when the request was judged. It is dropped, or all of it refused."""
    outcome = try_bytes(port, post(_TE, body=b"5\r\n12345\r\n0\r\n" + line + b"\r\n\r\n"), expected=1)
    arrived = [each for each in homeserver.arrived if each.target == PATH]
    if outcome.statuses == [400]:
        assert (outcome.end, arrived) == ("closed", [])
        return
    assert (outcome.statuses, outcome.end) == ([200], "kept")
    (passed,) = arrived
    assert passed.body == b"12345"
    assert (passed.all_of("Content-Length"), passed.all_of("Transfer-Encoding")) == ([], ["chunked"])
    assert not passed.all_of("Authorization")
    assert "10.0.0.1" not in passed.all_of("X-Forwarded-For")[0]
    assert "evil.example" not in passed.all_of("Host")[0]


def test_extensions_without_an_end_are_refused(port: int, homeserver: Homeserver):
    check(refused("", post(_TE, body=b"5;" + b"a" * 200_000)), port, homeserver)


def test_trailers_without_an_end_are_refused(port: int, homeserver: Homeserver):
    endless = b"0\r\n" + b"X-Test: y\r\n" * 20_000
    check(refused("", post(_TE, body=endless)), port, homeserver)


def test_many_small_chunks_are_read_as_one_body(port: int, homeserver: Homeserver):
    body = b"1\r\nx\r\n" * 20_000 + b"0\r\n\r\n"
    check(passes("", post(_TE, body=body), Arrival("POST", PATH, b"x" * 20_000)), port, homeserver)
