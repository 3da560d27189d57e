"""How long the slowest of a hundred restarts take at half of the greatest load, while other things go on too."""

from collections.abc import Iterator
from dataclasses import replace

from system.gateway import Afterword

from .heartbeats import RESTART
from .plan import Plan
from .rows import Goal, Row
from .servers import ROOM, TOKENS, StandIn, afterword, answering_nginx, know_tokens
from .wrk import Load, managing, run_wrk, schedule_many

ROWS = ["tail", "tail-through-prune"]

FOLD = 65_536  # restarts that the journal takes before it is folded, if few are scheduled


def add(row: Row, load: Load, seconds: int, per_second: float) -> int:
    """How many were made."""
    result = run_wrk(load, seconds, per_second=per_second)
    row.add(
        load.contestant, result.p99_ms, p50_ms=result.p50_ms, longest_ms=result.longest_ms, a_second=result.per_second
    )
    if result.failed:
        row.problems.append(f"{load.contestant}: {result.failed} requests failed")
    return result.requests


def half_of_greatest(plan: Plan, load: Load) -> float:
    return run_wrk(load, plan.seconds).per_second / 2


def measure(plan: Plan) -> Iterator[Row]:
    settings = {"retention.max_age": "none", "retention.max_per_user": "none", "log.level": "debug"}
    server = afterword(plan, "afterword", StandIn(plan), settings)
    events = schedule_many(server, TOKENS[:8], [ROOM], 1_000, plan.directory)
    load = managing("Afterword", server, events, RESTART, plan.directory)
    rate = half_of_greatest(plan, load)
    seconds = plan.choose(6, 2)

    if plan.wants("tail"):
        nginx, _ = answering_nginx(plan, "nginx")
        title = "p99 of a restart at half of the greatest load, folds of the journal included"
        row = Row("tail", title, "ms", ["nginx"], [Goal("Afterword", at_most=4)])
        made = 0
        for _ in range(plan.rounds):
            add(row, replace(load, contestant="nginx", server=nginx), seconds, rate)
            made += add(row, load, seconds, rate)
        if made < FOLD:
            row.problems.append(f"{made:,} restarts in all, too few for a fold")
        yield row

    if plan.wants("tail-through-prune"):
        row = Row(
            "tail-through-prune",
            "p99 of a restart at half of the greatest load, while events are pruned",
            "ms",
            goals=[Goal("Afterword", at_most=20)],
        )
        for number in range(plan.rounds):
            cancel_many(plan, server, plan.choose(20_000, 1_000), f"round-{number}")
            server.restart({"retention.max_age": "1s"})
            know_tokens(server)
            add(row, load, seconds, rate)
            if b"pruned" not in server.log.read_bytes():
                row.problems.append("what was to be pruned was not, or not all of it, while it was measured")
            server.restart({"retention.max_age": "none"})
            server.log.write_bytes(b"")
        yield row


def cancel_many(plan: Plan, server: Afterword, count: int, label: str) -> None:
    tokens = TOKENS[8:16]
    events = schedule_many(server, tokens, [ROOM], count, plan.directory, label=label)
    cancelling = managing(label, server, events, RESTART.replace("restart", "cancel"), plan.directory)
    run_wrk(replace(cancelling, arguments=[*cancelling.arguments, "once"]), 600)
