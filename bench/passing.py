"""What passes through Afterword, beside nginx `proxy_pass` with one worker and no proxy at all, which take turns.

Everything runs on loopback and on the same processors: compare ratios, not machines. The homeserver is an nginx that
serves files, and bench/homeserver.py.

Usage: bench/run-passing [--megabytes N] [--rounds N] [--seconds N] [--polls N]
"""

import argparse
import contextlib
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from system.gateway import Afterword
from system.load_balancers import nginx_command
from system.matrix import C, U
from system.processes import Process, free_port

DOWN, UP, SMALL = "/_matrix/media/v3/large", "/_matrix/media/v3/upload", "/_matrix/media/v3/small"
MB = 1_000_000
CONNECTIONS = 32
SMALL_BODY = b"{" + b" " * 98 + b"}"


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
    buffer = bytearray(1 << 18)
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


def download(port: int, size: int) -> tuple[float, float]:
    """Seconds to the first byte of the body, and to the last."""
    buffer = bytearray(1 << 18)
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", DOWN))
        left = size - len(read_head(connection)[1] or connection.recv(1).ljust(1))
        first = time.perf_counter() - started
        while left > 0:
            received = connection.recv_into(buffer)
            assert received, left
            left -= received
        return first, time.perf_counter() - started


def upload(port: int, size: int) -> float:
    piece = bytes(1 << 18)
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("POST", UP, f"Content-Length: {size}"))
        for _ in range(size // len(piece)):
            connection.sendall(piece)
        connection.sendall(piece[: size % len(piece)])
        read_head(connection)
        return time.perf_counter() - started


def processes_of(pid: int) -> list[int]:
    """And its children."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    return [pid, *map(int, children)]


def memory_mb(pid: int, what: str = "VmRSS") -> float:
    """Of a process and its children."""
    statuses = [Path(f"/proc/{each}/status").read_text() for each in processes_of(pid)]
    return sum(int(re.search(rf"{what}:\s+(\d+)", status)[1]) for status in statuses) * 1024 / MB


def descriptors_of(pid: int) -> int:
    """Of a process and its children."""
    return sum(len(os.listdir(f"/proc/{each}/fd")) for each in processes_of(pid))


def forget_most_memory(pid: int) -> None:
    """VmHWM begins anew."""
    for each in processes_of(pid):
        Path(f"/proc/{each}/clear_refs").write_text("5")


def processor_seconds(pid: int) -> float:
    ticks = 0
    for each in processes_of(pid):
        fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_of_slow_readers(port: int, pid: int, count: int) -> float:
    """MB above idle while so many have read the beginning of their download."""
    before = memory_mb(pid)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connect(port))
            connection.sendall(request("GET", DOWN))
            read_head(connection)
        time.sleep(2)
        return memory_mb(pid) - before


def memory_of_long_polls(port: int, pid: int, count: int) -> float:
    """MB above idle while so many wait."""
    before, descriptors = memory_mb(pid), descriptors_of(pid)
    waiting = request("GET", f"{C}/v3/sync?timeout=600000&hold", "Authorization: Bearer bob")
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connect(port)).sendall(waiting)
        until = time.monotonic() + 60
        while descriptors_of(pid) - descriptors < 2 * count:  # that of the client, and that to the homeserver
            assert time.monotonic() < until, "not all wait"
            time.sleep(0.2)
        time.sleep(2)
        return memory_mb(pid) - before


def processor_time_of_small_bodies(port: int, pid: int, count: int, *, apart: bool) -> float:
    """Microseconds a request; `apart`: the body leaves when the head has arrived."""
    head = request("PUT", UP, f"Content-Length: {len(SMALL_BODY)}", "Content-Type: application/json")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(port)) for _ in range(8)]
        before = processor_seconds(pid)
        for _ in range(count // len(connections)):
            for connection in connections:
                connection.sendall(head if apart else head + SMALL_BODY)
            if apart:
                time.sleep(0.0005)
                for connection in connections:
                    connection.sendall(SMALL_BODY)
            for connection in connections:
                read_answer(connection)
        return (processor_seconds(pid) - before) / count * 1e6


@dataclass(frozen=True)
class Small:
    per_second: float
    p99_ms: float


def small_answers(port: int, seconds: int, delay_ms: int = 0) -> Small:
    """`delay_ms`: how long each connection waits before each request."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(f"function delay() return {delay_ms} end\n" if delay_ms else "")
        script.write(
            "function done(summary, latency)\n"
            '  io.write(string.format("RESULT %f %f\\n", summary.requests / summary.duration * 1e6,'
            " latency:percentile(99) / 1e3))\nend\n"
        )
        script.flush()
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name]
        output = subprocess.run(
            [*command, f"http://127.0.0.1:{port}{SMALL}"], capture_output=True, text=True, check=True
        ).stdout
    assert "Non-2xx" not in output, output
    per_second, p99_ms = re.search(r"RESULT (\S+) (\S+)", output).groups()
    return Small(float(per_second), float(p99_ms))


