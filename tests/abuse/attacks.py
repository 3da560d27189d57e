"""The attacks. Each runs in a process of its own, from loopback addresses of its own, and counts what it met.

None of them is clever: what they send is cheap to send, and costly to a server that does not expect it.
"""

import multiprocessing
import re
import resource
import selectors
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from system.matrix import C, U

_STATUS = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


@dataclass(frozen=True)
class Target:
    port: int
    stop_at: float  # time.monotonic()
    connections: int  # at most

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self.stop_at


@dataclass(frozen=True)
class Attack:
    name: str
    run: Callable[[Target], Counter]
    connections: int
    processes: int = 1  # as the system lets one have fewer descriptors than there are connections


class Running:
    """An attack under way. It ends by itself; report() waits for that."""

    def __init__(self, attack: Attack, port: int, seconds: float, connections: int | None = None):
        self._reports: multiprocessing.Queue = multiprocessing.Queue()
        share = (connections or attack.connections) // attack.processes
        target = Target(port, time.monotonic() + seconds, share)
        self._processes = [
            multiprocessing.Process(target=self._run, args=(attack.run, target), daemon=True)
            for _ in range(attack.processes)
        ]
        for process in self._processes:
            process.start()

    def report(self) -> Counter:
        reports = [self._reports.get(timeout=60) for _ in self._processes]
        for process in self._processes:
            process.join()
        return sum(reports, Counter())

    def _run(self, attack: Callable[[Target], Counter], target: Target) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self._reports.put(attack(target))


def connect(port: int, source: str) -> socket.socket:
    connection = socket.socket()
    connection.settimeout(2)
    # The port is chosen with the connection, so that one address has enough of them.
    connection.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT
    connection.bind((source, 0))
    connection.connect(("127.0.0.1", port))
    return connection


def _source(number: int, addresses: int) -> str:
    return f"127.0.1.{1 + number % addresses}"


def _hold(target: Target, first: bytes, now_and_then: bytes, addresses: int) -> Counter:
    """Keeps as many connections as it may, and makes a new one for each that is closed."""
    counts: Counter = Counter()
    waiting = selectors.EpollSelector()
    number = 0
    next_bytes = time.monotonic() + 1
    while not target.is_over:
        for _ in range(200):
            if len(waiting.get_map()) >= target.connections or target.is_over:
                break
            number += 1
            try:
                connection = connect(target.port, _source(number, addresses))
                connection.sendall(first)
            except OSError:
                counts["not connected"] += 1
                break
            connection.setblocking(False)
            waiting.register(connection, selectors.EVENT_READ)
            counts["connected"] += 1
        for key, _ in waiting.select(0.05):
            try:
                received = key.fileobj.recv(4096)
            except BlockingIOError:
                continue
            except OSError:
                received = b""
            if found := _STATUS.search(received):
                counts[int(found[1])] += 1
            if not received:
                counts["closed by the server"] += 1
                waiting.unregister(key.fileobj)
                key.fileobj.close()
        if now_and_then and time.monotonic() >= next_bytes:
            next_bytes = time.monotonic() + 1
            for key in list(waiting.get_map().values()):
                try:
                    key.fileobj.send(now_and_then)
                except OSError:
                    pass  # noticed above
    counts["held at the end"] = len(waiting.get_map())
    for key in list(waiting.get_map().values()):
        key.fileobj.close()
    return counts


def _idle(target: Target) -> Counter:
    return _hold(target, b"", b"", addresses=32)


def _idle_from_one_address(target: Target) -> Counter:
    return _hold(target, b"", b"", addresses=1)


