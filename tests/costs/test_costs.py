"""What a request may cost: what is counted here does not depend on how fast the machine is, or how busy.

The bounds lie a little above what is counted today. Who makes something cheaper brings them down.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from system.processes import tail

from .costs import Client, Costs, count, count_system_calls
from .stage import Stage

REQUESTS = 1_024
TRACED_REQUESTS = 256  # strace takes its time
AT_ONCE = 64


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    stage = Stage(tmp_path_factory.mktemp("costs"))
    yield stage
    assert stage.stop() == 0, tail(stage.afterword.log)


@dataclass(frozen=True)
class Bounds:
    """Of one request, on average."""

    requests: str
    allocations: float
    bytes: float
    system_calls: float  # without futex: how often threads wait for each other depends on what else the machine does
    statements: float
    syncs: float

    def __str__(self) -> str:
        return self.requests


BOUNDS = [
    Bounds("restarts", 7, 2_000, 9, 3.1, 1.1),
    Bounds("schedules", 12, 2_600, 13, 4.1, 1.1),
    Bounds("look_ups", 11, 1_600, 7, 3.1, 0.1),
    Bounds("pages", 38, 44_000, 7, 3.1, 0.1),
    Bounds("passing", 6, 1_400, 11, 0.1, 0.1),
]


@pytest.mark.parametrize("bounds", BOUNDS, ids=str)
def test_a_request_costs_no_more_than_it_did(stage: Stage, tmp_path: Path, bounds: Bounds, capsys) -> None:
    requests = getattr(stage, bounds.requests)()
    alone, many = Client(stage.port), Client(stage.port, AT_ONCE)
    try:
        for client in alone, many:
            client.run(requests, REQUESTS)  # until it is in a steady state
        by_one = count(stage.counts, alone, requests, REQUESTS)
        by_many = count(stage.counts, many, requests, REQUESTS)
        calls = count_system_calls(stage.afterword.pid, lambda: alone.run(requests, TRACED_REQUESTS), tmp_path)
    finally:
        alone.close()
        many.close()
    calls_each = (calls.total() - calls["futex"]) / TRACED_REQUESTS
    with capsys.disabled():
        show(bounds.requests, by_one, by_many, calls)
    for costs in by_one, by_many:
        assert costs.allocations <= bounds.allocations
        assert costs.allocated_bytes <= bounds.bytes
        assert costs.statements <= bounds.statements
        assert costs.syncs <= bounds.syncs
    assert calls_each <= bounds.system_calls


def show(name: str, by_one: Costs, by_many: Costs, calls: Counter[str]) -> None:
    names = ", ".join(f"{each} {number / TRACED_REQUESTS:.2f}" for each, number in calls.most_common(8))
    print(f"\n{name}: {calls.total() / TRACED_REQUESTS:.2f} system calls ({names})")
    for who, costs in {"one at a time": by_one, f"{AT_ONCE} at once": by_many}.items():
        print(
            f"  {who}: {costs.allocations:.2f} allocations of {costs.allocated_bytes:,.0f} bytes,"
            f" {costs.statements:.2f} statements, {costs.syncs:.3f} syncs"
        )
