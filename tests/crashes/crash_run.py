"""Crashes: blocks of a trial in which the server is killed again and again, half the time at a random moment and half
just after something was due, when an attempt is under way.

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
    kills_a_block: int = 15
    homeserver_in_blocks: int = 1  # the homeserver is restarted once in every so many blocks


class CrashRun:
    def __init__(self, target: Target, plan: Plan, say: Say):
        """The target has been started."""
        self._target = target
        self._plan = plan
        self._say = say
        self._random = random.Random(f"{plan.seed} {target.name}")
        self._trial = Trial(target, plan.seed, say)
        self.kills = 0
        self.homeserver_restarts = 0

    @property
    def figures(self) -> Figures:
        return self._trial.figures

    def run(self) -> None:
        try:
            block = 1
            while self.kills < self._plan.kills:
                self._block(block % self._plan.homeserver_in_blocks == 0)
                block += 1
            self._trial.look_again()
        finally:
            self._trial.close()

    def _block(self, homeserver_too: bool) -> None:
        began = time.monotonic()
        self._trial.block(lambda load: self._crash(load, homeserver_too))
        kills = f"{self.kills} kills, the homeserver restarted {self.homeserver_restarts} times"
        self._say(f"{self._target.title}: {kills}, {self.figures} ({time.monotonic() - began:.0f} s)")

    def _crash(self, load: Load, homeserver_too: bool) -> None:
        kills = min(self._plan.kills_a_block, self._plan.kills - self.kills)
        homeserver_at = self._random.randrange(kills) if homeserver_too else None
        for number in range(kills):
            self._wait_for_a_moment(load)
            if number == homeserver_at:
                self._target.restart_homeserver()
                self._trial.homeserver_is_well_at(time.monotonic() + self._target.recovery)
                self.homeserver_restarts += 1
                time.sleep(self._random.uniform(0, 0.1))
            self._target.crash()
            self.kills += 1
        self._target.homeserver.wait_until_ready()

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
