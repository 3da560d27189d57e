"""What a measurement hands back, and how it is kept in JSON."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

Samples = dict[str, list[float]]  # of each contestant, one a round


@dataclass(frozen=True)
class Goal:
    """What the figure of a contestant is to be: by itself, or divided by that of another one, or less that of it."""

    of: str
    at_least: float | None = None
    at_most: float | None = None
    divided_by: str | None = None
    less: str | None = None

    def __str__(self) -> str:
        bound = f"≥ {self.at_least:g}" if self.at_least is not None else f"≤ {self.at_most:g}"
        if self.divided_by:
            return f"{self.of} ÷ {self.divided_by} {bound}"
        return f"{self.of} − {self.less} {bound}" if self.less else f"{self.of} {bound}"

    def reached(self, row: "Row") -> float | None:
        """What it is measured to be; nothing where somebody was not measured."""
        other = self.divided_by or self.less
        if not row.samples.get(self.of) or (other and not row.samples.get(other)):
            return None
        if self.divided_by:
            return statistics.median(row.ratios(self.of, self.divided_by))
        median = statistics.median(row.samples[self.of])
        return median - statistics.median(row.samples[self.less]) if self.less else median

    def is_met(self, reached: float) -> bool:
        return reached >= self.at_least if self.at_least is not None else reached <= self.at_most


@dataclass
class Row:
    """One thing that was measured, of all who took part in turn.

    `beside`: those by whose figures the others' are divided. `details`: more figures of the same rounds, by what they
    are. `problems`: why a figure does not count, or is missing."""

    name: str
    title: str
    unit: str
    beside: list[str] = field(default_factory=list)
    goals: list[Goal] = field(default_factory=list)
    samples: Samples = field(default_factory=dict)
    details: dict[str, Samples] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    def add(self, contestant: str, value: float, **details: float | None) -> None:
        """One round of one contestant. The names of details have `_` for a space."""
        self.samples.setdefault(contestant, []).append(value)
        for name, detail in details.items():
            if detail is not None:
                self.details.setdefault(name.replace("_", " "), {}).setdefault(contestant, []).append(detail)

    def ratios(self, contestant: str, other: str) -> list[float]:
        """Round by round, for both were measured one after the other."""
        return [a / b if b else float("nan") for a, b in zip(self.samples[contestant], self.samples[other])]


def to_json(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


def from_json(rows: list[dict[str, Any]]) -> list[Row]:
    return [Row(**{**row, "goals": [Goal(**goal) for goal in row["goals"]]}) for row in rows]
