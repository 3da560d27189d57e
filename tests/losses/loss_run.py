"""Loses things under load, and tells what became of it."""

import time

from crashes.clients import Load
from crashes.trial import Figures, Say, Trial

from .losses import Ground, Loss

# As long as clients of calls wait before they ask again.
_ANSWER_LIMIT = 3.0
# What two instances know of the database's clock, and of their own, in whole milliseconds.
_CLOCKS_APART_MS = 2
_BEFORE = 1.0  # seconds of load
_AFTER = 5.0


class LossRun:
    def __init__(self, ground: Ground, seed: int, say: Say):
        """The ground has been started."""
        self._say = say
        self._trial = Trial(
            ground.pair,
            seed,
            say,
            users=8,
            pace=1.0,
            answer_limit=_ANSWER_LIMIT,
            clocks_apart_ms=_CLOCKS_APART_MS,
        )

    def __enter__(self) -> "LossRun":
        return self

    def __exit__(self, *exception: object) -> None:
        self._trial.close()

    def lose(self, *losses: Loss) -> Figures:
        """One after the other, under load, which then goes on for a while: it recovers."""

        def disturb(load: Load) -> None:
            for loss in losses:
                time.sleep(_BEFORE)
                loss.happen(load)
            time.sleep(_AFTER)

        began = time.monotonic()
        figures = self._trial.block(disturb)
        times = f"longest gap {figures.longest_gap:.1f} s, latest event {figures.late_at(1.0):.1f} s late"
        names = "; ".join(loss.name for loss in losses)
        self._say(f"{names}: {figures}; {times} ({time.monotonic() - began:.0f} s)")
        return figures

    def look_again(self) -> None:
        self._trial.look_again()

    @property
    def breaches(self) -> int:
        return self._trial.figures.breaches.total()
