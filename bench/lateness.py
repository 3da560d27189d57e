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
ROOMS = [f"!room{number}:{SERVER_NAME}" for number in range(1_000)]
BEFORE_MS = 6_000  # until the first is due, so that all are scheduled by then


def due_times(server: Afterword) -> dict[str, float]:
    """By delay_id."""
    due = {}
    for token in TOKENS:
        for event in server.request("GET", f"{U}/delayed_events", token=token).ok()["delayed_events"]:
            due[event["delay_id"]] = event["delayed_since_ts"] + event["delay_ms"]
    return due


def lateness(
    plan: Plan, server: Afterword, homeserver: StandIn, per_minute: int, seconds: int, label: str
) -> list[float]:
    """Of each event, in ms."""
    count = per_minute * seconds // 60
    began = time.monotonic()
    delay_ms = f"{BEFORE_MS}-{BEFORE_MS + seconds * 1000}"
    kept = (count, plan.directory / "scheduled")
    result = run_wrk(schedules("filling", server, TOKENS, ROOMS, label, delay_ms=delay_ms, keep=kept), 60)
    due = due_times(server)
    took = time.monotonic() - began
    if result.failed or len(due) < count or took > BEFORE_MS / 1000:
        raise RuntimeError(f"{len(due)} of {count} events were scheduled in {took:.1f} s, {result.failed} were refused")
    time.sleep(BEFORE_MS / 1000 + seconds - (time.monotonic() - began))
    until = time.monotonic() + 30
    while True:
        arrived = homeserver.request("GET", ARRIVALS).ok()
        if all(delay_id in arrived for delay_id in due):
            return [arrived[delay_id] - at for delay_id, at in due.items()]
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
        known = "Synapse" if product else "a homeserver that cannot be told, where a mark precedes each event"
        title = f"Lateness at {per_minute:,} events a minute before {known}: p99"
        rows[name] = Row(name, title, "ms", goals=[Goal("Afterword", at_most=bound)])
        homeserver = StandIn(plan, "--takes-ms", TAKES_MS, *(["--server", product] if product else []))
        servers[name] = (afterword(plan, name, homeserver), homeserver)
    for number in range(plan.rounds):
        for name, per_minute, _, _ in cases:
            if name in rows:
                pid = servers[name][0].pid
                before = processor_seconds(pid)
                late = sorted(lateness(plan, *servers[name], per_minute, seconds, f"round-{number}"))
                spent = (processor_seconds(pid) - before) * 1e6 / len(late)
                at = lambda part, late=late: late[int(len(late) * part)]
                details = {
                    "p50 ms": statistics.median(late),
                    "p90 ms": at(0.9),
                    "longest ms": late[-1],
                    "earliest ms": late[0],
                    "Afterword µs": spent,  # to schedule it, too
                }
                rows[name].add("Afterword", at(0.99), **details)
                # Times are told in whole milliseconds.
                if late[0] < -1:
                    rows[name].problems.append(f"an event was {-late[0]:.1f} ms early")
    yield from rows.values()
