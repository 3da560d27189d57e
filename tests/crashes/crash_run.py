"""Crashes in blocks. In each, clients in new rooms keep scheduling while the server is killed again and again, half the
time at a random moment and half just after something was due, when an attempt is under way. Then all comes to rest, and
what the rooms hold is compared with what the clients were told. At the end all rooms are read once more.

A seed gives the same plan again, of load and of crashes. What meets what within a millisecond is the machine's.
"""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from system.matrix import User

from .clients import STATE, Client, Load
from .record import RESTART, SEND, Delayed, Times
from .rooms import Watcher, read_room
from .targets import Target
from .verdict import LOST, NOT_SHOWN, UNTRUE, Finding, Outcome, Seen, count, judge

_REST_LIMIT = 60.0  # seconds until nothing is scheduled any more
_ARRIVAL_LIMIT = 15.0  # seconds until what was sent can be read


@dataclass(frozen=True)
class Plan:
    kills: int
    seed: int
    kills_a_block: int = 25
    homeserver_kills_a_block: int = 1
    homeserver_killed_in: int = 2  # every so many blocks
    patient: bool = True  # waits for what a killed homeserver needs long for
    users: int = 12
    rooms: int = 8
    pace: float = 0.8


@dataclass
class Figures:
    kills: int = 0
    homeserver_kills: int = 0
    events: int = 0
    heartbeats: int = 0  # acknowledged
    cancelled: int = 0  # acknowledged
    sent: int = 0
    findings: list[Finding] = field(default_factory=list)
    late: list[float] = field(default_factory=list)  # seconds, of what left by time

    @property
    def breaches(self) -> "Counter[str]":
        counted = count(self.findings)
        del counted[NOT_SHOWN]
        return counted

    @property
    def not_shown(self) -> int:
        return count(self.findings)[NOT_SHOWN]

    def late_at(self, share: float) -> float:
        ordered = sorted(self.late)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


Say = Callable[[str], None]


