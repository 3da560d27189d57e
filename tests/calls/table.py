"""The table of docs/calls.md."""

from .call_run import Row

NOT_RUN = "was not run"
NO_CASE = "–"  # on that ground


def _cell(row: Row) -> str:
    """What became of a case, in a few words."""
    seconds = sorted(row.left.values())
    times = "" if not seconds else f"{seconds[0]:.1f} s" if len(seconds) == 1 else f"{seconds[0]:.1f} to {seconds[-1]:.1f} s"
    said = [f"{len(row.left)} left after {times}, {len(row.stayed)} stayed" if row.left else "nobody left"]
    if row.back is not None:
        said.append(f"back within {row.back:.1f} s")
    if row.hear:
        said.append("media flows")
    if row.then_left is not None:
        said.append(f"one killed then left after {row.then_left:.1f} s")
    return "; ".join([*said, *(f"**{wrong}**" for wrong in row.wrong)])


def table(rows: list[Row], there: dict[str, set[str]]) -> str:
    """A line for each case, a column for each ground. `there`: the cases that there are on each."""
    cells = {(row.case, row.ground): _cell(row) for row in rows}

    def cell(case: str, ground: str) -> str:
        return cells.get((case, ground), NOT_RUN if case in there[ground] else NO_CASE)

    lines = [["in mid-call", *there], ["---"] * (len(there) + 1)]
    lines += [[case, *(cell(case, ground) for ground in there)] for case in dict.fromkeys(row.case for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