def _slow_heads(target: Target) -> Counter:
    return _hold(target, b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: ", b"x", addresses=32)


def _slow_bodies(target: Target) -> Counter:
    """Each is nearly whole, and then a byte a second."""
    size = 90_000_000
    head = b"POST /_matrix/media/v3/upload HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer user-evil\r\n"
    head += b"Content-Length: %d\r\n\r\n" % (size + 1000)
    counts: Counter = Counter()
    held = []
    piece = bytes(1_000_000)
    while not target.is_over and len(held) < target.connections:
        connection = connect(target.port, _source(len(held), 8))
        connection.setblocking(True)
        held.append(connection)
        counts["begun"] += 1
        try:
            connection.sendall(head)
            connection.settimeout(0.2)
            for _ in range(size // len(piece)):
                connection.sendall(piece)
            counts["bodies sent"] += 1
        except OSError:
            counts["cut off"] += 1
        _count_answer(connection, counts)
    while not target.is_over:
        for connection in held:
            try:
                connection.send(b"x")
            except OSError:
                pass
        time.sleep(1)
    for connection in held:
        connection.close()
    return counts


def _count_answer(connection: socket.socket, counts: Counter) -> None:
    connection.settimeout(0.2)
    try:
        if found := _STATUS.search(connection.recv(4096)):
            counts[int(found[1])] += 1
    except OSError:
        pass


def _large_bodies_to_our_routes(target: Target) -> Counter:
    """JSON of 8 MB, without a token."""
    body = b'{"action":"restart","x":[' + b"1," * 4_000_000 + b"1]}"
    request = b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % (
        f"{U}/delayed_events/x".encode(),
        len(body),
    )
    counts: Counter = Counter()
    while not target.is_over:
        with connect(target.port, "127.0.1.1") as connection:
            counts["sent"] += 1
            try:
                connection.sendall(request + body)
            except OSError:
                counts["cut off"] += 1
            _count_answer(connection, counts)
    return counts


def _ask(target: Target, make: Callable[[int], bytes], addresses: int) -> Counter:
    """Many at once on each connection, as fast as they are answered."""
    counts: Counter = Counter()
    together = 16
    waiting = selectors.EpollSelector()
    number = 0
    for index in range(target.connections):
        waiting.register(connect(target.port, _source(index, addresses)), selectors.EVENT_READ, [0])

    def send(connection: socket.socket, unanswered: list[int]) -> None:
        nonlocal number
        requests = b"".join(make(number + i) for i in range(together))
        number += together
        unanswered[0] += together
        connection.sendall(requests)

    for key in list(waiting.get_map().values()):
        send(key.fileobj, key.data)
    while not target.is_over:
        for key, _ in waiting.select(0.1):
            try:
                found = _STATUS.findall(key.fileobj.recv(1 << 20))
            except OSError:
                found = []
            if not found:
                counts["closed by the server"] += 1
                waiting.unregister(key.fileobj)
                key.fileobj.close()
                continue
            counts.update(int(status) for status in found)
            key.data[0] -= len(found)
            if key.data[0] <= 0:
                send(key.fileobj, key.data)
    for key in list(waiting.get_map().values()):
        key.fileobj.close()
    return counts


def _request(method: str, path: str, token: str | None = None, body: str = "{}") -> bytes:
    head = f"{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n"
    if token:
        head += f"Authorization: Bearer {token}\r\n"
    return f"{head}\r\n{body}".encode()


def _schedules_by_one_user(target: Target) -> Counter:
    body = '{"delay_ms":3600000,"content":{"body":"flood"}}'
    path = f"{C}/v3/rooms/!flood:example.org/delayed_event/m.room.message"
    return _ask(target, lambda number: _request("PUT", f"{path}/{number}", "user-flood", body), addresses=8)


def _guesses_by_one_address(target: Target) -> Counter:
    return _ask(target, lambda number: _request("POST", f"{U}/delayed_events/guess{number}/cancel"), addresses=1)


def _made_up_tokens(target: Target) -> Counter:
    path = f"{C}/v1/delayed_events/some/restart"
    return _ask(target, lambda number: _request("POST", path, f"made-up-{number}"), addresses=8)


def _polls_of_clients_that_go(target: Target) -> Counter:
    counts: Counter = Counter()
    request = _request("GET", f"{C}/v3/sync?timeout=60000", "user-evil", "")
    reset = struct.pack("ii", 1, 0)
    while not target.is_over:
        with connect(target.port, _source(counts["sent"], 8)) as connection:
            connection.sendall(request)
            counts["sent"] += 1
            if counts["sent"] % 2:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        time.sleep(0.002)
    return counts


ATTACKS = [
    Attack("idle connections", _idle, 20_000, processes=4),
    Attack("idle connections of one address", _idle_from_one_address, 20_000, processes=4),
    Attack("heads, a byte a second", _slow_heads, 20_000, processes=4),
    Attack("90 MB bodies that do not end", _slow_bodies, 40),
    Attack("8 MB of JSON to our routes", _large_bodies_to_our_routes, 1),
    Attack("schedules by one user", _schedules_by_one_user, 8),
    Attack("guesses by one address", _guesses_by_one_address, 8),
    Attack("made-up tokens", _made_up_tokens, 32),
    Attack("long polls of clients that go", _polls_of_clients_that_go, 1),
]
