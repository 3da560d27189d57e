"""How much is measured."""

import contextlib
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Plan:
    """Of one measurement, which has `directory` and `stack` to itself: what has to be stopped in the end goes on the stack.

    `only`: the names of measurements and of rows; all of them if it is empty."""

    measurement: str
    quick: bool
    rounds: int
    only: set[str]
    directory: Path
    stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    @property
    def seconds(self) -> int:
        """Of each contestant in a round of requests."""
        return 1 if self.quick else 3

    def wants(self, *rows: str) -> bool:
        """Any of these."""
        return not self.only or any(name in self.only for name in (self.measurement, *rows))

    def choose(self, full, quick):
        return quick if self.quick else full
