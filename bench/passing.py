"""What passes through Afterword, beside nginx's `proxy_pass` with one worker, and no proxy at all.

The homeserver is an nginx that serves files; uploads it hands on to bench/homeserver.py.
"""

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from system.matrix import Server

from .plan import Plan
from .process_figures import memory_mb, processor_seconds
from .raw_http import connect, download, read_answer, read_head, request, upload
from .rows import Goal, Row
from .servers import StandIn, afterword, nginx
from .wrk import Load, add, managing, run_wrk

ROWS = ["passing-small", "passing-tail", "passing-first-byte", "passing-down", "passing-up",
        "passing-slow-readers", "passing-body-with-head", "passing-body-apart"]  # fmt: skip

DOWN, UP, SMALL = "/_matrix/media/v3/large", "/_matrix/media/v3/upload", "/_matrix/media/v3/small"
CONNECTIONS = 32
SMALL_BODY = b"{" + b" " * 98 + b"}"


@dataclass(frozen=True)
class Way:
    """By which a request comes to the homeserver: to whom, and whose processes are watched."""

    server: Server
    pid: int

    @property
    def port(self) -> int:
        return int(self.server.base_url.rsplit(":", 1)[1])


def ways(plan: Plan, name: str, homeserver: Server, pid: int) -> dict[str, Way]:
    """Directly, and by way of both proxies."""
    port = homeserver.base_url.rsplit(":", 1)[1]
    passing = "location / { proxy_pass http://behind; proxy_http_version 1.1; proxy_read_timeout 600s; "
    passing += 'proxy_set_header Connection ""; proxy_buffering off; proxy_request_buffering off; }'
    behind = f"upstream behind {{ server 127.0.0.1:{port}; keepalive 64; }}"
    proxy = Way(*nginx(plan, f"proxy-{name}", passing, workers=1, inside_http=behind))
    ours = afterword(plan, f"afterword-{name}", homeserver)
    return {"direct": Way(homeserver, pid), "nginx": proxy, "Afterword": Way(ours, ours.pid)}


def in_turn(plan: Plan, row: Row, by: dict[str, Way], of_one: Callable[[Way], float], rounds: int | None = None) -> Row:
    for _ in range(rounds or plan.rounds):
        for name, way in by.items():
            try:
                row.add(name, of_one(way))
            except (AssertionError, OSError) as error:
                row.problems.append(f"{name}: {type(error).__name__}: {error}"[:200])
    return row


def memory_of_slow_readers(way: Way, count: int) -> float:
    """MB above idle while so many have read the beginning of their download."""
    before = memory_mb(way.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(connect(way.port))
            connection.sendall(request("GET", DOWN))
            read_head(connection)
        time.sleep(2)
        return memory_mb(way.pid) - before


def processor_time_of_small_bodies(way: Way, count: int, *, apart: bool) -> float:
    """Microseconds a request; `apart`: the body leaves when the head has arrived."""
    head = request("PUT", UP, f"Content-Length: {len(SMALL_BODY)}", "Content-Type: application/json")
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(way.port)) for _ in range(8)]
        before = processor_seconds(way.pid)
        for _ in range(count // len(connections)):
            for connection in connections:
                connection.sendall(head if apart else head + SMALL_BODY)
            if apart:
                time.sleep(0.0005)
                for connection in connections:
                    connection.sendall(SMALL_BODY)
            for connection in connections:
                read_answer(connection)
        return (processor_seconds(way.pid) - before) / count * 1e6


def small_answers(plan: Plan, by: dict[str, Way]) -> Iterator[Row]:
    def load(name: str, way: Way) -> Load:
        made = managing(name, way.server, [("", "")], SMALL, plan.directory, "GET")
        return Load(name, way.server, made.arguments, {name: way.pid})

    row = Row(
        "passing-small",
        "Small answers that pass",
        "a second",
        ["nginx"],
        [Goal("Afterword", at_least=1.1, divided_by="nginx")],
    )
    for _ in range(plan.rounds):
        for name, way in by.items():
            add(row, load(name, way), run_wrk(load(name, way), plan.seconds, CONNECTIONS))
    yield row
    half = min(statistics.median(values) for values in row.samples.values()) / 2
    title = f"p99 of small answers at {half:,.0f} a second, half of what the slowest can"
    row = Row("passing-tail", title, "ms", ["nginx"], [Goal("Afterword", at_most=1, less="direct")])
    for _ in range(plan.rounds):
        for name, way in by.items():
            result = run_wrk(load(name, way), plan.seconds, CONNECTIONS, per_second=half)
            row.add(name, result.p99_ms, p50_ms=result.p50_ms)
    yield row


def measure(plan: Plan) -> Iterator[Row]:
    megabytes = plan.choose(200, 20)
    size = megabytes * 1_000_000
    files = plan.directory / "files/_matrix/media/v3"
    files.mkdir(parents=True)
    (files / "large").write_bytes(bytes(size))
    (files / "small").write_bytes(b"{}" * 100)
    to_stand_in = f"location {UP} {{ proxy_pass {StandIn(plan).base_url}; proxy_http_version 1.1; "
    to_stand_in += 'proxy_set_header Connection ""; proxy_request_buffering off; }'
    by = ways(plan, "media", *nginx(plan, "media", f"root {plan.directory}/files; {to_stand_in}"))
    proxies = {name: way for name, way in by.items() if name != "direct"}

    if plan.wants("passing-small", "passing-tail"):
        yield from small_answers(plan, by)
    if plan.wants("passing-first-byte"):
        row = Row(
            "passing-first-byte",
            f"First byte of {megabytes} MB",
            "ms",
            ["nginx"],
            [Goal("Afterword", at_most=2, less="direct")],
        )
        yield in_turn(plan, row, by, lambda way: download(way.port, DOWN, size)[0] * 1000)
    at_least = [Goal("Afterword", at_least=0.9, divided_by="nginx")]
    if plan.wants("passing-down"):
        row = Row("passing-down", f"Download of {megabytes} MB", "MB/s", ["nginx"], at_least)
        yield in_turn(plan, row, by, lambda way: megabytes / download(way.port, DOWN, size)[1])
    if plan.wants("passing-up"):
        row = Row("passing-up", f"Upload of {megabytes} MB", "MB/s", ["nginx"], at_least)
        yield in_turn(plan, row, by, lambda way: megabytes / upload(way.port, UP, size))
    if plan.wants("passing-slow-readers"):
        title = f"Memory above idle of 100 downloads of {megabytes} MB that are not read"
        row = Row("passing-slow-readers", title, "MB", goals=[Goal("Afterword", at_most=40)])
        yield in_turn(plan, row, by, lambda way: memory_of_slow_readers(way, 100), rounds=1)
    for name, apart in {"passing-body-with-head": False, "passing-body-apart": True}.items():
        if plan.wants(name):
            how = "in a packet of its own" if apart else "with its head"
            title = f"Processor time of a request whose body comes {how}"
            count = plan.choose(8_000, 800)
            yield in_turn(plan, Row(name, title, "µs", ["nginx"]), proxies,
                          lambda way, apart=apart: processor_time_of_small_bodies(way, count, apart=apart))  # fmt: skip