class CrashRun:
    def __init__(self, target: Target, plan: Plan, say: Say):
        self._target = target
        self._plan = plan
        self._say = say
        self._times = Times()
        self._random = random.Random(f"{plan.seed} {target.name}")
        self._numbers = itertools.count(1)
        self._users: list[User] = []
        self._watcher: Watcher | None = None
        self._blocks = itertools.count(1)
        self._homeserver_killed: float | None = None  # when, last
        self.events: dict[int, Delayed] = {}
        self.outcomes: dict[int, Outcome | None] = {}
        self.rooms: dict[str, list[Seen]] = {}
        self.figures = Figures()

    def run(self) -> Figures:
        """The target has been started."""
        homeserver = self._target.homeserver
        self._users = [homeserver.register(f"user-{n}") for n in range(self._plan.users)]
        self._watcher = Watcher(homeserver.register("watcher"))
        try:
            while self.figures.kills < self._plan.kills:
                self._block(min(self._plan.kills_a_block, self._plan.kills - self.figures.kills))
            self._look_again()
        finally:
            self._watcher.close()
        return self.figures

    def history(self, number: int) -> str:
        """All that is known of one event."""
        event = self.events[number]
        began = event.tries[0].began if event.tries else 0.0
        lines = [f"number {number} ({event.event_type}, {event.delay_id}, in {event.room}), delay {event.delay * 1000:.0f} ms"]
        for one in event.tries:
            what = one.status or "no answer"
            stamp = self._times.wall_ms(one.began)
            lines.append(f"  {one.began - began:8.3f} s {one.action}: {what} after {one.ended - one.began:.3f} s ({stamp:.0f})")
        for seen in self.rooms.get(event.room, []):
            if seen.number == number:
                arrived = f"{seen.arrived - began:8.3f} s" if seen.arrived else "  unknown "
                lines.append(f"  {arrived} in its room: {seen.event_id} of {seen.origin_server_ts}")
        if number in self.outcomes:
            lines.append(f"  looked up: {self.outcomes[number]}")
        return "\n".join(lines)

    # A block

    def _block(self, kills: int) -> None:
        began = time.monotonic()
        block = next(self._blocks)
        rooms = self._make_rooms()
        load = Load(self._target.dialect, self._numbers)
        clients = [
            Client(
                user.at(self._target.server),
                [rooms[n % len(rooms)], rooms[(n + 1) % len(rooms)]],
                load,
                f"{self._plan.seed} {self._target.name} {block} {n}",
                self._plan.pace,
            )
            for n, user in enumerate(self._users)
        ]
        for client in clients:
            client.start()
        homeserver_kills = self._crash(kills, load, block % self._plan.homeserver_killed_in == 0)
        load.ended.set()
        for client in clients:
            client.join()
        events = {event.number: event for event in load.events}
        self.events |= events
        self._come_to_rest()
        outcomes = self._look_up(load.events)
        findings = self._read_until_settled(events, outcomes, rooms)
        self.outcomes |= outcomes

        figures = self.figures
        figures.kills += kills
        figures.homeserver_kills += homeserver_kills
        self._add_up(load.events, findings, rooms)
        breaches = ", ".join(f"{name} {number}" for name, number in count(figures.findings).items()) or "no breach"
        self._say(
            f"{self._target.title}: {figures.kills} kills, {figures.homeserver_kills} of the homeserver, "
            f"{figures.events} events, {figures.sent} sent, {figures.heartbeats} heartbeats; {breaches} "
            f"({time.monotonic() - began:.0f} s)"
        )
        for finding in findings:
            self._say(f"  {finding.breach}: {finding.text}\n{self.history(finding.number)}")

    def _make_rooms(self) -> list[str]:
        assert self._watcher
        # Anybody may set the state that clients set.
        levels = {"events": {STATE: 0}}
        creator = self._watcher.user
        rooms = [creator.create_room(power_level_content_override=levels) for _ in range(self._plan.rooms)]
        with ThreadPoolExecutor(4) as threads:
            joins = [
                threads.submit(user.join, rooms[(n + step) % len(rooms)])
                for n, user in enumerate(self._users)
                for step in (0, 1)
            ]
            for join in joins:
                join.result()
        return rooms

    def _crash(self, kills: int, load: Load, homeserver_too: bool) -> int:
        homeserver_kills = min(kills, self._plan.homeserver_kills_a_block) if homeserver_too else 0
        homeserver_at = set(self._random.sample(range(kills), homeserver_kills))
        for number in range(kills):
            self._wait_for_a_moment(load)
            if number in homeserver_at:
                self._target.crash_homeserver()
                self._homeserver_killed = time.monotonic()
                time.sleep(self._random.uniform(0, 0.1))
            self._target.crash()
        self._target.homeserver.wait_until_ready()
        return len(homeserver_at)

    def _wait_for_a_moment(self, load: Load) -> None:
        """Any moment; or one just after something is due, when it has been claimed, is on its way, or has arrived."""
        pause = self._random.uniform(0.3, 1.2)
        aimed = self._random.random() < 0.5
        after_due = self._random.uniform(0, 0.06)
        started = time.monotonic()
        time.sleep(min(pause, 0.4) if aimed else pause)
        if aimed:
            due = load.next_due(time.monotonic()) or 0.0
            when = min(due + after_due, started + 1.5)
            time.sleep(max(0.0, when - time.monotonic()))

    # Its end

    @property
    def _homeserver_well(self) -> float:
        """When the homeserver has got over its last crash."""
        if self._homeserver_killed is None or not self._plan.patient:
            return 0.0
        return self._homeserver_killed + self._target.recovery

    def _come_to_rest(self) -> None:
        """Nothing is scheduled any more, or that takes too long, which the verdict will say."""
        deadline = max(time.monotonic() + _REST_LIMIT, self._homeserver_well + _REST_LIMIT)
        for user in self._users:
            while user.at(self._target.server).scheduled() and time.monotonic() < deadline:
                time.sleep(0.2)

    def _look_up(self, events: list[Delayed]) -> dict[int, Outcome | None]:
        if not self._target.looks_up:
            return {}
        users = {user.user_id: user.at(self._target.server) for user in self._users}
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
            findings = judge(events.values(), {room: self.rooms[room] for room in rooms}, outcomes, self._times)
            missing = any(finding.breach in (LOST, UNTRUE, NOT_SHOWN) for finding in findings)
            if not missing or time.monotonic() > deadline:
                return findings
            time.sleep(1)

    def _read(self, rooms: list[str]) -> None:
        assert self._watcher
        for room in rooms:
            self.rooms[room] = read_room(self._watcher.user, room, self._watcher.arrived)

    def _look_again(self) -> None:
        """What has come to a room after it had been read, or has been late to show."""
        time.sleep(max(0.0, self._homeserver_well - time.monotonic()))
        self._read(list(self.rooms))
        before = {(finding.breach, finding.number) for finding in self.figures.findings}
        self.figures.findings = judge(self.events.values(), self.rooms, self.outcomes, self._times)
        now = {(finding.breach, finding.number) for finding in self.figures.findings}
        for finding in self.figures.findings:
            if (finding.breach, finding.number) not in before:
                self._say(f"  {finding.breach}, seen at the end: {finding.text}\n{self.history(finding.number)}")
        for breach, number in sorted(before - now):
            self._say(f"  number {number}, {breach}, is well by now")

    def _add_up(self, events: list[Delayed], findings: list[Finding], rooms: list[str]) -> None:
        figures = self.figures
        figures.findings += findings
        figures.events += len(events)
        figures.heartbeats += sum(one.action == RESTART and one.acknowledged for e in events for one in e.tries)
        figures.cancelled += sum(event.must_not_be_sent for event in events)
        for seen in (seen for room in rooms for seen in self.rooms[room]):
            figures.sent += 1
            if seen.arrived is not None and not self.events[seen.number].asked(SEND):
                figures.late.append(seen.arrived - self._times.monotonic(seen.origin_server_ts))
