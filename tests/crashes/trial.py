"""Clients at work on a server to which something is done, in blocks, and what has become of their events.

In each block clients in new rooms keep scheduling while the caller disturbs. Then all comes to rest, and what the rooms
hold is compared with what the clients were told. What takes longer to settle is left open, so that it is waited for once,
at the end, when all rooms are read again.
"""

import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol

from system.homeservers import Dendrite, Synapse
from system.matrix import Server, User

from .clients import STATE, Client, Dialect, Load
from .record import RESTART, SEND, Delayed, Times, longest_gap
from .rooms import Watcher, read_room
from .verdict import LOST, NO_BREACHES, NOT_SHOWN, UNTRUE, Finding, Outcome, Seen, count, judge

_REST_LIMIT = 60.0  # seconds until nothing is scheduled any more
_OPEN_AFTER = 20.0  # or until the rest is left open
_ARRIVAL_LIMIT = 15.0  # seconds until what was sent can be read

Say = Callable[[str], None]


class Subject(Protocol):
    """What is tested. It has been started."""

    @property
    def name(self) -> str: ...
    @property
    def homeserver(self) -> Synapse | Dendrite: ...
    @property
    def server(self) -> Server: ...  # where clients point
    @property
    def dialect(self) -> Dialect: ...
    @property
    def looks_up(self) -> bool: ...  # whether it tells what has become of an event


