"""Draws the tables and plots of docs/performance.md from a file that bench/run has saved; see bench/draw.

The plots are gnuplot's. Whatever is between the two marks in the document comes from here.
"""

import argparse
import json
import statistics
import sys
from pathlib import Path

from .plots import PLOTS
from .report import number
from .rows import Row, from_json

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs/performance.md"
BEGIN, END = "<!-- drawn by bench/draw: begin -->\n", "<!-- drawn by bench/draw: end -->\n"

SECTIONS = {  # by the beginnings of the rows' names
    "Requests of delayed events": ["restart", "schedule", "look-up", "page"],
    "By how many are scheduled": ["size"],
    "The slowest of a hundred": ["tail"],
    "On PostgreSQL": ["postgres"],
    "How late": ["lateness", "burst"],
    "Calls that people join and leave": ["churn"],
    "What passes through": ["passing", "long-polls", "sync"],
    "Counted": ["costs"],
}


def with_spread(values: list[float]) -> str:
    median = number(statistics.median(values))
    return median if len(values) == 1 else f"{median} ({number(min(values))}–{number(max(values))})"


def median_of(values: list[float] | None) -> str:
    return number(statistics.median(values)) if values else ""


def shown(cells: list[list[str]]) -> str:
    """The first line has the headings."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [cells[0], ["---"] * len(cells[0]), *cells[1:]]) + "\n"


def at_a_glance(rows: list[Row], quick: bool) -> str:
    """Of a quick run without a verdict, for the goals are about other sizes."""
    lines = [["", "goal", "measured", ""]]
    for row in rows:
        for goal in row.goals:
            reached = goal.reached(row)
            verdict = "" if reached is None or quick else "met" if goal.is_met(reached) else "**missed**"
            lines.append([row.title, f"{goal} {'' if goal.divided_by else row.unit}".strip(),
                          "not measured" if reached is None else number(reached), verdict])  # fmt: skip
    return shown(lines)


def table(row: Row) -> str:
    """A line for each contestant."""
    processes = [detail for detail in row.details if detail.endswith(" µs")]
    others = [detail for detail in row.details if detail not in processes]
    heads = [f"{row.title}{f', {row.unit}' if row.unit else ''}", "", *(f"÷ {other}" for other in row.beside), *others]
    lines = [heads + (["processor µs"] if processes else [])]

    def processor(contestant: str) -> str:
        spent = {detail.removesuffix(" µs"): median_of(row.details[detail].get(contestant)) for detail in processes}
        each = {name: us for name, us in spent.items() if us}
        return ", ".join(f"{name} {us}" for name, us in sorted(each.items(), key=lambda item: item[0] == "wrk"))

    for contestant, values in row.samples.items():
        ratios = [
            with_spread(row.ratios(contestant, other)) if other != contestant and row.samples.get(other) else ""
            for other in row.beside
        ]
        details = [median_of(row.details[each].get(contestant)) for each in others]
        line = [contestant, with_spread(values), *ratios, *details]
        lines.append(line + ([processor(contestant)] if processes else []))
    text = shown(lines) if row.samples else f"{row.title}: no figure.\n"
    remarks = " ".join(f"{problem[:1].upper()}{problem[1:]}." for problem in row.problems)
    return f"{text}\n{remarks}\n" if remarks else text


def block(measured: dict, rows: list[Row]) -> str:
    run = measured["run"]
    parts = [
        f"One run of {run['minutes']} minutes on {run['began']} UTC, of commit {run['commit']}, on {run['machine']}, at a load of"
        f" {run['load_before']:.1f} when it began; {run['rounds']} {'rounds' if run['rounds'] > 1 else 'round'}, of"
        f" {run['seconds']} s each where requests are counted. {run['nginx']}; Synapse {run['synapse']}; PostgreSQL"
        f" {run['postgresql']}.\n"
    ]
    for other in run.get("others", []):
        rounds = f"{other['rounds']} {'rounds' if other['rounds'] > 1 else 'round'}"
        parts.append(
            f"{', '.join(other['rows'])}: from another run of the same program, of {other['minutes']} minutes on"
            f" {other['began']} UTC, at a load of {other['load_before']:.1f} when it began; {rounds}.\n"
        )
    if run["quick"]:
        parts.append(
            "**This was `--quick`: small sizes and one short round, which says that all of it works and no more.**\n"
        )
    if run["load_before"] > 1:
        parts.append("**The machine was busy with other things: compare within a table only, and not much.**\n")
    parts += ["### At a glance\n", at_a_glance(rows, run["quick"])]
    for section, beginnings in SECTIONS.items():
        of_it = [row for row in rows if any(row.name.startswith(beginning) for beginning in beginnings)]
        if not of_it:
            continue
        parts.append(f"### {section}\n")
        parts += [
            f"![{plot.title}](images/{plot.file})\n" for plot in PLOTS if plot.section == section and plot.lines(rows)
        ]
        parts += [table(row) for row in of_it]
    return "\n".join(parts)


def with_block(document: str, text: str) -> str:
    before, _, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise SystemExit(f"{DOCUMENT} has not both of the marks")
    return f"{before}{BEGIN}{text}{END}{after}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/draw")
    parser.add_argument("file", type=Path, help="what bench/run has saved")
    parser.add_argument("--check", action="store_true", help="only whether the document is what it draws")
    arguments = parser.parse_args()
    measured = json.loads(arguments.file.read_text())
    rows = from_json(measured["rows"])
    drawn = {DOCUMENT: with_block(DOCUMENT.read_text(), block(measured, rows))}
    for plot in PLOTS:
        if plot.lines(rows):
            drawn[ROOT / "docs/images" / plot.file] = plot.draw(rows)
    if arguments.check:
        stale = [
            str(path.relative_to(ROOT)) for path, text in drawn.items() if not path.exists() or path.read_text() != text
        ]
        print("\n".join(f"{path} is not what bench/draw makes of {arguments.file}" for path in stale))
        return 1 if stale else 0
    for path, text in drawn.items():
        path.write_text(text)
        print(path.relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
