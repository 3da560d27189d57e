"""HTTP by hand, where a client library would be in the way of what is measured."""

import re
import socket
import time

PIECE = 1 << 18


def request(method: str, target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection: socket.socket) -> tuple[bytes, bytes]:
    """And what came with it of the body."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        assert more, received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return head, body


def read_answer(connection: socket.socket) -> int:
    """The bytes of its body."""
    head, body = read_head(connection)
    length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
    received = len(body)
    buffer = bytearray(PIECE)
    if length:
        while received < int(length[1]):
            more = connection.recv_into(buffer)
            assert more, received
            received += more
        return received
    end = body[-5:]
    while not end.endswith(b"0\r\n\r\n"):
        more = connection.recv_into(buffer)
        assert more, received
        received += more
        end = (end + buffer[max(0, more - 5) : more])[-5:]
    return received


def download(port: int, target: str, size: int) -> tuple[float, float]:
    """Seconds to the first byte of the body, and to the last."""
    buffer = bytearray(PIECE)
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", target))
        left = size - len(read_head(connection)[1] or connection.recv(1).ljust(1))
        first = time.perf_counter() - started
        while left > 0:
            received = connection.recv_into(buffer)
            assert received, left
            left -= received
        return first, time.perf_counter() - started


def upload(port: int, target: str, size: int) -> float:
    """Seconds."""
    piece = bytes(PIECE)
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("POST", target, f"Content-Length: {size}"))
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        connection.sendall(piece[: size % len(piece)])
        read_head(connection)
        return time.perf_counter() - started