@dataclass
class Figures:
    events: int = 0
    heartbeats: int = 0  # acknowledged
    cancelled: int = 0  # acknowledged
    sent: int = 0
    longest_gap: float = 0.0  # seconds during which nothing was acknowledged to anybody
    findings: list[Finding] = field(default_factory=list)
    late: list[float] = field(default_factory=list)  # seconds, of what left by time

    def add(self, other: "Figures") -> None:
        self.events += other.events
        self.heartbeats += other.heartbeats
        self.cancelled += other.cancelled
        self.sent += other.sent
        self.longest_gap = max(self.longest_gap, other.longest_gap)
        self.findings += other.findings
        self.late += other.late

    @property
    def breaches(self) -> "Counter[str]":
        counted = count(self.findings)
        for no_breach in NO_BREACHES:
            del counted[no_breach]
        return counted

    def number_of(self, finding: str) -> int:
        return count(self.findings)[finding]

    def __str__(self) -> str:
        found = ", ".join(f"{name} {number}" for name, number in count(self.findings).items()) or "no breach"
        return f"{self.events} events, {self.sent} sent, {self.heartbeats} heartbeats; {found}"

    def late_at(self, share: float) -> float:
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Trial:
    def __init__(
        self,
        subject: Subject,
        seed: int,
        say: Say,
        *,
        users: int = 12,
        rooms: int = 16,
        pace: float = 0.8,
        answer_limit: float = 10.0,
        clocks_apart_ms: float = 0,
    ):
        """`pace`: seconds between the events that a client schedules, on average. `answer_limit`: seconds after which
        it asks again. `clocks_apart_ms`: of the instances that it consists of."""
        self._subject = subject
        self._seed = f"{seed} {subject.name}"
        self._say = say
        self._rooms_a_block = rooms
        self._pace = pace
        self._answer_limit = answer_limit
        self._clocks_apart_ms = clocks_apart_ms
        self._times = Times()
        self._numbers = itertools.count(1)
        self._blocks = itertools.count(1)
        self._users = [subject.homeserver.register(f"user-{n}") for n in range(users)]
        self._watcher = Watcher(subject.homeserver.register("watcher"))
        self._settled_at = 0.0
        self._open: set[str] = set()  # delay_ids without an outcome yet
        self.events: dict[int, Delayed] = {}
        self.outcomes: dict[int, Outcome | None] = {}
        self.rooms: dict[str, list[Seen]] = {}
        self.figures = Figures()

    def close(self) -> None:
        self._watcher.close()

    def settled_at(self, when: float) -> None:
        """What is in doubt now need not have an outcome, nor be in its room, before that, in monotonic seconds."""
        self._settled_at = max(self._settled_at, when)

    def block(self, disturb: Callable[[Load], None]) -> Figures:
        """The figures of this block alone."""
        block = next(self._blocks)
        rooms = self._make_rooms()
        load = Load(self._subject.dialect, self._numbers, self._answer_limit)
        clients = [
            Client(
                user.at(self._subject.server),
                [rooms[n % len(rooms)], rooms[(n + 1) % len(rooms)]],
                load,
                f"{self._seed} {block} {n}",
                self._pace,
            )
            for n, user in enumerate(self._users)
        ]
        for client in clients:
            client.start()
        try:
            disturb(load)
        finally:
            load.end()
        ended = time.monotonic()
        for client in clients:
            client.join()
        events = {event.number: event for event in load.events}
        self.events |= events
        self._come_to_rest(_OPEN_AFTER if self._is_unsettled else _REST_LIMIT)
        outcomes = self._look_up(load.events)
        still_open = {number for number, outcome in outcomes.items() if outcome is None}
        self._open |= {events[number].delay_id or "" for number in still_open}
        events = {number: event for number, event in events.items() if number not in still_open}
        findings = self._read_until_settled(events, outcomes, rooms)
        self.outcomes |= outcomes
        figures = self._add_up(load.events, findings, rooms)
        figures.longest_gap = longest_gap(load.events, ended)
        self.figures.add(figures)
        for finding in findings:
            self._say(f"  {finding.breach}: {finding.text}\n{self.history(finding.number)}")
        return figures

    def look_again(self, patience: float = 0.0) -> None:
        """What has come to a room after it had been read, or has been late to show. `patience`: seconds that what is
        still in doubt may take."""
        time.sleep(max(0.0, self._settled_at - time.monotonic()))
        still_open, self._open = self._open, set()
        self._come_to_rest(max(_REST_LIMIT, patience))
        self.outcomes |= self._look_up([event for event in self.events.values() if event.delay_id in still_open])
        self._read(list(self.rooms))
        self._count_sent(self.figures, self.rooms)
        before = {(finding.breach, finding.number) for finding in self.figures.findings}
        self.figures.findings = self._judge(self.events, self.rooms, self.outcomes)
        now = {(finding.breach, finding.number) for finding in self.figures.findings}
        for finding in self.figures.findings:
            if (finding.breach, finding.number) not in before:
                self._say(f"  {finding.breach}, seen at the end: {finding.text}\n{self.history(finding.number)}")
        for breach, number in sorted(before - now):
            self._say(f"  number {number}, {breach}, is well by now")

    def history(self, number: int) -> str:
        """All that is known of one event."""
        event = self.events[number]
        began = event.tries[0].began if event.tries else 0.0
        what = f"number {number} ({event.event_type}, {event.delay_id}, in {event.room})"
        lines = [f"{what}, delay {event.delay * 1000:.0f} ms"]
        for one in event.tries:
            answer = f"{one.status or 'no answer'} after {one.ended - one.began:.3f} s"
            stamp = f"{self._times.wall_ms(one.began):.0f}"
            lines.append(f"  {one.began - began:8.3f} s {one.action}: {answer} ({stamp})")
        for seen in self.rooms.get(event.room, []):
            if seen.number == number:
                arrived = f"{seen.arrived - began:8.3f} s" if seen.arrived else "  unknown "
                lines.append(f"  {arrived} in its room: {seen.event_id} of {seen.origin_server_ts}")
        if number in self.outcomes:
            lines.append(f"  looked up: {self.outcomes[number]}")
        return "\n".join(lines)

    def _make_rooms(self) -> list[str]:
        # Anybody may set the state that clients set.
        levels = {"events": {STATE: 0}}
        creator = self._watcher.user
        rooms = [creator.create_room(power_level_content_override=levels) for _ in range(self._rooms_a_block)]
        with ThreadPoolExecutor(8) as threads:
            joins = [
                threads.submit(user.join, rooms[(n + step) % len(rooms)])
                for n, user in enumerate(self._users)
                for step in (0, 1)
            ]
            for join in joins:
                join.result()
        return rooms

    @property
    def _is_unsettled(self) -> bool:
        return time.monotonic() < self._settled_at

    def _come_to_rest(self, limit: float) -> None:
        """Nothing is scheduled any more but what has been left open, or that takes too long, which the verdict will
        say."""
        deadline = time.monotonic() + limit
        for user in self._users:
            while time.monotonic() < deadline:
                if {event["delay_id"] for event in user.at(self._subject.server).scheduled()} <= self._open:
                    break
                time.sleep(0.2)

    def _look_up(self, events: list[Delayed]) -> dict[int, Outcome | None]:
        if not self._subject.looks_up:
            return {}
        users = {user.user_id: user.at(self._subject.server) for user in self._users}
        outcomes: dict[int, Outcome | None] = {}
        for event in events:
            if event.delay_id:
                finalised = users[event.sender].look_up(event.delay_id).ok().get("finalised")
                error = finalised.get("error") if finalised else None
                outcomes[event.number] = finalised and Outcome(finalised.get("event_id"), error and str(error))
        return outcomes

    def _read_until_settled(
        self, events: dict[int, Delayed], outcomes: dict[int, Outcome | None], rooms: list[str]
    ) -> list[Finding]:
        """A homeserver may take a moment until what it has accepted can be read."""
        deadline = time.monotonic() + _ARRIVAL_LIMIT
        while True:
            self._read(rooms)
            findings = self._judge(events, {room: self.rooms[room] for room in rooms}, outcomes)
            missing = any(finding.breach in (LOST, UNTRUE, NOT_SHOWN) for finding in findings)
            if not missing or time.monotonic() > deadline:
                return findings
            time.sleep(1)

    def _judge(
        self, events: dict[int, Delayed], rooms: dict[str, list[Seen]], outcomes: dict[int, Outcome | None]
    ) -> list[Finding]:
        return judge(events.values(), rooms, outcomes, self._times, self._clocks_apart_ms)

    def _read(self, rooms: list[str]) -> None:
        for room in rooms:
            self.rooms[room] = read_room(self._watcher.user, room, self._watcher.arrived)

    def _add_up(self, events: list[Delayed], findings: list[Finding], rooms: list[str]) -> Figures:
        figures = Figures(events=len(events), findings=findings)
        figures.heartbeats = sum(one.action == RESTART and one.acknowledged for e in events for one in e.tries)
        figures.cancelled = sum(event.must_not_be_sent for event in events)
        self._count_sent(figures, rooms)
        return figures

    def _count_sent(self, figures: Figures, rooms: Iterable[str]) -> None:
        all_seen = [seen for room in rooms for seen in self.rooms[room]]
        figures.sent = len(all_seen)
        figures.late = [
            seen.arrived - self._times.monotonic(seen.origin_server_ts)
            for seen in all_seen
            if seen.arrived is not None and not self.events[seen.number].asked(SEND)
        ]
