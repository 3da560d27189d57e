"""A gate that keeps what Afterword writes to its homeserver, and requests of chance."""

import contextlib
import random
import socket
import threading

PREFIX = "/_matrix/client/v3/"


class Gate:
    """Passes bytes on as they are, in both directions, and keeps those that go to the homeserver."""

    def __init__(self, port: int):
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._lock = threading.Lock()
        self._sent: list[bytearray] = []
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def sent(self) -> list[bytes]:
        """What went through, connection by connection, from the beginning."""
        with self._lock:
            return [bytes(each) for each in self._sent]

    def close(self) -> None:
        self._listener.close()
        with self._lock:
            for each in self._sockets:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._port))
                kept = bytearray()
                with self._lock:
                    self._sent.append(kept)
                    self._sockets += [near, far]
                for source, sink, keep in [(near, far, kept), (far, near, bytearray())]:
                    threading.Thread(target=self._copy, args=(source, sink, keep), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket, kept: bytearray) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                with self._lock:
                    kept += data
                sink.sendall(data)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)


_METHODS = [b"GET", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"HEAD", b"PATCH"] * 3 + [b"put", b"GET GET", b"G\0T"]
_PATHS = [
    b"here", b"a/b", b"a//b", b"./a", b"../a", b"a/..", b"%2e%2e/a", b"a%2fb", b"a%2Fb", b"%41", b"%zz", b"%", b"a%00",
    b"a%0d%0ab", b"a%20b", b"a b", b"a+b", b"a;b", b"a;b=c", b"a,b", b"a:b", b"a@b", b"a\\b", b"a\xc3\xa9", b"a%c3%a9",
    b"a%c0%af", b"a#b", b"", b"rooms/!r:x/send/m/t", b"rooms/!r:x/state/m", b"rooms/!r%2fx/send/m/t",
]  # fmt: skip
_QUERIES = [
    b"", b"", b"", b"?", b"?a=b", b"?a=b&c=d", b"?a=b;c=d", b"?a;b", b"?&&", b"?=", b"?a=%26b=c", b"?a=%zz", b"?a=?c=d",
    b"?a=b#c", b"?a+b=c%20d", b"?a=\xff", b"?a=%ff", b"?A=1&a=2", b"?a[]=1", b"?" + b"a=b&" * 200,
]  # fmt: skip
_VERSIONS = [b"HTTP/1.1"] * 12 + [b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"HTTP/1.1 "]
_BAD_ENDS = [b"\r\n"] * 10 + [b"\n", b"\r", b"\r\r\n", b" \r\n", b"\0\r\n"]
_HEADERS = [
    b"X-Test: y", b"X-Test : y", b"X-Test:", b" X-Test: y", b"X-Test: y\r\n z", b"X-Test: \xff", b"X-Test: a\0b",
    b"X-Test: a\rb", b"X-Test: a\nContent-Length: 3", b": y", b"X-Test", b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: Content-Length", b"Connection: Host", b"Connection: Transfer-Encoding", b"Expect: 100-continue",
    b"Upgrade: h2c", b"Trailer: Content-Length", b"TE: trailers", b"Host: y", b"Content-Type: application/json",
    b"Content-Type: text/plain", b"X-HTTP-Method-Override: PUT", b"Content-Encoding: gzip", b"X_Test: y",
    b"Content_Length: 3", b"Proxy-Connection: close", b"Max-Forwards: 0", b"Via: 1.0 x", b"Range: bytes=0-0",
]  # fmt: skip
_LENGTHS = [b"%d", b" %d", b"%d ", b"0%d", b"+%d", b"-%d", b"%d,%d", b"%d, %d", b"0x%x", b"%d\x0b", b"%d\r\n ", b"1%d"]
_CODINGS = [
    b"chunked", b"Chunked", b"xchunked", b"gzip, chunked", b"chunked, chunked", b"chunked,", b",chunked", b"identity",
    b"chunked\x0b", b"\x0bchunked", b'"chunked"', b"chunked;a=b", b"chunk", b"", b"\r\n chunked",
]  # fmt: skip
_SIZE_FORMS = [b"%x"] * 12 + [
    b"0%x",
    b"%X",
    b"0x%x",
    b"%x;a=b",
    b"%x;a",
    b'%x;a="\n"',
    b"%x ",
    b" %x",
    b"+%x",
    b"1000000000000000%x",
]


def _inside(chance: random.Random, number: int) -> bytes:
    """A body: also one that could be a request."""
    return chance.choice(
        [
            b"{}",
            b"",
            b"0\r\n\r\n",
            b"\r\n",
            b"GET %sinside-%d HTTP/1.1\r\nHost: x\r\n\r\n" % (PREFIX.encode(), number),
            b"a=b&org.matrix.msc4140.delay=1",
            bytes(chance.randrange(256) for _ in range(chance.randrange(40))),
        ]
    )


class _Writer:
    """Writes requests, with ends of lines that are wrong now and then, or never."""

    def __init__(self, chance: random.Random, number: int):
        self._chance = chance
        self._number = number
        self._ends = _BAD_ENDS if chance.random() < 0.2 else [b"\r\n"]

    def _end(self) -> bytes:
        return self._chance.choice(self._ends)

    def _chunked(self, body: bytes) -> bytes:
        choice = self._chance.choice
        data = b""
        for part in [body[:3], body[3:]]:
            if part:
                data += choice(_SIZE_FORMS) % len(part) + self._end() + part + self._end()
        trailer = choice([b""] * 8 + [b"X-Trailer: y\r\n", b"Content-Length: 3\r\n", b"bad\r\n"])
        return data + choice([b"0", b"0", b"0", b"000", b"0;a"]) + self._end() + trailer + self._end()

    def request(self) -> bytes:
        chance = self._chance
        target = PREFIX.encode() + b"%d/" % self._number + chance.choice(_PATHS) + chance.choice(_QUERIES)
        if chance.random() < 0.05:
            target = b"http://x" + target
        line = b" ".join([chance.choice(_METHODS), target, chance.choice(_VERSIONS)])
        lines = [b"Host: x"] if chance.random() < 0.97 else []
        lines += chance.sample(_HEADERS, chance.choice([0, 0, 0, 1, 1, 2]))
        body = _inside(chance, self._number)
        kind = chance.random()
        if kind < 0.35:
            form = chance.choice([b"%d"] * 12 + _LENGTHS)
            lines.append(b"Content-Length: " + form % ((len(body),) * form.count(b"%")))
        elif kind < 0.65:
            lines.append(b"Transfer-Encoding: " + chance.choice([b"chunked"] * 30 + _CODINGS))
            if chance.random() < 0.1:
                lines.append(b"Content-Length: %d" % len(body))
            body = self._chunked(body)
        elif chance.random() < 0.7:
            body = b""
        chance.shuffle(lines)
        return b"".join(each + self._end() for each in [line, *lines]) + self._end() + body


def random_bytes(seed: int) -> bytes:
    """One to three requests on a connection."""
    chance = random.Random(seed)
    writer = _Writer(chance, seed)
    return b"".join(writer.request() for _ in range(chance.choice([1, 1, 1, 2, 3])))
