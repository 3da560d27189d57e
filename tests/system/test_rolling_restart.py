"""Instances are restarted one after the other behind a load balancer, and no client notices."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.documents import commands

from .gateway import Afterword
from .homeservers import Synapse
from .postgres import Postgres
from .rolling_restarts import BALANCERS, SETTLE, run, two_instances

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


def test_instances_are_upgraded_as_the_document_says():
    """One after the other, with as long in between as above."""
    (written,) = commands("deploy/README.md", "test_instances_are_upgraded_as_the_document_says")
    restarts = re.fullmatch(
        r"for instance in \S+ \S+; do systemctl restart afterword@\$instance; sleep (\d+); done\n", written
    )
    assert restarts and float(restarts[1]) == SETTLE
