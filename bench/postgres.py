"""Instances that share a PostgreSQL, all of them on this machine's processors."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from system.gateway import Afterword
from system.postgres import Postgres

from .heartbeats import RESTART
from .plan import Plan
from .rows import Goal, Row
from .servers import ROOM, SERVER_NAME, TOKENS, UNLIMITED, StandIn, answering_nginx, know_tokens
from .tails import add as add_tail
from .tails import half_of_greatest
from .wrk import CONNECTIONS, Load, Result, add, managing, processor_row, run_wrk, schedule_many, schedules

ROWS = ["postgres-restart", "postgres-restart-processor", "postgres-schedule", "tail-through-start-of-a-peer"]

ONE, TWO = "1 instance", "2 instances"
ALL = "Afterword and PostgreSQL"


def run_together(loads: list[Load], seconds: int) -> Result:
    """As one: each has its part of the connections."""
    with ThreadPoolExecutor(len(loads)) as threads:
        results = list(threads.map(lambda load: run_wrk(load, seconds, CONNECTIONS // len(loads)), loads))
    requests = sum(result.requests for result in results)
    # All of them were watched the whole time, so the first has what they spent, for each of its own requests.
    processor_us = {name: us * results[0].requests / requests for name, us in results[0].processor_us.items()}
    worst = lambda what: max(getattr(result, what) for result in results)
    refused, broken = (sum(getattr(result, what) for result in results) for what in ("refused", "broken"))
    return Result(
        requests,
        results[0].seconds,
        refused,
        broken,
        worst("p50_ms"),
        worst("p99_ms"),
        worst("longest_ms"),
        processor_us,
    )


def measure(plan: Plan) -> Iterator[Row]:
    postgres = Postgres()
    plan.stack.callback(postgres.close)
    postgres.start()
    settings = {**UNLIMITED, "database": postgres.make_database()}
    first = Afterword(plan.directory / "first", settings=settings)
    first.set_up(SERVER_NAME, StandIn(plan).base_url)
    second = first.beside(plan.directory / "second", settings)
    for instance in (first, second):
        plan.stack.callback(instance.stop)
        instance.start()
        know_tokens(instance)
    events = schedule_many(first, TOKENS[:8], [ROOM], plan.choose(1_000, 200), plan.directory)
    nginx, nginx_pid = answering_nginx(plan, "nginx")
    nginx_schedule = answering_nginx(plan, "nginx-schedule", b'{"delay_id": "%s"}' % events[0][0].encode())
    pids = {"PostgreSQL": postgres.pid, "first": first.pid, "second": second.pid}

    def measured(row: Row, contestant: str, loads: list[Load]) -> None:
        result = run_together([replace(load, pids=pids) for load in loads], plan.seconds)
        spent = dict(result.processor_us)
        del spent["wrk"]  # the two share what its children spent
        spent["Afterword"] = spent.pop("first") + spent.pop("second")
        spent[ALL] = spent["Afterword"] + spent["PostgreSQL"]
        add(row, replace(loads[0], contestant=contestant), replace(result, processor_us=spent))

    if plan.wants("postgres-restart", "postgres-restart-processor"):
        goals = [Goal(ONE, at_least=0.45, divided_by="nginx")]
        row = Row("postgres-restart", "Restarts on PostgreSQL, each with its token", "a second", ["nginx", ONE], goals)
        whole = managing("PostgreSQL", first, events, RESTART, plan.directory)
        parts = [
            managing(f"part {n}", server, events[n::2], RESTART, plan.directory)
            for n, server in enumerate([first, second])
        ]
        for _ in range(plan.rounds):
            load = replace(whole, contestant="nginx", server=nginx, pids={"nginx": nginx_pid})
            add(row, load, run_wrk(load, plan.seconds))
            measured(row, ONE, [whole])
            measured(row, TWO, parts)
        yield row
        title = "Processor time of a restart on PostgreSQL, of all instances and of PostgreSQL"
        goals = [Goal(TWO, at_most=1.1, divided_by=ONE)]
        yield replace(processor_row("postgres-restart-processor", title, row, ALL, goals), beside=[ONE])
    if plan.wants("postgres-schedule"):
        row = Row("postgres-schedule", "Schedules on PostgreSQL", "a second", ["nginx", ONE])
        for number in range(plan.rounds):
            load = lambda name, server, label: schedules(name, server, TOKENS, [ROOM], f"{label}-{number}")
            at_nginx = replace(load("nginx", nginx_schedule[0], "nginx"), pids={"nginx": nginx_schedule[1]})
            add(row, at_nginx, run_wrk(at_nginx, plan.seconds))
            measured(row, ONE, [load(ONE, first, "one")])
            measured(row, TWO, [load(TWO, server, f"two-{n}") for n, server in enumerate([first, second])])
        yield row
    if plan.wants("tail-through-start-of-a-peer"):
        title = "p99 of a restart at half of the greatest load on PostgreSQL, while another instance starts"
        row = Row("tail-through-start-of-a-peer", title, "ms", ["quiet"], [Goal("peer starts", at_most=20)])
        load = managing("quiet", first, events, RESTART, plan.directory)
        second.stop()
        rate = half_of_greatest(plan, load)
        for _ in range(plan.rounds):
            add_tail(row, load, plan.choose(4, 2), rate)
            starting = threading.Timer(1, second.start)
            starting.start()
            add_tail(row, replace(load, contestant="peer starts"), plan.choose(4, 2), rate)
            starting.join()
            second.stop()
        yield row
