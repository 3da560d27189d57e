"""Mixed traffic, for as long as is asked: the sessions of ten users, and beside them the calls and delayed events of
tests/crashes, while Afterword and the homeserver are killed now and then.

It goes by blocks. At the end of each all comes to rest, the rooms are compared with what clients were told, and memory
and descriptors of Afterword are measured: within the life of a process they must not grow from block to block.
"""

import contextlib
import itertools
import os
import random
import threading
import time
from collections import Counter
from dataclasses import astuple, dataclass, field
from pathlib import Path

from crashes.clients import Load
from crashes.targets import BehindAfterword
from crashes.trial import Figures, Say, Trial

from .sessions import Session

# As installed, but that clients ask faster than people.
settings = {"rate_limits.enabled": "false"}

_USERS = 10
_ROOMS = 8

# What happens in the middle of each block, over and over.
KILL, KILL_HOMESERVER, STOP_HOMESERVER = "Afterword killed", "homeserver killed", "homeserver stopped"
_HAPPENS = [None, KILL, KILL_HOMESERVER, None, None, STOP_HOMESERVER, None, None]
_FEWEST_BLOCKS = 4

# What may come on top of the first block of a process: caches that fill, and what the allocator keeps.
_MORE_MB = 10.0
_MORE_SHARE = 0.1
_MORE_DESCRIPTORS = 4
_MOST_CONNECTIONS = 200


@dataclass(frozen=True)
class Plan:
    seconds: float  # at least; a few blocks there are in any case
    seed: int
    block_seconds: float


@dataclass(frozen=True)
class Use:
    """Of one process, at one moment."""

    pid: int
    memory_mb: float
    descriptors: int  # but for the next
    connections: int  # to the homeserver: some dozens are kept for the next request

    def __str__(self) -> str:
        return f"{self.memory_mb:.1f} MB, {self.descriptors} descriptors and {self.connections} connections"


def use_of(target: BehindAfterword) -> Use:
    process = Path(f"/proc/{target.pid}")
    [resident] = [line.split()[1] for line in (process / "status").read_text().splitlines() if line.startswith("VmRSS:")]
    sockets = [line.split() for line in (process / "net/tcp").read_text().splitlines()[1:]]
    to_homeserver = {f"socket:[{one[9]}]" for one in sockets if one[2].endswith(f":{target.homeserver.port:04X}")}
    kept = others = 0
    for descriptor in (process / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed just then
            if os.readlink(descriptor) in to_homeserver:
                kept += 1
            else:
                others += 1
    return Use(target.pid, int(resident) / 1024, others, kept)


class Peak:
    """The most that was used since it was last asked."""

    def __init__(self, target: BehindAfterword):
        self._target = target
        self._peak = Use(target.pid, 0, 0, 0)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def take(self) -> Use:
        peak, self._peak = self._peak, Use(self._target.pid, 0, 0, 0)
        return peak

    def end(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(0.2):
            try:
                use = use_of(self._target)
            except (OSError, ValueError):  # killed just then
                continue
            most = [max(was, now) for was, now in zip(astuple(self._peak)[1:], astuple(use)[1:])]
            self._peak = Use(use.pid, *most)


@dataclass
class Outcome:
    figures: Figures
    answers: "Counter[str]" = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)  # of what passed through
    at_rest: list[Use] = field(default_factory=list)  # after each block

    @property
    def growth(self) -> list[str]:
        """Of the processes that used more in the end than after their first block."""
        grown = []
        for _, of_one in itertools.groupby(self.at_rest, key=lambda use: use.pid):
            first, *_, last = [*(uses := list(of_one)), uses[-1]]
            most_memory = first.memory_mb * (1 + _MORE_SHARE) + _MORE_MB
            most_descriptors = first.descriptors + _MORE_DESCRIPTORS
            many = last.descriptors > most_descriptors or last.connections > _MOST_CONNECTIONS
            if last.memory_mb > most_memory or many:
                grown.append(f"{first} after its first block, {last} after {len(uses)}")
        return grown

    @property
    def is_good(self) -> bool:
        return not (self.figures.breaches or self.wrong or self.growth)

    def __str__(self) -> str:
        answered = ", ".join(f"{number} × {status}" for status, number in sorted(self.answers.items()))
        lines = [f"delayed events: {self.figures}", f"what passed through: {answered}"]
        lines += [f"WRONG: {one}" for one in self.wrong] + [f"GROWN: {one}" for one in self.growth]
        return "\n".join(lines)


class SoakRun:
    def __init__(self, target: BehindAfterword, plan: Plan, say: Say):
        """The target has been started."""
        self._target = target
        self._plan = plan
        self._say = say
        self._random = random.Random(f"{plan.seed} soak")

    def run(self) -> Outcome:
        homeserver = self._target.homeserver
        users = [homeserver.register(f"somebody-{n}").at(self._target.server) for n in range(_USERS)]
        self._sessions = [
            Session(user, users[n - 1], f"{self._plan.seed} {user.user_id}") for n, user in enumerate(users)
        ]
        trial = Trial(self._target, self._plan.seed, self._say, users=_USERS, rooms=_ROOMS)
        peak = Peak(self._target)
        outcome = Outcome(trial.figures)
        began = time.monotonic()
        happens = itertools.cycle(_HAPPENS)
        try:
            while len(outcome.at_rest) < _FEWEST_BLOCKS or time.monotonic() - began < self._plan.seconds:
                what = next(happens)
                figures = trial.block(lambda load: self._disturb(load, what))
                outcome.at_rest.append(use_of(self._target))
                minutes = (time.monotonic() - began) / 60
                used = f"{outcome.at_rest[-1]} at rest, {peak.take()} at most"
                self._say(f"{minutes:5.1f} min: {used}; {figures}{f'; {what}' if what else ''}")
            trial.look_again(self._target.recovery)
        finally:
            for session in self._sessions:
                session.end()
            peak.end()
            trial.close()
        for session in self._sessions:
            outcome.answers += session.answers
            outcome.wrong += session.wrong + session.unheard()
        return outcome

    def _disturb(self, _: Load, what: str | None) -> None:
        for session in self._sessions:
            session.work()
        until = time.monotonic() + self._plan.block_seconds
        time.sleep(self._plan.block_seconds * self._random.uniform(0.3, 0.6))
        if what == KILL:
            self._target.crash()
        elif what:
            self._target.restart_homeserver(kill=what == KILL_HOMESERVER)
            self._target.homeserver.wait_until_ready()
        time.sleep(max(0.0, until - time.monotonic()))
        for session in self._sessions:
            session.rest()
