"""Instances are restarted one after the other behind a load balancer, and no client notices."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .gateway import Afterword
from .homeservers import Synapse
from .postgres import Postgres
from .rolling_restarts import BALANCERS, run, two_instances

_ROUNDS = 2  # in each, both instances are restarted


@pytest.fixture(scope="module")
def installation(directory: Path, postgres: Postgres) -> Iterator[tuple[Synapse, tuple[Afterword, Afterword]]]:
    """A homeserver of these tests' own, with two instances before it."""
    synapse = Synapse(directory / "rolling-synapse")
    with two_instances(directory / "rolling", synapse, postgres.make_database()) as instances:
        try:
            synapse.start([instances[0].registration])
            for afterword in instances:
                afterword.start()
            yield synapse, instances
        finally:
            synapse.stop()


@pytest.mark.parametrize("name", BALANCERS)
def test_a_rolling_restart(installation: tuple[Synapse, tuple[Afterword, Afterword]], name: str, tmp_path: Path):
    synapse, instances = installation
    balancer = BALANCERS[name](tmp_path / name, *instances, synapse)
    try:
        balancer.start()
        figures = run(synapse, instances, balancer, _ROUNDS)
    finally:
        balancer.stop()
    print(figures)
    assert figures.restarts == _ROUNDS * 2
    assert figures.due > 0
    assert (figures.failures, figures.lost, figures.twice, figures.after_cancel) == ([], [], [], [])