def seconds_of_sync(port: int, token: str, query: str = "") -> float:
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", f"{C}/v3/sync{query}", f"Authorization: Bearer {token}"))
        received = read_answer(connection)
        assert received > 9 * MB, received
        return time.perf_counter() - started


def memory_of_sync(port: int, pid: int, token: str, query: str) -> float:
    """MB above idle at most."""
    forget_most_memory(pid)
    before = memory_mb(pid)
    seconds_of_sync(port, token, query)
    return memory_mb(pid, "VmHWM") - before


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), connect(port):
        return True
    return False


class World:
    """All that is measured, and what it is measured with; `ports` and `pids` by contestant."""

    def __init__(self, directory: Path, megabytes: int, stack: contextlib.ExitStack):
        self._directory = directory
        self._stack = stack
        files = directory / "files/_matrix/media/v3"
        files.mkdir(parents=True)
        (files / "large").write_bytes(bytes(megabytes * MB))
        (files / "small").write_bytes(b"{}" * 100)
        os.chmod(directory, 0o755)

        # Files and uploads, by way of an nginx that stands for a homeserver; and what only a homeserver answers.
        matrix = free_port()
        self._start(
            "matrix", [sys.executable, str(ROOT / "bench/homeserver.py"), str(matrix)], lambda: is_open(matrix)
        )
        to_matrix = f"location {UP} {{ proxy_pass http://127.0.0.1:{matrix}; proxy_http_version 1.1; "
        to_matrix += 'proxy_set_header Connection ""; proxy_request_buffering off; }'
        media, media_pid = self._nginx("media", f"root {directory}/files; {to_matrix}", workers=2)
        self.ports = {"direct": media}
        self.pids = {"direct": media_pid}
        self.matrix_ports = {"direct": matrix}
        self.matrix_pids: dict[str, int] = {}
        for ports, pids, to in [(self.ports, self.pids, media), (self.matrix_ports, self.matrix_pids, matrix)]:
            ports["nginx"], pids["nginx"] = self._nginx(f"proxy-{to}", self._passing(to), keep=to)
            afterword = Afterword(directory / f"afterword-{to}", settings={"rate_limits.enabled": "false"})
            afterword.set_up("example.org", f"http://127.0.0.1:{to}")
            afterword.start()
            stack.callback(afterword.stop)
            ports["Afterword"] = int(afterword.listen.rsplit(":", 1)[1])
            pids["Afterword"] = afterword.pid
        self._alice_sends()

    @staticmethod
    def _passing(port: int) -> str:
        passing = f"location / {{ proxy_pass http://upstream{port}; proxy_http_version 1.1; proxy_read_timeout 600s; "
        return passing + 'proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off; }'

    def _start(self, name: str, command: list[str], ready: Callable[[], bool]) -> Process:
        process = Process(command, self._directory / f"{name}.log", self._directory)
        self._stack.callback(process.stop)
        process.wait_until(ready)
        return process

    def _nginx(self, name: str, inside_server: str, *, workers: int = 1, keep: int | None = None) -> tuple[int, int]:
        """`keep`: a port to which it keeps connections open."""
        port = free_port()
        directory = self._directory / name
        directory.mkdir()
        upstream = f"upstream upstream{keep} {{ server 127.0.0.1:{keep}; keepalive 64; }}" if keep else ""
        server = f"server {{ listen 127.0.0.1:{port} backlog=4096; client_max_body_size 0; {inside_server} }}"
        inside_http = f"keepalive_requests 1000000000; sendfile on; {upstream} {server}"
        command = nginx_command(directory, inside_http, workers=workers, connections=25_000)
        return port, self._start(name, command, lambda: is_open(port)).pid

    def _alice_sends(self) -> None:
        """A delayed event, so that what she reads is looked into."""
        body = json.dumps({"delay_ms": 1, "content": {}}).encode()
        path = f"{U}/rooms/!r%3Aexample.org/delayed_event/m.room.message/bench"
        with connect(self.matrix_ports["Afterword"]) as connection:
            headers = ["Authorization: Bearer alice", f"Content-Length: {len(body)}"]
            connection.sendall(request("PUT", path, *headers) + body)
            read_answer(connection)
        time.sleep(2)
        for query in ["", "?own"]:
            seconds_of_sync(self.matrix_ports["direct"], "alice", query)  # it is made once


