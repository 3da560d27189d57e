"""Crashes: blocks of a trial in which the server is killed again and again, half the time at a random moment and half
just after something was due, when an attempt is under way. Once in each block the homeserver too is killed or stopped, by
turns.

A seed gives the same plan again, of load and of crashes. What meets what within a millisecond is the machine's.
"""

import random
import time
from dataclasses import dataclass

from .clients import Load
from .targets import Target
from .trial import Figures, Say, Trial


@dataclass(frozen=True)
class Plan:
    kills: int
    seed: int
    kills_a_block: int = 25
    homeserver_too: bool = True


class CrashRun:
    def __init__(self, target: Target, plan: Plan, say: Say):
        """The target has been started."""
        self._target = target
        self._plan = plan
        self._say = say
        self._random = random.Random(f"{plan.seed} {target.name}")
        self._trial = Trial(target, plan.seed, say)
        self.kills = 0
        self.homeserver_kills = 0
        self.homeserver_stops = 0

    @property
    def figures(self) -> Figures:
        return self._trial.figures

    def run(self) -> None:
        try:
            while self.kills < self._plan.kills:
                self._block()
            if self._plan.homeserver_too:
                self._trial.settled_at(time.monotonic() + self._target.recovery)
            # Killed before its mark was set, Afterword cannot know whether the homeserver has ended since.
            self._trial.look_again(self._target.recovery)
        finally:
            self._trial.close()

    def _block(self) -> None:
        began = time.monotonic()
        self._trial.block(self._crash)
        took = f"{time.monotonic() - began:.0f} s"
        homeserver = f"the homeserver killed {self.homeserver_kills} and stopped {self.homeserver_stops} times"
        self._say(f"{self._target.title}: {self.kills} kills, {homeserver}, {self.figures} ({took})")

    def _crash(self, load: Load) -> None:
        kills = min(self._plan.kills_a_block, self._plan.kills - self.kills)
        # In the second half: what is in doubt then may hold up its room until the end.
        homeserver_at = self._random.randrange(kills // 2, kills) if self._plan.homeserver_too else None
        for number in range(kills):
            self._wait_for_a_moment(load)
            if number == homeserver_at:
                self._restart_homeserver()
            self._target.crash()
            self.kills += 1
        self._target.homeserver.wait_until_ready()

    def _restart_homeserver(self) -> None:
        kill = self.homeserver_kills <= self.homeserver_stops
        self._target.restart_homeserver(kill=kill)
        self._trial.settled_at(time.monotonic() + self._target.recovery)
        if kill:
            self.homeserver_kills += 1
        else:
            self.homeserver_stops += 1
        time.sleep(self._random.uniform(0, 0.1))

    def _wait_for_a_moment(self, load: Load) -> None:
        """Any moment; or one just after something is due, when it has been claimed, is on its way, or has arrived."""
        pause = self._random.uniform(0.3, 1.2)
        aimed = self._random.random() < 0.5
        after_due = self._random.uniform(0, 0.06)
        started = time.monotonic()
        time.sleep(min(pause, 0.4) if aimed else pause)
        if aimed:
            due = load.next_due(time.monotonic()) or 0.0
            when = min(due + after_due, started + 1.5)
            time.sleep(max(0.0, when - time.monotonic()))
