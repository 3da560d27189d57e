"""What more scheduled events cost: several Afterwords, each with so many, in turn."""

import os
import random
import select
import signal
import time
from collections.abc import Iterator
from dataclasses import replace

from system.gateway import Afterword

from .heartbeats import RESTART
from .plan import Plan
from .process_figures import memory_mb
from .rows import Goal, Row
from .servers import ROOM, TOKENS, StandIn, afterword, answering_nginx, know_tokens
from .wrk import Load, managing, rates, schedule_many, schedules

ROWS = ["size-memory", "size-memory-of-start", "size-start", "size-stop", "size-restart", "size-schedule"]

AMONG = 100_000  # of those that are scheduled, so many are restarted, drawn by chance
EMPTY = "empty"


def seconds_to_stop(server: Afterword) -> float:
    began = time.monotonic()
    ended = os.pidfd_open(server.pid)
    os.kill(server.pid, signal.SIGTERM)
    select.select([ended], [], [], 30)
    took = time.monotonic() - began
    os.close(ended)
    server.stop()
    return took


def seconds_to_start(server: Afterword) -> float:
    """Until it answers."""
    began = time.monotonic()
    server.start()
    return time.monotonic() - began


def measure(plan: Plan) -> Iterator[Row]:
    stand_in = StandIn(plan)
    sizes = plan.choose([1_000, 10_000, 100_000, 1_000_000], [1_000, 20_000])
    servers: dict[str, Afterword] = {}
    events: dict[str, list[tuple[str, str]]] = {}
    for size in sizes:
        name = f"{size:,}"
        servers[name] = afterword(plan, f"with-{size}", stand_in)
        all_of_it = schedule_many(servers[name], TOKENS[:8], [ROOM], size, plan.directory)
        events[name] = random.Random(1).sample(all_of_it, min(AMONG, len(all_of_it)))
    few, most = f"{sizes[0]:,}", f"{sizes[-1]:,}"

    if plan.wants(*ROWS[:4]):
        yield from keeping(plan, servers, most)
    if plan.wants("size-restart"):
        nginx, nginx_pid = answering_nginx(plan, "nginx")
        row = Row("size-restart", "Restarts, by how many are scheduled", "a second", ["nginx", few],
                  [Goal(few, at_most=1.1, divided_by=most)])  # fmt: skip
        loads = [
            of(managing(name, server, events[name], RESTART, plan.directory), server)
            for name, server in servers.items()
        ]
        loads.insert(0, replace(loads[0], contestant="nginx", server=nginx, pids={"nginx": nginx_pid}))
        yield rates(plan, row, lambda _: loads)
    if plan.wants("size-schedule"):
        nginx, nginx_pid = answering_nginx(plan, "nginx-schedule", b'{"delay_id": "%s"}' % events[few][0][0].encode())
        row = Row("size-schedule", "Schedules, by how many are scheduled", "a second", ["nginx", EMPTY],
                  [Goal(EMPTY, at_most=1.3, divided_by=most)])  # fmt: skip

        def scheduling(number: int) -> Iterator[Load]:
            # One that was just made, for what it is given makes it grow.
            contestants = {EMPTY: afterword(plan, f"empty-{number}", stand_in), most: servers[most]}
            load = lambda name, server: schedules(name, server, TOKENS[:8], [ROOM], f"round-{number}")
            yield replace(load("nginx", nginx), pids={"nginx": nginx_pid})
            for name, server in contestants.items():
                yield of(load(name, server), server)
            contestants[EMPTY].stop()

        yield rates(plan, row, scheduling)


def of(load: Load, server: Afterword) -> Load:
    return replace(load, pids={"Afterword": server.pid})


def keeping(plan: Plan, servers: dict[str, Afterword], most: str) -> Iterator[Row]:
    memory = Row("size-memory", "Memory when so many were scheduled", "MB", goals=[Goal(most, at_most=110)])
    at_start = Row("size-memory-of-start", "Most memory while it starts", "MB", goals=[Goal(most, at_most=130)])
    start = Row("size-start", "From the start to the first answer", "s", goals=[Goal(most, at_most=1.2)])
    stop = Row("size-stop", "From SIGTERM to the end", "s", goals=[Goal(most, at_most=0.5)])
    for name, server in servers.items():
        memory.add(name, memory_mb(server.pid))
    for _ in range(plan.rounds):
        for name, server in servers.items():
            stop.add(name, seconds_to_stop(server))
            start.add(name, seconds_to_start(server))
            at_start.add(name, memory_mb(server.pid, "VmHWM"))
            know_tokens(server)
    yield from [memory, at_start, start, stop]
