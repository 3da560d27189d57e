"""HTTP by hand: what is sent is bytes, and what comes is bytes, so that nothing is read into it."""

import contextlib
import re
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from .matrix import Server

_PATIENCE = 60.0


@dataclass(frozen=True)
class RawAnswer:
    """`interim`: the heads that came before. `ended`: the connection was closed behind it."""

    status_line: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes
    interim: list[bytes]
    ended: bool

    def all_of(self, name: bytes) -> list[bytes]:
        return [value for other, value in self.headers if other.lower() == name.lower()]

    @property
    def status(self) -> int:
        return int(self.status_line.split(b" ")[1])


class Raw:
    """A connection to a server."""

    def __init__(self, server: Server):
        address = urlsplit(server.base_url)
        self._socket = socket.create_connection((address.hostname, address.port), timeout=_PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept = b""

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> bool:
        """Whether the other side still took it."""
        try:
            self._socket.sendall(data)
        except OSError:
            return False
        return True

    def waits_for_bytes(self, seconds: float) -> bool:
        """Whether something comes, in that time."""
        if self._kept:
            return True
        self._socket.settimeout(seconds)
        try:
            return self._receive()
        except TimeoutError:
            return False
        finally:
            self._socket.settimeout(_PATIENCE)

    def read_head(self) -> bytes:
        """Up to and with its empty line, or what came before the end."""
        while b"\r\n\r\n" not in self._kept:
            if not self._receive():
                head, self._kept = self._kept, b""
                return head
        head, end, self._kept = self._kept.partition(b"\r\n\r\n")
        return head + end

    def read_answer(self, method: str) -> RawAnswer | None:
        """Nothing if the connection ends before it, or within it."""
        interim = []
        while True:
            head = self.read_head()
            if not head.endswith(b"\r\n\r\n"):
                return None
            if not re.match(rb"HTTP/1\.. 1\d\d", head):
                break
            interim.append(head)
        status_line, *lines = head[:-4].split(b"\r\n")
        headers = [(line.partition(b":")[0], line.partition(b":")[2].strip()) for line in lines]
        body = self._read_body(method, status_line, {name.lower(): value for name, value in headers})
        if body is None:
            return None
        ended = dict(headers).get(b"Connection") == b"close"
        return RawAnswer(status_line, headers, body, interim, ended)

    def _read_body(self, method: str, status_line: bytes, headers: dict[bytes, bytes]) -> bytes | None:
        if method == "HEAD" or status_line.split(b" ")[1] in (b"204", b"304"):
            return b""
        if b"content-length" in headers:
            return self._take(int(headers[b"content-length"]))
        if b"transfer-encoding" not in headers:
            while self._receive():
                pass
            return self._take(len(self._kept))
        body = b""
        while True:
            line = self._take_line()
            chunk = self._take(int(line, 16) + 2) if line else None
            if chunk is None:
                return None
            if len(chunk) == 2:
                return body
            body += chunk[:-2]

    def _take_line(self) -> bytes | None:
        while b"\r\n" not in self._kept:
            if not self._receive():
                return None
        line, _, self._kept = self._kept.partition(b"\r\n")
        return line

    def _take(self, size: int) -> bytes | None:
        pieces = [self._kept]
        have = len(self._kept)
        while have < size:
            more = self._receive_piece()
            if not more:
                return None
            pieces.append(more)
            have += len(more)
        received = b"".join(pieces)
        self._kept = received[size:]
        return received[:size]

    def _receive(self) -> bool:
        more = self._receive_piece()
        self._kept += more
        return bool(more)

    def _receive_piece(self) -> bytes:
        try:
            return self._socket.recv(1 << 18)
        except TimeoutError:
            raise
        except OSError:
            return b""


def request(method: str, target: str, *headers: str, host: str = "localhost", body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def ask(server: Server, method: str, data: bytes) -> RawAnswer | None:
    """Over a connection of its own."""
    with Raw(server) as raw:
        raw.send(data)
        return raw.read_answer(method)
