"""Strikes in mid-call, and tells who left, when, and who stayed."""

import contextlib
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from system.matrix import now_ms

from .call import Person
from .cases import ToAServer, ToOne
from .grounds import Ground

# What a leave may come late by: the load of a small machine, and a grace of 10 s after a start.
_LATE = 15.0
_BACK_LIMIT = 60.0


@dataclass
class Row:
    """What became of one case."""

    ground: str
    case: str
    people: int
    left: dict[str, float] = field(default_factory=dict)  # who, and so many seconds after the blow
    stayed: list[str] = field(default_factory=list)
    back: float | None = None  # seconds after it was over, for somebody who was to come back
    hear: bool | None = None  # whether media reached all that were still there; None: there was but one
    then_left: float | None = None  # after a blow to a server: when somebody left whose browser was killed
    wrong: list[str] = field(default_factory=list)


class CallRun:
    """One call of so many people on one ground. Who was lost is replaced before the next case."""

    def __init__(self, ground: Ground, people: int, say: Callable[[str], None], pictures: Path | None = None):
        self.ground = ground
        self._people = people
        self._say = say
        self._pictures = pictures
        self._names = itertools.cycle(["alice", "bob", "carol", "dave", "erin", "frank", "grace"])
        self._call = ground.call()

    def __enter__(self) -> "CallRun":
        try:
            self.fill()
        except BaseException:
            self._call.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self._call.close()

    @property
    def people(self) -> list[Person]:
        return self._call.people

    def fill(self) -> None:
        """Until as many as there should be are in the call, and hear each other."""
        while len(self.people) < self._people:
            self._call.join(self.ground.new_user(next(self._names)))
        self._call.wait_for(self.people)
        deadline = time.monotonic() + _BACK_LIMIT
        while not self._call.all_hear(self.people):
            if time.monotonic() > deadline:
                raise TimeoutError("no media reaches one of them")

    def strike_one(self, case: ToOne) -> Row:
        self.fill()
        row = self._row(case.name)
        victim, *others = self.people
        self._picture(others[0], row.case, "before")
        began = now_ms()
        case.strike(victim)
        time.sleep(self.ground.leave_after / 2)
        self._picture(others[0], row.case, "meanwhile")
        self._await_leave(row, victim)
        time.sleep(2)  # their clients have seen it
        self._picture(others[0], row.case, "after")
        self._tell_leaves(row, began, {victim.name})
        if len(others) > 1:
            row.hear = self._call.all_hear(others)
        if case.undo:
            over = time.monotonic()
            case.undo(victim)
            with self._noting(row, f"{victim.name} has not come back"):
                self._call.wait_for(self.people, _BACK_LIMIT)
                row.back = time.monotonic() - over
                row.hear = self._hear_soon(self.people)
        else:
            self._call.forget(victim)
        return self._finish(row)

    def strike_server(self, case: ToAServer) -> Row:
        self.fill()
        row = self._row(case.name)
        began = now_ms()
        case.strike()
        if case.ends_the_call:
            return self._see_it_end(row, began)
        time.sleep(self.ground.leave_after + 6)  # whoever is going to leave has left, and may be back
        with self._noting(row, "not all are in the call in the end"):
            self._call.wait_for(self.people, _BACK_LIMIT)
        self._tell_leaves(row, began, set())
        row.hear = self._hear_soon(self.people)
        self._picture(self.people[-1], row.case, "after")
        victim = self.people[0]
        killed = now_ms()
        victim.browser.kill()
        self._await_leave(row, victim)
        leaves = [at for at, name, inside in self._call.comings_and_goings(killed) if name == victim.name and not inside]
        row.then_left = (leaves[-1] - killed) / 1000 if leaves else None
        self._call.forget(victim)
        return self._finish(row)

    def _see_it_end(self, row: Row, began: int) -> Row:
        with self._noting(row, "somebody has not left"):
            self._call.wait_until(lambda inside: not inside, self.ground.leave_after + _LATE)
        self._tell_leaves(row, began, {person.name for person in self.people})
        self._picture(self.people[-1], row.case, "after")
        self._call.close()
        return self._finish(row)

    def _row(self, case: str) -> Row:
        return Row(self.ground.title, case, self._people)

    def _await_leave(self, row: Row, victim: Person) -> None:
        with self._noting(row, f"{victim.name} has not left"):
            self._call.wait_until(lambda inside: victim.name not in inside, self.ground.leave_after + _LATE)

    def _tell_leaves(self, row: Row, began: int, expected: set[str]) -> None:
        for at, name, inside in self._call.comings_and_goings(began):
            if not inside:
                row.left[name] = (at - began) / 1000
        row.stayed = [person.name for person in self.people if person.name not in row.left]
        for name in row.left.keys() - expected:
            row.wrong.append(f"{name} has left, who was there")

    def _hear_soon(self, people: list[Person]) -> bool:
        deadline = time.monotonic() + _BACK_LIMIT / 2
        while not (hear := self._call.all_hear(people)) and time.monotonic() < deadline:
            pass
        return hear

    def _finish(self, row: Row) -> Row:
        if row.hear is False:
            row.wrong.append("no media reaches one of them")
        self._say(str(row))
        return row

    def _picture(self, person: Person, case: str, moment: str) -> None:
        if self._pictures:
            name = "".join(letter if letter.isalnum() else "-" for letter in f"{self.ground.title} {case} {moment}")
            person.browser.screenshot(self._pictures / f"{name}.jpg")

    @contextlib.contextmanager
    def _noting(self, row: Row, what: str):
        try:
            yield
        except TimeoutError:
            row.wrong.append(what)
