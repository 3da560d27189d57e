"""The same bytes through Afterword, and directly to what homeservers read with: Twisted, and Go's net/http.

What arrives behind Afterword must be read there as it was written: as many requests, to the same targets, with the same
bodies. And where both take the bytes of a client, they must take them for the same.
"""

import contextlib
import re
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from system.gateway import Afterword

from . import (
    readers,
    test_connections,
    test_headers,
    test_lengths,
    test_request_line,
    test_targets,
    test_transfer_encoding,
)
from .cases import all_cases, request
from .differential import Gate, random_bytes
from .homeserver import SERVER_NAME, read_whole
from .wire import PATIENCE

_SEEDS = range(1_000)
# Imported for what they add to all_cases.
_TABLES = [test_connections, test_headers, test_lengths, test_request_line, test_targets, test_transfer_encoding]
_DELAY = "org.matrix.msc4140.delay"


@dataclass
class Behind:
    afterword: Afterword
    gate: Gate
    reader: readers.Reader

    @property
    def port(self) -> int:
        return int(self.afterword.listen.rsplit(":", 1)[1])

    def written(self) -> Counter:
        """All requests that Afterword has written, as method, target and body."""
        streams = self.gate.sent()
        return Counter((each.method, each.target, each.body) for stream in streams for each in read_whole(stream))


@pytest.fixture(scope="module", params=["twisted", "go"])
def behind(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Behind]:
    directory = tmp_path_factory.mktemp("differential")
    reader = getattr(readers, request.param)(directory / "reader")
    if reader is None:
        pytest.skip("not run: no Go to build its web server with")
    gate = Gate(reader.port)
    afterword = Afterword(directory / "afterword", settings={"rate_limits.enabled": "false"})
    afterword.set_up(SERVER_NAME, gate.url)
    try:
        afterword.start()
        reader.take()
        yield Behind(afterword, gate, reader)
        assert afterword.stop() == 0
    finally:
        afterword.stop()
        gate.close()
        reader.stop()


def _exchange(port: int, data: bytes) -> bytes:
    """Sends it and nothing more; all that comes until the other side closes."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as connection:
        with contextlib.suppress(OSError):  # it may have closed already
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionError):
            while more := connection.recv(65536):
                answer += more
    return answer


def _check(behind: Behind, data: bytes) -> list[readers.Read]:
    """Returns what arrived."""
    answers = _exchange(behind.port, data).count(b"\r\nX-Read: yes\r\n")
    arrived = behind.reader.take()
    _exchange(behind.reader.port, data)
    direct = behind.reader.take()
    assert answers == len(arrived), data
    # A reader may refuse what we take, or take what we refuse. What both take is the same request for both.
    for each in arrived:
        same_target = [other for other in direct if other.target == each.target]
        assert not same_target or each in same_target, data
        assert not any(each.target.encode("latin-1") in other.body for other in direct), data
    for read in arrived:
        assert read.method in ("GET", "HEAD", "OPTIONS") or _DELAY not in read.names, data
    return arrived


def _check_all(behind: Behind, sent: Iterable[bytes]) -> int:
    """Returns how much arrived."""
    before = behind.written()
    arrived: Counter = Counter()
    for data in sent:
        arrived.update((each.method, each.target, each.body) for each in _check(behind, data))
    # Nothing came later, of what no answer was waited for.
    time.sleep(0.3)
    arrived.update((each.method, each.target, each.body) for each in behind.reader.take())
    written = behind.written() - before
    assert arrived <= written
    # Go refuses a path in which a percent sign encodes nothing.
    unread = [target.partition("?")[0] for _, target, _ in written - arrived]
    assert [path for path in unread if not re.search(r"%(?![0-9A-Fa-f]{2})", path)] == []
    return sum(arrived.values())


def test_the_tables_find_no_disagreement(behind: Behind):
    assert _check_all(behind, [case.data for case in all_cases]) > 100


def test_chance_finds_no_disagreement(behind: Behind):
    assert _check_all(behind, map(random_bytes, _SEEDS)) > len(_SEEDS) / 5, "hardly anything passes: this shows nothing"


_SEND = "/_matrix/client/v3/rooms/!r:x/send/m.room.message"
_FORM = b"Content-Type: application/x-www-form-urlencoded"
_IN_A_FORM = f"{_DELAY}=60000".encode()
_IN_JSON = f'{{"body":"x&{_DELAY}=60000&y"}}'.encode()
_IN_PARTS = f'--b\r\nContent-Disposition: form-data; name="{_DELAY}"\r\n\r\n60000\r\n--b--\r\n'.encode()
_PARTS = b"Content-Type: multipart/form-data; boundary=b"


def _with_body(method: bytes, target: str, body: bytes, *headers: bytes) -> bytes:
    return request(method, target, b"Content-Length: %d" % len(body), *headers, body=body)


def _ways_to_say_the_delay() -> Iterable[bytes]:
    for query in [
        f"{_DELAY}=1",
        f"x=1;{_DELAY}=1",
        f"x;{_DELAY}=1",
        f"{_DELAY}=1;x=1",
        f";{_DELAY}=1",
        f"x=%26;{_DELAY}=1",
        "x=1;org%2Ematrix.msc4140.delay=1",
        "x=1;%6frg.matrix.msc4140%2edelay=1",
        f"&&{_DELAY}=1",
        f"?{_DELAY}=1",
        f"x=?&{_DELAY}=1",
        f"{_DELAY}=%zz",
        f"{_DELAY}=1&{_DELAY}=2",
        f"%zz=1&{_DELAY}=1",
        f"{_DELAY}",
        f"x={_DELAY}",
        f"{_DELAY}=a=b",
    ]:
        for path in [
            f"{_SEND}/t",
            f"{_SEND}/t/",
            "//x" + _SEND,
            "/_matrix/client/v9/x",
            "/_matrix/client/r0/rooms/!r/state/m",
        ]:
            yield _with_body(b"PUT", f"{path}?{query}", b"{}")
        yield _with_body(b"POST", f"{_SEND}?{query}", b"{}")
    for method in [b"POST", b"PUT", b"PATCH", b"DELETE"]:
        for content_type in [
            [_FORM],
            [_FORM + b"; charset=utf-8"],
            [_FORM.upper()],
            [_FORM + b" "],
            [_FORM + b";"],
            [_FORM, b"Content-Type: application/json"],
            [b"Content-Type: application/json", _FORM],
        ]:
            for body in [_IN_A_FORM, b"x=1&" + _IN_A_FORM, b"x;" + _IN_A_FORM, _IN_JSON]:
                yield _with_body(method, f"{_SEND}/t", body, *content_type)
        for content_type in [[_PARTS], [_PARTS, b"Content-Type: application/json"]]:
            yield _with_body(method, f"{_SEND}/t", _IN_PARTS, *content_type)
        chunked = b"%x\r\n%b\r\n0\r\n\r\n" % (len(_IN_A_FORM), _IN_A_FORM)
        yield request(method, f"{_SEND}/t", b"Transfer-Encoding: chunked", _FORM, body=chunked)


def test_no_reader_sees_a_delay(behind: Behind):
    """A homeserver without delayed events would send at once what should be sent later. _check looks at each."""
    _check_all(behind, _ways_to_say_the_delay())
