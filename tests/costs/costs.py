"""What a request costs the server, counted: allocations, bytes of them, SQL statements and syncs by a library that is
loaded into it (counting.cc), system calls by strace."""

import re
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from system.gateway import Afterword
from system.processes import Process

_LIBRARY = Path(__file__).resolve().parents[2] / "build/release/tests/costs/libcounting.so"


@dataclass(frozen=True)
class Costs:
    """Of one request, on average."""

    allocations: float
    allocated_bytes: float
    statements: float
    syncs: float


class Counts:
    """What the server has done since it was started."""

    def __init__(self, afterword: Afterword):
        self._file = afterword.directory.absolute() / "counts"
        afterword.run_under("env", f"LD_PRELOAD={_LIBRARY}", f"COUNTS_FILE={self._file}")

    def read(self) -> tuple[int, ...]:
        return struct.unpack("<4Q", self._file.read_bytes())


class Client:
    """Some connections, which send a request each and then read their answers."""

    def __init__(self, port: int, connections: int = 1):
        self._sockets = [socket.create_connection(("127.0.0.1", port), timeout=60) for _ in range(connections)]
        for each in self._sockets:
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        for each in self._sockets:
            each.close()

    def run(self, requests: Iterator[bytes], count: int) -> None:
        """About `count` of them."""
        for _ in range(count // len(self._sockets)):
            for each in self._sockets:
                each.sendall(next(requests))
            for each in self._sockets:
                _read_success(each)


def _read_success(connection: socket.socket) -> None:
    answer = connection.recv(65536)
    while not (head := answer.partition(b"\r\n\r\n"))[1]:
        answer += connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    length = int(re.search(rb"(?i)content-length: *(\d+)", head[0])[1])
    left = length - len(head[2])
    while left > 0:
        left -= len(connection.recv(left))


def count(counts: Counts, client: Client, requests: Iterator[bytes], number: int) -> Costs:
    before = counts.read()
    client.run(requests, number)
    return Costs(*((after - at_first) / number for after, at_first in zip(counts.read(), before)))


def count_system_calls(pid: int, run: Callable[[], None], directory: Path) -> Counter[str]:
    """Those that the process makes meanwhile, by name."""
    summary, log = directory / "system-calls", directory / "strace.log"
    log.unlink(missing_ok=True)
    command = ["strace", "--follow-forks", "--summary-only", f"--output={summary}", f"--attach={pid}"]
    strace = Process(command, log, directory)
    strace.wait_until(lambda: "attached" in log.read_text())
    run()
    strace.stop()
    line = re.compile(r" *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)")
    found = filter(None, map(line.fullmatch, summary.read_text().splitlines()))
    return Counter({name: int(number) for number, name in (match.groups() for match in found) if name != "total"})
