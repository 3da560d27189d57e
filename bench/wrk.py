"""Requests as fast as they are answered, or at a given rate, by wrk; and what their servers spend on them."""

import json
import math
import resource
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from system.matrix import DELAY_QUERY, STABLE, C, Server, quote

from .plan import Plan
from .process_figures import processor_seconds
from .rows import Goal, Row

DAY = 24 * 3_600_000
TEXT = "m.room.message"
MESSAGE = {"msgtype": "m.text", "body": "later"}
CONNECTIONS = 64

_SCRIPT = Path(__file__).with_name("requests.lua")


@dataclass(frozen=True)
class Load:
    """What wrk sends to one contestant. `pids`: of the processes whose time is measured, by their names."""

    contestant: str
    server: Server
    arguments: list[str]
    pids: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Result:
    requests: int
    seconds: float
    refused: int  # answers other than 2xx and 3xx
    broken: int  # connections that failed
    p50_ms: float
    p99_ms: float
    longest_ms: float
    processor_us: dict[str, float] = field(default_factory=dict)  # of a request, by process

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds

    @property
    def failed(self) -> int:
        return self.refused + self.broken


def run_wrk(load: Load, seconds: int, connections: int = CONNECTIONS, *, per_second: float | None = None) -> Result:
    """`per_second`: about so many, spread evenly; else as many as are answered."""
    arguments = load.arguments
    if per_second:
        # wrk pauses by whole milliseconds; so there are as many connections as make the pause long.
        connections = max(connections, math.ceil(per_second * 0.02))
        arguments = [f"pause={round(1000 * connections / per_second)}", *arguments]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", str(_SCRIPT)]
    before = {name: processor_seconds(pid) for name, pid in load.pids.items()}
    client = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([*command, load.server.base_url, "--", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"wrk ended with status {done.returncode}: {done.stderr}")
    spent = {name: processor_seconds(pid) - before[name] for name, pid in load.pids.items()}
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent["wrk"] = now.ru_utime + now.ru_stime - client.ru_utime - client.ru_stime
    [line] = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    result = json.loads(line.removeprefix("RESULT "))
    processor_us = {name: each * 1e6 / max(1, result["requests"]) for name, each in spent.items()}
    return Result(**result, processor_us=processor_us)


def add(row: Row, load: Load, result: Result) -> None:
    details = {f"{name} µs": each for name, each in result.processor_us.items()}
    latencies = {"p50 ms": result.p50_ms, "p99 ms": result.p99_ms}
    row.add(load.contestant, result.per_second, **latencies, **details)
    if result.failed:
        row.problems.append(
            f"{load.contestant}: {result.failed} of {result.requests} requests failed, so its figure does not count"
        )


def rates(plan: Plan, row: Row, loads_of_round: Callable[[int], Iterable[Load]]) -> Row:
    """Requests a second: the loads of each round one after the other."""
    for number in range(plan.rounds):
        for load in loads_of_round(number):
            add(row, load, run_wrk(load, plan.seconds))
    return row


def processor_row(name: str, title: str, row: Row, process: str, goals: list[Goal]) -> Row:
    """What one process spent on each request of a row."""
    return Row(name, title, "µs", goals=goals, samples=dict(row.details.get(f"{process} µs", {})))


def managing(
    contestant: str, server: Server, events: list[tuple[str, str]], path: str, directory: Path, method: str = "POST"
) -> Load:
    """`events`: (delay_id, token), which are asked about in turn; without a token where it is empty."""
    file = directory / f"events-{contestant.replace(' ', '-')}-{abs(hash((path, method, len(events), events[0])))}"
    file.write_text("".join(f"{path.format(delay_id)} {token}\n" for delay_id, token in events))
    return Load(contestant, server, ["manage", method, str(file)])


def schedules(
    contestant: str,
    server: Server,
    tokens: list[str],
    rooms: list[str],
    label: str,
    *,
    form: str = STABLE,
    delay_ms: str = str(DAY),
    keep: tuple[int, Path] | None = None,
) -> Load:
    """By each of the users in turn, into each of the rooms in turn. `label`: no other load for these users has it.
    `delay_ms`: a number, or FROM-TO. `keep`: how many, and into which file the delay_ids of them go."""
    if form == STABLE:
        verb, query = "delayed_event", ""
        body = f'{{"delay_ms": DELAY, "content": {json.dumps(MESSAGE)}}}'
    else:
        verb, query, body = "send", f"?{DELAY_QUERY}=DELAY", json.dumps(MESSAGE)
    path = f"{C}/v3/rooms/ROOM/{verb}/{TEXT}/{label}-"  # requests.lua adds a number: the txn id
    arguments = ["schedule", ",".join(tokens), ",".join(map(quote, rooms)), path, query, body, delay_ms]
    return Load(contestant, server, [*arguments, str(keep[0]), str(keep[1])] if keep else arguments)


def schedule_many(
    server: Server, tokens: list[str], rooms: list[str], count: int, directory: Path, label: str = "first", **more: str
) -> list[tuple[str, str]]:
    """(delay_id, token) of each: about so many, as fast as they are taken."""
    events = []
    for number, token in enumerate(tokens):
        file = directory / "scheduled"
        each = count // len(tokens)
        load = schedules("filling", server, [token], rooms, f"{label}-{number}", keep=(each, file), **more)
        result = run_wrk(load, 600, min(CONNECTIONS, each))
        if result.failed:
            raise RuntimeError(f"{result.failed} events could not be scheduled")
        events += [(delay_id, token) for delay_id in file.read_text().split()]
    return events
