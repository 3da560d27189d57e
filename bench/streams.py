"""Large bodies through Afterword, beside nginx `proxy_pass` and no proxy at all, which take turns.

Everything runs on loopback and on the same processors: compare ratios, not machines. The homeserver is an nginx that
serves a file, and a process that throws uploads away.

Usage: scripts/python bench/streams.py [--megabytes N] [--rounds N]
"""

import argparse
import asyncio
import contextlib
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from system.gateway import Afterword
from system.load_balancers import nginx_command
from system.processes import Process, free_port

DOWN, UP, SMALL = "/_matrix/media/v3/large", "/_matrix/media/v3/upload", "/_matrix/media/v3/small"
MB = 1_000_000


def request(method: str, target: str, *headers: str) -> bytes:
    return "\r\n".join([f"{method} {target} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def connect(port: int) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def read_head(connection: socket.socket) -> bytes:
    """And what came with it of the body."""
    received = b""
    while b"\r\n\r\n" not in received:
        more = connection.recv(65536)
        assert more, received
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    return body


def download(port: int, size: int) -> tuple[float, float]:
    """Seconds to the first byte of the body, and to the last."""
    buffer = bytearray(1 << 18)
    with connect(port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", DOWN))
        left = size - len(read_head(connection) or connection.recv(1).ljust(1))
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


def memory_kb(pid: int) -> int:
    """Of a process and its children."""
    children = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True).stdout.split()
    total = 0
    for each in [pid, *map(int, children)]:
        total += int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{each}/status").read_text())[1])
    return total


def memory_of_slow_readers(port: int, pid: int, count: int) -> float:
    """MB above idle while so many have read the beginning of their download."""
    before = memory_kb(pid)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connect(port))
            connection.sendall(request("GET", DOWN))
            read_head(connection)
        time.sleep(2)
        return (memory_kb(pid) - before) * 1024 / MB


def small_answers(port: int, seconds: int) -> float:
    command = ["wrk", "-t1", "-c32", f"-d{seconds}s", f"http://127.0.0.1:{port}{SMALL}"]
    output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in output, output
    return float(re.search(r"Requests/sec:\s+([\d.]+)", output)[1])


async def _sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            left = int(re.search(rb"(?i)content-length: *(\d+)", head)[1])
            while left > 0:
                left -= len(await reader.read(min(left, 1 << 18)))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    writer.close()


async def sink(port: int) -> None:
    server = await asyncio.start_server(_sink, "127.0.0.1", port, limit=1 << 18)
    await server.serve_forever()


def nginx(directory: Path, inside_server: str) -> tuple[int, Process]:
    port = free_port()
    directory.mkdir()
    server = f"server {{ listen 127.0.0.1:{port}; client_max_body_size 0; {inside_server} }}"
    command = nginx_command(directory, f"keepalive_requests 1000000000; sendfile on; {server}")
    process = Process(command, directory / "nginx.log", directory)
    process.wait_until(lambda: is_open(port))
    return port, process


def is_open(port: int) -> bool:
    with contextlib.suppress(OSError), connect(port):
        return True
    return False


def measure(arguments: argparse.Namespace, directory: Path, running: list) -> None:
    size = arguments.megabytes * MB
    files = directory / "files/_matrix/media/v3"
    files.mkdir(parents=True)
    (files / "large").write_bytes(bytes(size))
    (files / "small").write_bytes(b"{}" * 100)
    os.chmod(directory, 0o755)
    sink_port = free_port()
    sink_process = Process(
        [sys.executable, str(Path(__file__).resolve()), "--sink", str(sink_port)], directory / "sink.log", directory
    )
    running.append(sink_process)
    sink_process.wait_until(lambda: is_open(sink_port))
    to_sink = f"location {UP} {{ proxy_pass http://127.0.0.1:{sink_port}; proxy_http_version 1.1; "
    to_sink += 'proxy_set_header Connection ""; proxy_request_buffering off; }'
    homeserver, process = nginx(directory / "homeserver", f"root {directory}/files; {to_sink}")
    running.append(process)
    passing = f"location / {{ proxy_pass http://127.0.0.1:{homeserver}; proxy_http_version 1.1; "
    passing += 'proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off; }'
    proxy, proxy_process = nginx(directory / "proxy", passing)
    running.append(proxy_process)
    afterword = Afterword(directory / "afterword", settings={"rate_limits.enabled": "false"})
    afterword.set_up("example.org", f"http://127.0.0.1:{homeserver}")
    running.append(afterword)
    afterword.start()

    ports = {"direct": homeserver, "nginx": proxy, "Afterword": int(afterword.listen.rsplit(":", 1)[1])}
    pids = {"direct": process.pid, "nginx": proxy_process.pid, "Afterword": afterword.pid}
    for title, of_one in [
        ("small answers, a second", lambda name: small_answers(ports[name], 3)),
        ("first byte, ms", lambda name: download(ports[name], size)[0] * 1000),
        ("down, MB/s", lambda name: arguments.megabytes / download(ports[name], size)[1]),
        ("up, MB/s", lambda name: arguments.megabytes / upload(ports[name], size)),
        ("10 slow readers, MB", lambda name: memory_of_slow_readers(ports[name], pids[name], 10)),
        ("100 slow readers, MB", lambda name: memory_of_slow_readers(ports[name], pids[name], 100)),
    ]:
        measured: dict[str, list[float]] = {name: [] for name in ports}
        failed: dict[str, str] = {}
        for _ in range(1 if "slow" in title else arguments.rounds):
            for name in ports:
                try:
                    measured[name].append(of_one(name))
                except (AssertionError, OSError) as error:
                    failed[name] = repr(error)[:60]
        row = [f"{statistics.median(measured[name]):12,.1f}" if measured[name] else f"{failed[name]:>12}" for name in ports]
        print(f"{title:26}", *row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sink", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.sink:
        asyncio.run(sink(arguments.sink))
        return
    running: list = []
    with tempfile.TemporaryDirectory(prefix="afterword-bench-") as directory:
        try:
            print(f"{'':26} {'direct':>12} {'nginx':>12} {'Afterword':>12}")
            measure(arguments, Path(directory), running)
        finally:
            for each in reversed(running):
                each.stop()


if __name__ == "__main__":
    main()
