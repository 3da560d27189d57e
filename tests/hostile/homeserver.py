"""A homeserver of raw sockets: records what arrives, byte by byte, and answers whatever a test wants it to.

It reads requests in the one form in which Afterword writes them. Anything else is kept in `surprises`, and the
connection is closed: a byte there that is no part of a request is a byte that some client smuggled in.
"""

import contextlib
import hashlib
import json
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SERVER_NAME = "example.org"
# Who is known. A token that is not in here is refused.
USERS = {"alices-token": ("@alice:example.org", "ALICES_PHONE"), "bobs-token": ("@bob:example.org", "BOBS_PHONE")}

CLOSE = object()  # a step of an answer: close the connection
RESET = object()  # the same, with a reset
HANG = object()  # say nothing more, and keep it open until the other side closes it

Steps = Iterable[object]  # bytes to send, seconds to wait (float), or one of the above

_REQUEST_LINE = re.compile(rb"([A-Za-z-]+) (/[\x21-\x7e]*|\*) HTTP/1\.1")
_HEADER = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)"
)


@dataclass(frozen=True)
class Request:
    connection: int
    method: str
    target: str
    headers: list[tuple[str, str]] = field(repr=False)
    body: bytes
    head: bytes = field(default=b"", repr=False)  # as it arrived

    def all_of(self, name: str) -> list[str]:
        return [value for other, value in self.headers if other.lower() == name.lower()]

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def token(self) -> str | None:
        values = self.all_of("Authorization")
        return values[0].removeprefix("Bearer ") if values else None

    @property
    def is_send(self) -> bool:
        return self.method == "PUT" and re.search(r"/rooms/[^/]+/(send|state|redact)/", self.path) is not None


class Unreadable(Exception):
    """Not what Afterword writes."""


def answer(status: int, body: bytes | dict, *headers: tuple[str, str]) -> bytes:
    """One well-formed answer."""
    if isinstance(body, dict):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


def as_token_of(registration: Path) -> str:
    return re.search(r"as_token: *\"?([^\s\"]+)", registration.read_text())[1]


class Homeserver:
    """Listens on the loopback interface from start() to stop(). `script` says how each request is answered."""

    def __init__(self) -> None:
        self.arrived: list[Request] = []
        self.surprises: list[bytes] = []
        self.as_token = ""
        self.script: Callable[[Request], Steps] = self.honest
        # What is said as soon as the head of a request is there, whose body is still to come.
        self.early: Callable[[Request], Steps | None] = self.ask_for_body
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=512)
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._count = 0
        self._ended = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    @property
    def connections(self) -> int:
        """That are open."""
        with self._lock:
            return len(self._connections)

    def start(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def stop(self) -> None:
        self._ended = True
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """What has arrived so far, and the script of an earlier test."""
        self.script = self.honest
        self.early = self.ask_for_body
        self.arrived = []
        self.surprises = []

    def honest(self, request: Request) -> Steps:
        """Answers as a homeserver does; what is no route of it is told back."""
        path = request.path
        if path.endswith("/account/whoami"):
            return [self._whoami(request)]
        if path.endswith("/client/versions"):
            return [answer(200, {"versions": ["v1.11"]})]
        if "/sendToDevice/" in path:
            return [answer(200, {}, ("Server", "Synapse/1.163.2"))]
        if request.is_send:
            return [answer(200, {"event_id": "$" + hashlib.sha256(path.encode()).hexdigest()})]
        told = answer(200, {"method": request.method, "target": request.target, "bytes": len(request.body)})
        return [told.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if request.method == "HEAD" else told]

    @staticmethod
    def ask_for_body(request: Request) -> Steps | None:
        return [b"HTTP/1.1 100 Continue\r\n\r\n"] if request.all_of("Expect") else None

    def _whoami(self, request: Request) -> bytes:
        if request.token == self.as_token:
            return answer(200, {"user_id": request.query.get("user_id", ["@afterword:example.org"])[0]})
        if request.token not in USERS:
            return answer(401, {"errcode": "M_UNKNOWN_TOKEN", "error": "Unknown access token"})
        user_id, device_id = USERS[request.token]
        return answer(200, {"user_id": user_id, "device_id": device_id})

    def _accept(self) -> None:
        while not self._ended:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._connections.add(connection)
                self._count += 1
                number = self._count
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        with connection, contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for request in self._read_requests(connection, number):
                self.arrived.append(request)
                if not self._perform(connection, self.script(request)):
                    break
        with self._lock:
            self._connections.discard(connection)

    def _read_requests(self, connection: socket.socket, number: int) -> Iterator[Request]:
        kept = b""
        while True:
            while b"\r\n\r\n" not in kept:
                more = connection.recv(65536)
                if not more:
                    if kept:
                        self.surprises.append(kept)
                    return
                kept += more
            head, _, kept = kept.partition(b"\r\n\r\n")
            try:
                method, target, headers, length = _read_head(head)
                early = self.early(Request(number, method, target, headers, b""))
                if early is not None and not self._perform(connection, early):
                    return
                arriving = bytearray(kept)
                while (found := _take_body(arriving, length)) is None:
                    more = connection.recv(65536)
                    if not more:
                        return  # it broke off
                    arriving += more
            except Unreadable:
                self.surprises.append(head)
                return
            body, kept = found
            if kept:
                # Afterword waits for each answer, so nothing follows a request.
                self.surprises.append(kept)
            yield Request(number, method, target, headers, body, head)

    @staticmethod
    def _perform(connection: socket.socket, steps: Steps) -> bool:
        """Whether the connection goes on."""
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step)
            elif isinstance(step, float):
                threading.Event().wait(step)
            elif step is HANG:
                while connection.recv(65536):
                    pass
                return False
            elif step is RESET:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            else:
                return False
        return True


