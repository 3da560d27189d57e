"""A client of raw bytes, and what became of them."""

import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

PATIENCE = 20.0  # for what must come, on a machine that is busy
IMPATIENCE = 0.3  # for what must not come

_FRAMING = ("content-length", "transfer-encoding")

STILL_THERE = "/_matrix/client/v3/still-there"


class Malformed(Exception):
    """An answer of Afterword that no client could read."""


class BrokenOff(Exception):
    """The connection ended in the middle of an answer, so that every client sees that there should be more."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes

    def all_of(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other.lower() == name.lower()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = b""

    def __enter__(self) -> "Wire":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        # What refuses early closes early, too.
        with contextlib.suppress(OSError):
            self._socket.sendall(data)

    def end(self) -> None:
        """Nothing more will be sent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def read_line(self) -> bytes:
        """Of whatever comes, an answer or not."""
        deadline = time.monotonic() + PATIENCE
        while b"\r\n" not in self._kept:
            if not self._receive(deadline):
                break
        return self._kept.partition(b"\r\n")[0]

    def read_to_end(self) -> bytes:
        """Whatever comes until the connection is closed."""
        deadline = time.monotonic() + PATIENCE
        while self._receive(deadline):
            pass
        received, self._kept = self._kept, b""
        return received

    def read_answer(self, *, to_head: bool = False, patience: float = PATIENCE) -> Answer | None:
        """The next one but for 1xx; nothing if the connection is closed before. TimeoutError if there is none."""
        deadline = time.monotonic() + patience
        head = self.read_head(deadline)
        if head is None:
            return None
        status, headers = head
        if to_head or status in (204, 304):
            return Answer(status, headers, b"")
        framing = [(name.lower(), value) for name, value in headers if name.lower() in _FRAMING]
        if framing == [("transfer-encoding", "chunked")]:
            return Answer(status, headers, b"".join(self._chunks(deadline)))
        if len(framing) != 1 or not framing[0][1].isdecimal():
            raise Malformed(f"no clear length: {headers!r}")
        return Answer(status, headers, self.take(int(framing[0][1]), deadline))

    def read_head(self, deadline: float) -> tuple[int, list[tuple[str, str]]] | None:
        """The status and the headers of the next answer but for 1xx; nothing if the connection is closed before."""
        while True:
            while b"\r\n\r\n" not in self._kept:
                if not self._receive(deadline):
                    if self._kept:
                        raise Malformed(f"the connection was closed after {self._kept!r}")
                    return None
            head, _, self._kept = self._kept.partition(b"\r\n\r\n")
            status, headers = _read_head(head)
            if status >= 200:
                return status, headers

    def take(self, size: int, deadline: float) -> bytes:
        """So many bytes of a body."""
        while len(self._kept) < size:
            if not self._receive(deadline):
                raise BrokenOff
        taken, self._kept = self._kept[:size], self._kept[size:]
        return taken

    def _chunks(self, deadline: float) -> Iterator[bytes]:
        """Without extensions and trailers: Afterword writes none."""
        while True:
            while b"\r\n" not in self._kept:
                if not self._receive(deadline):
                    raise BrokenOff
            line, _, self._kept = self._kept.partition(b"\r\n")
            if not re.fullmatch(b"0|[1-9a-f][0-9a-f]*", line):
                raise Malformed(f"not a chunk: {line!r}")
            chunk = self.take(int(line, 16) + 2, deadline)
            if not chunk.endswith(b"\r\n"):
                raise Malformed(f"a chunk without its end: {chunk!r}")
            if line == b"0":
                return
            yield chunk[:-2]

    def reset(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _receive(self, deadline: float) -> bool:
        self._socket.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            more = self._socket.recv(65536)
        except TimeoutError:
            raise
        except OSError:
            return False
        self._kept += more
        return bool(more)


def _read_head(head: bytes) -> tuple[int, list[tuple[str, str]]]:
    first, *lines = head.split(b"\r\n")
    line = re.fullmatch(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\t\x20-\x7e\x80-\xff]*", first)
    if not line:
        raise Malformed(f"not a status line: {first!r}")
    headers = []
    for each in lines:
        header = re.fullmatch(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([\t\x20-\x7e\x80-\xff]*)", each)
        if not header:
            raise Malformed(f"not a header: {each!r}")
        headers.append((header[1].decode("latin-1"), header[2].decode("latin-1")))
    return int(line[1]), headers


@dataclass(frozen=True)
class Outcome:
    """What became of some bytes on a connection of their own."""

    answers: list[Answer]
    end: str  # "kept", "closed", or "waits" for more to come

    @property
    def statuses(self) -> list[int]:
        return [each.status for each in self.answers]


def try_bytes(port: int, data: bytes, *, expected: int, to_head: bool = False, waits: bool = False) -> Outcome:
    """Sends them and reads `expected` answers, or what there is; then asks whether the connection still goes on."""
    with Wire(port) as wire:
        wire.send(data)
        answers: list[Answer] = []
        try:
            while len(answers) < expected:
                given = wire.read_answer(to_head=to_head, patience=IMPATIENCE if waits else PATIENCE)
                if given is None:
                    return Outcome(answers, "closed")
                answers.append(given)
        except TimeoutError:
            return Outcome(answers, "waits")
        if answers[-1].all_of("Connection") == ["close"]:
            wire.end()
        else:
            wire.send(f"GET {STILL_THERE} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        try:
            while True:
                given = wire.read_answer()
                if given is None:
                    return Outcome(answers, "closed")
                if STILL_THERE.encode() in given.body:
                    return Outcome(answers, "kept")
                answers.append(given)
        except TimeoutError:
            return Outcome(answers, "waits")