def show(title: str, ports: dict[str, int], rounds: int, of_one: Callable[[str], float], goal: str = "") -> None:
    """The median of each contestant, who take turns."""
    measured: dict[str, list[float]] = {name: [] for name in ports}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for name in ports:
            try:
                measured[name].append(of_one(name))
            except (AssertionError, OSError, KeyError) as error:
                failed[name] = type(error).__name__
    medians = {name: statistics.median(values) for name, values in measured.items() if values}
    shown = {name: f"{value:,.1f}" for name, value in medians.items()}
    row = [f"{shown.get(name, failed.get(name, '')):>12}" for name in ["direct", "nginx", "Afterword"]]
    ratio = medians["Afterword"] / medians["nginx"] if medians.get("nginx") and "Afterword" in medians else None
    print(f"{title:44}", *row, f"{ratio:10.2f}" if ratio is not None else f"{'':10}", f" {goal}", flush=True)


def measure(arguments: argparse.Namespace, world: World) -> None:
    size, rounds, seconds = arguments.megabytes * MB, arguments.rounds, arguments.seconds
    media, pids = world.ports, world.pids
    matrix, matrix_pids = world.matrix_ports, world.matrix_pids

    rates: dict[str, list[float]] = {name: [] for name in media}

    def rate(name: str) -> float:
        rates[name].append(small_answers(media[name], seconds).per_second)
        return rates[name][-1]

    show("small answers, a second", media, rounds, rate, "at least 0.95")
    half = min(statistics.median(values) for values in rates.values()) / 2
    delay_ms = max(1, round(1000 * CONNECTIONS / half))
    show(
        f"p99 at {1000 * CONNECTIONS / delay_ms:,.0f} a second, ms",
        media,
        rounds,
        lambda name: small_answers(media[name], seconds, delay_ms).p99_ms,
        "at most 1 ms above direct",
    )
    show("first byte of a large answer, ms", media, rounds, lambda name: download(media[name], size)[0] * 1000,
         "at most 2 ms above direct")  # fmt: skip
    show("down, MB/s", media, rounds, lambda name: arguments.megabytes / download(media[name], size)[1],
         "at least 0.9")  # fmt: skip
    show("up, MB/s", media, rounds, lambda name: arguments.megabytes / upload(media[name], size), "at least 0.9")
    for count in [10, 100]:
        show(f"{count} downloads not read, MB above idle", media, 1,
             lambda name, count=count: memory_of_slow_readers(media[name], pids[name], count),
             "at most 40" if count == 100 else "")  # fmt: skip
    for apart in [False, True]:
        show(
            f"small body {'in a packet of its own' if apart else 'with its head'}, processor µs",
            {name: port for name, port in media.items() if name != "direct"},
            rounds,
            lambda name, apart=apart: processor_time_of_small_bodies(media[name], pids[name], 4_000, apart=apart),
        )

    proxies = {name: port for name, port in matrix.items() if name != "direct"}
    show(f"{arguments.polls:,} idle long polls, MB above idle", proxies, 1,
         lambda name: memory_of_long_polls(matrix[name], matrix_pids[name], arguments.polls), "at most 100")  # fmt: skip
    for whose, token, query in [
        ("not looked into", "bob", ""),
        ("spliced", "alice", ""),
        ("spliced, all own", "alice", "?own"),
    ]:
        show(f"sync of 10 MB, {whose}, MB/s", matrix, rounds,
             lambda name, token=token, query=query: 10 / seconds_of_sync(matrix[name], token, query),
             "at least 0.5 of the first" if token == "alice" else "")  # fmt: skip
        show(f"sync of 10 MB, {whose}, MB above idle", proxies, 1,
             lambda name, token=token, query=query: memory_of_sync(matrix[name], matrix_pids[name], token, query),
             "flat")  # fmt: skip


def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5, help="of each run of small answers")
    # A proxy needs two descriptors for each, and some of its own.
    parser.add_argument("--polls", type=int, default=min(10_000, (most - 600) // 2))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="afterword-bench-") as directory, contextlib.ExitStack() as stack:
        print(f"{'':44} {'direct':>12} {'nginx':>12} {'Afterword':>12} {'÷ nginx':>10}  goal")
        measure(arguments, World(Path(directory), arguments.megabytes, stack))


if __name__ == "__main__":
    main()
