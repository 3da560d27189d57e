"""Where calls take place: a homeserver, what gives it delayed events, and what can be taken away from under a call. Each
runs while its context lasts."""

import contextlib
import itertools
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

from losses.patroni import Cluster
from system.gateway import Afterword
from system.homeservers import Dendrite, Homeserver, Synapse
from system.load_balancers import HaProxy
from system.matrix import Server, User

from .call import Call
from .livekit import LiveKit
from .membership import BY_STATE, BY_STICKY_EVENTS
from .web import Web

_names = itertools.count(1)


class Ground(ABC):
    title: str
    membership = BY_STATE  # how Element Call tells the room of itself
    homeserver: Homeserver
    server: Server  # where clients point

    def __init__(self, directory: Path, livekit: LiveKit, leave_after_ms: int, heartbeat_ms: int):
        """Element Call schedules its leave for so long, and restarts it so often. LiveKit is running."""
        directory.mkdir()
        self.leave_after = leave_after_ms / 1000
        self._directory = directory
        self.livekit = livekit
        self._timings = leave_after_ms, heartbeat_ms
        self._ends = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as ends:
            self._start(ends)
            self.web = Web(self.homeserver, self.livekit, *self._timings, self.membership)
            ends.callback(self.web.close)
            self._ends = ends.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ends.close()

    def new_user(self, name: str) -> User:
        return self.homeserver.register(f"{name}-{next(_names)}").at(self.server)

    def call(self) -> Call:
        """A new one, to be closed."""
        host = self.homeserver.register(f"host-{next(_names)}")
        return Call(host, self.server, self.web, self.livekit, self._directory)

    @abstractmethod
    def _start(self, ends: contextlib.ExitStack) -> None:
        """Sets `homeserver` and `server`. `ends`: what stops all that it starts."""


class Behind(Ground):
    """A homeserver behind one Afterword, which is as it is installed."""

    afterword: Afterword

    def _start(self, ends: contextlib.ExitStack) -> None:
        self.homeserver = self._make_homeserver()
        self.server = self.afterword = Afterword(self._directory / "afterword", as_installed=True)
        self.afterword.set_up(self.homeserver.server_name, self.homeserver.base_url)
        ends.callback(self.homeserver.stop)
        self.homeserver.start([self.afterword.registration])
        ends.callback(self.afterword.stop)
        self.afterword.start()

    def _make_homeserver(self) -> Homeserver:
        raise NotImplementedError


class BehindSynapse(Behind):
    title = "Afterword, Synapse"

    def _make_homeserver(self) -> Homeserver:
        return Synapse(self._directory / "synapse")


class StickyBehindSynapse(BehindSynapse):
    """MatrixRTC 2.0 as Element Call has it."""

    title = "the same, by sticky events"
    membership = BY_STICKY_EVENTS


class BehindDendrite(Behind):
    title = "Afterword, Dendrite"

    def _make_homeserver(self) -> Homeserver:
        dendrite = Dendrite(self._directory / "dendrite", default_rate_limits=False, federation=True)
        dendrite.build()
        return dendrite


class SynapseAlone(Ground):
    """Synapse with its own delayed events: what the rest is compared with."""

    title = "Synapse alone"

    def _start(self, ends: contextlib.ExitStack) -> None:
        self.server = self.homeserver = Synapse(self._directory / "synapse", own_delayed_events=True)
        ends.callback(self.homeserver.stop)
        self.homeserver.start()


class TwoInstances(Ground):
    """Two Afterwords behind HAProxy on a PostgreSQL with a standby, before Synapse."""

    title = "two Afterwords, Synapse"

    def _start(self, ends: contextlib.ExitStack) -> None:
        self.cluster = Cluster()
        ends.callback(self.cluster.close)
        self.cluster.start()
        self.homeserver = Synapse(self._directory / "synapse")
        one = Afterword(self._directory / "one", settings={"database": self.cluster.url}, as_installed=True)
        one.set_up(self.homeserver.server_name, self.homeserver.base_url)
        two = one.beside(self._directory / "two", {"database": self.cluster.url}, as_installed=True)
        self.instances = [one, two]
        ends.callback(self.homeserver.stop)
        self.homeserver.start([one.registration])
        for instance in self.instances:
            ends.callback(instance.stop)
            instance.start()
        balancer = HaProxy(self._directory / "haproxy", one, two, self.homeserver)
        ends.callback(balancer.stop)
        balancer.start()
        self.server = balancer


GROUNDS = {"synapse": BehindSynapse, "sticky": StickyBehindSynapse, "dendrite": BehindDendrite, "two": TwoInstances, "alone": SynapseAlone}
