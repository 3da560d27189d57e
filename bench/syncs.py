"""Answers to /sync: long polls that wait, and large ones to which delay_ids are added as they pass."""

import contextlib
import json
import resource
import time
from collections.abc import Iterator

from system.matrix import C, U

from .homeserver import LARGE_SYNC_BYTES
from .passing import Way, in_turn, ways
from .plan import Plan
from .process_figures import descriptors_of, forget_most_memory, memory_mb, processor_seconds
from .raw_http import connect, read_answer, request
from .rows import Goal, Row
from .servers import StandIn

ROWS = ["long-polls", "sync-spliced", "sync-memory", "sync-processor"]

MEGABYTES = LARGE_SYNC_BYTES / 1e6
AS_IT_IS, TENTH, ALL = "as it is", "spliced, a tenth own", "spliced, all own"
# Whose sync: one who has sent no delayed event, and one who has, by what the stand-in puts into the answer.
READERS = {AS_IT_IS: ("bob", ""), TENTH: ("alice", ""), ALL: ("alice", "?own")}


def memory_of_long_polls(way: Way, count: int) -> float:
    """MB above idle while so many wait."""
    before = memory_mb(way.pid)
    # That of the client, and that to the homeserver, but for the few that may have been kept open.
    wanted = descriptors_of(way.pid) + 2 * count - 8
    waiting = request("GET", f"{C}/v3/sync?timeout=600000&hold", "Authorization: Bearer bob")
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(connect(way.port)).sendall(waiting)
        until = time.monotonic() + 60
        while descriptors_of(way.pid) < wanted:
            assert time.monotonic() < until, "not all wait"
            time.sleep(0.2)
        time.sleep(2)
        return memory_mb(way.pid) - before


def seconds_of_sync(way: Way, reader: str) -> float:
    token, query = READERS[reader]
    with connect(way.port) as connection:
        started = time.perf_counter()
        connection.sendall(request("GET", f"{C}/v3/sync{query}", f"Authorization: Bearer {token}"))
        received = read_answer(connection)
        assert received > 0.9 * LARGE_SYNC_BYTES, received
        return time.perf_counter() - started


def memory_of_sync(way: Way, reader: str) -> float:
    """MB above idle at most."""
    forget_most_memory(way.pid)
    before = memory_mb(way.pid)
    seconds_of_sync(way, reader)
    return memory_mb(way.pid, "VmHWM") - before


def processor_ms_of_sync(way: Way, reader: str, count: int = 20) -> float:
    before = processor_seconds(way.pid)
    for _ in range(count):
        seconds_of_sync(way, reader)
    return (processor_seconds(way.pid) - before) * 1000 / count


def alice_sends(by: dict[str, Way]) -> None:
    """A delayed event, so that what she reads is looked into."""
    body = json.dumps({"delay_ms": 1, "content": {}}).encode()
    path = f"{U}/rooms/!r%3Aexample.org/delayed_event/m.room.message/bench"
    with connect(by["Afterword"].port) as connection:
        connection.sendall(request("PUT", path, "Authorization: Bearer alice", f"Content-Length: {len(body)}") + body)
        read_answer(connection)
    time.sleep(2)
    for reader in READERS:
        seconds_of_sync(by["direct"], reader)  # it is made once


def measure(plan: Plan) -> Iterator[Row]:
    stand_in = StandIn(plan)
    by = ways(plan, "sync", stand_in, stand_in.pid)
    alice_sends(by)
    if plan.wants("long-polls"):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        # A proxy needs two descriptors for each, and some of its own.
        count = plan.choose(min(10_000, (most - 600) // 2), 200)
        row = Row(
            "long-polls",
            f"Memory above idle of {count:,} long polls that wait",
            "MB",
            ["nginx"],
            [Goal("Afterword", at_most=100)],
        )
        proxies = {name: way for name, way in by.items() if name != "direct"}
        yield in_turn(plan, row, proxies, lambda way: memory_of_long_polls(way, count), rounds=1)

    # By who reads, through Afterword.
    rates = Row(
        "sync-spliced",
        f"A sync of {MEGABYTES:.0f} MB",
        "MB/s",
        [AS_IT_IS],
        [Goal(TENTH, at_least=0.5, divided_by=AS_IT_IS)],
    )
    memory = Row(
        "sync-memory", f"Most memory above idle during a sync of {MEGABYTES:.0f} MB", "MB", [], [Goal(ALL, at_most=5)]
    )
    spent = Row("sync-processor", f"Processor time of a sync of {MEGABYTES:.0f} MB", "ms", [AS_IT_IS])
    for row, of_one in [
        (rates, lambda way, who: MEGABYTES / seconds_of_sync(way, who)),
        (memory, memory_of_sync),
        (spent, processor_ms_of_sync),
    ]:
        if plan.wants(row.name):
            for _ in range(plan.rounds):
                for reader in READERS:
                    row.add(reader, of_one(by["Afterword"], reader))
            yield row
