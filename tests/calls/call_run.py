"""Strikes in mid-call, and tells who left, when, and who stayed."""

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from support.browser import BrowserError

from .call import Person
from .cases import ToAServer, ToOne
from .grounds import Ground

# What a leave may come late by: the load of a small machine, and a grace of 10 s after a start.
_LATE = 15.0
_BACK_LIMIT = 60.0
_ATTEMPTS = 3


@dataclass
class Row:
    """What became of one case."""

    ground: str
    case: str
    people: int
    took: float | None = None  # seconds until what was done to a server was over
    left: dict[str, float] = field(default_factory=dict)  # who was seen to leave, so many seconds after the blow
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
        """Until as many as there should be are in the call, and hear each other. On a busy machine Element Call may give up
        before it is in; as a person would, it is opened again then."""
        for _ in range(_ATTEMPTS):
            while len(self.people) < self._people:
                self._call.join(self.ground.new_user(next(self._names)))
            try:
                self._call.wait_for(self.people)
                if self._hear_soon(self.people):
                    return
            except (TimeoutError, BrowserError):
                pass
            self._call.close()
        raise TimeoutError(f"no call of {self._people} within {_ATTEMPTS} attempts")

    def strike_one(self, case: ToOne) -> Row:
        self.fill()
        row = self._row(case.name)
        victim, *others = self.people
        self._picture(others[0], row.case, "before")
        with self._watching(row, {victim.name}):
            began = time.monotonic()
            case.strike(victim)
            time.sleep(self.ground.leave_after / 2)
            self._picture(others[0], row.case, "meanwhile")
            row.left = self._see_go([victim], row, began)
            time.sleep(2)  # their clients have seen it
        self._picture(others[0], row.case, "after")
        if len(others) > 1:
            row.hear = self._hear_soon(others)
        if case.undo:
            over = time.monotonic()
            case.undo(victim)
            if self._all_in(row):
                row.back = time.monotonic() - over
                row.hear = self._hear_soon(self.people)
        else:
            self._call.forget(victim)
        return self._finish(row)

    def strike_server(self, case: ToAServer) -> Row:
        self.fill()
        row = self._row(case.name)
        began = time.monotonic()
        if case.ends_the_call:
            case.strike()
            row.took = time.monotonic() - began
            row.left = self._see_go(self.people, row, began)
            self._picture(self.people[-1], row.case, "after")
            self._call.close()
            return self._finish(row)
        with self._watching(row, set()):
            case.strike()
            row.took = time.monotonic() - began
            time.sleep(self.ground.leave_after + 6)  # whoever is going to leave has left, and may be back
            self._all_in(row)
        row.hear = self._hear_soon(self.people)
        self._picture(self.people[-1], row.case, "after")
        if not row.wrong:
            victim = self.people[0]
            killed = time.monotonic()
            victim.browser.kill()
            row.then_left = self._see_go([victim], row, killed).get(victim.name)
            self._call.forget(victim)
        return self._finish(row)

    def _row(self, case: str) -> Row:
        return Row(self.ground.title, case, self._people, stayed=[person.name for person in self.people])

    def _see_go(self, people: list[Person], row: Row, began: float) -> dict[str, float]:
        gone = self._call.see_go(people, self.ground.leave_after + _LATE)
        row.wrong += [f"{person.name} has not left" for person in people if person.name not in gone]
        return {name: at - began for name, at in gone.items()}

    def _all_in(self, row: Row) -> bool:
        try:
            self._call.wait_for(self.people, _BACK_LIMIT)
        except TimeoutError:
            row.wrong.append("not all are in the call in the end")
            return False
        return True

    @contextlib.contextmanager
    def _watching(self, row: Row, expected: set[str]) -> Iterator[None]:
        """Notes who else leaves, be it for a moment."""
        before = self._call.leaves()
        yield
        left = {name for leave in self._call.leaves() if leave not in before for name in leave[1:]}
        row.wrong += [f"{name} has left, who was there" for name in left - expected]

    def _hear_soon(self, people: list[Person]) -> bool:
        deadline = time.monotonic() + _BACK_LIMIT / 2
        while not (hear := self._call.all_hear(people)) and time.monotonic() < deadline:
            pass
        return hear

    def _finish(self, row: Row) -> Row:
        row.stayed = [name for name in row.stayed if name not in row.left]
        if row.hear is False:
            row.wrong.append("no media reaches one of them")
        if row.wrong:
            self._call.close()  # the next case begins with a new one
        self._say(str(row))
        return row

    def _picture(self, person: Person, case: str, moment: str) -> None:
        if self._pictures:
            name = "".join(letter if letter.isalnum() else "-" for letter in f"{self.ground.title} {case} {moment}")
            (self._pictures / f"{name}.jpg").write_bytes(person.browser.screenshot(format="jpeg", quality=60))
