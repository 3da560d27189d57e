"""How late events are sent, to a homeserver that takes 5 ms over each: from the time when it was due to that at which
the homeserver had it."""

import statistics
import time
from collections.abc import Iterator

from system.gateway import Afterword
from system.matrix import U

from .homeserver import ARRIVALS
from .plan import Plan
from .process_figures import processor_seconds
from .rows import Goal, Row
from .servers import SERVER_NAME, TOKENS, StandIn, afterword
from .wrk import run_wrk, schedules

ROWS = ["lateness-10000", "lateness-60000", "lateness-unknown-10000"]

TAKES_MS = "5"
SYNAPSE = "Synapse/1.163.2"
# So many that two of one room are hardly ever due at once: the second would wait for the first.
ROOMS = [f"!r{number}:{SERVER_NAME}" for number in range(4_000)]
BEFORE_SECONDS = [6, 20, 60]  # until the first is due, so that all are scheduled by then; the longer where that is slow


def due_times(server: Afterword) -> dict[str, float]:
    """By delay_id."""
    due = {}
    for token in TOKENS:
        for event in server.request("GET", f"{U}/delayed_events", token=token).ok()["delayed_events"]:
            due[event["delay_id"]] = event["delayed_since_ts"] + event["delay_ms"]
    return due


def scheduled(
    plan: Plan, server: Afterword, per_minute: int, seconds: int, label: str
) -> tuple[dict[str, float], float]:
    """When each is due, and how many seconds it takes until all are. None is due while others are still scheduled."""
    count = per_minute * seconds // 60
    for before in BEFORE_SECONDS:
        began = time.monotonic()
        delay_ms = f"{before * 1000}-{(before + seconds) * 1000}"
        kept = (count, plan.directory / "scheduled")
        load = schedules("filling", server, TOKENS, ROOMS, f"{label}-{before}", delay_ms=delay_ms, keep=kept)
        result = run_wrk(load, 60)
        due = due_times(server)
        took = time.monotonic() - began
        if not result.failed and len(due) >= count and took < before:
            return due, before + seconds - took
        while due_times(server):  # what came too late is not measured
            time.sleep(1)
    raise RuntimeError(f"{count} events took longer than {before} s to schedule")


def lateness(
    plan: Plan, server: Afterword, homeserver: StandIn, per_minute: int, seconds: int, label: str
) -> tuple[list[float], float]:
    """Of each event, in ms; and the microseconds of processor time that Afterword spent on it."""
    due, left = scheduled(plan, server, per_minute, seconds, label)
    before = processor_seconds(server.pid)
    time.sleep(left)
    spent = (processor_seconds(server.pid) - before) * 1e6 / len(due)
    until = time.monotonic() + 30
    while True:
        arrived = homeserver.request("GET", ARRIVALS).ok()
        if all(delay_id in arrived for delay_id in due):
            return sorted(arrived[delay_id] - at for delay_id, at in due.items()), spent
        if time.monotonic() > until:
            raise RuntimeError(f"{sum(delay_id not in arrived for delay_id in due)} events never arrived")
        time.sleep(1)


def measure(plan: Plan) -> Iterator[Row]:
    seconds = plan.choose(20, 3)
    cases = [  # row, events a minute, what the homeserver is, bound of the p99
        ("lateness-10000", 10_000, SYNAPSE, 6.2),
        ("lateness-60000", 60_000, SYNAPSE, 6.2),
        ("lateness-unknown-10000", 10_000, None, 15.0),
    ]
    rows: dict[str, Row] = {}
    servers = {}
    for name, per_minute, product, bound in cases:
        if not plan.wants(name):
            continue
        known = "Synapse" if product else "one not known to be Synapse, where a mark precedes each event"
        title = f"Lateness at {per_minute:,} events a minute before {known}: p99"
        rows[name] = Row(name, title, "ms", goals=[Goal("Afterword", at_most=bound)])
        homeserver = StandIn(plan, "--takes-ms", TAKES_MS, *(["--server", product] if product else []))
        servers[name] = (afterword(plan, name, homeserver), homeserver)
    for number in range(plan.rounds):
        for name, per_minute, _, _ in cases:
            if name in rows:
                late, spent = lateness(plan, *servers[name], per_minute, seconds, f"round-{number}")
                at = lambda part, late=late: late[int(len(late) * part)]
                details = {
                    "p50 ms": statistics.median(late),
                    "p90 ms": at(0.9),
                    "longest ms": late[-1],
                    "earliest ms": late[0],
                    "Afterword µs": spent,
                }
                rows[name].add("Afterword", at(0.99), **details)
                # Times are told in whole milliseconds.
                if late[0] < -1:
                    rows[name].problems.append(f"an event was {-late[0]:.1f} ms early")
    yield from rows.values()
