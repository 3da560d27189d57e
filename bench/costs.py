"""What a request costs Afterword, counted; tests/costs holds the same figures to bounds."""

from collections.abc import Iterator

from costs.costs import Client, count, count_system_calls
from costs.stage import Stage

from .plan import Plan
from .rows import Goal, Row

KINDS = {
    "restarts": ("a restart", 4),
    "schedules": ("a schedule", 12),
    "look_ups": ("a look-up", None),
    "passing": ("a small request that passes", 6),
}
ROWS = [f"costs-{kind.replace('_', '-')}" for kind in KINDS]

REQUESTS, TRACED_REQUESTS, AT_ONCE = 1_024, 256, 64


def measure(plan: Plan) -> Iterator[Row]:
    stage = Stage(plan.directory / "costs")
    plan.stack.callback(stage.stop)
    for name, (kind, (what, most)) in zip(ROWS, KINDS.items()):
        if not plan.wants(name):
            continue
        row = Row(name, f"Allocations of {what}", "", goals=[Goal("one at a time", at_most=most)] if most else [])
        requests = getattr(stage, kind)()
        for contestant, connections in {"one at a time": 1, f"{AT_ONCE} at once": AT_ONCE}.items():
            client = Client(stage.port, connections)
            client.run(requests, REQUESTS)  # until it is in a steady state
            costs = count(stage.counts, client, requests, REQUESTS)
            run = lambda client=client: client.run(requests, TRACED_REQUESTS)
            calls = count_system_calls(stage.afterword.pid, run, plan.directory).total() / TRACED_REQUESTS
            client.close()
            row.add(contestant, costs.allocations, bytes=costs.allocated_bytes, system_calls=calls,
                    statements=costs.statements, syncs=costs.syncs)  # fmt: skip
        yield row
