"""Which statement holds where: gathers the outcome of every test into a table, statement by homeserver."""

import itertools
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_HOLDS = "✓"
_FAILS = "✗"
_TITLES = {"synapse": "Synapse", "dendrite": "Dendrite", "elsewhere": "this server"}


@dataclass
class _Cell:
    """The outcomes of one statement's cases on one homeserver."""

    holds: int = 0
    fails: int = 0
    reasons: dict[str, None] = field(default_factory=dict)  # why some do not hold, in order

    def __str__(self) -> str:
        if self.fails:
            return _FAILS
        but = "; ".join(self.reasons)
        if self.holds and but:
            return f"{_HOLDS} in part: {but}"
        return but or _HOLDS


@dataclass
class _Row:
    section: str
    statement: str
    cells: dict[str, _Cell] = field(default_factory=dict)


class Table:
    def __init__(self, config: pytest.Config):
        self._config = config
        self._rows: dict[str, _Row] = {}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Takes the rows in the order of the files, before pytest groups the tests by homeserver."""
        for item in sorted(items, key=_place):
            if isinstance(item, pytest.Function) and "target_name" in item.fixturenames:
                section = _first_line(item.module.__doc__)
                self._rows.setdefault(_name(item.nodeid), _Row(section, _first_line(item.function.__doc__)))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
        report = yield
        row = self._rows.get(_name(item.nodeid))
        if row:
            cell = row.cells.setdefault(item.callspec.params["target_name"], _Cell())
            if report.failed:
                cell.fails += 1
            elif report.skipped:
                reason = getattr(report, "wasxfail", None) or report.longrepr[2].removeprefix("Skipped: ")
                cell.reasons[reason] = None
            elif report.when == "call":
                cell.holds += 1
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._config.getoption("table", False):
            for line in self._as_text():
                terminalreporter.write_line(line)
        path: Path | None = self._config.getoption("write_table", None)
        if path:
            path.write_text("\n".join(self._as_markdown()) + "\n")

    def _sections(self) -> Iterator[tuple[str, list[_Row]]]:
        rows = [row for row in self._rows.values() if row.cells]
        for section, of_section in itertools.groupby(rows, key=lambda row: row.section):
            yield section, list(of_section)

    def _targets(self) -> list[str]:
        seen = {name for row in self._rows.values() for name in row.cells}
        return [name for name in _TITLES if name in seen]

    def _as_text(self) -> Iterator[str]:
        targets = self._targets()
        for section, rows in self._sections():
            yield ""
            yield f"{section:<90}" + "".join(f"  {_TITLES[target]:<10}" for target in targets)
            for row in rows:
                cells = [str(row.cells.get(target, "")) for target in targets]
                lines = textwrap.wrap(row.statement, 86)
                signs = [cell[:1] if cell[:1] in (_HOLDS, _FAILS) else "–" for cell in cells]
                shown = "".join(f"  {sign:<10}" for sign in signs)
                yield f"  {lines[0]:<88}" + shown
                yield from (f"  {line}" for line in lines[1:])
                for target, cell in zip(targets, cells):
                    if cell not in ("", _HOLDS, _FAILS):
                        yield f"    {_TITLES[target]}: {cell}"

    def _as_markdown(self) -> Iterator[str]:
        targets = self._targets()
        yield from _PREFACE.splitlines()
        for section, rows in self._sections():
            yield ""
            yield f"## {section}"
            yield ""
            yield "| statement | " + " | ".join(_TITLES[target] for target in targets) + " |"
            yield "|---|" + "---|" * len(targets)
            for row in rows:
                cells = [str(row.cells.get(target, "not run")) for target in targets]
                yield "| " + " | ".join(cell.replace("|", "\\|") for cell in [row.statement, *cells]) + " |"


_PREFACE = """\
# Conformance

What a server with delayed events does on the wire, and where it was seen to hold: Afterword in front of real Synapse
1.163.2 and real Dendrite 0.13.8. Written by `scripts/conformance`; each statement is the first line of a test in
[tests/system/conformance](../tests/system/conformance), which shows the requests and the answers. The same tests can be
run against any other server with delayed events; how is said in `conftest.py` there.

✓ holds, ✗ does not. A reason stands where a homeserver makes a statement impossible."""


def _place(item: pytest.Item) -> tuple[list[int], str, int]:
    """By the number of the section, so that 10 comes behind 9."""
    file, line, _ = item.location
    return [int(number) for number in re.findall(r"test_(\d+)_", file)], file, line or 0


def _name(nodeid: str) -> str:
    return nodeid.split("[")[0]


def _first_line(docstring: str | None) -> str:
    return " ".join((docstring or "?").strip().split("\n\n")[0].split()).removesuffix(".")
