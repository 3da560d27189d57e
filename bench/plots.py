"""The plots of docs/performance.md: what each takes from the rows, and how gnuplot is to show it."""

import statistics
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from .rows import Row

Table = list[list[str | float]]  # the first line has the headings; a contestant or a size in each other one

_LOOK = """
set terminal svg size 760,380 dynamic font "sans-serif,13" background "#ffffff"
set grid ytics lc rgb "#dddddd"
set border 3
set tics nomirror
set key outside bottom center horizontal
set style fill solid border -1
set linetype 1 lc rgb "#3b6ea5" lw 2 pt 7 ps 0.7
set linetype 2 lc rgb "#d98032" lw 2 pt 5 ps 0.7
set linetype 3 lc rgb "#8a8a8a" lw 2 pt 9 ps 0.7
set linetype 4 lc rgb "#5a9a68" lw 2 pt 11 ps 0.7
"""

_BARS = """
set style data histograms
set style histogram clustered gap 1
plot for [column=2:columns] $rows using column:xtic(1) title columnheader(column) lt column-1
"""

_LINES = """
set style data linespoints
set logscale x
set autoscale xfix
set offsets graph 0.05, graph 0.05, 0, 0
plot for [column=2:columns] $rows using 1:column:xtic(1) title columnheader(column) lt column-1
"""


@dataclass(frozen=True)
class Plot:
    file: str
    section: str
    title: str
    unit: str
    commands: str
    table: Callable[[dict[str, Row]], Table]

    def lines(self, rows: list[Row]) -> Table:
        """Nothing where it was not measured."""
        table = self.table({row.name: row for row in rows})
        return table if len(table) > 1 else []

    def draw(self, rows: list[Row]) -> str:
        table = self.lines(rows)
        text = "\n".join(
            " ".join(f'"{cell}"' if isinstance(cell, str) else f"{cell:.10g}" for cell in line) for line in table
        )
        script = f'{_LOOK}set title "{self.title}"\nset ylabel "{self.unit}"\n$rows << END\n{text}\nEND\ncolumns = {len(table[0])}\n'
        done = subprocess.run(["gnuplot"], input=script + self.commands, capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout:
            raise RuntimeError(f"gnuplot: {done.stderr}")
        return done.stdout


def median(row: Row, contestant: str, detail: str | None = None) -> float:
    of = row.details.get(detail, {}) if detail else row.samples
    return statistics.median(of[contestant]) if of.get(contestant) else float("nan")


def requests(rows: dict[str, Row]) -> Table:
    names = {
        "restart": "restart",
        "restart-without-token": "without a token",
        "schedule": "schedule",
        "look-up": "look-up",
        "page": "page",
    }
    of = {title: rows[name] for name, title in names.items() if name in rows and rows[name].samples}
    contestants = ["nginx", "Afterword", "Synapse"]
    return [["", *contestants]] + [[title, *(median(row, each) for each in contestants)] for title, row in of.items()]


def by_size(name: str, columns: dict[str, str | None]) -> Callable[[dict[str, Row]], Table]:
    """`columns`: a heading, and what of the row it is: the figure itself, or one of its details."""

    def table(rows: dict[str, Row]) -> Table:
        row = rows.get(name)
        sizes = [each for each in row.samples if each.replace(",", "").isdigit()] if row else []
        lines = [
            [float(each.replace(",", "")), *(median(row, each, detail) for detail in columns.values())]
            for each in sizes
        ]
        return [["scheduled", *columns], *lines]

    return table


def lateness(rows: dict[str, Row]) -> Table:
    names = {
        "lateness-10000": "10,000 a minute",
        "lateness-60000": "60,000 a minute",
        "lateness-unknown-10000": "10,000, with marks",
    }
    parts = {"p50": "p50 ms", "p90": "p90 ms", "p99": None, "longest": "longest ms"}
    of = {title: rows[name] for name, title in names.items() if name in rows and rows[name].samples}
    return [["", *parts]] + [
        [title, *(median(row, "Afterword", each) for each in parts.values())] for title, row in of.items()
    ]


def churn(detail: str | None) -> Callable[[dict[str, Row]], Table]:
    def table(rows: dict[str, Row]) -> Table:
        of = {int(name.split("-")[1]): row for name, row in rows.items() if name.startswith("churn-") and row.samples}
        contestants = list(next(iter(of.values())).samples) if of else []
        return [["people", *contestants]] + [
            [float(size), *(median(row, each, detail) for each in contestants)] for size, row in of.items()
        ]

    return table


_REQUESTS, _SIZE = "Requests of delayed events", "By how many are scheduled"
_LATE, _CALLS = "How late", "Calls that people join and leave"

PLOTS = [
    Plot("performance-requests.svg", _REQUESTS, "Requests a second", "a second, logarithmic", "set logscale y\n" + _BARS, requests),
    Plot("performance-size.svg", _SIZE, "Restarts a second among so many scheduled events", "a second",
         "set yrange [0:*]\n" + _LINES, by_size("size-restart", {"Afterword": None})),
    Plot("performance-size-processor.svg", _SIZE, "Processor time of a restart among so many", "µs",
         "set yrange [0:*]\n" + _LINES, by_size("size-restart", {"Afterword": "Afterword µs"})),
    Plot("performance-memory.svg", _SIZE, "Memory with so many scheduled events", "MB",
         "set yrange [0:*]\n" + _LINES, by_size("size-memory", {"Afterword": None})),
    Plot("performance-lateness.svg", _LATE, "From when it is due until the homeserver has it", "ms, logarithmic",
         "set logscale y\n" + _BARS, lateness),
    Plot("performance-churn.svg", _CALLS, "p99 of a heartbeat in a call of so many", "ms, logarithmic",
         "set logscale y\n" + _LINES, churn(None)),
    Plot("performance-churn-processor.svg", _CALLS, "Processor time for each of so many in a call", "ms, logarithmic",
         "set logscale y\n" + _LINES, churn("processor ms each")),
]  # fmt: skip
