"""What is lost. Each loss is over when it returns: what was lost is back, or something else has taken its place."""

import contextlib
import random
import shutil
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from crashes.clients import Load
from system.postgres import Postgres
from system.tcp_gate import TcpGate

from .pair import Pair
from .patroni import Cluster, Node

# Longer than an instance's lease (15 s) by as much as the others need to take over what it had (2 s), and to send it.
_LONGER_THAN_A_LEASE = 18.0
RESTARTS = {
    "restarted fast": signal.SIGINT,
    "restarted at once": signal.SIGQUIT,
    "killed and started again": signal.SIGKILL,
}

_AWAY = 2.0
_BURST_IN = 4.0  # seconds, of which all that is scheduled is due at once


@dataclass(frozen=True)
class Loss:
    name: str
    happen: Callable[[Load], None]


class Ground(ABC):
    """Where things are lost: a pair of Afterwords and their database. All runs while its context lasts."""

    name: str
    pair: Pair

    def __init__(self, directory: Path, seed: int):
        self._random = random.Random(seed)
        self._directory = directory
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self.pair = Pair(self.name, self._directory, self._start_database(ends))
            ends.callback(self.pair.stop)
            self.pair.start()
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ends.close()

    @abstractmethod
    def _start_database(self, ends: contextlib.ExitStack) -> list[str]:
        """The URL by which each Afterword reaches it. `ends`: what stops it."""

    @abstractmethod
    def losses(self) -> list[Loss]: ...

    def _keep(self, log: Path) -> None:
        if log.exists():
            shutil.copy(log, self._directory)


class OnePostgres(Ground):
    """A PostgreSQL without a standby; each instance reaches it through a gate of its own."""

    name = "one-postgres"

    def _start_database(self, ends: contextlib.ExitStack) -> list[str]:
        self._postgres = Postgres()
        ends.callback(self._postgres.close)
        self._postgres.start()
        ends.callback(self._keep, self._postgres.log)
        self._gates = [TcpGate(self._postgres.port) for _ in range(2)]
        for gate in self._gates:
            ends.callback(gate.close)
        name = self._postgres.make_database().rpartition("/")[2]
        return [self._postgres.url(name, gate.port) for gate in self._gates]

    def losses(self) -> list[Loss]:
        return [
            Loss("an instance, killed in a burst", self.kill_in_a_burst),
            Loss("an instance, paused for longer than its lease", self.pause),
            *(Loss(f"PostgreSQL, {how}", lambda load, how=how: self.restart_postgres(how)) for how in RESTARTS),
            Loss("its connections, reset again and again", lambda load: self.cut(reset=True)),
            Loss("its connections, ended again and again", lambda load: self.cut(reset=False)),
            Loss("its connections, slowed down by 0.3 s each way", lambda load: self.delay()),
            Loss("one instance's connections, for longer than its lease", lambda load: self.stall(1)),
            Loss("all connections, for longer than the lease", lambda load: self.stall(2)),
        ]

    def kill_in_a_burst(self, load: Load) -> None:
        self._wait_for_a_burst(load)
        killed = self._random.choice(self.pair.instances)
        killed.kill()
        time.sleep(_AWAY)
        killed.start()

    def pause(self, load: Load) -> None:
        self._wait_for_a_burst(load)
        paused = self._random.choice(self.pair.instances)
        paused.pause()
        time.sleep(_LONGER_THAN_A_LEASE)
        paused.wake()

    def restart_postgres(self, how: str) -> None:
        stop = RESTARTS[how]
        if stop is signal.SIGKILL:
            self._postgres.kill()
        else:
            self._postgres.stop(stop)
        self._postgres.start()

    def cut(self, *, reset: bool) -> None:
        for _ in range(8):
            time.sleep(self._random.uniform(0.1, 0.6))
            self._random.choice(self._gates).cut(reset=reset)

    def delay(self) -> None:
        for gate in self._gates:
            gate.delay(0.3)
        time.sleep(5)
        self._heal()

    def stall(self, instances: int, seconds: float = _LONGER_THAN_A_LEASE) -> None:
        for gate in self._gates[:instances]:
            gate.stall()
        time.sleep(seconds)
        self._heal()

    def _heal(self) -> None:
        for gate in self._gates:
            gate.heal()

    def _wait_for_a_burst(self, load: Load) -> None:
        """Until some of it is claimed, some on its way, and some has arrived."""
        when = time.monotonic() + _BURST_IN
        load.burst(when)
        time.sleep(when + self._random.uniform(0, 0.5) - time.monotonic())


class WithStandby(Ground):
    """A primary and its synchronous standby, kept by Patroni."""

    name = "with-standby"

    def _start_database(self, ends: contextlib.ExitStack) -> list[str]:
        self._cluster = Cluster()
        ends.callback(self._cluster.close)
        for node in self._cluster.nodes:
            ends.callback(self._keep, node.log)
        self._cluster.start()
        return [self._cluster.url] * 2

    def losses(self) -> list[Loss]:
        return [
            Loss("PostgreSQL's primary, killed with its Patroni", lambda load: self._lose_primary_and_get_it_back()),
            Loss("PostgreSQL's primary, handing over as planned", lambda load: self._cluster.switch_over()),
        ]

    def lose_primary(self) -> Node:
        """Until its standby has taken over."""
        return self._cluster.lose_primary()

    def _lose_primary_and_get_it_back(self) -> None:
        self._cluster.bring_back(self.lose_primary())


GROUNDS = {ground.name: ground for ground in (OnePostgres, WithStandby)}