def read_whole(stream: bytes) -> list[Request]:
    """The requests in what has been sent over a connection."""
    requests = []
    while stream:
        head, _, stream = stream.partition(b"\r\n\r\n")
        method, target, headers, length = _read_head(head)
        found = _take_body(stream, length)
        if found is None:
            break  # it broke off, which is no request to anybody
        body, stream = found
        requests.append(Request(0, method, target, headers, body))
    return requests


def _take_body(stream: bytes | bytearray, length: int | None) -> tuple[bytes, bytes] | None:
    """The body at the beginning, and what is behind it; nothing if it is not complete. Without a length, of chunks."""
    if length is not None:
        return (bytes(stream[:length]), bytes(stream[length:])) if len(stream) >= length else None
    body, stream = b"", bytes(stream)
    while b"\r\n" in stream:
        line, _, stream = stream.partition(b"\r\n")
        if not re.fullmatch(b"0|[1-9a-f][0-9a-f]*", line):
            raise Unreadable(line)
        size = int(line, 16)
        if len(stream) < size + 2:
            return None
        if stream[size : size + 2] != b"\r\n":
            raise Unreadable(stream)
        body, stream = body + stream[:size], stream[size + 2 :]
        if size == 0:
            return body, stream
    return None


def _read_head(head: bytes) -> tuple[str, str, list[tuple[str, str]], int | None]:
    """With the length of the body; nothing for chunks."""
    first, *lines = head.split(b"\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if not line:
        raise Unreadable(first)
    headers = []
    for each in lines:
        header = _HEADER.fullmatch(each)
        if not header:
            raise Unreadable(each)
        headers.append((header[1].decode("latin-1"), header[2].decode("latin-1")))
    names = [name.lower() for name, _ in headers]
    if names.count("host") != 1 or names.count("content-length") + names.count("transfer-encoding") > 1:
        raise Unreadable(head)
    values = dict(zip(names, (value for _, value in headers), strict=True))
    if "transfer-encoding" in values:
        if values["transfer-encoding"] != "chunked":
            raise Unreadable(head)
        return line[1].decode(), line[2].decode(), headers, None
    length = values.get("content-length", "0")
    if not re.fullmatch("0|[1-9][0-9]*", length):
        raise Unreadable(length)
    return line[1].decode(), line[2].decode(), headers, int(length)
